"""How sure a share of n images can be: intervals at 95 %."""

from math import sqrt
from typing import Final

Z_95: Final = 1.959963984540054
"""The 97.5th percentile of the standard normal distribution."""


def wilson_interval(successes: float, trials: float) -> tuple[float, float]:
    """The Wilson score interval of a proportion at 95 %, as fractions (Wilson 1927)."""
    share = successes / trials
    denominator = 1 + Z_95**2 / trials
    centre = (share + Z_95**2 / (2 * trials)) / denominator
    half = Z_95 / denominator * sqrt(share * (1 - share) / trials + Z_95**2 / (4 * trials**2))
    return max(0.0, centre - half), min(1.0, centre + half)


def finite_population(successes: int, trials: int, population: int) -> tuple[float, float]:
    """Wilson's interval, as fractions, where ``trials`` were drawn from ``population`` without putting back.

    The variance of a share of such a draw is (N - n) / (N - 1) of the binomial one (Cochran 1977, 2.5), so the same
    score interval holds with n (N - 1) / (N - n) trials. It is sqrt((N - n) / (N - 1)) as wide, and has the share in it
    however near n is to N: Wilson's own interval shrunk about its centre, which is not the share, loses it there.
    Where n = N nothing was drawn, and both bounds are the share.

    Raises:
        ValueError: more were drawn than there are.
    """
    if trials > population:
        raise ValueError(f"{trials} drawn from {population}")
    share = successes / trials
    if trials == population:
        return share, share
    effective = trials * (population - 1) / (population - trials)
    return wilson_interval(share * effective, effective)


def accuracy_interval(correct: int, images: int, population: int | None = None) -> tuple[float, float]:
    """The 95 % interval of an accuracy, in percent.

    ``population``: how many images the ``images`` were drawn from, where the figure for all of these is the one in
    question; None where it is the figure for ever more images of the kind.
    """
    if population is None:
        low, high = wilson_interval(correct, images)
    else:
        low, high = finite_population(correct, images, population)
    return 100 * low, 100 * high
