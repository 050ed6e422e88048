"""Epochs of training: batches as the recipe makes them, one step after the other."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alexbench.harness.capabilities import Trainer
from alexbench.harness.models.preprocessing import Preprocessing, network_input
from alexbench.harness.models.recipes import Recipe
from alexbench.harness.training.batches import TrainingData


@dataclass(frozen=True, slots=True)
class Step:
    """A step that was made: its ``loss`` before the update, of ``images`` images; ``skipped`` were not decoded."""

    epoch: int
    lr: float
    loss: float
    images: int
    skipped: int


def train_epoch(
    trainer: Trainer,
    data: TrainingData,
    recipe: Recipe,
    preprocessing: Preprocessing,
    *,
    epoch: int,
    first_step: int = 0,
    label_offset: int = 0,
) -> Iterator[Step]:
    """The steps of an epoch (from 0), from ``first_step`` on."""
    lr = recipe.lr_at(epoch)
    for batch in data.batches(batch=recipe.batch, epoch=epoch, first_step=first_step):
        pixels = network_input(batch.pixels, preprocessing, trainer.layout)
        loss = trainer.step(pixels, _labels(batch.labels, label_offset), lr)
        yield Step(epoch, lr, loss, len(batch.labels), batch.skipped)


def _labels(labels: NDArray[np.int64], offset: int) -> NDArray[np.int64]:
    return labels + offset if offset else labels
