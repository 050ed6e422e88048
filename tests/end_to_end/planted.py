"""PyTorch with a fault built in, in a worker of its own: run as a script by a :func:`shim`, for ``--python torch=``.

``alexbench.harness.worker_process`` serves as it always does; only its backend is another.
"""

from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from alexbench.harness import worker_process as worker
from alexbench.harness.contract import Effective, Known, Model, Options
from tests.support.rounding import RoundingBackend


class PlantedBackend(RoundingBackend):
    """What ``fault`` says it is; calls with one image, which warm up, are left alone."""

    fault: ClassVar[str] = ""

    def load(self, model: Model, options: Options) -> None:
        """In fewer bits, or in more, than it says."""
        self._calls, self._last = 0, np.zeros((0, 0), np.float32)
        if self.fault.endswith(" bits"):
            self.bits = int(self.fault.removesuffix(" bits"))
        super().load(model, replace(options, precision="fp32"))

    def effective(self) -> Effective:
        """As PyTorch says, but for a bf16 that is none."""
        found = super().effective()
        return replace(found, precision=Known("bf16", "reported")) if self.fault == "no bf16" else found

    def predict(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        """Logits, spoilt as told."""
        logits = super().predict(pixels).copy()
        if len(logits) < 2:
            return logits
        self._calls += 1
        match self.fault:
            case "another class" if self._calls == 1:  # of the second image the first class becomes the last
                best, worst = int(logits[1].argmax()), int(logits[1].argmin())
                logits[1, [best, worst]] = logits[1, [worst, best]]
            case "not finite" if self._calls == 2:
                logits[3, 17] = np.inf
            case "constant":
                logits[:] = logits[0]
            case "stale" if self._calls == 3:
                logits = self._last.copy()
            case "999 columns":
                logits = logits[:, :999].copy()
            case "dead" if self._calls == 2:
                logits[:] = 0
        self._last = logits
        return logits


def shim(fault: str, folder: Path) -> str:
    """An executable in ``folder`` that serves as an interpreter whose PyTorch has the fault."""
    from tests.support.shims import executable

    root = Path(__file__).parents[2]
    code = f"import sys; sys.path.append({str(root)!r}); from tests.end_to_end.planted import main; main({fault!r})"
    return executable(folder / f"python-{fault.replace(' ', '-')}", "-P", "-c", code)


def main(fault: str) -> None:
    """Serve requests as a worker does."""
    PlantedBackend.fault = fault
    worker.backend_class = lambda name: PlantedBackend  # type: ignore[attr-defined]
    worker.main()
