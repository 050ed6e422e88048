"""The levels of rigor hold what they are named after, and their estimates are of their plans."""

import pytest

from alexbench.harness.judge.early_stopping import samples_needed
from alexbench.harness.measure.rigor import HIGH, MLPERF, RIGORS, SMOKE, STANDARD, restarts_s, timing_s


def test_they_are_four_and_each_knows_its_name() -> None:
    assert list(RIGORS) == ["smoke", "standard", "high", "mlperf"]
    assert all(level.name == name for name, level in RIGORS.items())


def test_smoke_is_one_process_and_below_a_minute_for_four_backends() -> None:
    assert (SMOKE.processes, SMOKE.latency.rounds, SMOKE.latency_block_s) == (1, 40, 0.1)
    assert timing_s(SMOKE, 4, [0.15], offline=False) <= 60


def test_standard_restarts_often_enough_for_differences_below_3_percent() -> None:
    assert (STANDARD.processes, STANDARD.latency.rounds, STANDARD.latency_block_s) == (3, 30, 0.2)


def test_high_measures_a_minute_a_backend_which_carries_p99() -> None:
    seconds = HIGH.processes * HIGH.latency.rounds * HIGH.latency_block_s
    assert seconds == pytest.approx(60)
    assert seconds / 0.05 > samples_needed(99)  # even at 50 ms an inference


def test_mlperf_lets_loadgen_run_for_ten_minutes() -> None:
    assert MLPERF.loadgen
    assert MLPERF.min_duration_s == 600


def test_an_estimate_grows_with_backends_batch_sizes_and_processes() -> None:
    one, more = timing_s(STANDARD, 1, [0.1], offline=False), timing_s(STANDARD, 4, [0.01, 0.03, 0.1], offline=True)
    assert one < timing_s(STANDARD, 2, [0.1], offline=False) < more
    assert timing_s(HIGH, 4, [0.01, 0.03, 0.1], offline=True) == pytest.approx(
        more * HIGH.processes / STANDARD.processes
    )
    assert restarts_s(SMOKE, 4) == 0
    assert restarts_s(STANDARD, 4) == pytest.approx(2 * 6 * 3)
