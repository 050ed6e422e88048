"""From blocks of nanoseconds to the figures that are shown."""

import numpy as np
import pytest

from alexbench.harness.judge.timing import BlockOf, control, latency, throughput, without_drift, worst_drift

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
    # batch / median would say 320 images/s; in truth 20 batches took 3.9 s.
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


def test_steady_is_without_drift_in_every_process() -> None:
    steady, drifting = blocks(*[[15]] * 40), blocks(*[[15]] * 20, *[[18]] * 20, process=1)
    assert without_drift(steady)
    assert not without_drift([*steady, *drifting])
    assert worst_drift([*steady, *drifting]) == pytest.approx(0.2)


def test_processes_that_differ_are_no_drift() -> None:
    assert without_drift([*blocks(*[[15]] * 10), *blocks(*[[18]] * 10, process=1)])


def test_the_control_pairs_blocks_of_one_round() -> None:
    # The machine gets three times slower from round to round; the two stay alike in each.
    one, other = (blocks(*[[ms * 1.001**which] for ms in range(10, 50)]) for which in (1, 0))
    found = control("onnxruntime", one, other)
    assert found.ratio == pytest.approx(1.001)
    assert (found.backend, found.pairs, found.passed) == ("onnxruntime", 40, True)


@pytest.mark.parametrize(("factor", "passed"), [(1.02, True), (1.024, True), (1.03, False), (0.97, False)])
def test_the_control_fails_beyond_half_the_gates_tolerance(factor: float, *, passed: bool) -> None:
    one, other = blocks(*[[10 * factor]] * 40), blocks(*[[10]] * 40)
    assert control("torch", one, other).passed is passed


def test_a_control_that_is_too_wide_decides_nothing_though_it_is_near_one() -> None:
    random = np.random.Generator(np.random.PCG64(3))
    noisy = [blocks(*[[ms] for ms in random.lognormal(2.3, 0.5, 20)]) for _ in range(2)]
    found = control("torch", *noisy)
    assert not found.decides
    assert control("torch", blocks(*[[10]] * 20), blocks(*[[10]] * 20)).decides


def test_a_control_of_images_is_of_whole_windows() -> None:
    slow = control("torch", blocks(*[[10, 10, 40]] * 5), blocks(*[[10, 10, 10]] * 5), of="images/s")
    assert (slow.ratio, slow.of) == (pytest.approx(2.0), "images/s")


def test_a_round_that_only_one_of_the_two_had_is_no_pair() -> None:
    assert control("torch", blocks(*[[10]] * 7), blocks(*[[10]] * 5)).pairs == 5
