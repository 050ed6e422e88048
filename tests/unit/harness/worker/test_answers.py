"""What a backend returns is held to its contract before anything is made of it, and refused in a line."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from numpy.typing import NDArray

from alexbench.harness import worker_process as worker
from alexbench.harness.contract import Backend, Effective, Model, Options, Requirements
from alexbench.harness.errors import WorkerError
from alexbench.harness.files.lines import Request, name_of
from alexbench.harness.models.card import load_card
from alexbench.harness.models.network import Conv, Flatten, Layout, Linear, Network
from alexbench.harness.worker.answers import Answers, called
from alexbench.harness.worker.protocol.loading import OpenPixels
from alexbench.harness.worker.protocol.scoring import Evaluate, Predict, WriteActivations, WriteLogits
from alexbench.harness.worker.protocol.timing import WarmUp

PIXELS = np.zeros((3, 3, 8, 8), np.float32)
RIGHT = np.arange(12, dtype=np.float32).reshape(3, 4)
TINY = Network("tiny", "small", (3, 8, 8), (Conv("conv1", 3, 4, 3), Flatten("flatten"), Linear("fc8", 144, 4)))


class Given(Backend):
    """A plugin that answers what it is told to."""

    name: ClassVar[str] = "plugin"
    requires: ClassVar[Requirements] = Requirements()
    input_layout: Layout = "NCHW"

    def __init__(self, answer: Callable[[], Any], layers: dict[str, Any] | None = None) -> None:
        self._answer, self._layers = answer, layers or {}

    def load(self, model: Model, options: Options) -> None:
        """Nothing to do."""

    def predict(self, pixels: NDArray[np.float32]) -> Any:
        return self._answer()

    def activations(self, pixels: NDArray[np.float32], layers: list[str]) -> dict[str, Any]:
        return self._layers

    def effective(self) -> Effective:
        raise NotImplementedError

    def close(self) -> None:
        """Nothing to do."""


WRONG = {
    "columns": (RIGHT[:, :3].copy, r"shape \(3, 3\), wanted \(3, 4\)"),
    "rows": (RIGHT[:2].copy, r"shape \(2, 4\), wanted \(3, 4\)"),
    "one row too many": (lambda: np.zeros((4, 4), np.float32), r"shape \(4, 4\), wanted \(3, 4\)"),
    "flat": (RIGHT.ravel().copy, r"shape \(12,\), wanted \(3, 4\)"),
    "four dimensions": (RIGHT.reshape(3, 4, 1, 1).copy, r"shape \(3, 4, 1, 1\), wanted \(3, 4\)"),
    "float64": (lambda: RIGHT.astype(np.float64), r"float64 \(3, 4\), wanted float32 \(3, 4\)"),
    "masked": (lambda: np.ma.masked_all((3, 4), np.float32), r"returned a MaskedArray, wanted an array float32"),
    "whole numbers": (lambda: RIGHT.astype(np.int64), r"int64 \(3, 4\), wanted float32"),
    "complex numbers": (lambda: RIGHT.astype(np.complex64), r"complex64 \(3, 4\), wanted float32"),
    "strings": (lambda: RIGHT.astype(str), r"<U32 \(3, 4\), wanted float32"),
    "without end": (lambda: np.broadcast_to(np.float32(0), (3, 2**33)), r"8589934592 outputs, not 4"),
    "float16": (lambda: RIGHT.astype(np.float16), r"float16 \(3, 4\), wanted float32 \(3, 4\)"),
    "other bytes first": (lambda: RIGHT.astype(">f4"), r"wanted float32 \(3, 4\)"),
    "a list": (RIGHT.tolist, r"a list, wanted an array float32 \(3, 4\)"),
    "nothing": (lambda: None, r"a NoneType, wanted an array float32 \(3, 4\)"),
    "not contiguous": (lambda: np.asfortranarray(RIGHT), r"\(3, 4\) with strides"),
    "NaN": (lambda: np.where(RIGHT == 5, np.nan, RIGHT), r"not finite \(NaN"),
    "infinity": (lambda: np.where(RIGHT == 5, np.inf, RIGHT), r"not finite \(infinity"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_what_is_not_the_answer_that_was_promised_is_refused(kind: str) -> None:
    answer, said = WRONG[kind]
    with pytest.raises(WorkerError, match=said) as refused:
        Answers(4).scores(Given(answer), PIXELS)
    assert str(refused.value).startswith("plugin: ")
    assert len(str(refused.value).splitlines()) == 1


class MuteError(Exception):
    """An exception whose message cannot be made."""

    def __str__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize("error", [ValueError(3, b"x", None), MuteError(), SystemExit("bye"), KeyboardInterrupt()])
def test_whatever_a_method_raises_is_one_line_with_its_name(error: BaseException) -> None:
    with (
        pytest.raises(WorkerError, match=rf"plugin: predict\(\) raised {type(error).__name__}: .+"),
        called("plugin", "predict()"),
    ):
        raise error


def test_what_was_promised_is_handed_on() -> None:
    answers, backend = Answers(4), Given(RIGHT.copy)
    assert np.array_equal(answers.scores(backend, PIXELS), RIGHT)
    assert np.array_equal(answers.scores(backend, PIXELS), RIGHT)


def test_a_buffer_that_is_used_again_is_refused() -> None:
    answers, backend = Answers(4), Given(lambda: RIGHT)
    answers.scores(backend, PIXELS)
    with pytest.raises(WorkerError, match="in the memory of its last answer"):
        answers.scores(backend, PIXELS)


def _worker(backend: Given, tmp_path: Path, outputs: int = 4) -> worker.Worker:
    made = worker.Worker(lambda _done, _total: None)
    made._loaded_as(backend, outputs)
    made._model = Model(TINY, {})
    np.save(tmp_path / "pixels.npy", np.zeros((3, 8, 8, 3), np.uint8))
    made.open_pixels(OpenPixels(tmp_path / "pixels.npy", load_card("torchvision").preprocessing))
    return made


REQUESTS: dict[type[Request[object]], Callable[[Path], Request[object]]] = {
    Evaluate: lambda folder: Evaluate(3, (0,), folder / "row"),
    WriteLogits: lambda folder: WriteLogits((0, 1, 2), 3, folder / "out.npy"),
    Predict: lambda folder: Predict(folder / "inputs.npy", folder / "out.npy"),
    WarmUp: lambda _: WarmUp(3),
}


@pytest.mark.parametrize("kind", REQUESTS, ids=name_of)
def test_every_request_of_a_worker_refuses_it(tmp_path: Path, kind: type[Request[object]]) -> None:
    np.save(tmp_path / "inputs.npy", PIXELS)
    made = _worker(Given(lambda: np.zeros((3, 3), np.float32)), tmp_path)
    with pytest.raises(WorkerError, match=r"^plugin: predict\(\) returned an array of shape \(3, 3\)"):
        made.handle(REQUESTS[kind](tmp_path))
    assert not (tmp_path / "out.npy").exists()


@pytest.mark.parametrize("found", [np.zeros((3, 4, 5, 6)), np.zeros((3, 4, 6, 6), np.float32), None])
def test_a_layer_of_another_shape_is_refused(tmp_path: Path, found: Any) -> None:
    made = _worker(Given(lambda: RIGHT, {} if found is None else {"conv1": found}), tmp_path)
    with pytest.raises(WorkerError, match=r"^plugin: activations\(\) of conv1 returned"):
        made.handle(WriteActivations((0, 1, 2), ("conv1",), 3, tmp_path))
    assert not (tmp_path / "conv1.npy").exists()
