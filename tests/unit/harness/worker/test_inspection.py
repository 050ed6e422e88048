"""An artifact is tried before it is used: what its scores are, whether they repeat, how many images it takes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from numpy.typing import NDArray

from alexbench.harness.contract import Artifact, ArtifactFacts, Backend, Effective, Model, Options, Requirements
from alexbench.harness.errors import UnsupportedOptionError, UsageError, WeightsError
from alexbench.harness.models.card import load_card
from alexbench.harness.models.network import Layout
from alexbench.harness.worker.inspection import PROBES, inspect, probes, runs_artifacts, scores_of

CARD = load_card("omz").preprocessing
ARTIFACT = Artifact(Path("some.onnx"), (3, 8, 8), 4)
FACTS = ArtifactFacts(
    format="ONNX",
    input_name="data",
    output_name="prob",
    layout="NCHW",
    dtype="float32",
    batch=None,
    outputs=4,
    scores="logits",
    scores_in_graph="logits",
    normalisation=None,
    precision="fp32",
)


class Fake(Backend):
    """A runtime whose artifact computes ``function`` of its batch."""

    name: ClassVar[str] = "fake"
    requires: ClassVar[Requirements] = Requirements()
    input_layout: Layout = "NCHW"
    data_suffixes: ClassVar[tuple[str, ...]] = (".onnx",)

    def __init__(self, function: Callable[[NDArray[Any], ArtifactFacts], NDArray[Any]]) -> None:
        self._function = function
        self._facts = FACTS
        self.closed = False

    def inspect_artifact(self, artifact: Artifact, options: Options) -> ArtifactFacts:
        return FACTS

    def load_artifact(self, artifact: Artifact, facts: ArtifactFacts, options: Options) -> None:
        self._facts = facts

    def load(self, model: Model, options: Options) -> None:
        raise NotImplementedError

    def predict(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        return self._function(pixels, self._facts).astype(np.float32)

    def effective(self) -> Effective:
        raise NotImplementedError

    def close(self) -> None:
        self.closed = True


def logits(pixels: NDArray[Any], facts: ArtifactFacts) -> NDArray[Any]:
    return pixels.reshape(len(pixels), 4, -1).mean(axis=2) / 50


def softmax(rows: NDArray[Any]) -> NDArray[Any]:
    powers = np.exp(rows - rows.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def test_the_values_decide_what_scores_are() -> None:
    backend = Fake(lambda pixels, facts: softmax(logits(pixels, facts)))
    seen = inspect(backend, ARTIFACT, Options(1), CARD)
    assert (seen.facts.scores, seen.facts.scores_in_graph) == ("probabilities", "logits")
    assert seen.preprocessing == CARD
    assert backend.closed


def test_scores_that_do_not_repeat_are_refused() -> None:
    random = np.random.RandomState(0)
    backend = Fake(lambda pixels, facts: logits(pixels, facts) * random.rand(len(pixels), 4))
    with pytest.raises(
        WeightsError, match=r"some\.onnx scores the same images differently the second time: is dropout"
    ):
        inspect(backend, ARTIFACT, Options(1), CARD)


def test_scores_that_are_not_finite_are_refused() -> None:
    with pytest.raises(WeightsError, match="not finite"):
        inspect(Fake(lambda pixels, facts: logits(pixels, facts) * np.nan), ARTIFACT, Options(1), CARD)


def test_the_doctor_is_told_of_a_file_with_worthless_scores_all_the_same() -> None:
    random = np.random.RandomState(0)
    for worthless in (
        Fake(lambda pixels, facts: logits(pixels, facts) * random.rand(len(pixels), 4)),
        Fake(lambda pixels, facts: logits(pixels, facts) * np.nan),
    ):
        assert inspect(worthless, ARTIFACT, Options(1), CARD, faulty=True).preprocessing == CARD


def test_a_file_that_takes_one_image_only_is_found_out() -> None:
    def one_only(pixels: NDArray[Any], facts: ArtifactFacts) -> NDArray[Any]:
        if facts.batch != 1:
            raise RuntimeError("cannot reshape")
        return logits(pixels, facts)

    assert inspect(Fake(one_only), ARTIFACT, Options(1), CARD).facts.batch == 1


def test_a_file_that_takes_none_says_what_the_runtime_said() -> None:
    def never(pixels: NDArray[Any], facts: ArtifactFacts) -> NDArray[Any]:
        raise RuntimeError("no kernel\n  for it")

    with pytest.raises(WeightsError, match=r"some\.onnx does not run on fake: no kernel for it"):
        inspect(Fake(never), ARTIFACT, Options(1), CARD)


def test_errors_of_ours_are_passed_on() -> None:
    def wrong(pixels: NDArray[Any], facts: ArtifactFacts) -> NDArray[Any]:
        raise WeightsError("gives 7 scores")

    with pytest.raises(WeightsError, match="gives 7 scores"):
        inspect(Fake(wrong), ARTIFACT, Options(1), CARD)


def test_a_backend_without_the_power_is_named() -> None:
    from alexbench.backends.reference import ReferenceBackend

    with pytest.raises(UsageError, match="reference runs no artifacts"):
        runs_artifacts(ReferenceBackend(), ARTIFACT)


ROWS = np.random.RandomState(1).randn(3, 1000) * 4


@pytest.mark.parametrize(
    ("rows", "said", "scores"),
    [
        (ROWS, "logits", "logits"),
        (np.abs(ROWS), "logits", "logits"),
        (softmax(ROWS), "probabilities", "probabilities"),
        (softmax(ROWS), None, "probabilities"),
        (softmax(ROWS).astype(np.float16), "probabilities", "probabilities"),
        (np.log(softmax(ROWS)), "log-probabilities", "log-probabilities"),
        (np.log(softmax(ROWS)), "logits", "log-probabilities"),
        (np.round(softmax(ROWS / 2) * 255) / 255, "probabilities", "probabilities"),
        (np.round(softmax(ROWS / 2) * 255) / 255, "logits", "logits"),
        (softmax(ROWS) * 2, "probabilities", "logits"),
        (1 / (1 + np.exp(-ROWS)), "logits", "logits"),
    ],
)
def test_probabilities_are_told_from_other_scores(rows: NDArray[Any], said: Any, scores: str) -> None:
    assert scores_of(rows.astype(np.float32), said) == scores


def test_probes_are_images_that_differ() -> None:
    drawn = probes((3, 32, 48))
    assert (drawn.shape, drawn.dtype) == ((PROBES, 32, 48, 3), np.uint8)
    assert len({one.tobytes() for one in drawn}) == PROBES
    np.testing.assert_array_equal(drawn, probes((3, 32, 48)))
    with pytest.raises(UnsupportedOptionError, match="1 channels"):
        probes((1, 32, 32))
