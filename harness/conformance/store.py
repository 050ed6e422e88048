"""Weights and float64's answers, made by the first process that wants them and only read afterwards."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from alexbench.backends.registry import REFERENCE
from alexbench.harness.conformance.cases import PICTURES, PUBLISHED, Case, network_pixels, write_seeded_weights
from alexbench.harness.conformance.driving import load, open_pictures, predict, write_activations
from alexbench.harness.contract import Options
from alexbench.harness.worker.client import WorkerProcess

FEW: Final = 4
"""Images that float64 answers of a network at another size than it was published with."""
WATCHED: Final = 3
"""Images of which float64's inner layers are known."""


def made_once(parent: Path, name: str, make: Callable[[Path], object]) -> Path:
    """The folder ``name`` in ``parent``, which ``make`` fills; other processes wait until it is whole."""
    folder = parent / name
    parent.mkdir(exist_ok=True, parents=True)
    with FileLock(f"{folder}.lock"):
        if not folder.exists():
            partial = folder.with_name(f"{name}.partial")
            partial.mkdir()
            make(partial)
            partial.rename(folder)
    return folder


class Store:
    """What every backend is compared with. ``threads``: those of float64."""

    def __init__(self, folder: Path, threads: int) -> None:
        self._folder, self._threads = folder, threads

    def weights(self, case: Case) -> Path:
        """The case's weights file."""
        made = made_once(
            self._folder, f"weights-{case.network}", lambda folder: write_seeded_weights(case.network, folder)
        )
        (path,) = made.glob("*.safetensors")
        return path

    def reference_logits(self, case: Case, count: int | None = None) -> NDArray[np.float64]:
        """Float64 logits (count, outputs) of the case's first images, by the `reference` backend in a worker.

        There are ``PICTURES`` of a published case, and ``FEW`` of another.
        """
        there = PICTURES if case in PUBLISHED or case.network == "tiny" else FEW
        assert count is None or count <= there

        def make(folder: Path) -> None:
            with self._reference(case, folder) as worker:
                predict(worker, network_pixels(case, "NCHW", there), folder)  # leaves logits.npy

        made = made_once(self._folder, f"reference-{case}", make)
        logits: NDArray[np.float64] = np.load(made / "logits.npy")
        return logits[:count]

    def activations(self, case: Case) -> dict[str, NDArray[np.float64]]:
        """Float64's output of every layer for the first ``WATCHED`` images."""
        names = [layer.name for layer in case.description.layers]

        def make(folder: Path) -> None:
            with self._reference(case, folder) as worker:
                open_pictures(worker, case, folder)
                write_activations(worker, names, WATCHED, folder / "layers")

        made = made_once(self._folder, f"activations-{case}", make)
        return {name: np.load(made / "layers" / f"{name}.npy") for name in names}

    def _reference(self, case: Case, folder: Path) -> WorkerProcess:
        worker = WorkerProcess(REFERENCE, log=folder / "log")
        load(worker, REFERENCE, case, self.weights(case), Options(threads=self._threads))
        return worker
