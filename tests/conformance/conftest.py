"""What the suite runs on: every registered backend, each (backend, network) loaded once, in a worker of its own.

A backend that is not installed is skipped, and the skip says how to install it; one that the environment variable
ALEXBENCH_REQUIRE_BACKENDS names (comma separated) fails instead.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from numpy.typing import NDArray

from alexbench.backends.registry import REFERENCE, backend_class, backend_names
from alexbench.harness.contract import Backend, Effective, Options
from alexbench.harness.errors import AlexBenchError
from alexbench.harness.measure.process import usable_cores
from alexbench.harness.worker.client import WorkerProcess
from alexbench.harness.worker.protocol import loading
from tests.support.made_once import made_once
from tests.support.models import PICTURES, Case, network_pixels, write_seeded_weights
from tests.support.workers import load, open_pictures, predict

REQUIRED: Final = tuple(
    name.strip() for name in os.environ.get("ALEXBENCH_REQUIRE_BACKENDS", "").split(",") if name.strip()
)
RUNTIMES: Final = tuple(dict.fromkeys((*backend_names(), *REQUIRED)))
THREADS: Final = min(2, usable_cores())

PUBLISHED: Final = (Case("owt", 224), Case("bvlc", 227), Case("tfcnn", 227))
"""Each network at the input size it was published with."""
OTHER_SIZES: Final = (Case("bvlc", 224), Case("owt", 256))
"""Where ceil mode's last window hangs over the edge, and where adaptive pooling has something to average."""
FEW: Final = 4


@dataclass(frozen=True, slots=True)
class Loaded:
    """A worker with a case loaded and its images open."""

    name: str
    backend: type[Backend]
    case: Case
    worker: WorkerProcess
    effective: Effective
    folder: Path

    @property
    def pixels(self) -> NDArray[np.float32]:
        """All images of the case, in the backend's layout."""
        return network_pixels(self.case, self.backend.input_layout)

    def predict(self, pixels: NDArray[Any]) -> NDArray[Any]:
        """Logits, in one call."""
        return predict(self.worker, pixels, self.folder)


@dataclass(frozen=True, slots=True)
class Spare:
    """A worker with nothing loaded, one thread wide (a runtime may take one thread count a process)."""

    name: str
    backend: type[Backend]
    worker: WorkerProcess
    folder: Path

    def load(self, case: Case, weights: Path, **options: Any) -> loading.Loaded:
        """Load ``case``; the worker's answer."""
        return load(self.worker, self.name, case, weights, Options(**{"threads": 1, **options}))


class Store:
    """Weights and float64 logits, made once for all processes of the session."""

    def __init__(self, factory: pytest.TempPathFactory) -> None:
        self._factory = factory

    def weights(self, case: Case) -> Path:
        """The case's weights file."""
        made = made_once(
            self._factory, f"weights-{case.network}", lambda folder: write_seeded_weights(case.network, folder)
        )
        (path,) = made.glob("*.safetensors")
        return path

    def reference_logits(self, case: Case, count: int | None = None) -> NDArray[np.float64]:
        """Float64 logits (count, outputs) of the case's first images, by the `reference` backend in a worker.

        There are ``PICTURES`` of a published case, and ``FEW`` of another.
        """
        there = PICTURES if case in PUBLISHED else FEW
        assert count is None or count <= there
        made = made_once(
            self._factory, f"reference-{case}", lambda folder: self._make_reference_logits(case, there, folder)
        )
        logits: NDArray[np.float64] = np.load(made / "logits.npy")
        return logits[:count]

    def _make_reference_logits(self, case: Case, count: int, folder: Path) -> None:
        with WorkerProcess(REFERENCE, log=folder / "log") as worker:
            load(worker, REFERENCE, case, self.weights(case), Options(threads=THREADS))
            predict(worker, network_pixels(case, "NCHW", count), folder)  # leaves logits.npy


def class_or_skip(name: str) -> type[Backend]:
    """The backend's class where it can run; else a skip that names the fix, or a failure if it is required."""
    try:
        found = backend_class(name)
        problem = found.probe().problem
    except AlexBenchError as error:
        problem = str(error)
    if problem is None:
        return found
    if name in REQUIRED:
        pytest.fail(f"ALEXBENCH_REQUIRE_BACKENDS names it, but {problem}", pytrace=False)
    pytest.skip(problem)


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Weights and float64 logits."""
    return Store(tmp_path_factory)


@pytest.fixture(scope="session", params=RUNTIMES)
def runtime(request: pytest.FixtureRequest) -> str:
    """Every registered backend that is a runtime, installed."""
    name: str = request.param
    class_or_skip(name)
    return name


@pytest.fixture(scope="session", params=PUBLISHED, ids=str)
def case(request: pytest.FixtureRequest) -> Case:
    """Every network at its own size."""
    found: Case = request.param
    return found


@pytest.fixture(scope="session")
def loaded(runtime: str, case: Case, store: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loaded]:
    """A worker in which ``runtime`` has loaded ``case``, THREADS wide."""
    folder = tmp_path_factory.mktemp(f"{runtime}-{case}")
    with WorkerProcess(runtime, log=folder / "log") as worker:
        answer = load(worker, runtime, case, store.weights(case), Options(threads=THREADS))
        open_pictures(worker, case, folder)
        yield Loaded(runtime, backend_class(runtime), case, worker, answer.effective, folder)


@pytest.fixture(scope="session")
def spare(runtime: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Spare]:
    """A worker in which a test may load what it likes, or be refused, one thread wide."""
    folder = tmp_path_factory.mktemp(f"{runtime}-spare")
    with WorkerProcess(runtime, log=folder / "log") as worker:
        yield Spare(runtime, backend_class(runtime), worker, folder)
