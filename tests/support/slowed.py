"""A runtime slower by a known factor: the real backend, in a worker run by a shim in the place of an interpreter.

What it adds is CPU time of the calling thread, in proportion to each call: what a slower kernel would be.
"""

import sys
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from alexbench.backends.registry import backend_class
from alexbench.harness import worker_process as worker
from alexbench.harness.contract import Backend


def slowed(folder: Path, backend: str, factor: float) -> str:
    """An executable in ``folder`` to be given as an interpreter: there every call of ``backend`` takes ``factor``."""
    from tests.support.shims import executable

    return executable(folder / f"{backend}-{factor:g}", "-P", __file__, backend, str(factor))


def _plant(backend: type[Backend], factor: float) -> None:
    predict = backend.predict

    def predict_slowly(self: Backend, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        start = time.perf_counter_ns()
        answer = predict(self, pixels)
        end = start + factor * (time.perf_counter_ns() - start)
        while time.perf_counter_ns() < end:
            pass
        return answer

    backend.predict = predict_slowly  # type: ignore[method-assign]


if __name__ == "__main__":
    _plant(backend_class(sys.argv[1]), float(sys.argv[2]))
    worker.main()
