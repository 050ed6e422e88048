"""Intervals over blocks, and what counts as steady."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alexbench.harness.judge.statistics import STEADY_TOLERANCE, is_steady, median_interval


@given(st.lists(st.floats(1, 1000), min_size=1, max_size=40))
def test_the_interval_contains_the_median(blocks: list[float]) -> None:
    interval = median_interval(blocks)
    assert interval.value == np.median(blocks)
    assert min(blocks) <= interval.low <= interval.high <= max(blocks)
    assert interval.low <= interval.value <= interval.high


def test_the_interval_is_the_same_every_time() -> None:
    blocks = np.random.Generator(np.random.PCG64(3)).gamma(4, 4, 40).tolist()
    assert median_interval(blocks) == median_interval(blocks)


def test_blocks_that_agree_have_no_spread() -> None:
    interval = median_interval([15.0] * 40)
    assert (interval.low, interval.value, interval.high) == (15.0, 15.0, 15.0)


def test_more_blocks_make_it_narrower() -> None:
    random = np.random.Generator(np.random.PCG64(3))
    few, many = (median_interval(random.normal(15, 1, count).tolist()) for count in (10, 1000))
    assert many.high - many.low < (few.high - few.low) / 3


def test_it_covers_the_true_median_about_95_times_in_100() -> None:
    random = np.random.Generator(np.random.PCG64(11))
    covered = sum(
        interval.low <= 15 <= interval.high
        for interval in (median_interval(random.normal(15, 1, 40).tolist()) for _ in range(200))
    )
    assert 180 <= covered <= 199


def test_one_slow_block_does_not_move_it() -> None:
    assert median_interval([*[15.0] * 39, 400.0]).high == 15.0


@pytest.mark.parametrize(
    ("blocks", "steady"),
    [
        ([10.0] * 40, True),
        ([10.0] * 20 + [10.5] * 20, True),  # the bound belongs to it
        ([10.0] * 20 + [10.51] * 20, False),
        ([10.51] * 20 + [10.0] * 20, False),  # growing faster is no steadier
        ([*[10.0] * 39, 900.0], True),  # one outlier is not a drift
        ([10.0], False),  # too few to tell
        ([], False),
    ],
)
def test_steady_is_halves_that_agree_within_5_percent(blocks: list[float], *, steady: bool) -> None:
    assert STEADY_TOLERANCE == 0.05
    assert is_steady(blocks) is steady
