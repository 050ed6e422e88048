"""A user's own file is run as it is: what is in it is found, nothing is done twice, and its scores are float64's.

tests/conformance/artifacts.py writes the files with the real libraries; here they go through a worker as in a run.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from numpy.typing import NDArray

from alexbench.backends.reference import ReferenceBackend
from alexbench.backends.registry import backend_class
from alexbench.harness.contract import Artifact, ArtifactFacts, Known, Model, Options
from alexbench.harness.errors import CardError, UnsupportedOptionError, UsageError, WeightsError
from alexbench.harness.judge.parity import TOLERANCES, deviation
from alexbench.harness.models.preprocessing import Preprocessing, network_input
from alexbench.harness.systems import InputConvention
from alexbench.harness.worker.client import WorkerProcess
from alexbench.harness.worker.protocol.loading import InspectArtifact, LoadArtifact, Loaded, OpenPixels
from alexbench.harness.worker.protocol.scoring import Predict, WriteActivations
from tests.conformance import artifacts
from tests.conformance.artifact_cases import BAD, GOOD, Bad, Good
from tests.conformance.artifacts import CLASSES, MEAN, PREPROCESSING, SIDE, STD
from tests.conformance.conftest import class_or_skip

SCRIPT: Final = Path(artifacts.__file__)
LIMIT_S: Final = 300
NOTHING: Final = replace(PREPROCESSING, name="nothing", mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
WRITERS: Final = {
    "onnxruntime": ("onnx",),
    "openvino": ("onnx", "openvino"),
    "torch": ("torch",),
    "tensorflow": ("tensorflow",),
}


def run_script(kind: str, folder: Path, *more: str) -> None:
    """In a process of its own, which has one runtime."""
    ran = subprocess.run(
        [sys.executable, "-P", str(SCRIPT), kind, str(folder), *more],
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=LIMIT_S,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-2000:]


@pytest.fixture(scope="module")
def folder_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder with a backend's files; written once."""
    made: dict[str, Path] = {}

    def find(backend: str) -> Path:
        class_or_skip(backend)
        if "onnx" in WRITERS[backend]:
            class_or_skip("onnxruntime")
        kinds = WRITERS[backend]
        if kinds[0] not in made:
            made[kinds[0]] = tmp_path_factory.mktemp(f"{kinds[0]}-files")
        folder = made[kinds[0]]
        for kind in kinds:
            if not (folder / f".{kind}").exists():
                run_script(kind, folder)
                (folder / f".{kind}").touch()
        return folder

    return find


@pytest.fixture(scope="module")
def worker_of(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], WorkerProcess]]:
    """A worker for each backend."""
    logs, workers = tmp_path_factory.mktemp("logs"), {}

    def find(backend: str) -> WorkerProcess:
        if backend not in workers:
            workers[backend] = WorkerProcess(backend, log=logs / backend)
        found: WorkerProcess = workers[backend]
        return found

    yield find
    for worker in workers.values():
        worker.close()


@dataclass(frozen=True, slots=True)
class Seen:
    """What was asked of a file and what was found in it."""

    artifact: Artifact
    facts: ArtifactFacts
    preprocessing: Preprocessing


