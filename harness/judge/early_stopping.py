"""How many queries a percentile needs before it may be stated: MLPerf's early-stopping criterion.

Source: loadgen/early_stopping.cc and results.cc of mlcommons/inference (MinPassingQueriesFinder,
PerformanceSummary::EarlyStopping). A latency L is an upper bound of the p-th percentile with confidence c when, were
each query over L with probability 1 - (p - d), seeing only t of n over it would have a probability below 1 - c:

    sum over x = 0..t of  C(n, x) (p - d)^(n - x) (1 - p + d)^x  =  I(p - d; n - t, t + 1)  <  1 - c

with I the regularised incomplete beta function and d the tolerance. An estimate needs t = 1, the slowest query set
aside: 64, 130 and 662 queries for p90, p95 and p99 at c = 0.99, d = 0, which are LoadGen's values.
"""

import functools
from typing import Final

CONFIDENCE: Final = 0.99
"""LoadGen's; its tolerance is 0."""


@functools.cache
def samples_needed(
    percentile: float, confidence: float = CONFIDENCE, tolerance: float = 0.0, *, overlatency: int = 1
) -> int:
    """The fewest queries from which ``percentile`` (in percent: 99, 99.9) can be stated.

    ``overlatency``: queries that may lie above it, t in the formula. 1 is what an estimate needs; 0 is the least with
    which a Server run can be valid (459 at p99).

    Raises:
        ValueError: no percentile strictly between 0 and 100 is left after the tolerance, or no such confidence.
    """
    from scipy.special import betainc  # a worker, which counts its memory, has no other need of SciPy

    under = percentile / 100 - tolerance
    if not 0 < under < 1 or not 0 < confidence < 1 or overlatency < 0:
        raise ValueError(f"no criterion for percentile {percentile}, confidence {confidence}, tolerance {tolerance}")

    def passes(queries: int) -> bool:
        return bool(betainc(queries - overlatency, overlatency + 1, under) < 1 - confidence)

    most = overlatency + 1
    while not passes(most):
        most *= 2
    least = max(overlatency + 1, most // 2)
    while least < most:
        middle = (least + most) // 2
        least, most = (least, middle) if passes(middle) else (middle + 1, most)
    return least


def carries(percentile: float, samples: int) -> bool:
    """Whether so many independent samples carry ``percentile`` at LoadGen's confidence; fewer are "n/a"."""
    return samples >= samples_needed(percentile)
