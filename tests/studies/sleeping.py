"""A backend that only sleeps, in a worker of its own: run as a script by a shim, in the place of an interpreter."""

import sys
import time
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from alexbench.harness import worker_process as worker
from alexbench.harness.contract import Backend, Effective, Known, Model, Options, Requirements
from alexbench.harness.models.network import Layout
from alexbench.harness.worker.protocol.loading import Load, Loaded

OUTPUTS = 1000


class Sleeping(Backend):
    """``predict`` takes ``ms`` milliseconds and uses no CPU."""

    name: ClassVar[str] = "sleeping"
    requires: ClassVar[Requirements] = Requirements()
    input_layout: ClassVar[Layout] = "NCHW"
    ms: ClassVar[float] = 20.0

    def load(self, model: Model, options: Options) -> None:
        """Nothing to load."""

    def predict(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        """Sleep until so much time is over."""
        end = time.perf_counter() + self.ms / 1e3
        while (left := end - time.perf_counter()) > 0:
            time.sleep(left)
        return np.zeros((len(pixels), OUTPUTS), np.float32)

    def effective(self) -> Effective:
        """A made-up answer."""
        one = Known("1", "requested")
        return Effective("sleeping", "1.0", Known("cpu", "reported"), one, Known("fp32", "requested"), one, one, {})

    def close(self) -> None:
        """Nothing to release."""


def sleeper(ms: float, folder: Path) -> str:
    """An executable in ``folder`` to give :class:`WorkerProcess` as its interpreter; no weights are read there."""
    from tests.support.shims import executable

    return executable(folder / f"python-{ms}", __file__, str(ms))


def _load(self: worker.Worker, _: Load) -> Loaded:
    sleeping = Sleeping()
    self._loaded_as(sleeping, OUTPUTS)
    return Loaded(0.0, sleeping.effective())


if __name__ == "__main__":
    Sleeping.ms = float(sys.argv[1])
    worker.HANDLERS[Load] = _load
    worker.main()