class Runs:
    """Files through workers."""

    def __init__(
        self, folder_of: Callable[[str], Path], worker_of: Callable[[str], WorkerProcess], scratch: Path
    ) -> None:
        self._folder_of, self._worker_of, self._scratch = folder_of, worker_of, scratch

    def inspect(
        self,
        backend: str,
        file: str,
        card: Preprocessing = PREPROCESSING,
        *,
        options: Options | None = None,
        **changes: Any,
    ) -> Seen:
        """What an inspection finds."""
        artifact = self.asked(backend, file, **changes)
        found = self._worker_of(backend).ask(InspectArtifact(backend, artifact, options or Options(1), card))
        return Seen(artifact, found.facts, found.preprocessing)

    def asked(self, backend: str, file: str, **changes: Any) -> Artifact:
        """A file as requests name it."""
        plain = Artifact(self._folder_of(backend) / file, (3, SIDE, SIDE), CLASSES, trusted=True)
        return replace(plain, **changes)

    def load(self, backend: str, seen: Seen) -> Loaded:
        """Load it as it was found."""
        return self._worker_of(backend).ask(LoadArtifact(backend, seen.artifact, seen.facts, Options(1)))

    def look(self, backend: str, seen: Seen, layer: str) -> None:
        """Ask for an inner layer of the first image."""
        pixels = self._scratch / "pixels.npy"
        np.save(pixels, artifacts.pictures(1))
        worker = self._worker_of(backend)
        worker.ask(OpenPixels(pixels, seen.preprocessing))
        worker.ask(WriteActivations((0,), (layer,), 1, self._scratch))

    def predict(self, backend: str, seen: Seen, count: int) -> NDArray[np.float32]:
        """The scores of the first images, fed as the inspection says."""
        inputs, out = self._scratch / "inputs.npy", self._scratch / "scores.npy"
        np.save(inputs, network_input(artifacts.pictures(count), seen.preprocessing, seen.facts.layout))
        self._worker_of(backend).ask(Predict(inputs, out))
        scores: NDArray[np.float32] = np.load(out)
        return scores


@pytest.fixture
def runs(folder_of: Callable[[str], Path], worker_of: Callable[[str], WorkerProcess], tmp_path: Path) -> Runs:
    """Files through workers."""
    return Runs(folder_of, worker_of, tmp_path)


def reference_logits(card: Preprocessing, count: int) -> NDArray[np.float64]:
    """Float64 logits of the first images."""
    backend = ReferenceBackend()
    backend.load(Model(artifacts.NETWORK, artifacts.weights()), Options(1))
    logits = backend.predict(network_input(artifacts.pictures(count), card, "NCHW"))
    backend.close()
    return np.asarray(logits, np.float64)


def log_softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Row by row."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


@pytest.mark.parametrize("good", GOOD, ids=str)
def test_what_is_in_a_file_is_found_and_its_scores_are_those_of_float64(runs: Runs, good: Good) -> None:
    seen = runs.inspect(good.backend, good.file, good.card, convention=good.stated)
    facts, fed = seen.facts, seen.preprocessing
    assert (facts.unread != "") == good.unread
    for key in ("scores", "layout", "batch", "dtype", "precision"):
        assert getattr(facts, key) == getattr(good, key), (key, facts)
    assert facts.scores_in_graph == good.scores
    assert (facts.normalisation is not None) == good.inside
    assert (fed.channels, fed.divide_by) == good.fed
    if good.inside and "reversed.onnx" not in good.file:
        assert (fed.mean, fed.std) == ((0.0,) * 3, (1.0,) * 3)
    assert fed.geometry_key() == good.card.geometry_key()

    answer = runs.load(good.backend, seen)
    assert answer.load_s > 0
    assert facts.format in answer.effective.settings["artifact"]
    expected = reference_logits(good.card, 6)
    if good.scores != "logits":
        expected = log_softmax(expected)
    for count in (6, 1):  # a fixed batch of 4 is filled up
        scores = runs.predict(good.backend, seen, count)
        assert scores.dtype == np.float32
        assert scores.shape == (count, CLASSES)
        if good.scores == "probabilities":
            np.testing.assert_allclose(scores.sum(axis=1), 1, atol=1e-3)
            scores = np.log(scores)
        found = deviation(scores, expected[:count])
        tolerance = 5e-3 if good.half else TOLERANCES["fp32"].max_abs_over_sigma
        assert found.max_abs_over_sigma <= tolerance, found


@pytest.mark.parametrize("bad", BAD, ids=str)
def test_what_cannot_be_run_is_said_in_one_line_that_names_the_file(runs: Runs, bad: Bad) -> None:
    with pytest.raises(bad.error, match=bad.said) as caught:
        runs.inspect(bad.backend, bad.file)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 500
    assert bad.file in message


def test_code_in_a_file_was_not_executed(runs: Runs, folder_of: Callable[[str], Path]) -> None:
    for file in ("hostile-size.pt2", "hostile-pickle.pt2"):
        with pytest.raises(WeightsError):
            runs.inspect("torch", file)
    assert not (folder_of("torch") / "EXECUTED").exists()


