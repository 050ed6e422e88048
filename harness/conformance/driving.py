"""Asking a worker process what checks ask for again and again."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from alexbench.harness.conformance.cases import Case, pictures, preprocessing
from alexbench.harness.contract import Options
from alexbench.harness.files.lines import Request
from alexbench.harness.worker.protocol.loading import Load, Loaded, OpenPixels
from alexbench.harness.worker.protocol.scoring import Predict, WriteActivations
from alexbench.harness.worker.protocol.timing import CountThreads

A = TypeVar("A")


class Asks(Protocol):
    """A worker, in a process of its own or in this one."""

    def ask(self, request: Request[A]) -> A:
        """The answer."""
        ...

    def close(self) -> None:
        """End it."""
        ...


def load(worker: Asks, backend: str, case: Case, weights: Path, options: Options) -> Loaded:
    """Let ``worker`` load ``case``; its answer."""
    return worker.ask(Load(backend, case.network, case.input_size, weights, options))


def predict(worker: Asks, pixels: NDArray[Any], folder: Path) -> NDArray[Any]:
    """Logits of ready-made network inputs, in one call, by way of two files in ``folder``."""
    inputs, out = folder / "inputs.npy", folder / "logits.npy"
    np.save(inputs, pixels)
    worker.ask(Predict(inputs, out))
    logits: NDArray[Any] = np.load(out)
    return logits


def open_pictures(worker: Asks, case: Case, folder: Path) -> None:
    """Let ``worker`` map the case's images, under its card's arithmetic."""
    path = folder / f"{case}.npy"
    np.save(path, pictures(case))
    assert worker.ask(OpenPixels(path, preprocessing(case))).images == len(pictures(case))


def write_activations(worker: Asks, layers: Sequence[str], count: int, folder: Path) -> dict[str, NDArray[np.float64]]:
    """Layers' outputs for the first ``count`` images that the worker has open."""
    folder.mkdir(exist_ok=True)
    worker.ask(WriteActivations(tuple(range(count)), tuple(layers), 2, folder))
    return {layer: np.load(folder / f"{layer}.npy") for layer in layers}


def busy_threads(worker: Asks, wanted: int, *, attempts: int = 3, seconds: float = 1.0) -> int:
    """The threads busy over ``seconds`` at batch 8.

    On a crowded machine a thread is at times not let run: fewer than ``wanted`` is asked again, more never is.
    """
    counted = 0
    for _ in range(attempts):
        counted = worker.ask(CountThreads(batch_size=8, seconds=seconds)).busy_threads
        if counted >= wanted:
            break
    return counted
