"""Workers that compute nothing: what they are asked takes as long as a simulated clock says."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import numpy as np
import pytest

from alexbench.harness.errors import WorkerError
from alexbench.harness.files.lines import Done
from alexbench.harness.measure.clock import Timed
from alexbench.harness.running.row import Row
from alexbench.harness.worker.protocol import timing
from alexbench.harness.worker.protocol.scoring import WriteLogits

OUTPUTS: Final = 10
PROCESS_SD: Final = 0.01
"""Spread of a process's log time, of a block's, and of what the machine does meanwhile."""
BLOCK_SD: Final = 0.02


class Simulated:
    """One process of a row that takes ``seconds`` a call at batch 1 and half of that an image in batches.

    ``random``: draws what this process is off by, and each block. ``fails``: the request that ends it, by its class.
    ``wrong``: its scores are of another function.
    """

    pids: tuple[int, ...] = ()

    def __init__(
        self, random: np.random.Generator, seconds: float, *, fails: type | None = None, wrong: bool = False
    ) -> None:
        self._random, self._fails, self._wrong, self._seconds = random, fails, wrong, seconds
        self.restart()

    def restart(self) -> None:
        """Another process: what it is off by is drawn again."""
        self._log = math.log(self._seconds) + self._random.normal(scale=PROCESS_SD)

    def kill(self) -> None:
        """Nothing to end."""

    def ask(self, request: Any, **_: Any) -> Any:
        """The answer of a worker."""
        if self._fails is not None and isinstance(request, self._fails):
            raise WorkerError("the worker was killed by SIGKILL")
        if isinstance(request, timing.WarmUp):
            return timing.WarmedUp(1)
        if isinstance(request, timing.TimeCalls):
            each = math.exp(self._log + self._random.normal(scale=BLOCK_SD))
            images = 1 if request.batch_size == 1 else request.batch_size / 2
            return Timed([max(1, round(1e9 * each * images))] * 3, 0)
        if isinstance(request, WriteLogits):
            np.save(request.out, logits(len(request.images)) + self._wrong)
            return Done()
        raise WorkerError(f"{type(request).__name__} is not simulated")


def logits(count: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Scores of so many images, each a little different."""
    return np.random.Generator(np.random.PCG64(1)).normal(size=(count, OUTPUTS)).astype(np.float32)


@contextmanager
def simulated_workers(patch: pytest.MonkeyPatch, made: Callable[[Row], Simulated]) -> Iterator[None]:
    """Inside, rows are started as what ``made`` makes of them, and no time passes between blocks."""

    def start(row: Row, *_: Any, again: Any = None, **__: Any) -> Any:
        worker = again if isinstance(again, Simulated) else made(row)
        worker.restart()
        return worker

    base = "alexbench.harness.running.timing"
    patch.setattr(f"{base}.replicates.start", start)
    patch.setattr(f"{base}.duplicate.start", start)
    patch.setattr("alexbench.harness.tuning.search.start", start)
    patch.setattr("alexbench.harness.tuning.search.memory_mib", lambda *_: 0)
    patch.setattr("alexbench.harness.measure.rounds.PAUSE_S", 0.0)
    patch.setattr(f"{base}.replicates.conditions", dict)
    patch.setattr(f"{base}.timers.Timers.kernels", lambda *_: None)
    patch.setattr(f"{base}.replicates.Bench._besides", lambda *_: {})
    yield
