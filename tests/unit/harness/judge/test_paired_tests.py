"""Two rows on the same images: counts, tests and intervals against others' code, verdicts, and how many would do."""

from math import ceil, log

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.stats import binomtest, norm
from statsmodels.stats.contingency_tables import mcnemar as others_mcnemar
from statsmodels.stats.weightstats import ttost_paired

from alexbench.harness.judge.intervals import Z_95, wilson_interval
from alexbench.harness.judge.paired_tests import (
    Z_90,
    differing,
    equivalence_bounds,
    images_for_difference,
    images_for_equivalence,
    mcnemar,
    more_right,
    paired_test,
    rate_bound,
    tango_interval,
    tango_statistic,
)
from alexbench.harness.records.paired_records import PairedTest

TABLES = 1000


def random_tables(seed: int, *, least: int = 1) -> list[tuple[int, int, int]]:
    """(lost, gained, images), with few discordant images as often as with many."""
    random = np.random.Generator(np.random.PCG64(seed))
    tables = []
    for _ in range(TABLES):
        images = int(np.exp(random.uniform(np.log(max(2, least)), np.log(50_000))))
        discordant = int(images ** random.uniform(0, 1))
        lost = int(random.binomial(discordant, random.uniform(0, 1)))
        tables.append((lost, discordant - lost, images))
    return tables


def answers(lost: int, gained: int, images: int, *, both: int = 0) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Two rows' right and wrong that make this table."""
    base, other = np.zeros(images, bool), np.zeros(images, bool)
    base[:lost] = True
    other[lost : lost + gained] = True
    base[lost + gained :][:both] = other[lost + gained :][:both] = True
    return base, other


def compared(lost: int, gained: int, images: int, *, both: int = 0, margin: float = 0.5) -> PairedTest:
    return paired_test("top1", *answers(lost, gained, images, both=both), margin=margin)


def test_mcnemar_is_statsmodels_and_the_binomial_is_scipys_on_a_thousand_tables() -> None:
    for lost, gained, images in random_tables(1):
        table = [[images - lost - gained, lost], [gained, 0]]
        wanted = others_mcnemar(table, exact=True).pvalue if lost + gained else 1.0
        assert mcnemar(lost, gained) == pytest.approx(min(1.0, wanted), rel=1e-9, abs=1e-300)
        if lost + gained:
            assert mcnemar(lost, gained) == pytest.approx(binomtest(lost, lost + gained).pvalue, rel=1e-9, abs=1e-300)


def test_six_mismatches_one_way_are_the_least_that_show_anything() -> None:
    assert mcnemar(0, 5) == 0.0625
    assert mcnemar(6, 0) == 0.03125
    assert mcnemar(0, 0) == mcnemar(7, 7) == 1


def test_the_best_of_many_needs_more_images_all_one_way() -> None:
    assert more_right(0, 6)
    assert not more_right(6, 0)
    assert not more_right(0, 6, comparisons=100)
    assert not more_right(0, 11, comparisons=100)
    assert more_right(0, 12, comparisons=100)  # 2 / 2^12 x 100 = 0.0488


def independent_statistic(lost: int, gained: int, images: int, difference: float) -> float:
    """The score statistic with the nuisance share found by maximising the likelihood numerically."""
    least, most = max(0.0, -difference), (1 - difference) / 2

    def unlikely(share: float) -> float:
        with np.errstate(divide="ignore"):
            logs = np.log(np.maximum([share + difference, share, 1 - 2 * share - difference], 1e-300))
        return -float(np.dot([gained, lost, images - lost - gained], logs))

    share = float(minimize_scalar(unlikely, bounds=(least, most), method="bounded", options={"xatol": 1e-14}).x)
    variance = (2 * share + difference - difference**2) / images
    return (gained / images - lost / images - difference) / np.sqrt(variance)


