"""A worker tells by its first batch whether scores depend on the batch, and then scores batches of one size only."""

from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from numpy.typing import NDArray

from alexbench.harness import worker_process as worker
from alexbench.harness.contract import Backend, Effective, Model, Options, Requirements
from alexbench.harness.models.card import load_card
from alexbench.harness.models.network import Layout
from alexbench.harness.worker.protocol.loading import OpenPixels
from alexbench.harness.worker.protocol.scoring import Evaluate, Evaluated
from alexbench.harness.worker.stored_answers import read_answers

IMAGES = 7
BATCH = 3


class Rounding(Backend):
    """Scores in 256 steps of the largest one: of each image's own, or (``dynamic``) of the whole batch's."""

    name: ClassVar[str] = "rounding"
    requires: ClassVar[Requirements] = Requirements()
    input_layout: Layout = "NCHW"

    def __init__(self, *, dynamic: bool) -> None:
        self._dynamic = dynamic
        self.batches: list[int] = []

    def load(self, model: Model, options: Options) -> None:
        """Nothing to do."""

    def predict(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        self.batches.append(len(pixels))
        rows = pixels.reshape(len(pixels), -1)[:, :40] * pixels.reshape(len(pixels), -1).std(axis=1, keepdims=True)
        scale = np.abs(rows).max() if self._dynamic else np.abs(rows).max(axis=1, keepdims=True)
        return np.asarray(np.rint(rows / scale * 20) * scale, np.float32)

    def effective(self) -> Effective:
        raise NotImplementedError

    def close(self) -> None:
        """Nothing to do."""


def evaluated(backend: Rounding, folder: Path) -> tuple[Evaluated, NDArray[np.float32]]:
    """The answer of an evaluation in batches of BATCH, and all logits."""
    made = worker.Worker(lambda _done, _total: None)
    made._loaded_as(backend, 40)
    random = np.random.default_rng(3)
    contrast = np.linspace(0.2, 1, IMAGES).reshape(-1, 1, 1, 1)
    np.save(folder / "pixels.npy", (random.random((IMAGES, 8, 8, 3)) * 255 * contrast).astype(np.uint8))
    made.open_pixels(OpenPixels(folder / "pixels.npy", load_card("torchvision").preprocessing))
    answer = made.evaluate(Evaluate(BATCH, tuple(range(IMAGES)), folder / "row", "int8"))
    return answer, read_answers(folder / "row")[1]


def test_a_scale_of_the_batch_is_found_and_the_last_batch_is_filled_up(tmp_path: Path) -> None:
    backend = Rounding(dynamic=True)
    answer, logits = evaluated(backend, tmp_path)
    assert answer.observed.batch_dependence is not None
    assert answer.observed.batch_dependence > 0.01
    assert backend.batches[-3:] == [BATCH, BATCH, BATCH]
    assert len(logits) == IMAGES
    assert logits[-1].any()


@pytest.mark.parametrize("dynamic", [True, False])
def test_a_run_that_goes_on_finds_it_too(tmp_path: Path, *, dynamic: bool) -> None:
    first, _ = evaluated(Rounding(dynamic=dynamic), tmp_path)
    again, _ = evaluated(Rounding(dynamic=dynamic), tmp_path)  # all batches are kept
    assert again.images_kept == IMAGES
    assert again.observed.batch_dependence == first.observed.batch_dependence


def test_a_scale_of_each_image_is_no_dependence_and_batches_are_as_they_come(tmp_path: Path) -> None:
    backend = Rounding(dynamic=False)
    answer, _ = evaluated(backend, tmp_path)
    assert answer.observed.batch_dependence is None
    assert backend.batches[-3:] == [BATCH, BATCH, 1]
