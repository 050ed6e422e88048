"""Statistics of timing: blocks are the unit, for single inferences are autocorrelated (lag 1: 0.25 to 0.38)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

BOOTSTRAP_REPEATS: Final = 4000
BOOTSTRAP_SEED: Final = 20261121
STEADY_TOLERANCE: Final = 0.05
"""The medians of the two halves of a steady series differ by at most this much."""
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

    Of one process: a percentile bootstrap over blocks (seeded: the same every time), which knows nothing of other
    processes. Of several: Student's, from the spread of their medians: two processes of one program differ by 1.3 to
    1.8 %, and a bootstrap of three of them would cover the truth four times in five.
    """
    groups = [np.asarray(blocks, dtype=np.float64) for blocks in processes if len(blocks)]
    value = float(np.median(np.concatenate(groups)))
    if len(groups) > 1:
        return mean_interval([float(np.median(group)) for group in groups], value)
    medians = np.median(resampled(groups[0], np.random.default_rng(BOOTSTRAP_SEED)), axis=1)
    low, high = np.percentile(medians, [2.5, 97.5])
    return Interval(value, float(low), float(high))


def resampled(values: NDArray[np.float64], generator: np.random.Generator) -> NDArray[np.float64]:
    """BOOTSTRAP_REPEATS times as many of them, drawn with replacement: (repeats, N)."""
    return values[generator.integers(0, len(values), (BOOTSTRAP_REPEATS, len(values)))]


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


def paired_ratio(pairs: Sequence[tuple[float, float]]) -> Interval:
    """How many times the first of each pair is the second: the median over pairs, with its 90 % interval.

    The gate rule's own: ln first - ln second of each round, rounds resampled, 5th and 95th percentile of the medians.
    """
    logs = np.log([first / second for first, second in pairs])
    medians = np.median(resampled(logs, np.random.default_rng(BOOTSTRAP_SEED)), axis=1)
    low, high = np.percentile(medians, [5, 95])
    return Interval(math.exp(float(np.median(logs))), math.exp(float(low)), math.exp(float(high)))


def excludes_one_by(interval: Interval) -> float:
    """How far a ratio's interval stays away from 1, as a factor less 1; 0 where it has 1 in it."""
    if interval.low > 1:
        return interval.low - 1
    return 1 / interval.high - 1 if interval.high < 1 else 0.0


def drift(values: Sequence[float]) -> float:
    """By how much the medians of the first and the second half differ, as a share of the smaller; 0 of fewer than 2."""
    half = len(values) // 2
    if half == 0:
        return 0.0
    first, second = float(np.median(values[:half])), float(np.median(values[half:]))
    return abs(second - first) / min(first, second)


def is_steady(values: Sequence[float]) -> bool:
    """Whether the medians of the two halves agree within STEADY_TOLERANCE; nothing is known of fewer than 2 values."""
    return len(values) >= 2 and drift(values) <= STEADY_TOLERANCE


def deviation(values: Sequence[float]) -> float:
    """Robust standard deviation (from the median absolute deviation) as a share of the median."""
    array = np.asarray(values, dtype=np.float64)
    median = float(np.median(array))
    return _TO_DEVIATION * float(np.median(np.abs(array - median))) / median
