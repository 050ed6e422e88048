"""A run whose rows only their systems tell apart, for tests of whatever shows or matches rows."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from alexbench.harness.systems import ModelFile, System, labels
from tests.support.gates import timed_run

PRECISIONS: Final = tuple(
    System("openvino", threads, precision) for precision in ("fp32", "bf16") for threads in (1, 2)
)
"""Four systems of a backend."""
FILES: Final = tuple(
    System("onnxruntime", 2, artifact=ModelFile(f"/models/{folder}/alexnet.onnx", folder * 64)) for folder in "ab"
)
"""Two files of one name."""
ENVIRONMENTS: Final = tuple(System("torch", 2, environment=label) for label in ("base", "head"))
SYSTEMS: Final = (*PRECISIONS, *FILES, *ENVIRONMENTS)


def run_of(folder: Path, systems: Sequence[System], *, slower: float = 0.0, seed: int = 0, **of_run: Any) -> Path:
    """A complete run of these systems, each a millisecond slower than the one before; ``slower``: all, as a share."""
    names = labels(systems)
    ms = {name: (10 + place) * (1 + slower) for place, name in enumerate(names)}
    return timed_run(folder, ms, systems=dict(zip(names, systems, strict=True)), seed=seed, **of_run)
