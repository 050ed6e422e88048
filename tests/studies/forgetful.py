"""A runtime that gets some images wrong: the real backend, in a worker run by a shim in the place of an interpreter.

Which images is decided by their pixels, so that they are the same whatever the batch.
"""

import sys
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from alexbench.backends.registry import backend_class
from alexbench.harness import worker_process as worker
from alexbench.harness.contract import Backend

_OF = 1_000_000


def forgetful(folder: Path, backend: str, share: float) -> str:
    """An executable in ``folder`` to be given as an interpreter: ``backend`` there misses a ``share`` of images."""
    from tests.support.shims import executable

    return executable(folder / f"{backend}-forgets-{share:g}", "-P", __file__, backend, str(share))


def _plant(backend: type[Backend], share: float) -> None:
    predict = backend.predict

    def predict_wrongly(self: Backend, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        logits = np.array(predict(self, pixels))
        for place, picture in enumerate(pixels):
            if zlib.crc32(np.ascontiguousarray(picture).tobytes()) % _OF < share * _OF:
                logits[place, np.argmax(logits[place])] = logits[place].min() - 1
        return logits

    backend.predict = predict_wrongly  # type: ignore[method-assign]


if __name__ == "__main__":
    _plant(backend_class(sys.argv[1]), float(sys.argv[2]))
    worker.main()
