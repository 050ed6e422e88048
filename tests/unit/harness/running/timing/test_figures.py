"""From a row's blocks to its figures: only what settled counts, and each task is its own."""

import math
from collections.abc import Mapping
from typing import Final

import pytest

from alexbench.harness.judge.statistics import Interval
from alexbench.harness.measure.rounds import Block, Measured, Scenario, Task
from alexbench.harness.records.speed_records import Measure
from alexbench.harness.resolving import resolve
from alexbench.harness.running.row import Row
from alexbench.harness.running.timing.figures import performance_of
from alexbench.harness.systems import System

MS = 1_000_000


def block(
    ms: float,
    scenario: Scenario = "SingleStream",
    batch: int = 1,
    *,
    way: str = "loop",
    settled: bool = True,
    **seen: int,
) -> Block:
    images = batch * 4 if way == "streams" else batch
    return Block(Task("a", scenario, batch, way), 0, 0, Measured((int(ms * MS),) * 3, images, **seen), settled=settled)


TIMES: Final[Mapping[Measure, Interval]] = {
    "latency": Interval(2.0, 2.0 - math.log(1.1), 2.0 + math.log(1.1)),
    "images/s": Interval(-4.0, -4.0 - math.log(1.25), -4.0 + math.log(1.25)),
}
"""Log times over processes of all rows: only their widths count."""


def row(*blocks: Block) -> Row:
    return Row("a", System("a", 1), blocks=list(blocks), stream=("2", "two at once"), layers_ms={"conv1": 1.0})


def test_figures_are_made_from_what_settled() -> None:
    config = resolve({"batch_size": 32})
    cold = [block(900, settled=False), block(9000, "Offline", 32, settled=False)]
    warm = [*[block(10)] * 4, *[block(200, "Offline", 32)] * 3]
    found = performance_of(row(*cold, *warm), config, TIMES)
    assert found.latency.p50_ms == 10
    assert found.latency.blocks == 4
    assert found.throughput.images_per_second == pytest.approx(160)
    assert [one.batch_size for one in found.sweep] == [32]
    assert (found.offline, found.resident) == (None, None)
    assert found.layers_ms == {"conv1": 1.0}
    assert found.steady


def test_many_at_once_and_on_the_device_are_figures_of_their_own() -> None:
    config = resolve({"batch_size": 32})
    blocks = [*[block(10)] * 4, *[block(200, "Offline", 32)] * 3]
    streamed = [block(400, "Offline", 32, way="streams")] * 3
    resident = [block(5, way="resident")] * 3
    found = performance_of(row(*blocks, *streamed, *resident), config, TIMES)
    assert found.offline is not None
    assert found.resident is not None
    assert (found.offline.images_per_second, found.offline.way, found.offline.streams) == (
        pytest.approx(320),
        "two at once",
        "2",
    )
    assert found.throughput.images_per_second == pytest.approx(160)
    assert (found.latency.p50_ms, found.resident.p50_ms) == (10, 5)


def test_shares_are_of_all_blocks_together_so_that_ticks_cancel() -> None:
    config = resolve({"batch_size": 32})
    ticks = [block(10, whole_ns=200 * MS, foreign_ns=sign * 10 * MS, stolen_ns=0) for sign in (1, -1)] * 4
    found = performance_of(row(*ticks, *[block(200, "Offline", 32)] * 3), config, TIMES)
    assert found.noise is not None
    assert (found.noise.foreign, found.noise.steal, found.noise.throttled) == (0.0, 0.0, None)


def test_intervals_are_as_wide_as_over_processes_of_all_rows_whatever_these_blocks_say() -> None:
    config = resolve({"batch_size": 32})
    found = performance_of(row(*[block(10)] * 4, *[block(200, "Offline", 32)] * 3), config, TIMES)
    assert (found.latency.low_ms, found.latency.high_ms) == pytest.approx((10 / 1.1, 11))
    assert (found.throughput.low, found.throughput.high) == pytest.approx((160 / 1.25, 200))
    assert found.sweep == (found.throughput,)


def test_other_batch_sizes_have_intervals_of_their_own() -> None:
    config = resolve({"batch_size": 32, "rigor": "standard"})
    swept = [block(50, "Offline", 8), block(60, "Offline", 8)]
    found = performance_of(row(*[block(10)] * 4, *swept, *[block(200, "Offline", 32)] * 3), config, TIMES)
    eight, configured = found.sweep
    assert (eight.batch_size, configured) == (8, found.throughput)
    assert eight.high / eight.images_per_second != pytest.approx(1.25)
