"""The optional capability of a backend to train: found by asking, as those of :mod:`alexbench.harness.capabilities`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from alexbench.harness.contract import Model, Options


@dataclass(frozen=True, slots=True)
class TrainingOptions:
    """SGD: ``momentum``, ``weight_decay`` added to the gradient, the share of ``dropout`` in every dropout layer.

    Dropout depends on ``seed`` and the number of the step. ``deterministic``: the same bits in each repetition.
    ``group``: rank, and the address (host:port) of each process that trains with it; None for one alone.
    """

    momentum: float
    weight_decay: float
    dropout: float
    seed: int
    group: tuple[int, tuple[str, ...]] | None = None
    deterministic: bool = False


class Trainer(Protocol):
    """A network in training; opened by :meth:`Trains.open_trainer`. Pixels come in ``layout``."""

    layout: Literal["NCHW", "NHWC"]

    def step(self, pixels: NDArray[np.float32], labels: NDArray[np.int64], lr: float) -> float:
        """One step; the loss before it: the mean cross-entropy. Blocks until the weights are updated."""
        ...

    def split(self, pixels: NDArray[np.float32], labels: NDArray[np.int64], lr: float) -> tuple[int, int, int]:
        """The same step in parts that wait for each other: nanoseconds of forward, backward and optimizer."""
        ...

    def weights(self) -> dict[str, NDArray[np.float32]]:
        """Copies of the canonical arrays as they are now."""
        ...

    def momentum(self) -> dict[str, NDArray[np.float32]]:
        """Copies of what SGD keeps of earlier gradients: arrays of the names and shapes of :meth:`weights`."""
        ...

    def restore(
        self, weights: Mapping[str, NDArray[np.float32]], momentum: Mapping[str, NDArray[np.float32]], steps: int
    ) -> None:
        """Continue from what :meth:`weights` and :meth:`momentum` gave after ``steps`` steps."""
        ...


@runtime_checkable
class Trains(Protocol):
    """Optional: training the network by SGD."""

    def open_trainer(self, model: Model, options: Options, how: TrainingOptions) -> Trainer:
        """Build ``model`` for training, from its weights; UnsupportedOptionError: an option would not take effect."""
        ...
