"""Statistics of timing: blocks are the unit, for single inferences are autocorrelated (lag 1: 0.25 to 0.38)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.stats import t as student

BOOTSTRAP_REPEATS: Final = 4000
BOOTSTRAP_SEED: Final = 20261121
STEADY_TOLERANCE: Final = 0.05
"""A steady row is faster or slower by at most this share in the second half of its blocks, over all processes."""
_TO_DEVIATION: Final = 1.4826
"""Median absolute deviation times this is the standard deviation of a normal distribution."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A point estimate and its interval, 95 % unless it says otherwise."""

    value: float
    low: float
    high: float


def median_interval(processes: Sequence[Sequence[float]]) -> Interval:
    """The median of block values with its 95 % interval; ``processes``: the blocks of each process.

    For one process: a percentile bootstrap over blocks (seeded: the same every time), which knows nothing of other
    processes. For several: Student's, from the spread of their medians: two processes of one program differ by 1.3 to
    1.8 %, and a bootstrap of three of them would cover the true value four times in five.
    """
    groups = [np.asarray(blocks, dtype=np.float64) for blocks in processes if len(blocks)]
    value = float(np.median(np.concatenate(groups)))
    if len(groups) > 1:
        return mean_interval([float(np.median(group)) for group in groups], value)
    random, count = np.random.default_rng(BOOTSTRAP_SEED), len(groups[0])
    medians = np.median(groups[0][random.integers(0, count, (BOOTSTRAP_REPEATS, count))], axis=1)
    low, high = np.percentile(medians, [2.5, 97.5])
    return Interval(value, float(low), float(high))


def mean_interval(values: Sequence[float], mean: float) -> Interval:
    """``mean``, with Student's 95 % interval from the spread of a few ``values``.

    Raises:
        ValueError: there is only one of them, which bounds nothing.
    """
    if len(values) < 2:
        raise ValueError("one value has no interval")
    half = students_half(values, 0.975)
    return Interval(mean, max(0.0, mean - half), mean + half)


def students_half(values: Sequence[float], rank: float) -> float:
    """Half of Student's interval of the mean of two ``values`` or more; ``rank`` 0.975 is 95 %, 0.95 is 90 %."""
    return float(student.ppf(rank, len(values) - 1)) * float(np.std(values, ddof=1)) / math.sqrt(len(values))


def deviation(values: Sequence[float]) -> float:
    """Robust standard deviation (from the median absolute deviation) as a share of the median."""
    array = np.asarray(values, dtype=np.float64)
    median = float(np.median(array))
    return _TO_DEVIATION * float(np.median(np.abs(array - median))) / median
