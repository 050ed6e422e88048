"""How sure a share of n images can be, drawn from ever more of them or from a known number."""

import numpy as np
import pytest
from scipy.stats import binomtest, hypergeom
from statsmodels.stats.proportion import proportion_confint

from alexbench.harness.judge.intervals import accuracy_interval, finite_population, wilson_interval


@pytest.mark.parametrize(("images", "half_width"), [(1_000, 3.07), (5_000, 1.37), (10_000, 0.97), (50_000, 0.43)])
def test_wilson_at_56_5_percent_is_as_wide_as_the_facts_say(images: int, half_width: float) -> None:
    low, high = wilson_interval(round(0.565 * images), images)
    assert 100 * (high - low) / 2 == pytest.approx(half_width, abs=0.005)
    assert low < 0.565 < high


def test_wilson_by_hand() -> None:
    # 8 of 10: (0.8 + z^2/20 +- z sqrt(0.016 + z^2/400)) / (1 + z^2/10) with z^2 = 3.841459
    low, high = wilson_interval(8, 10)
    assert low == pytest.approx(0.490162, abs=1e-6)
    assert high == pytest.approx(0.943318, abs=1e-6)


def test_wilson_stays_between_none_and_all() -> None:
    low, high = wilson_interval(0, 50)
    assert low == 0
    assert 0 < high < 0.1
    low, high = wilson_interval(50, 50)
    assert 0.9 < low < 1
    assert high == 1


def test_wilson_is_scipys_and_statsmodels_on_a_thousand_tables() -> None:
    random = np.random.Generator(np.random.PCG64(1))
    for _ in range(1000):
        trials = int(random.integers(1, 50_001))
        successes = int(random.integers(0, trials + 1))
        ours = wilson_interval(successes, trials)
        scipys = binomtest(successes, trials).proportion_ci(0.95, method="wilson")
        assert ours == pytest.approx((scipys.low, scipys.high), abs=1e-12)
        assert ours == pytest.approx(proportion_confint(successes, trials, alpha=0.05, method="wilson"), abs=1e-12)


@pytest.mark.parametrize("images", [1_000, 5_000, 10_000, 25_000])
def test_a_draw_from_50_000_narrows_the_interval_by_the_root_of_what_is_left(images: int) -> None:
    low, high = wilson_interval(round(0.565 * images), images)
    lower, higher = finite_population(round(0.565 * images), images, 50_000)
    assert (higher - lower) / (high - low) == pytest.approx(np.sqrt((50_000 - images) / 49_999), rel=2e-3)
    assert low < lower < higher < high


@pytest.mark.parametrize("share", [0.0, 0.03, 0.565, 0.9, 1.0])
@pytest.mark.parametrize("images", [10, 1_000, 49_900, 49_999])
def test_the_share_is_in_its_own_interval_however_many_were_drawn(share: float, images: int) -> None:
    correct = round(share * images)
    low, high = finite_population(correct, images, 50_000)
    assert low <= correct / images + 1e-15
    assert correct / images - 1e-15 <= high


def test_where_all_are_there_nothing_was_drawn() -> None:
    assert finite_population(28_260, 50_000, 50_000) == (0.5652, 0.5652)
    with pytest.raises(ValueError, match="50001 drawn from 50000"):
        finite_population(1, 50_001, 50_000)


def test_drawn_shares_have_the_whole_sets_share_in_their_interval_as_often_as_they_say() -> None:
    counts = np.arange(2_501)
    chances = hypergeom(5_000, 2_825, 2_500).pmf(counts)  # half of 5,000, of which 56.5 % are right
    held = np.array([low <= 0.565 <= high for low, high in (finite_population(int(n), 2_500, 5_000) for n in counts)])
    assert chances[held].sum() == pytest.approx(0.95, abs=0.006)


def test_an_accuracys_interval_is_in_percent() -> None:
    assert accuracy_interval(565, 1000) == pytest.approx((53.40, 59.54), abs=0.01)
    assert accuracy_interval(565, 1000, 50_000) == pytest.approx((53.43, 59.51), abs=0.01)
    assert accuracy_interval(565, 1000, 1000) == pytest.approx((56.5, 56.5))
