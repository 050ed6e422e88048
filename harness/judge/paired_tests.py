"""Two rows on the same images: what one gets right and the other does not, and what that can decide.

Everything rests on the discordant images. ``lost`` are those that the base alone has right, ``gained`` those that the
other row alone has right; differences are the other row's share less the base's, ``(gained - lost) / images``.

Sources: McNemar 1947, exact by the binomial; Tango 1998 (Statistics in Medicine 17:891-908) for the score interval of a
paired difference; Schuirmann 1987 for the two one-sided tests; MLPerf Inference's rules for its 99 %.
"""

from collections.abc import Callable
from math import copysign, expm1, inf, log, sqrt
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc

from alexbench.harness.judge.intervals import Z_95, accuracy_interval
from alexbench.harness.records.paired_records import Metric, PairedTest, Verdict

Z_90: Final = 1.6448536269514722
"""The 95th percentile of the standard normal distribution: two one-sided tests at 5 % are an interval at 90 %."""
SIGNIFICANT: Final = 0.05
MARGIN: Final = 0.5
"""Percentage points of accuracy that count as none, unless said otherwise."""
MLPERF_SHARE: Final = 0.99
"""MLPerf asks most models for 99 % of the fp32 reference's accuracy."""
_BISECTIONS: Final = 200
"""Enough for any double."""


def paired_test(
    metric: Metric,
    base: NDArray[np.bool_],
    other: NDArray[np.bool_],
    *,
    margin: float = MARGIN,
    population: int | None = None,
) -> PairedTest:
    """Compare two rows by whether each is right on each image, (N,) both, N at least 1.

    ``margin``: in points. ``population``: what the images were drawn from, for the accuracies' own intervals; that of
    the difference is of ever more images, which is the wider one.
    """
    images = len(base)
    lost, gained = discordant(base, other)
    base_correct, other_correct = int(base.sum()), int(other.sum())
    within = equivalence_bounds(lost, gained, images)
    low, high = tango_interval(lost, gained, images, z=Z_95)
    p = mcnemar(lost, gained)
    verdict = _verdict(p, within, margin)
    undecided = verdict == "undecided"
    return PairedTest(
        metric=metric,
        images=images,
        base_correct=base_correct,
        base_interval=accuracy_interval(base_correct, images, population),
        other_correct=other_correct,
        other_interval=accuracy_interval(other_correct, images, population),
        lost=lost,
        gained=gained,
        difference=100 * (gained - lost) / images,
        interval=(100 * low, 100 * high),
        margin=margin,
        equivalence_interval=within,
        mcnemar_p=p,
        verdict=verdict,
        keeps_99_percent=other_correct >= MLPERF_SHARE * base_correct,
        images_for_equivalence=images_for_equivalence(lost, gained, images, margin=margin) if undecided else None,
        images_for_difference=images_for_difference(lost, gained, images) if undecided else None,
    )


def mcnemar(lost: float, gained: float) -> float:
    """McNemar's exact two-sided p: a binomial test of ``lost`` of both at a half; 1 where there are none.

    Counts that are not whole are those of a table scaled up or down, by the same regularised beta function.
    """
    fewer, more = sorted((lost, gained))
    if more == fewer:
        return 1.0
    # The binomial's distribution function at k of n, one half: I(n - k, k + 1).
    return min(1.0, 2 * float(betainc(more, fewer + 1, 0.5)))


def more_right(lost: int, gained: int, *, comparisons: int = 1) -> bool:
    """Whether more is gained than lost, and not by chance (McNemar's exact p below SIGNIFICANT).

    ``comparisons``: of how many this is one; it stands for all of them together (Bonferroni).
    """
    return gained > lost and mcnemar(lost, gained) * comparisons < SIGNIFICANT


def discordant(base: NDArray[np.bool_], other: NDArray[np.bool_]) -> tuple[int, int]:
    """How many images are lost and gained, of whether each row is right on each image, (N,) both."""
    return int((base & ~other).sum()), int((other & ~base).sum())


