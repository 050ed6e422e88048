"""A training that is interrupted: which checkpoint it leaves."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from alexbench.backends.torch_.adapter import TorchBackend
from alexbench.harness.console.progress import display_for
from alexbench.harness.contract import Model, Options
from alexbench.harness.models.network import get_network
from alexbench.harness.records.training_run import CHECKPOINT, read_training_run
from alexbench.harness.trainers import TrainingOptions
from alexbench.harness.training import train as module
from alexbench.harness.training.asking import training_asked
from alexbench.harness.training.checkpoint import read_checkpoint
from alexbench.harness.training.limits import Limits
from tests.unit.datasets.drawn_images import drawn_set

SHAPES = get_network("tiny").parameter_shapes
IN_STEP, PER_EPOCH = 4, 2


class Interrupted:
    """Ctrl-C comes within the second step after an epoch, when arrays are already updated."""

    layout = "NCHW"

    def __init__(self, *_: object) -> None:
        self.made = 0

    def step(self, pixels: NDArray[np.float32], labels: NDArray[np.int64], lr: float) -> float:
        self.made += 1
        if self.made == IN_STEP:
            raise KeyboardInterrupt
        return 1.0

    def weights(self) -> dict[str, NDArray[np.float32]]:
        return {name: np.full(shape, self.made, np.float32) for name, shape in SHAPES.items()}

    momentum = weights


def test_ctrl_c_within_a_step_leaves_the_checkpoint_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: dict[str, Any] = {}

    def open_trainer(_self: object, _model: Model, _options: Options, _how: TrainingOptions) -> Interrupted:
        return opened.setdefault("trainer", Interrupted())

    monkeypatch.setattr(TorchBackend, "open_trainer", open_trainer)
    drawn_set(tmp_path / "images", 8)
    asked = training_asked("torchvision", backends=("torch",), data=str(tmp_path / "images"), batch_size=4, workers=0)
    with pytest.raises(KeyboardInterrupt):
        module.train(asked, Limits(), out=tmp_path / "runs", cache=tmp_path, display=display_for(io.StringIO()))
    (folder,) = (tmp_path / "runs").iterdir()
    assert read_training_run(folder).status == "interrupted"
    kept = read_checkpoint(folder / CHECKPOINT, SHAPES)
    assert kept.steps == PER_EPOCH
    assert {float(array.max()) for array in kept.weights.values()} == {float(PER_EPOCH)}
