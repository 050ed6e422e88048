"""A worker's side of the benchmark: the same batches in turn, whole ones from the disk, the parts of a step."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alexbench.datasets.dataset import Dataset
from alexbench.harness.contract import Options
from alexbench.harness.errors import UnsupportedOptionError, WorkerError
from alexbench.harness.training import speed_worker
from alexbench.harness.training.stepper import open_stepper
from alexbench.harness.worker.protocol.training_speed import (
    FeedFrom,
    OpenFeed,
    OpenTraining,
    SplitSteps,
    TimeFedSteps,
    TimeSteps,
    TrainSteps,
    TrainTimed,
)
from alexbench.harness.worker.state import WorkerState
from tests.unit.datasets.drawn_images import SMALL, drawn_set

IMAGES = 4


class Fake:
    """Remembers what it was fed; its loss is the mean label."""

    layout = "NCHW"

    def __init__(self) -> None:
        self.fed: list[tuple[tuple[int, ...], list[int]]] = []

    def step(self, pixels: np.ndarray, labels: np.ndarray) -> float:
        self.fed.append((pixels.shape, labels.tolist()))
        return float(labels.mean())

    def split(self, pixels: np.ndarray, labels: np.ndarray) -> tuple[int, int, int]:
        self.step(pixels, labels)
        return 1, 2, 3


@pytest.fixture
def images(tmp_path: Path) -> Dataset:
    return drawn_set(tmp_path / "images", 10)


def asked(folder: Path, **changes: Any) -> OpenTraining:
    pixels = np.zeros((2, IMAGES, 32, 32, 3), np.uint8)
    np.save(folder / "pixels.npy", pixels)
    np.save(folder / "labels.npy", np.arange(8).reshape(2, IMAGES))
    values: dict[str, Any] = {
        "backend": "fake",
        "network": "owt",
        "input_size": 32,
        "weights": folder / "weights",
        "options": Options(1),
        "preprocessing": SMALL,
        "lr": 0.1,
        "momentum": 0.9,
        "weight_decay": 0.0,
        "dropout": 0.0,
        "pixels": folder / "pixels.npy",
        "labels": folder / "labels.npy",
        "label_offset": 1,
    }
    return OpenTraining(**{**values, **changes})


def test_every_request_trains_on_what_it_says(tmp_path: Path, images: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = Fake()
    monkeypatch.setattr(speed_worker, "open_stepper", lambda _: fake)
    worker = WorkerState(lambda *_: None)
    with pytest.raises(WorkerError, match="open_training comes first"):
        speed_worker.time_steps(worker, TimeSteps(0.0))
    speed_worker.open_training(worker, asked(tmp_path))
    assert speed_worker.train_steps(worker, TrainSteps(2)).losses == (2.5, 6.5)  # labels count the background
    with pytest.raises(WorkerError, match="open_feed comes first"):
        speed_worker.time_fed_steps(worker, TimeFedSteps(0.0))
    speed_worker.time_steps(worker, TimeSteps(0.0))
    assert fake.fed[-1][0] == (IMAGES, 3, 32, 32)
    before = len(fake.fed)
    speed_worker.train_timed(worker, TrainTimed(3))
    assert len(fake.fed) == before + 3
    feed = FeedFrom(images.root, "class-index-folders", None, None, 1, "random-resized-crop", workers=0)
    speed_worker.open_feed(worker, OpenFeed(feed))
    speed_worker.time_fed_steps(worker, TimeFedSteps(0.0))
    parts = speed_worker.split_steps(worker, SplitSteps(4))
    assert (parts.forward, parts.backward, parts.optimizer) == ((1,) * 4, (2,) * 4, (3,) * 4)
    assert all(one > 0 for one in parts.data)
    assert all(len(labels) == IMAGES for _, labels in fake.fed)  # of ten images, two are left each epoch


def test_a_backend_that_cannot_train_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedOptionError, match="onnxruntime cannot train; use torch or tensorflow"):
        open_stepper(asked(tmp_path, backend="onnxruntime"))
