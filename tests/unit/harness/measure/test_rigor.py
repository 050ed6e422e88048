"""The levels of rigor hold what they are named after, and estimates are of their plans."""

from itertools import pairwise

import pytest

from alexbench.harness.judge.early_stopping import samples_needed
from alexbench.harness.measure.rigor import (
    HIGH,
    LEAST_REPLICATES,
    LOADING_S,
    MLPERF,
    MOST_REPLICATES,
    RIGORS,
    SMOKE,
    STANDARD,
    WARM_UP_S,
    replicate_s,
)
from alexbench.harness.measure.rounds import PAUSE_S

CALL_S = 0.3
"""A batch of 32 on two cores, about."""


def test_they_are_four_and_each_knows_its_name() -> None:
    assert list(RIGORS) == ["smoke", "standard", "high", "mlperf"]
    assert all(level.name == name for name, level in RIGORS.items())


def test_a_higher_level_has_a_larger_budget_and_a_finer_target() -> None:
    for lower, higher in pairwise((SMOKE, STANDARD, HIGH)):
        assert lower.budget_s < higher.budget_s
        assert lower.target > higher.target


def test_every_run_has_replicates_enough_to_say_how_processes_differ() -> None:
    assert 3 <= LEAST_REPLICATES <= MOST_REPLICATES


def test_the_least_replicates_of_four_backends_leave_half_a_minute_of_100_s() -> None:
    assert LEAST_REPLICATES * replicate_s(SMOKE, 4, [CALL_S], offline=False) <= 70


def test_the_budget_of_high_carries_p99_for_four_backends() -> None:
    each = replicate_s(HIGH, 4, [0.1, 0.3, 0.3], offline=True)
    seconds = HIGH.budget_s / each * HIGH.latency.rounds * HIGH.latency_block_s
    assert seconds / 0.05 > samples_needed(99), "even at 50 ms an inference"


def test_mlperf_lets_loadgen_run_for_ten_minutes() -> None:
    assert MLPERF.loadgen
    assert MLPERF.min_duration_s == 600


def test_a_replicate_is_loading_warming_up_blocks_and_pauses_of_all_and_a_duplicate() -> None:
    one = replicate_s(SMOKE, 0, [0.1], offline=False)  # the duplicate and the machine probe alone
    each = replicate_s(SMOKE, 1, [0.1], offline=False) - one
    blocks = 6 * (1.1 * SMOKE.latency_block_s + PAUSE_S) + 2 * 0.1 + 4 * (SMOKE.window_s + 0.05 + PAUSE_S)
    assert each == pytest.approx(LOADING_S + WARM_UP_S + blocks)
    assert replicate_s(SMOKE, 4, [0.1], offline=False) == pytest.approx(one + 4 * each)


def test_a_replicate_grows_with_batch_sizes_streams_and_slow_calls() -> None:
    one = replicate_s(STANDARD, 4, [0.1], offline=False)
    assert one < replicate_s(STANDARD, 4, [0.01, 0.1], offline=False)
    assert one < replicate_s(STANDARD, 4, [0.1], offline=True)
    slow = replicate_s(STANDARD, 4, [10.0], offline=False) - replicate_s(STANDARD, 4, [5.0], offline=False)
    assert slow == pytest.approx(5 * 5 * 5.0), "two calls that warm up and three blocks of one, of five"
