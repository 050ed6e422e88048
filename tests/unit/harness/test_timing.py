"""From blocks of nanoseconds to the figures that are shown."""

import pytest

from alexbench.harness.judge.timing import latency, performance, throughput

MS = 1_000_000


def test_latency_is_the_median_of_block_medians() -> None:
    # All nine together have the median 12; the blocks' medians are 10, 11 and 30.
    blocks = [[10 * MS, 10 * MS, 10 * MS], [11 * MS, 11 * MS, 12 * MS], [30 * MS, 30 * MS, 30 * MS]]
    found = latency(blocks)
    assert found.p50_ms == pytest.approx(11)
    assert (found.blocks, found.samples) == (3, 9)
    assert found.low_ms <= found.p50_ms <= found.high_ms


def test_blocks_count_alike_however_many_inferences_they_held() -> None:
    assert latency([[10 * MS] * 1000, [20 * MS], [20 * MS]]).p50_ms == pytest.approx(20)


def test_images_per_second_are_images_over_wall_time() -> None:
    found = throughput([[250 * MS] * 4, [250 * MS] * 4], 32)
    assert found.images_per_second == pytest.approx(128)
    assert (found.low, found.high) == (pytest.approx(128), pytest.approx(128))
    assert (found.batch_size, found.windows) == (32, 2)


def test_a_slow_inference_counts() -> None:
    # batch / median would say 320 images/s; in truth 10 batches took 2.9 s.
    blocks = [[100 * MS] * 9 + [2000 * MS]]
    assert throughput(blocks, 32).images_per_second == pytest.approx(320 / 2.9)


def test_windows_of_different_length_are_weighted_by_time() -> None:
    found = throughput([[100 * MS] * 10, [500 * MS] * 6], 1)
    assert found.images_per_second == pytest.approx(16 / 4)  # not the mean of 10/s and 2/s
    assert (found.low, found.high) == (pytest.approx(2), pytest.approx(10))


def test_the_rate_lies_between_the_slowest_and_the_fastest_window() -> None:
    found = throughput([[90 * MS] * 11, [110 * MS] * 9, [100 * MS] * 10], 8)
    assert found.low < found.images_per_second < found.high


@pytest.mark.parametrize(
    ("single_ms", "batch_ms", "steady"),
    [
        ([15] * 40, [200] * 5, True),
        ([15] * 20 + [18] * 20, [200] * 5, False),
        ([15] * 40, [200, 200, 205, 200, 340], False),  # a neighbour cut into one window
        ([15] * 40, [200, 210, 205, 220, 215], True),
    ],
    ids=["steady", "drifting", "one window cut", "a little uneven"],
)
def test_steady_is_latency_without_drift_and_windows_that_agree(
    single_ms: list[int], batch_ms: list[int], steady: bool
) -> None:
    single, batched = ([[each * MS] * 6 for each in blocks] for blocks in (single_ms, batch_ms))
    assert performance(single, batched, 32).steady is steady