def test_tangos_bounds_are_where_an_independent_statistic_is_at_its_quantile_on_a_thousand_tables() -> None:
    for lost, gained, images in random_tables(2):
        low, high = tango_interval(lost, gained, images, z=Z_95)
        found = (gained - lost) / images
        assert -1 <= low <= found <= high <= 1
        assert low < high
        if low > -1 + 1e-9:
            assert independent_statistic(lost, gained, images, low) == pytest.approx(Z_95, rel=2e-4)
        if high < 1 - 1e-9:
            assert independent_statistic(lost, gained, images, high) == pytest.approx(-Z_95, rel=2e-4)


def test_tangos_statistic_at_nothing_is_mcnemars_without_correction_on_a_thousand_tables() -> None:
    for lost, gained, images in random_tables(3):
        squared = tango_statistic(lost, gained, images, difference=0.0) ** 2
        if lost + gained:
            table = [[images - lost - gained, lost], [gained, 0]]
            wanted = others_mcnemar(table, exact=False, correction=False).statistic
            assert squared == pytest.approx(wanted, rel=1e-9, abs=1e-12)
        else:
            assert squared == 0


@pytest.mark.parametrize("images", [1, 10, 1000, 50_000])
def test_without_discordant_images_the_interval_still_has_a_width(images: int) -> None:
    # The score test of a share d with none of n seen: n^2 d^2 = z^2 n d (1 - d), so d = z^2 / (n + z^2).
    half = Z_95**2 / (images + Z_95**2)
    assert tango_interval(0, 0, images, z=Z_95) == pytest.approx((-half, half), rel=1e-9)


def test_all_discordant_one_way_reaches_the_end() -> None:
    low, high = tango_interval(0, 10, 10, z=Z_95)
    assert high == 1
    assert low == pytest.approx(wilson_interval(10, 10)[0] * 2 - 1, abs=0.2)


def test_exchanging_the_rows_turns_the_interval_round() -> None:
    for lost, gained, images in random_tables(4)[:200]:
        low, high = tango_interval(lost, gained, images, z=Z_95)
        assert tango_interval(gained, lost, images, z=Z_95) == pytest.approx((-high, -low), abs=1e-12)


def test_the_interval_holds_the_true_difference_as_often_as_it_says() -> None:
    random = np.random.Generator(np.random.PCG64(5))
    drawn = random.multinomial(500, [0.03, 0.01, 0.96], size=3000)
    held = [
        low <= -0.02 <= high for low, high in (tango_interval(int(one[0]), int(one[1]), 500, z=Z_95) for one in drawn)
    ]
    assert 0.935 < np.mean(held) < 0.97