PLAIN: Final = {"onnxruntime": "plain.onnx", "openvino": "plain.xml", "torch": "plain.pt2", "tensorflow": "plain"}


@pytest.mark.parametrize(("backend", "file"), PLAIN.items())
def test_another_number_of_classes_names_both_and_the_fix(runs: Runs, backend: str, file: str) -> None:
    with pytest.raises(WeightsError, match=rf"gives {CLASSES} scores per image, not the 11 .*--labels FILE"):
        runs.inspect(backend, file, outputs=CLASSES + 1)


@pytest.mark.parametrize(("backend", "file"), PLAIN.items())
def test_another_size_of_image_names_both_and_the_fix(runs: Runs, backend: str, file: str) -> None:
    with pytest.raises(WeightsError, match=rf"takes images of {SIDE} x {SIDE} .*card's are 40 x 40: .*crop = {SIDE}"):
        runs.inspect(backend, file, image=(3, 40, 40))


def test_a_torchscript_file_of_another_size_is_refused(runs: Runs) -> None:
    """It says nothing of its sizes; only trying tells."""
    with pytest.raises(WeightsError, match=r"does not run on images of \(3, 40, 40\): .*shapes"):
        runs.inspect("torch", "plain.pt", image=(3, 40, 40))


@pytest.mark.parametrize(("backend", "file"), PLAIN.items())
def test_names_of_the_cards_own_file_do_no_harm_to_another(runs: Runs, backend: str, file: str) -> None:
    plain = runs.inspect(backend, file)
    assert runs.inspect(backend, file, input_name="data_0", output_name="softmaxout_1").facts == plain.facts


@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
def test_an_output_is_chosen_by_its_name(runs: Runs, backend: str) -> None:
    seen = runs.inspect(backend, "two-outputs.onnx", output_name="logits")
    runs.load(backend, seen)
    scores = runs.predict(backend, seen, 6)
    assert deviation(scores, reference_logits(PREPROCESSING, 6)).within(TOLERANCES["fp32"])
    runs.load(backend, runs.inspect(backend, "two-outputs.onnx", output_name="rectified"))
    np.testing.assert_array_equal(runs.predict(backend, seen, 6), np.maximum(scores, 0))


@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
def test_a_quantised_file_is_run_as_it_is_and_said_to_be_int8(runs: Runs, backend: str) -> None:
    """Its probabilities are steps of 1/255, so that their sum is 1 no more: they are probabilities all the same."""
    seen = runs.inspect(backend, "qdq.onnx")
    assert (seen.facts.precision, seen.facts.scores) == ("int8", "probabilities")
    assert seen.facts.normalisation is None  # to quantise and dequantise is none
    answer = runs.load(backend, seen)
    assert answer.effective.precision.value == "int8"
    expected = np.exp(log_softmax(reference_logits(PREPROCESSING, 6)))
    assert np.abs(runs.predict(backend, seen, 6) - expected).max() < 0.1


def test_operators_that_compute_in_int8_are_said_to(runs: Runs) -> None:
    seen = runs.inspect("onnxruntime", "qoperator.onnx")
    assert (seen.facts.precision, seen.facts.scores) == ("int8", "probabilities")


def test_compressed_weights_are_computed_with_in_fp32(runs: Runs) -> None:
    seen = runs.inspect("openvino", "compressed.xml")
    effective = runs.load("openvino", seen).effective
    assert effective.precision == Known("fp32", "reported")
    assert effective.settings["layers"] == "2 in fp32"


@pytest.mark.parametrize(("backend", "file"), [(name, file) for name, file in PLAIN.items() if name != "openvino"])
def test_a_precision_that_the_file_does_not_have_is_refused(runs: Runs, backend: str, file: str) -> None:
    with pytest.raises(UnsupportedOptionError, match=r"saved in; use --precision fp32"):
        runs.inspect(backend, file, options=Options(1, precision="bf16"))


def test_openvino_obeys_bf16(runs: Runs) -> None:
    seen = runs.inspect("openvino", "plain.xml", options=Options(1, precision="bf16"))
    assert seen.facts.precision == "fp32"


