"""ONNX Runtime whose int8 kernels are wrong: in a worker run by a shim in the place of an interpreter.

What it adds to the logits of a quantized file is noise of 12 dB, as saturating sums would; without int8 kernels, none.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from alexbench.backends.onnxruntime_.adapter import OnnxRuntimeBackend
from alexbench.harness import worker_process as worker
from alexbench.harness.contract import Artifact, ArtifactFacts, Options


def saturating(folder: Path) -> str:
    """An executable in ``folder`` to be given as an interpreter of onnxruntime."""
    from tests.support.shims import executable

    return executable(folder / "saturating", "-P", __file__)


def _plant() -> None:
    load_artifact, load_emulated, predict = (
        OnnxRuntimeBackend.load_artifact,
        OnnxRuntimeBackend.load_emulated,
        OnnxRuntimeBackend.predict,
    )
    noise = {"over sigma": 0.0}

    def load_with_noise(self: OnnxRuntimeBackend, artifact: Artifact, facts: ArtifactFacts, options: Options) -> None:
        noise["over sigma"] = 0.25
        load_artifact(self, artifact, facts, options)

    def load_without(self: OnnxRuntimeBackend, artifact: Artifact, facts: ArtifactFacts, options: Options) -> None:
        noise["over sigma"] = 0.0
        load_emulated(self, artifact, facts, options)

    def predict_with_noise(self: OnnxRuntimeBackend, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        logits = predict(self, pixels)
        drawn = np.random.default_rng(1).standard_normal(logits.shape[1], dtype=np.float32)
        return np.asarray(logits + noise["over sigma"] * logits.std() * drawn, dtype=np.float32)

    OnnxRuntimeBackend.load_artifact = load_with_noise  # type: ignore[method-assign]
    OnnxRuntimeBackend.load_emulated = load_without  # type: ignore[method-assign]
    OnnxRuntimeBackend.predict = predict_with_noise  # type: ignore[method-assign]


if __name__ == "__main__":
    _plant()
    worker.main()
