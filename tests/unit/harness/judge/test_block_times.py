"""From blocks of nanoseconds to the figures that are shown."""

import math
from collections.abc import Sequence

import numpy as np
import pytest

from alexbench.harness.judge.block_times import BlockOf, control, drift, latency, process_values, throughput
from alexbench.harness.judge.resolution import Process

MS = 1_000_000


def blocks(*calls_ms: list[float], images: int = 1, process: int = 0) -> list[BlockOf]:
    """One block of each list of milliseconds, in rounds of one process."""
    return [
        BlockOf([int(ms * MS) for ms in each], images, process, number, cpu_ns=int(2 * sum(each) * MS))
        for number, each in enumerate(calls_ms)
    ]


def test_latency_is_the_median_of_block_medians() -> None:
    # All nine together have the median 12; the blocks' medians are 10, 11 and 30.
    found = latency(blocks([10, 10, 10], [11, 11, 12], [30, 30, 30]))
    assert found.p50_ms == pytest.approx(11)
    assert (found.blocks, found.samples, found.processes) == (3, 9, 1)
    assert found.low_ms <= found.p50_ms <= found.high_ms


def test_blocks_count_alike_however_many_inferences_they_held() -> None:
    assert latency(blocks([10] * 1000, [20], [20])).p50_ms == pytest.approx(20)


@pytest.mark.parametrize(
    ("samples", "shown"),
    [
        (63, (False, False, False)),
        (64, (True, False, False)),
        (130, (True, True, False)),
        (661, (True, True, False)),
        (662, (True, True, True)),
    ],
)
def test_a_percentile_is_shown_when_the_samples_carry_it(samples: int, shown: tuple[bool, bool, bool]) -> None:
    found = latency(blocks([10.0] * samples))
    assert tuple(one is not None for one in (found.p90_ms, found.p95_ms, found.p99_ms)) == shown


def test_percentiles_are_of_all_calls_together() -> None:
    found = latency(blocks([10.0] * 90, [50.0] * 10))
    assert found.p90_ms == pytest.approx(14, abs=10)
    assert latency(blocks([10.0] * 80, [50.0] * 20)).p90_ms == pytest.approx(50)


def test_cpu_time_is_an_images() -> None:
    assert latency(blocks([10, 10], [30])).cpu_ms == pytest.approx(2 * 50 / 3)
    assert throughput(blocks([100, 100], [100], images=8), 8).cpu_ms == pytest.approx(2 * 300 / 24)


def test_energy_is_an_images_and_absent_when_a_block_has_none() -> None:
    read = [BlockOf([10 * MS] * 4, 2, joules=4.0), BlockOf([10 * MS] * 4, 2, joules=8.0)]
    assert latency(read).joules == pytest.approx(12 / 16)
    assert latency([*read, BlockOf([10 * MS], 2)]).joules is None


def test_images_per_second_are_images_over_wall_time() -> None:
    found = throughput(blocks([250] * 4, [250] * 4, images=32), 32)
    assert found.images_per_second == pytest.approx(128)
    assert (found.low, found.high) == (pytest.approx(128), pytest.approx(128))
    assert (found.batch_size, found.windows, found.way) == (32, 2, "loop")


def test_a_slow_inference_counts() -> None:
    # batch / median would say 320 images/s; in fact 20 batches took 3.9 s.
    found = throughput(blocks([100.0] * 9 + [2000.0], [100.0] * 10, images=32), 32)
    assert found.images_per_second == pytest.approx(640 / 3.9)


def test_windows_of_different_length_are_weighted_by_time() -> None:
    found = throughput(blocks([100] * 10, [500] * 6), 1)
    assert found.images_per_second == pytest.approx(16 / 4)  # not the mean of 10/s and 2/s


def test_processes_and_not_windows_are_what_the_interval_is_made_from() -> None:
    # Windows of a process agree to the last digit; the processes are 2 % apart.
    first, second = (blocks(*[[ms] * 10] * 5, images=1, process=number) for number, ms in enumerate((100.0, 102.0)))
    together = throughput([*first, *second], 1)
    assert together.processes == 2
    assert together.low < 1000 / 102 * 0.95 < 1000 / 100 * 1.05 < together.high  # one degree of freedom


def test_drift_is_of_the_halves_of_a_process_and_processes_that_differ_are_none() -> None:
    assert drift([*blocks(*[[15]] * 10), *blocks(*[[18]] * 10, process=1)]) == 0
    drifting = blocks(*[[15]] * 20, *[[18]] * 20)
    assert drift(drifting) == pytest.approx(0.2)
    assert drift(blocks(*[[18]] * 20, *[[15]] * 20)) == pytest.approx(1 - 15 / 18)
    assert drift(blocks([15])) == 0


def test_drift_is_the_mean_of_processes_so_that_turns_of_chance_cancel() -> None:
    up, down = ([[10]] * 5 + [[11]] * 5, [[11]] * 5 + [[10]] * 5)
    assert drift([*blocks(*up), *blocks(*down, process=1)]) == pytest.approx(0)
    assert drift([*blocks(*up), *blocks(*up, process=1)]) == pytest.approx(0.1)


