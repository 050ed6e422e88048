"""Blocks of timings to the figures that are shown."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from alexbench.harness.judge.early_stopping import carries
from alexbench.harness.judge.statistics import (
    Interval,
    drift,
    excludes_one_by,
    is_steady,
    mean_interval,
    median_interval,
    paired_ratio,
)
from alexbench.harness.speed_records import Control, Latency, Throughput

Measure = Literal["latency", "images/s"]

CONTROL_TOLERANCE: Final = 0.025
"""The A/A control's interval may stay away from 1 by half the gate's tolerance of 5 %."""
CONTROL_WIDTH: Final = {"latency": 0.05, "images/s": 0.10}
"""Half a control's interval, at most: a wider one is near 1 whatever is true. Of images/s there are few windows."""


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


def without_drift(blocks: Sequence[BlockOf]) -> bool:
    """Whether block medians agree from the first half of each process's blocks to the second."""
    return all(is_steady([block.median_ms for block in group]) for group in by_process(blocks))


def worst_drift(blocks: Sequence[BlockOf]) -> float:
    """The drift of the process that drifted most, as a share."""
    return max(drift([block.median_ms for block in group]) for group in by_process(blocks))


def control(
    backend: str,
    first: Sequence[BlockOf],
    second: Sequence[BlockOf],
    *,
    of: Measure = "latency",
) -> Control:
    """The A/A control from blocks of the same rounds; the ratio is of times, whatever it is a control of."""
    others = {(block.process, block.round): block for block in second}
    pairs = [
        (_time(block, of), _time(others[block.process, block.round], of))
        for block in first
        if (block.process, block.round) in others
    ]
    ratio: Interval = paired_ratio(pairs)
    passed = excludes_one_by(ratio) <= CONTROL_TOLERANCE
    decides = (ratio.high - ratio.low) / 2 <= CONTROL_WIDTH[of]
    return Control(backend, ratio.value, ratio.low, ratio.high, len(pairs), passed, decides, of)


def says_of(found: Control) -> str:
    """What is wrong with an A/A control, in words, where it failed or does not decide."""
    came_out = f"{found.backend} against itself: {found.ratio:.3f} ({found.low:.3f} to {found.high:.3f})"
    if not found.passed:
        return f"the A/A control of {found.of} failed, {came_out}: this machine cannot tell rows apart now"
    return f"the A/A control of {found.of} decides nothing, {came_out}: this machine is too restless now"


def _time(block: BlockOf, of: Measure) -> float:
    return block.median_ms if of == "latency" else 1 / block.rate


def _cpu_ms(blocks: Sequence[BlockOf]) -> float:
    return sum(block.cpu_ns for block in blocks) / 1e6 / sum(len(block.ns) * block.images for block in blocks)


def _joules(blocks: Sequence[BlockOf]) -> float | None:
    """Energy an image; None where it was not read for every block."""
    read = [block.joules for block in blocks if block.joules is not None]
    images = sum(len(block.ns) * block.images for block in blocks)
    return sum(read) / images if len(read) == len(blocks) else None