@pytest.mark.parametrize(("backend", "file"), PLAIN.items())
def test_a_files_inner_layers_are_not_looked_at(runs: Runs, backend: str, file: str) -> None:
    seen = runs.inspect(backend, file)
    runs.load(backend, seen)
    with pytest.raises(
        UnsupportedOptionError, match=f"^{backend}: the names of an artifact's inner layers are unknown"
    ):
        runs.look(backend, seen, "conv1")


@pytest.mark.parametrize(("backend", "file"), PLAIN.items())
def test_an_unknown_device_is_refused(runs: Runs, backend: str, file: str) -> None:
    with pytest.raises(UnsupportedOptionError, match="abacus"):
        runs.inspect(backend, file, options=Options(1, device="abacus"))


def test_a_card_without_a_mean_does_not_say_what_a_file_takes(runs: Runs) -> None:
    """Such a card may feed 0..1 or 0..255: the user is asked, and the answer decides."""
    with pytest.raises(CardError, match="--artifact-input openvino="):
        runs.inspect("openvino", "mean-inside.xml", NOTHING)
    seen = runs.inspect("openvino", "mean-inside.xml", NOTHING, convention=InputConvention("0..255"))
    assert seen.preprocessing == replace(NOTHING, mean=(0.0,) * 3, std=(1.0,) * 3)


@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
def test_scores_that_do_not_repeat_are_refused(runs: Runs, backend: str) -> None:
    with pytest.raises(WeightsError, match="differently the second time: is dropout on"):
        runs.inspect(backend, "random.onnx", convention=InputConvention("normalised"))


PROGRAMS: Final = (
    *(("torch", file) for file in ("plain.pt2", "plain.pt", "hostile-size.pt2", "truncated.pt2")),
    *(("tensorflow", file) for file in ("plain", "model.keras", "damaged")),
)


@pytest.mark.parametrize(("backend", "file"), PROGRAMS)
def test_a_program_is_not_opened_before_it_is_trusted(runs: Runs, backend: str, file: str) -> None:
    with pytest.raises(UsageError, match=rf"{file} is a program: .*--trust \S*{file}$"):
        runs.inspect(backend, file, trusted=False)
    seen = replace(runs.inspect("torch", "plain.pt2"), artifact=runs.asked(backend, file, trusted=False))
    with pytest.raises(UsageError, match="is a program"):
        runs.load(backend, seen)


@pytest.mark.parametrize(("backend", "file"), [("onnxruntime", "plain.onnx"), ("openvino", "plain.xml")])
def test_data_need_no_trust(runs: Runs, backend: str, file: str) -> None:
    assert runs.inspect(backend, file, trusted=False).facts.unread == ""


def test_the_same_normalisation_is_found_in_every_format(runs: Runs) -> None:
    for backend, file in (
        ("onnxruntime", "normalised.onnx"),
        ("openvino", "preprocessed.xml"),
        ("tensorflow", "model.keras"),
    ):
        found = runs.inspect(backend, file).facts.normalisation
        assert found is not None
        np.testing.assert_allclose(found.scale, 1 / np.array(STD), rtol=1e-5)
        np.testing.assert_allclose(found.shift, -np.array(MEAN) / np.array(STD), rtol=1e-5)
        assert not found.reverses_channels


@pytest.mark.parametrize("backend", PLAIN)
def test_files_and_networks_may_be_loaded_in_turns(folder_of: Callable[[str], Path], backend: str) -> None:
    folder = folder_of(backend)
    run_script("alternate", folder, backend)
    seen = json.loads((folder / f"{backend}.json").read_text(encoding="utf-8"))
    native = backend_class(backend).input_layout
    files = {"onnxruntime": "NHWC", "openvino": "NHWC", "tensorflow": "NCHW", "torch": "NCHW"}[backend]
    assert seen["layouts"] == [files, native, files, native]
    assert seen["again"]
    assert seen["apart"] < 1e-3
    assert seen["settings"]["input"] == f"float32 {files}"


def test_a_backend_without_the_power_reports_it(worker_of: Callable[[str], WorkerProcess], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="reference runs no artifacts"):
        worker_of("torch").ask(
            InspectArtifact("reference", Artifact(tmp_path, (3, SIDE, SIDE), CLASSES), Options(1), PREPROCESSING)
        )
