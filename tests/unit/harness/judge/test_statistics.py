"""Intervals over blocks, and how far blocks deviate."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alexbench.harness.judge.statistics import deviation, mean_interval, median_interval


@given(st.lists(st.floats(1, 1000), min_size=1, max_size=40))
def test_the_interval_contains_the_median(blocks: list[float]) -> None:
    interval = median_interval([blocks])
    assert interval.value == np.median(blocks)
    assert min(blocks) <= interval.low <= interval.high <= max(blocks)
    assert interval.low <= interval.value <= interval.high


def test_the_interval_is_the_same_every_time() -> None:
    blocks = np.random.Generator(np.random.PCG64(3)).gamma(4, 4, 40).tolist()
    assert median_interval([blocks]) == median_interval([blocks])


def test_blocks_that_agree_have_no_spread() -> None:
    interval = median_interval([[15.0] * 40])
    assert (interval.low, interval.value, interval.high) == (15.0, 15.0, 15.0)


def test_more_blocks_make_it_narrower() -> None:
    random = np.random.Generator(np.random.PCG64(3))
    few, many = (median_interval([random.normal(15, 1, count).tolist()]) for count in (10, 1000))
    assert many.high - many.low < (few.high - few.low) / 3


def test_it_covers_the_true_median_about_95_times_in_100() -> None:
    random = np.random.Generator(np.random.PCG64(11))
    covered = sum(
        interval.low <= 15 <= interval.high
        for interval in (median_interval([random.normal(15, 1, 40).tolist()]) for _ in range(200))
    )
    assert 180 <= covered <= 199


def test_one_slow_block_does_not_move_it() -> None:
    assert median_interval([[*[15.0] * 39, 400.0]]).high == 15.0


def test_of_several_processes_the_interval_covers_the_true_value_as_often_as_it_says() -> None:
    random = np.random.Generator(np.random.PCG64(5))
    covered = 0
    for _ in range(400):
        levels = random.normal(15, 0.27, 3)  # processes deviate by 1.8 %
        found = median_interval([random.normal(level, 0.3, 30).tolist() for level in levels])
        covered += found.low <= 15 <= found.high
    assert 0.92 <= covered / 400 <= 0.98


def test_the_value_over_processes_is_the_median_of_all_blocks() -> None:
    assert median_interval([[1.0, 2.0, 3.0], [10.0, 11.0]]).value == 3.0


def test_a_mean_of_few_windows_has_students_interval() -> None:
    found = mean_interval([98.0, 100.0, 102.0], 100.0)  # s = 2, t(0.975, 2) = 4.303
    assert (found.value, found.low, found.high) == (
        100.0,
        pytest.approx(95.031, abs=1e-3),
        pytest.approx(104.969, abs=1e-3),
    )


def test_one_window_bounds_nothing() -> None:
    with pytest.raises(ValueError, match="one value has no interval"):
        mean_interval([100.0], 100.0)


def test_students_interval_covers_the_mean_about_95_times_in_100() -> None:
    random = np.random.Generator(np.random.PCG64(7))
    draws = random.normal(100, 3, (400, 5))
    found = [mean_interval(row.tolist(), float(row.mean())) for row in draws]
    assert 368 <= sum(one.low <= 100 <= one.high for one in found) <= 392


def test_deviation_is_that_of_a_normal_distribution_and_deaf_to_outliers() -> None:
    random = np.random.Generator(np.random.PCG64(17))
    values = random.normal(100, 4, 4000).tolist()
    assert deviation(values) == pytest.approx(0.04, rel=0.1)
    assert deviation([*values, 1e9]) == pytest.approx(0.04, rel=0.1)
