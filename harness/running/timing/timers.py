"""How a worker is asked for a block: calls, the machine probe, kernels at their best, streams."""

import time
from functools import partial
from typing import Final

from alexbench.harness.console.progress import Display
from alexbench.harness.measure.clock import Timed
from alexbench.harness.measure.machine_probe import SGEMM_FLOPS, SGEMV_BYTES, AnchorBlock
from alexbench.harness.measure.rounds import Measured, TimeBlock
from alexbench.harness.records.reasons import Reason
from alexbench.harness.records.speed_records import Ceiling
from alexbench.harness.running.row import Row
from alexbench.harness.running.timing.watcher import Watcher
from alexbench.harness.worker.client import WorkerProcess
from alexbench.harness.worker.protocol.timing import (
    MeasureCeilings,
    OpenCeilings,
    OpenStream,
    TimeAnchor,
    TimeCalls,
    TimeResident,
    TimeStream,
    WarmUp,
)

CEILING_S: Final = 0.05
BLOCK_LIMIT_S: Final = 60.0
"""A block may take ten times its time and this much more: a worker silent for longer hangs."""
_FIRST_S: Final = 0.1


class Timers:
    """Makes what takes turns in rounds; knows how long a call takes, and the best that kernels and memory reached."""

    def __init__(self, watcher: Watcher, display: Display) -> None:
        self._watcher, self._display = watcher, display
        self._call_s: dict[tuple[str, int], float] = {}
        self._kernels: dict[str, float] = {}
        self._streams: dict[str, float] = {}

    @property
    def ceiling(self) -> Ceiling | None:
        """The best of all blocks so far; None without the machine probe, which alone measures the memory."""
        return Ceiling(self._kernels, self._streams) if self._kernels and self._streams else None

    def warm_up(self, name: str, worker: WorkerProcess, batch_size: int, *, seconds: float) -> None:
        """For so long, or one call for 0. How long its calls took says later when it hangs.

        Raises:
            AlexBenchError: its runtime, or the worker, failed.
        """
        start = time.monotonic()
        calls = worker.ask(WarmUp(batch_size, seconds)).calls
        self._call_s[name, batch_size] = (time.monotonic() - start) / calls

    def calls(self, name: str, worker: WorkerProcess, batch_size: int, seconds: float) -> TimeBlock:
        """Calls one after the other for so long, as :func:`alexbench.harness.measure.clock.time_block` makes them."""
        limit = _limit_s(max(seconds, 4 * self._call_s.get((name, batch_size), 0.0)))
        ask = partial(worker.ask, TimeCalls(batch_size, seconds), limit_s=limit)
        return partial(self._watcher.block, ask, images=batch_size, of=name)

    def resident(self, row: Row, seconds: float) -> TimeBlock | None:
        """Calls whose pixels lie in the device's memory; None where the row has no such way.

        Raises:
            AlexBenchError: its runtime, or the worker, failed.
        """
        worker = row.worker
        assert worker is not None
        if worker.ask(TimeResident(1, _FIRST_S)).timed is None:
            return None

        def ask() -> Timed:
            timed = worker.ask(TimeResident(1, seconds)).timed
            assert timed is not None
            return timed

        return partial(self._watcher.block, ask, images=1, of=row.name)

    def anchor(self, worker: WorkerProcess, seconds: float) -> TimeBlock:
        """The machine probe's matrix product and its stream through memory."""
        return partial(self._anchor_block, worker, seconds)

    def kernels(self, row: Row) -> TimeBlock | None:
        """The row's kernels at their best; None, and said, where they cannot be had. Never the row's failure."""
        try:
            assert row.worker is not None
            row.worker.ask(OpenCeilings())
        except Exception as error:
            self._without_kernels(row, error)
            return None
        return partial(self._kernels_block, row)

    def stream(self, row: Row, batch_size: int, seconds: float) -> TimeBlock | None:
        """The row's own way of many batches at once; None, and remarked, where it has none or that failed."""
        try:
            return self._stream(row, batch_size, seconds)
        except Exception as error:
            row.remarks.append(Reason("streams_failed", text=str(error)))
            return None

    def _stream(self, row: Row, batch_size: int, seconds: float) -> TimeBlock | None:
        assert row.worker is not None
        opened = row.worker.ask(OpenStream(batch_size))
        if opened.streams is None:
            row.remarks.append(Reason("no_streams"))
            return None
        row.stream = opened.streams.value, opened.how
        jobs = max(1, int(row.stream[0]))
        row.worker.ask(TimeStream(batch_size, jobs))  # the first one finds everything cold
        each_s = row.worker.ask(TimeStream(batch_size, 2 * jobs)).ns[0] / 1e9 / (2 * jobs)
        batches = jobs * max(2, round(seconds / each_s / jobs))
        limit = _limit_s(max(seconds, batches * each_s))
        ask = partial(row.worker.ask, TimeStream(batch_size, batches), limit_s=limit)
        return partial(self._watcher.block, ask, images=batch_size * batches, of=row.name)

    def _anchor_block(self, worker: WorkerProcess, seconds: float) -> Measured:
        blocks: list[AnchorBlock] = []

        def ask() -> AnchorBlock:
            blocks.append(worker.ask(TimeAnchor(seconds)))
            return blocks[-1]

        measured = self._watcher.block(ask, images=1)
        _keep_best(self._kernels, "NumPy sgemm", SGEMM_FLOPS / blocks[0].sgemm_ns)
        _keep_best(self._streams, "NumPy sgemv", SGEMV_BYTES / blocks[0].sgemv_ns)
        return measured

    def _kernels_block(self, row: Row) -> Measured:
        assert row.worker is not None
        try:
            for name, reached in row.worker.ask(MeasureCeilings(CEILING_S)).kernels.items():
                _keep_best(self._kernels, f"{row.name} {name}", reached)
        except Exception as error:
            self._without_kernels(row, error)
        return Measured((), 0)

    def _without_kernels(self, row: Row, error: Exception) -> None:
        self._display.say(f"{row.name}: its kernels at their best are not known: {error}")


def _limit_s(seconds: float) -> float:
    return BLOCK_LIMIT_S + 10 * seconds


def _keep_best(known: dict[str, float], name: str, reached: float) -> None:
    known[name] = max(reached, known.get(name, 0.0))