def tango_interval(lost: float, gained: float, images: float, *, z: float) -> tuple[float, float]:
    """Tango's score interval of (gained - lost) / images, as fractions in -1..1.

    It holds every difference whose score test is not beyond ``z``. Unlike Wald's it has a width where there are no
    discordant images: z^2 / (n + z^2) to either side.
    """
    found = (gained - lost) / images

    def beyond(difference: float) -> bool:
        return abs(tango_statistic(lost, gained, images, difference=difference)) > z

    return _last_within(found, -1.0, beyond), _last_within(found, 1.0, beyond)


def tango_statistic(lost: float, gained: float, images: float, *, difference: float) -> float:
    """Tango's score statistic of a difference, standard normal where that is the true one; at 0 McNemar's, its root."""
    gain, loss = gained / images, lost / images
    off = gain - loss - difference
    variance = 2 * _restricted_loss(gain, loss, difference) + difference * (1 - difference)
    if variance <= 0:  # a difference that leaves nothing to chance
        return copysign(inf, off) if off else 0.0
    return off / sqrt(variance / images)


def _restricted_loss(gain: float, loss: float, difference: float) -> float:
    """The likeliest share of lost images where the difference is ``difference``: the larger root of a quadratic."""
    linear = (2 - gain + loss) * difference - gain - loss
    constant = -loss * difference * (1 - difference)
    root = sqrt(max(0.0, linear**2 - 8 * constant))
    # The form without cancellation, of the two that there are.
    found = (root - linear) / 4 if linear <= 0 else -2 * constant / (root + linear)
    return max(found, 0.0, -difference)


def _last_within(inside: float, outside: float, beyond: Callable[[float], bool]) -> float:
    """The last value from ``inside`` towards ``outside`` that is not beyond, by bisection."""
    if not beyond(outside):
        return outside
    for _ in range(_BISECTIONS):
        middle = (inside + outside) / 2
        if middle in (inside, outside):
            break
        if beyond(middle):
            outside = middle
        else:
            inside = middle
    return inside


def equivalence_bounds(lost: float, gained: float, images: float) -> tuple[float, float]:
    """The 90 % interval of the difference in points: inside the margin, both one-sided tests reject at 5 %.

    Without a discordant image the exact one: what a share p of images shows is seen in none of n with (1 - p)^n.
    Tango's is asymptotic, and there it would be right 93 times in a hundred.
    """
    if lost == gained == 0:
        bound = -100 * expm1(log(0.05) / images)
        return -bound, bound
    low, high = tango_interval(lost, gained, images, z=Z_90)
    return 100 * low, 100 * high


def _verdict(p: float, within: tuple[float, float], margin: float) -> Verdict:
    equivalent = -margin < within[0] and within[1] < margin
    if p < SIGNIFICANT:
        return "different, but within the margin" if equivalent else "different"
    return "equivalent" if equivalent else "undecided"


def images_for_equivalence(lost: int, gained: int, images: int, *, margin: float) -> int | None:
    """The fewest images that would show equivalence, were images lost and gained at the same rates.

    None where none would: the difference itself is as wide as the margin.
    """
    if abs(100 * (gained - lost) / images) >= margin:
        return None

    def enough(many: int) -> bool:
        low, high = equivalence_bounds(lost * many / images, gained * many / images, many)
        return -margin < low and high < margin

    return _fewest(enough)


def images_for_difference(lost: int, gained: int, images: int) -> int | None:
    """About the fewest images that would show a difference (p < 0.05), at the same rates. None: the rates are equal.

    The more frequent mismatches are counted whole, so six one way are needed and not 5.3.
    """
    fewer, more = sorted((lost, gained))
    if fewer == more:
        return None

    def enough(many: int) -> bool:
        return mcnemar(more * many // images, fewer * many / images) < SIGNIFICANT

    return _fewest(enough)


def _fewest(enough: Callable[[int], bool]) -> int:
    """The least number that is enough, by doubling and bisection."""
    high = 1
    while not enough(high):
        high *= 2
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def rate_bound(images: int) -> float:
    """What no event in so many images leaves possible at 95 %, in percent: the rule of three (Hanley 1983)."""
    return min(100.0, 300 / images)


def differing(base: NDArray[Any], other: NDArray[Any]) -> NDArray[np.int64]:
    """The places where two rows' top-1 (N,) differ: their mismatches."""
    return np.flatnonzero(base != other)