def values(
    rows: dict[str, Sequence[BlockOf]], duplicate: tuple[str, Sequence[BlockOf]] | None = None
) -> dict[tuple[str, int, bool], Process]:
    """(row, replicate, whether it is the duplicate) -> its process."""
    found = process_values(rows, duplicate, of="latency")
    return {(one.row, one.replicate, one.duplicate): one for one in found}


def test_each_process_of_each_row_has_a_value_and_the_duplicate_has_its_rows_name() -> None:
    rows = {
        "a": [*blocks([10], [10]), *blocks([20], [20], process=1)],
        "b": [*blocks([40], [40]), *blocks([80], [80], process=1)],
    }
    found = values(rows, ("a", blocks([10], [10], process=1)))
    assert set(found) == {("a", 0, False), ("b", 0, False), ("a", 1, False), ("b", 1, False), ("a", 1, True)}
    assert found["b", 1, False].log - found["a", 1, False].log == pytest.approx(math.log(4))
    assert found["a", 1, True].log - found["a", 1, False].log == pytest.approx(-math.log(2))
    assert all(one.drift == 0 for one in found.values())


def test_what_the_machine_did_in_a_round_falls_on_all_and_is_nobodys_drift() -> None:
    machine = (1.0, 1.1, 1.4, 2.0, 3.0)
    rows = {name: blocks(*[[ms * each] for each in machine]) for name, ms in (("a", 10), ("b", 20), ("c", 25))}
    found = values(rows)
    assert found["c", 0, False].log - found["a", 0, False].log == pytest.approx(math.log(2.5), abs=1e-6)
    assert [one.drift for one in found.values()] == pytest.approx([0, 0, 0], abs=1e-6)


def test_a_pause_that_one_block_had_to_itself_moves_nobody() -> None:
    rows = {name: blocks(*[[10]] * 5) for name in "abc"}
    rows["a"][2] = BlockOf([900 * MS], 1, 0, 2)
    found = values(rows)
    assert [one.log for one in found.values()] == pytest.approx([found["a", 0, False].log] * 3)


def test_a_row_that_drifts_alone_is_told_by_its_halves() -> None:
    rows = {name: blocks(*[[10]] * 6) for name in "abc"}
    rows["a"] = blocks(*[[10]] * 3, *[[11]] * 3)
    found = values(rows)
    assert found["a", 0, False].drift == pytest.approx(math.log(1.1))
    assert found["b", 0, False].drift == found["c", 0, False].drift == pytest.approx(0)


def test_a_row_that_was_not_in_a_replicate_has_no_value_there() -> None:
    rows = {"a": [*blocks([10]), *blocks([10], process=1)], "b": blocks([20])}
    assert set(values(rows)) == {("a", 0, False), ("b", 0, False), ("a", 1, False)}
    assert process_values({}, None, of="latency") == []
    assert process_values({"a": []}, None, of="latency") == []


def test_values_of_images_are_times_of_an_image_in_the_typical_call() -> None:
    rows = {"a": blocks([20, 20, 90], images=8), "b": blocks([10, 10, 10], images=8), "c": blocks([10, 10], images=4)}
    first, second, third = process_values(rows, None, of="images/s")
    assert first.log - second.log == pytest.approx(math.log(2)), "a pause that one call had decides nothing"
    assert third.log - second.log == pytest.approx(math.log(2))


def test_the_control_is_of_pairs_of_processes_and_says_how_far_they_were() -> None:
    first = [*blocks([10.2], [10.2]), *blocks([20.0], process=1), *blocks([30.6], process=2)]
    second = [*blocks([10.0], [10.0]), *blocks([20.0], process=1), *blocks([30.0], process=2)]
    found = control("onnxruntime", first, second)
    assert found.ratio == pytest.approx(1.02 ** (2 / 3))
    assert (found.backend, found.pairs, found.passed, found.decides) == ("onnxruntime", 3, True, True)
    # Student's of 0, ln 1.02 twice: t(0.95, 2) = 2.920 times their deviation over the root of 3.
    half = 2.920 * float(np.std([0, math.log(1.02), math.log(1.02)], ddof=1)) / math.sqrt(3)
    assert (found.low, found.high) == pytest.approx((found.ratio / math.exp(half), found.ratio * math.exp(half)), 1e-4)


def test_a_control_does_not_pass_where_all_pairs_differ_alike() -> None:
    pairs = [
        (blocks([ms * factor], process=at)[0], blocks([ms], process=at)[0])
        for at, (ms, factor) in enumerate(((10, 1.1), (20, 1.101), (30, 1.099)))
    ]
    found = control("torch", [one for one, _ in pairs], [one for _, one in pairs])
    assert not found.passed
    assert found.low > 1.09


def test_a_control_of_one_pair_decides_nothing() -> None:
    found = control("torch", blocks([10]), [*blocks([11]), *blocks([50], process=1)])
    assert (found.pairs, found.decides) == (1, False)
    assert found.ratio == pytest.approx(10 / 11)
    assert math.isfinite(found.high)


def test_a_control_of_images_is_of_times_too() -> None:
    slow = control("torch", blocks(*[[20, 20, 20]] * 5), blocks(*[[10, 10, 10]] * 5), of="images/s")
    assert (slow.ratio, slow.of) == (pytest.approx(2.0), "images/s")
