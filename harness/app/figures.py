"""A row's blocks to its figures."""

from collections.abc import Callable, Iterable, Sequence

from alexbench.harness.app.config import RunConfig
from alexbench.harness.app.row import Row
from alexbench.harness.judge.noise import certificate
from alexbench.harness.judge.timing import BlockOf, latency, throughput, without_drift
from alexbench.harness.measure.rounds import Block, Measured, Task
from alexbench.harness.speed_records import Control, Performance


def block_of(block: Block) -> BlockOf:
    """A block as judging takes it."""
    seen = block.measured
    return BlockOf(seen.ns, seen.images, block.process, block.round, seen.cpu_ns, seen.joules)


def settled(blocks: Iterable[Block], wanted: Callable[[Task], bool]) -> list[BlockOf]:
    """The blocks that figures are made from, of the tasks that are wanted."""
    return [block_of(block) for block in blocks if block.settled and wanted(block.task)]


def performance_of(row: Row, config: RunConfig, controls: Sequence[Control]) -> Performance:
    """All of a row's speed, from its settled blocks."""
    single = settled(row.blocks, Task(row.name, "SingleStream", 1).__eq__)
    sweep = {
        size: throughput(settled(row.blocks, Task(row.name, "Offline", size).__eq__), size)
        for size in config.batch_sizes
    }
    streamed = settled(row.blocks, lambda task: task.way == "streams")
    resident = settled(row.blocks, lambda task: task.way == "resident")
    offline = None
    if streamed and row.stream is not None:
        offline = throughput(streamed, config.batch_size, way=row.stream[1], streams=row.stream[0])
    seen = [block.measured for block in row.blocks]
    return Performance(
        latency=latency(single),
        throughput=sweep[config.batch_size],
        steady=without_drift(single),
        sweep=tuple(sweep.values()),
        offline=offline,
        resident=latency(resident) if resident else None,
        generated=tuple(row.generated),
        layers_ms=row.layers_ms,
        noise=certificate(
            single,
            sweep[config.batch_size],
            steal=_share(seen, lambda one: one.stolen_ns),
            foreign=_share(seen, lambda one: one.foreign_ns),
            throttled=_sum([one.throttled for one in seen]),
            controls=controls,
        ),
    )


def _share(seen: list[Measured], part: Callable[[Measured], int | None]) -> float | None:
    """A part of all cores' time over all blocks together: a single one is too short for the kernel's ticks."""
    total = _sum([part(one) for one in seen])
    return None if total is None else max(0.0, total / sum(one.whole_ns for one in seen))


def _sum(values: list[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None
