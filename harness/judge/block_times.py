"""Blocks of timings to the figures that are shown."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from alexbench.harness.judge.early_stopping import carries
from alexbench.harness.judge.resolution import Process
from alexbench.harness.judge.statistics import mean_interval, median_interval, students_half
from alexbench.harness.records.speed_records import Control, Latency, Measure, Throughput


@dataclass(frozen=True, slots=True)
class BlockOf:
    """One block as judging needs it: ``ns`` of each call of ``images`` images, in a process, in a round."""

    ns: Sequence[int]
    images: int
    process: int = 0
    round: int = 0
    cpu_ns: int = 0
    joules: float | None = None

    @property
    def median_ms(self) -> float:
        """The median call."""
        return float(np.median(self.ns)) / 1e6

    @property
    def rate(self) -> float:
        """Images a second of the whole window."""
        return len(self.ns) * self.images / (sum(self.ns) / 1e9)


def by_process(blocks: Sequence[BlockOf]) -> list[list[BlockOf]]:
    """The blocks of each process, in order."""
    return [[one for one in blocks if one.process == process] for process in sorted({one.process for one in blocks})]


def latency(blocks: Sequence[BlockOf]) -> Latency:
    """Latency: the median of block medians with its interval; percentiles where the calls are enough to carry them."""
    groups = by_process(blocks)
    interval = median_interval([[block.median_ms for block in group] for group in groups])
    calls = np.concatenate([np.asarray(block.ns, dtype=np.float64) for block in blocks]) / 1e6
    high = {rank: float(np.percentile(calls, rank)) if carries(rank, len(calls)) else None for rank in (90, 95, 99)}
    return Latency(
        p50_ms=interval.value,
        low_ms=interval.low,
        high_ms=interval.high,
        blocks=len(blocks),
        samples=len(calls),
        processes=len(groups),
        p90_ms=high[90],
        p95_ms=high[95],
        p99_ms=high[99],
        cpu_ms=_cpu_ms(blocks),
        joules=_joules(blocks),
    )


def throughput(blocks: Sequence[BlockOf], batch_size: int, *, way: str = "loop", streams: str = "1") -> Throughput:
    """Images over wall time of all windows together, with an interval from the windows' spread.

    Where there are several processes, their means are what the interval is made from: windows of one process agree
    better than processes do.
    """
    groups = by_process(blocks)
    images = sum(len(block.ns) * block.images for block in blocks)
    rate = images / (sum(sum(block.ns) for block in blocks) / 1e9)
    rates = [block.rate for block in blocks]
    if len(groups) > 1:
        rates = [float(np.mean([block.rate for block in group])) for group in groups]
    interval = mean_interval(rates, rate)
    return Throughput(
        batch_size=batch_size,
        images_per_second=rate,
        low=interval.low,
        high=interval.high,
        windows=len(blocks),
        processes=len(groups),
        way=way,
        streams=streams,
        cpu_ms=_cpu_ms(blocks),
        joules=_joules(blocks),
    )


def process_values(
    blocks: Mapping[str, Sequence[BlockOf]], duplicate: tuple[str, Sequence[BlockOf]] | None, *, of: Measure
) -> list[Process]:
    """Each process as :func:`alexbench.harness.judge.resolution.tell_apart` takes it.

    ``blocks``: of each row; ``duplicate``: the A/A duplicate's row and its blocks. What the machine did in a round
    falls on all of its blocks: the round's effect is taken off by a median polish (Tukey 1977), so that a pause that
    one block had to itself neither moves that process much nor the others in its round.
    """
    rows = [(name, mine, False) for name, mine in blocks.items()]
    rows += [] if duplicate is None else [(duplicate[0], duplicate[1], True)]
    replicates = sorted({block.process for _, mine, _ in rows for block in mine})
    return [one for replicate in replicates for one in _replicate(rows, replicate, of)]


def _replicate(rows: Sequence[tuple[str, Sequence[BlockOf], bool]], replicate: int, of: Measure) -> Iterator[Process]:
    logs = [
        {block.round: math.log(_time(block, of)) for block in mine if block.process == replicate} for _, mine, _ in rows
    ]
    typical = [float(np.median([*mine.values()])) if mine else 0.0 for mine in logs]
    rounds = {
        place: float(
            np.median([mine[place] - middle for mine, middle in zip(logs, typical, strict=True) if place in mine])
        )
        for place in {place for mine in logs for place in mine}
    }
    for (name, _, is_duplicate), mine in zip(rows, logs, strict=True):
        if mine:
            steady = [mine[place] - rounds[place] for place in sorted(mine)]
            half = len(steady) // 2
            drift = float(np.median(steady[-half:]) - np.median(steady[:half])) if half else 0.0
            yield Process(name, replicate, float(np.median(steady)), drift, is_duplicate)


def drift(blocks: Sequence[BlockOf]) -> float:
    """How much faster or slower the second half of blocks is, as a share: the mean over processes."""
    halves = [_halves([block.median_ms for block in group]) for group in by_process(blocks)]
    return abs(math.expm1(float(np.mean(halves))))


def _halves(values: Sequence[float]) -> float:
    half = len(values) // 2
    return math.log(float(np.median(values[-half:])) / float(np.median(values[:half]))) if half else 0.0


def control(backend: str, first: Sequence[BlockOf], second: Sequence[BlockOf], *, of: Measure = "latency") -> Control:
    """The A/A control from blocks of the same rounds; the ratio is of times, whatever it is a control of.

    Its interval is over replicates: how far two processes of one program were from each other, not how surely.
    """
    pairs = [
        (_typical([block for block in first if block.process == one], of), _typical(mine, of))
        for mine in by_process(second)
        for one in {mine[0].process}
        if any(block.process == one for block in first)
    ]
    logs = [math.log(mine / other) for mine, other in pairs]
    middle = float(np.mean(logs))
    half = students_half(logs, 0.95) if len(logs) > 1 else math.inf
    low, high = (math.exp(max(-700.0, min(700.0, middle + side * half))) for side in (-1, 1))
    return Control(backend, math.exp(middle), low, high, len(logs), low <= 1 <= high, len(logs) > 1, of)


def _typical(blocks: Sequence[BlockOf], of: Measure) -> float:
    return float(np.median([_time(block, of) for block in blocks]))


def _time(block: BlockOf, of: Measure) -> float:
    """The typical call of a block, an image: a pause that one call had is in the figure, and decides no rank."""
    return block.median_ms if of == "latency" else block.median_ms / block.images


def _cpu_ms(blocks: Sequence[BlockOf]) -> float:
    return sum(block.cpu_ns for block in blocks) / 1e6 / sum(len(block.ns) * block.images for block in blocks)


def _joules(blocks: Sequence[BlockOf]) -> float | None:
    """Energy an image; None where it was not read for every block."""
    read = [block.joules for block in blocks if block.joules is not None]
    images = sum(len(block.ns) * block.images for block in blocks)
    return sum(read) / images if len(read) == len(blocks) else None
