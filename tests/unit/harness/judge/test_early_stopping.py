"""When a percentile may be stated: compared with MLPerf's definition summed exactly, and with LoadGen itself."""

import math
from fractions import Fraction

import pytest

from alexbench.harness.judge.early_stopping import carries, samples_needed


def fewest_by_the_definition(percentile: Fraction, overlatency: int, confidence: Fraction) -> int:
    """The least n at which ``overlatency`` or fewer of n over the percentile are too unlikely: exact fractions."""
    under = percentile / 100
    queries = overlatency + 1
    while (
        sum(math.comb(queries, x) * under ** (queries - x) * (1 - under) ** x for x in range(overlatency + 1))
        >= 1 - confidence
    ):
        queries += 1
    return queries


@pytest.mark.parametrize(("percentile", "needed"), [(50, 11), (90, 64), (95, 130), (99, 662)])
def test_the_minimum_is_mlperfs(percentile: int, needed: int) -> None:
    assert samples_needed(percentile) == needed
    assert carries(percentile, needed)
    assert not carries(percentile, needed - 1)


@pytest.mark.parametrize("overlatency", [0, 1, 2, 5])
@pytest.mark.parametrize("percentile", [50, 90, 95, 97, 99])
def test_every_minimum_is_that_of_the_exact_sum(percentile: int, overlatency: int) -> None:
    exact = fewest_by_the_definition(Fraction(percentile), overlatency, Fraction(99, 100))
    assert samples_needed(percentile, overlatency=overlatency) == exact


@pytest.mark.parametrize("confidence", ["0.9", "0.95", "0.999"])
def test_another_confidence_is_obeyed(confidence: str) -> None:
    exact = fewest_by_the_definition(Fraction(90), 1, Fraction(confidence))
    assert samples_needed(90, float(confidence)) == exact


def test_a_tolerance_is_taken_off_the_percentile() -> None:
    assert samples_needed(95, tolerance=0.05) == samples_needed(90)


def test_none_over_is_the_least_of_a_valid_server_run() -> None:
    assert samples_needed(99, overlatency=0) == math.ceil(math.log(0.01) / math.log(0.99)) == 459


@pytest.mark.parametrize(
    ("percentile", "confidence", "tolerance"), [(100, 0.99, 0.0), (0, 0.99, 0.0), (90, 1.0, 0.0), (5, 0.99, 0.1)]
)
def test_what_no_number_of_samples_can_show_is_refused(percentile: float, confidence: float, tolerance: float) -> None:
    with pytest.raises(ValueError, match="no criterion"):
        samples_needed(percentile, confidence, tolerance)
