"""A network in training behind one call a step, for whatever backend trains."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from alexbench.backends.registry import backend_class
from alexbench.harness.contract import Model
from alexbench.harness.errors import UnsupportedOptionError
from alexbench.harness.models.network import Layout, get_network
from alexbench.harness.models.weights import map_weights
from alexbench.harness.trainers import Trainer, TrainingOptions, Trains
from alexbench.harness.worker.answers import called
from alexbench.harness.worker.protocol.training_speed import OpenTraining


class Stepper(Protocol):
    """A trainer with the recipe's learning rate."""

    layout: Layout

    def step(self, pixels: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
        """One step; the loss before it."""
        ...

    def split(self, pixels: NDArray[np.float32], labels: NDArray[np.int64]) -> tuple[int, int, int]:
        """One step; nanoseconds of forward, backward and optimizer."""
        ...


class _Stepper:
    def __init__(self, name: str, trainer: Trainer, lr: float) -> None:
        self._name, self._trainer, self._lr = name, trainer, lr
        self.layout: Layout = trainer.layout

    def step(self, pixels: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
        return self._trainer.step(pixels, labels, self._lr)

    def split(self, pixels: NDArray[np.float32], labels: NDArray[np.int64]) -> tuple[int, int, int]:
        return self._trainer.split(pixels, labels, self._lr)


def open_stepper(asked: OpenTraining) -> Stepper:
    """The network of a request, ready to train.

    Raises:
        UnsupportedOptionError: the backend does not train.
    """
    backend = backend_class(asked.backend)()
    if not isinstance(backend, Trains):
        raise UnsupportedOptionError(f"{asked.backend} cannot train; use torch or tensorflow")
    model = Model(get_network(asked.network, input_size=asked.input_size), map_weights(asked.weights))
    group = None if asked.group is None else (asked.group.rank, asked.group.addresses)
    how = TrainingOptions(asked.momentum, asked.weight_decay, asked.dropout, asked.seed, group)
    with called(asked.backend, "open_trainer()"):
        return _Stepper(asked.backend, backend.open_trainer(model, asked.options, how), asked.lr)
