"""Where a history changed its level, and stayed there.

Candidates by PELT (Killick, Fearnhead and Eckley 2012, "Optimal detection of changepoints with a linear computational
cost") with a quadratic cost, as ruptures has it; then those that a t-test of the two neighbouring stretches does not
carry are dropped, weakest first (Fleming et al. 2023, "Hunter: Using change point detection to hunt for performance
regressions"). What was measured of it is in docs/decisions/0015-history.md.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

SHORTEST: Final = 3
"""Points on each side of a change: fewer are an outlier."""
LEAST_NOISE: Final = 0.001
"""A share of the median: where values repeat exactly, a smaller change does not count."""
PENALTY: Final = 3.0
"""Times log(n) of noise's variance, a change: the modified BIC of Zhang and Siegmund 2007 for a change of the mean."""
LARGEST_P: Final = 0.001
LARGEST_P_OF_ALL: Final = 0.02
"""Over the points of a series: a long one has more places where chance may look like a change."""


@dataclass(frozen=True, slots=True)
class ChangePoint:
    """A change from the point ``index`` on: the mean ``before`` and ``after`` it, up to the next change.

    ``p``: of Welch's test that both stretches have one mean. ``points_before`` and ``points_after``: in them.
    """

    index: int
    before: float
    after: float
    p: float
    points_before: int
    points_after: int

    @property
    def ratio(self) -> float:
        """After over before."""
        return self.after / self.before if self.before else math.inf


def change_points(values: Sequence[float]) -> list[ChangePoint]:
    """The changes of level in ``values`` (finite, in order of time), first to last; none of fewer than 6 points."""
    series = np.asarray(values, dtype=np.float64)
    if len(series) < 2 * SHORTEST:
        return []
    noise = _noise(series)
    largest = min(LARGEST_P, LARGEST_P_OF_ALL / len(series))
    places = _candidates(series / noise)
    while places:
        bounds = [0, *places, len(series)]
        found = [_at(series, bounds[place : place + 3], noise) for place in range(len(places))]
        weakest = max(found, key=lambda one: one.p)
        if weakest.p <= largest:
            return found
        places.remove(weakest.index)
    return []


def _noise(series: NDArray[np.float64]) -> float:
    """Standard deviation from one point to the next, robust: a change is one difference of many."""
    steps = np.diff(series)
    spread = 1.4826 * float(np.median(np.abs(steps - np.median(steps)))) / math.sqrt(2)
    level = float(np.median(np.abs(series)))
    return max(spread, LEAST_NOISE * level) or 1.0


def _candidates(scaled: NDArray[np.float64]) -> list[int]:
    """Where PELT splits a series whose noise is 1; single outliers are taken out first, by the median of three."""
    from ruptures import KernelCPD
    from scipy.ndimage import median_filter

    smooth = median_filter(scaled, size=3, mode="nearest")
    search = KernelCPD(kernel="linear", min_size=SHORTEST).fit(smooth.reshape(-1, 1))
    ends = search.predict(pen=PENALTY * math.log(len(scaled))) or []
    return [int(end) for end in ends[:-1]]


def _at(series: NDArray[np.float64], bounds: Sequence[int], noise: float) -> ChangePoint:
    """The change between the two stretches that three ``bounds`` hold."""
    left, right = (series[first:last] for first, last in pairwise(bounds))
    before, after = float(left.mean()), float(right.mean())
    return ChangePoint(int(bounds[1]), before, after, _welch(left, right, noise), len(left), len(right))


def _welch(left: NDArray[np.float64], right: NDArray[np.float64], noise: float) -> float:
    """Two-sided p; a stretch of few points that happen to agree is not taken for less noisy than half the series."""
    from scipy.special import stdtr

    parts = [max(float(side.var(ddof=1)), (noise / 2) ** 2) / len(side) for side in (left, right)]
    squares = sum(part**2 / (len(side) - 1) for part, side in zip(parts, (left, right), strict=True))
    t = abs(float(right.mean() - left.mean())) / math.sqrt(sum(parts))
    return float(2 * stdtr(sum(parts) ** 2 / squares, -t))
