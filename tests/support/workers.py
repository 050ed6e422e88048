"""Asking a worker process what the tests ask for again and again."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alexbench.harness.contract import Options
from alexbench.harness.worker.client import WorkerProcess
from alexbench.harness.worker.protocol.loading import Load, Loaded, OpenPixels
from alexbench.harness.worker.protocol.scoring import Predict
from alexbench.harness.worker.protocol.timing import CountThreads
from tests.support.models import Case, pictures, preprocessing


def load(worker: WorkerProcess, backend: str, case: Case, weights: Path, options: Options) -> Loaded:
    """Let ``worker`` load ``case``; its answer."""
    return worker.ask(Load(backend, case.network, case.input_size, weights, options))


def predict(worker: WorkerProcess, pixels: NDArray[Any], folder: Path) -> NDArray[Any]:
    """Logits of ready-made network inputs, in one call, by way of two files in ``folder``."""
    inputs, out = folder / "inputs.npy", folder / "logits.npy"
    np.save(inputs, pixels)
    worker.ask(Predict(inputs, out))
    logits: NDArray[Any] = np.load(out)
    return logits


def open_pictures(worker: WorkerProcess, case: Case, folder: Path) -> None:
    """Let ``worker`` map the case's images, under its card's arithmetic."""
    path = folder / f"{case}.npy"
    np.save(path, pictures(case))
    assert worker.ask(OpenPixels(path, preprocessing(case))).images == len(pictures(case))


def busy_threads(worker: WorkerProcess, wanted: int, *, attempts: int = 3) -> int:
    """The threads busy over a second at batch 8.

    On a crowded machine a thread is at times not let run: fewer than ``wanted`` is asked again, more never is.
    """
    counted = 0
    for _ in range(attempts):
        counted = worker.ask(CountThreads(batch_size=8, seconds=1.0)).busy_threads
        if counted >= wanted:
            break
    return counted
