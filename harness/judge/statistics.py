"""Statistics of timing: blocks are the unit, for single inferences are autocorrelated (lag 1: 0.25 to 0.38)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

BOOTSTRAP_REPEATS: Final = 4000
BOOTSTRAP_SEED: Final = 20261121
STEADY_TOLERANCE: Final = 0.05
"""The medians of the two halves of a steady series differ by at most this much."""
EVEN_TOLERANCE: Final = 0.15
"""Windows of images/s on a quiet shared machine spread by 3 to 10 %; one that a neighbour cut into, by 70 %."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A point estimate and its 95 % interval."""

    value: float
    low: float
    high: float


def median_interval(blocks: Sequence[float]) -> Interval:
    """The median of block values with a percentile bootstrap interval over blocks (seeded: the same every time)."""
    values = np.asarray(blocks, dtype=np.float64)
    generator = np.random.default_rng(BOOTSTRAP_SEED)
    medians = np.median(values[generator.integers(0, len(values), (BOOTSTRAP_REPEATS, len(values)))], axis=1)
    low, high = np.percentile(medians, [2.5, 97.5])
    return Interval(float(np.median(values)), float(low), float(high))


def is_even(rates: Sequence[float]) -> bool:
    """Whether the fastest window's rate is at most EVEN_TOLERANCE above the slowest's."""
    return max(rates) <= (1 + EVEN_TOLERANCE) * min(rates)


def is_steady(blocks: Sequence[float]) -> bool:
    """Whether the medians of the first and the second half of the blocks agree within STEADY_TOLERANCE."""
    half = len(blocks) // 2
    if half == 0:
        return False
    first, second = float(np.median(blocks[:half])), float(np.median(blocks[half:]))
    return abs(second - first) <= STEADY_TOLERANCE * min(first, second)