def test_equivalence_is_statsmodels_two_one_sided_tests_where_there_are_many_images() -> None:
    random = np.random.Generator(np.random.PCG64(6))
    said = {True: 0, False: 0}
    for _ in range(TABLES // 4):
        images = int(random.integers(2_000, 20_000))
        discordant = int(random.integers(60, images // 20))
        lost = int(random.binomial(discordant, random.uniform(0.4, 0.6)))
        margin = float(random.uniform(0.3, 1.5))
        base, other = answers(lost, discordant - lost, images)
        p, *_ = ttost_paired(other.astype(float), base.astype(float), -margin / 100, margin / 100)
        low, high = equivalence_bounds(lost, discordant - lost, images)
        if not 0.045 < p < 0.055:  # Student's interval and Tango's differ a little: not where either is at its edge
            assert (-margin < low and high < margin) == (p < 0.05), (lost, discordant - lost, images, margin)
            said[bool(p < 0.05)] += 1
    assert min(said.values()) > 25


def test_quantiles_are_the_normal_distributions() -> None:
    assert norm.ppf(0.975) == pytest.approx(Z_95, rel=1e-14)
    assert norm.ppf(0.95) == pytest.approx(Z_90, rel=1e-14)


def test_counts_and_shares_are_of_the_images() -> None:
    found = compared(3, 1, 1000, both=560)
    assert (found.images, found.base_correct, found.other_correct) == (1000, 563, 561)
    assert (found.lost, found.gained) == (3, 1)
    assert found.difference == pytest.approx(-0.2)
    assert (found.base, found.other) == pytest.approx((56.3, 56.1))
    assert found.interval[0] < -0.2 < found.interval[1]
    assert found.interval[0] < found.equivalence_interval[0] < found.equivalence_interval[1] < found.interval[1]


@pytest.mark.parametrize(
    ("lost", "gained", "images", "verdict"),
    [
        (0, 0, 1000, "equivalent"),
        (0, 0, 40, "undecided"),
        (1, 2, 1000, "undecided"),
        (30, 5, 1000, "different"),
        (20, 4, 50_000, "different, but within the margin"),
        (40, 45, 50_000, "equivalent"),
        (0, 6, 100, "different"),
    ],
)
def test_the_verdict_in_one_word(lost: int, gained: int, images: int, verdict: str) -> None:
    assert compared(lost, gained, images).verdict == verdict


def test_a_wider_margin_decides_sooner() -> None:
    assert compared(0, 0, 40).verdict == "undecided"
    assert compared(0, 0, 40, margin=10).verdict == "equivalent"


@pytest.mark.parametrize(("correct", "kept"), [(557, True), (556, True), (555, False)])
def test_mlperf_asks_for_99_percent_of_the_base(correct: int, kept: bool) -> None:
    found = compared(561 - correct, 0, 1000, both=correct)  # 0.99 x 561 = 555.39
    assert (found.base_correct, found.keeps_99_percent) == (561, kept)


def test_what_is_decided_needs_no_more_images() -> None:
    found = compared(0, 0, 1000)
    assert (found.images_for_equivalence, found.images_for_difference) == (None, None)


def test_the_images_named_would_show_equivalence_and_one_fewer_would_not() -> None:
    found = compared(0, 0, 40)
    assert found.images_for_equivalence == ceil(log(0.05) / log(1 - 0.005)) == 598
    assert found.images_for_difference is None
    assert compared(0, 0, 598).verdict == "equivalent"
    assert compared(0, 0, 597).verdict == "undecided"


@pytest.mark.parametrize(("lost", "gained", "images"), [(1, 2, 1000), (3, 3, 500), (40, 41, 2000)])
def test_at_the_same_rates_the_named_number_is_the_first_that_does(lost: int, gained: int, images: int) -> None:
    needed = images_for_equivalence(lost, gained, images, margin=0.5)
    assert needed is not None
    assert needed > images
    for many, inside in ((needed, True), (needed - 1, False)):
        low, high = equivalence_bounds(lost * many / images, gained * many / images, many)
        assert (low > -0.5 and high < 0.5) is inside


@pytest.mark.parametrize(("lost", "images"), [(5, 1000), (6, 1000), (1, 200)])
def test_no_number_shows_equivalence_where_the_difference_is_as_wide_as_the_margin(lost: int, images: int) -> None:
    assert images_for_equivalence(lost, 0, images, margin=0.5) is None
    assert images_for_equivalence(0, lost, images, margin=0.5) is None


def test_one_mismatch_in_a_thousand_needs_six_thousand_to_show_a_difference() -> None:
    assert images_for_difference(1, 0, 1000) == images_for_difference(0, 1, 1000) == 6000
    assert images_for_difference(4, 4, 1000) is None


def test_images_for_a_difference_are_about_those_that_the_normal_distribution_asks_for() -> None:
    for lost, gained in ((520, 480), (505, 495), (501, 499)):
        needed = images_for_difference(lost, gained, 10_000)
        assert needed is not None
        assert needed == pytest.approx(10_000 * Z_95**2 * (lost + gained) / (lost - gained) ** 2, rel=0.06)


def test_no_event_in_n_leaves_three_in_n() -> None:
    assert rate_bound(1000) == 0.3
    assert rate_bound(2) == 100
    assert 1 - (1 - rate_bound(1000) / 100) ** 1000 == pytest.approx(0.95, abs=0.001)


def test_mismatches_are_where_first_answers_differ() -> None:
    assert differing(np.array([1, 2, 3, 4]), np.array([1, 3, 2, 4])).tolist() == [1, 2]
    assert differing(np.array([1, 2]), np.array([1, 2])).tolist() == []
