"""What a file computes in, what it stores and how that is known, of files as the runtimes' own tools write them."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from numpy.typing import NDArray

from alexbench.backends.reference import ReferenceBackend
from alexbench.backends.registry import backend_class
from alexbench.harness.contract import Artifact, ArtifactFacts, Effective, Known, Model, Options
from alexbench.harness.judge.parity import deviation, tolerance_of
from alexbench.harness.models.preprocessing import network_input
from alexbench.harness.records.precisions import QUANTISED
from alexbench.harness.worker.client import WorkerProcess
from alexbench.harness.worker.protocol.loading import InspectArtifact, LoadArtifact
from alexbench.harness.worker.protocol.scoring import Predict
from tests.conformance.artifacts import CLASSES, NETWORK, PREPROCESSING, SIDE, pictures, weights
from tests.conformance.conftest import class_or_skip
from tests.conformance.precision_files import WRITTEN

ROOT: Final = Path(__file__).parents[2]
BACKENDS: Final = {"onnx": "onnxruntime"}
CASES: Final = [(kind, file) for kind, files in WRITTEN.items() for file in files]
EVIDENCE: Final = {"onnx": "declared", "tensorflow": "declared", "torch": "reported", "openvino": "reported"}
"""Evidence of the type of products: the file's graph, the operators that ran, the kernels of the compiled model."""


class Files:
    """The files, written once a kind, and what a worker finds in each."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._written = folder, set[str]()
        self._workers: dict[str, WorkerProcess] = {}
        self._seen: dict[tuple[str, str], tuple[ArtifactFacts, Effective, NDArray[np.float32]]] = {}

    def seen(self, kind: str, file: str) -> tuple[ArtifactFacts, Effective, NDArray[np.float32]]:
        """Its facts, what ran, and its scores of ``pictures()``."""
        if kind not in self._written:
            code = f"import sys; sys.path.append({str(ROOT)!r})\n"
            code += "from tests.conformance.precision_files import main\nmain()"
            asked = [sys.executable, "-P", "-c", code, kind, str(self._folder)]
            subprocess.run(asked, check=True, capture_output=True, timeout=300)
            self._written.add(kind)
        if (kind, file) not in self._seen:
            self._seen[kind, file] = self._ask(BACKENDS.get(kind, kind), file)
        return self._seen[kind, file]

    def close(self) -> None:
        """End the workers."""
        for worker in self._workers.values():
            worker.close()

    def _ask(self, backend: str, file: str) -> tuple[ArtifactFacts, Effective, NDArray[np.float32]]:
        given, options = Artifact(self._folder / file, (3, SIDE, SIDE), CLASSES, trusted=True), Options(1)
        if backend not in self._workers:
            self._workers[backend] = WorkerProcess(backend, log=self._folder / "worker.log")
        worker = self._workers[backend]
        facts = worker.ask(InspectArtifact(backend, given, options, PREPROCESSING)).facts
        loaded = worker.ask(LoadArtifact(backend, given, facts, options))
        np.save(self._folder / "in.npy", pixels(backend_class(backend).input_layout))
        worker.ask(Predict(self._folder / "in.npy", self._folder / "out.npy"))
        return facts, loaded.effective, np.load(self._folder / "out.npy")


def pixels(layout: Any) -> NDArray[np.float32]:
    """The seed of the calibration images."""
    return network_input(pictures(), PREPROCESSING, layout)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Files]:
    made = Files(tmp_path_factory.mktemp("precisions"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def reference_logits() -> NDArray[np.float64]:
    backend = ReferenceBackend()
    backend.load(Model(NETWORK, weights()), Options(1))
    return np.asarray(backend.predict(pixels("NCHW")), np.float64)


@pytest.mark.parametrize(("kind", "file"), CASES)
def test_what_computes_what_is_stored_and_how_it_is_known_are_three_things(files: Files, kind: str, file: str) -> None:
    class_or_skip(BACKENDS.get(kind, kind))
    facts, effective, _ = files.seen(kind, file)
    assert (facts.stored, facts.precision, facts.dynamic) == WRITTEN[kind][file]
    assert effective.stored == Known(facts.stored, "declared")
    assert effective.precision.evidence == EVIDENCE[kind]
    if facts.precision not in QUANTISED:
        assert effective.precision.value in (facts.precision, "fp32")  # a CPU without it may compute in more


@pytest.mark.parametrize(("kind", "file"), CASES)
def test_a_correct_file_is_within_the_tolerance_of_its_coarsest_type_and_of_none_finer(
    files: Files, reference_logits: NDArray[np.float64], kind: str, file: str
) -> None:
    class_or_skip(BACKENDS.get(kind, kind))
    facts, _, scores = files.seen(kind, file)
    found = deviation(scores, reference_logits)
    assert found.within(tolerance_of(facts.held_to)), f"{facts.held_to}: {found}"
    if facts.held_to != "fp32":
        assert not found.within(tolerance_of("fp32")), found


@pytest.mark.parametrize(
    ("kind", "file", "depends"),
    [
        ("onnx", "fp32.onnx", False),
        ("onnx", "int8.onnx", False),
        ("onnx", "int8-weights.onnx", False),
        ("onnx", "int8-dynamic.onnx", True),
        ("torch", "fp16.pt2", False),
        ("torch", "int8-dynamic.pt", True),
        ("torch", "int8-dynamic-frozen.pt", True),
        ("tensorflow", "mixed_float16.keras", False),
    ],
)
def test_what_depends_on_the_batch_is_found_by_trying(files: Files, kind: str, file: str, *, depends: bool) -> None:
    class_or_skip(BACKENDS.get(kind, kind))
    facts, _, _ = files.seen(kind, file)
    assert (facts.batch_dependence is not None) is depends
