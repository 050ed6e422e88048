"""Asking a worker process what the tests ask for again and again."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alexbench.harness.app.workers import WorkerProcess
from alexbench.harness.contract import Options
from tests.support.models import Case, pictures, preprocessing


def load(worker: WorkerProcess, backend: str, case: Case, weights: Path, options: Options) -> dict[str, Any]:
    """Let ``worker`` load ``case``; its answer."""
    return worker.ask(
        "load",
        backend=backend,
        network=case.network,
        input_size=case.input_size,
        weights=str(weights),
        options=asdict(options),
    )


def predict(worker: WorkerProcess, pixels: NDArray[Any], folder: Path) -> NDArray[Any]:
    """Logits of ready-made network inputs, in one call, by way of two files in ``folder``."""
    inputs, out = folder / "inputs.npy", folder / "logits.npy"
    np.save(inputs, pixels)
    worker.ask("predict", inputs=str(inputs), out=str(out))
    logits: NDArray[Any] = np.load(out)
    return logits


def open_pictures(worker: WorkerProcess, case: Case, folder: Path) -> None:
    """Let ``worker`` map the case's pictures, under its card's arithmetic."""
    path = folder / f"{case}.npy"
    np.save(path, pictures(case))
    answer = worker.ask("open", pixels=str(path), preprocessing=asdict(preprocessing(case)))
    assert answer["images"] == len(pictures(case))


def busy_threads(worker: WorkerProcess, wanted: int, *, attempts: int = 3) -> int:
    """The threads busy over a second at batch 8.

    On a crowded machine a thread is at times not let run: fewer than ``wanted`` is asked again, more never is.
    """
    counted = 0
    for _ in range(attempts):
        counted = int(worker.ask("busy_threads", batch_size=8, seconds=1.0)["busy_threads"])
        if counted >= wanted:
            break
    return counted
