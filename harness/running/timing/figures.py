"""A row's blocks to its figures."""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from alexbench.harness.config import RunConfig
from alexbench.harness.judge.block_times import BlockOf, latency, throughput
from alexbench.harness.judge.noise import noise_checks
from alexbench.harness.judge.statistics import STEADY_TOLERANCE, Interval
from alexbench.harness.measure.rounds import Block, Measured, Task
from alexbench.harness.records.speed_records import Measure, Performance
from alexbench.harness.running.row import Row


def block_of(block: Block) -> BlockOf:
    """A block as judging takes it."""
    seen = block.measured
    return BlockOf(seen.ns, seen.images, block.process, block.round, seen.cpu_ns, seen.joules)


def settled(blocks: Iterable[Block], wanted: Callable[[Task], bool]) -> list[BlockOf]:
    """The blocks that figures are made from, of the tasks that are wanted."""
    return [block_of(block) for block in blocks if block.settled and wanted(block.task)]


def blocks_of(blocks: Iterable[Block], task: Task) -> list[BlockOf]:
    """The blocks of one task that figures are made from."""
    return settled(blocks, task.__eq__)


def performance_of(row: Row, config: RunConfig, times: Mapping[Measure, Interval]) -> Performance:
    """All of a row's speed, from its settled blocks.

    ``times``: its log time of each measure with its interval over processes, from all rows of the run together.
    """
    single = blocks_of(row.blocks, Task(row.name, "SingleStream", 1))
    sweep = {
        size: throughput(blocks_of(row.blocks, Task(row.name, "Offline", size)), size) for size in config.batch_sizes
    }
    size, rate = config.batch_size, times["images/s"]
    faster, slower = math.exp(rate.value - rate.low), math.exp(rate.value - rate.high)
    found = sweep[size].images_per_second
    sweep[size] = replace(sweep[size], low=found * slower, high=found * faster)
    streamed = settled(row.blocks, lambda task: task.way == "streams")
    resident = settled(row.blocks, lambda task: task.way == "resident")
    offline = None
    if streamed and row.stream is not None:
        offline = throughput(streamed, size, way=row.stream[1], streams=row.stream[0])
    seen = [block.measured for block in row.blocks]
    noise = noise_checks(
        single,
        steal=_share(seen, lambda one: one.stolen_ns),
        foreign=_share(seen, lambda one: one.foreign_ns),
        throttled=_sum([one.throttled for one in seen]),
    )
    p50 = latency(single)
    time = times["latency"]
    low, high = p50.p50_ms * math.exp(time.low - time.value), p50.p50_ms * math.exp(time.high - time.value)
    return Performance(
        latency=replace(p50, low_ms=low, high_ms=high),
        throughput=sweep[size],
        steady=noise.drift <= STEADY_TOLERANCE,
        sweep=tuple(sweep.values()),
        offline=offline,
        resident=latency(resident) if resident else None,
        generated=tuple(row.generated),
        layers_ms=row.layers_ms,
        noise=noise,
    )


def _share(seen: list[Measured], part: Callable[[Measured], int | None]) -> float | None:
    """A part of all cores' time over all blocks together: a single one is too short for the kernel's ticks."""
    total = _sum([part(one) for one in seen])
    return None if total is None else max(0.0, total / sum(one.whole_ns for one in seen))


def _sum(values: list[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None
