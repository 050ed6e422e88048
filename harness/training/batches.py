"""The batches that a network is trained on: in a random order, augmented, the same whenever training resumes."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from alexbench.datasets.augmentation.draws import epoch_order
from alexbench.datasets.augmentation.feeding import Feeder, Made, Wanted, Work
from alexbench.datasets.dataset import Dataset
from alexbench.datasets.prepared import OnBadImage
from alexbench.harness.errors import DataError, UsageError
from alexbench.harness.models.preprocessing import Preprocessing
from alexbench.harness.models.recipes import AugmentationName


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """The images of one step in one process.

    ``pixels`` (N, H, W, 3) uint8 RGB, ``labels`` (N,) class indices, ``positions`` (N,) places in the data set.
    ``skipped``: how many images are left out because they cannot be decoded; ``reasons``: why, one a skipped image.
    """

    pixels: NDArray[np.uint8]
    labels: NDArray[np.int64]
    positions: NDArray[np.int64]
    skipped: int = 0
    reasons: tuple[str, ...] = ()


class TrainingData:
    """Images to train on. ``images``, ``classes``: how many there are, and of how many classes.

    Each epoch has every image once, in an order that depends on the seed and the epoch only. A crop depends on the
    seed, the epoch and the image's position. So a batch is the same whoever asks for it, and in whichever process.

    ``workers`` processes decode ahead; 0: this process decodes, and nothing is made ahead. ``on_error``: an image that
    cannot be decoded ends the training, or is skipped. Use it as a context manager: its end is the processes'.
    """

    def __init__(
        self,
        dataset: Dataset,
        augmentation: AugmentationName,
        preprocessing: Preprocessing,
        *,
        seed: int = 1,
        on_error: OnBadImage = "fail",
        workers: int = 0,
    ) -> None:
        if not len(dataset):
            raise DataError(f"{dataset.root}: no image to train on")
        self.dataset = dataset
        self.images = len(dataset)
        self.classes = int(np.count_nonzero(dataset.class_counts))
        self._labels = dataset.labels
        self._seed, self._workers = seed, workers
        self._work = Work(
            dataset.root, dataset.container, augmentation, preprocessing, seed=seed, skip=on_error == "skip"
        )
        self._feeder: Feeder | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the processes that decode; :meth:`batches` starts others."""
        if self._feeder is not None:
            self._feeder.close()
            self._feeder = None

    def steps(self, batch: int, world: int = 1) -> int:
        """Steps in an epoch, of ``batch`` images in each of ``world`` processes; the last one may have fewer.

        Images that are fewer than the processes are left out of that epoch, so that each process has one in each step.

        Raises:
            UsageError: there are fewer images than processes.
        """
        if self.images < world:
            raise UsageError(
                f"{self.images} training images for {world} processes; give more images, or fewer processes"
            )
        whole, rest = divmod(self.images, batch * world)
        return whole + (rest >= world)

    def step_images(self, step: int, *, batch: int, world: int = 1) -> int:
        """Images of a step in all processes together, by which a mean over processes of unequal shares is weighted."""
        return min(batch * world, self.images - step * batch * world)

    def memory_bytes(self, batch: int) -> int:
        """The most that a process holds in pixels, made ahead or taken, for batches of ``batch`` images."""
        return Feeder(self._work, batch=batch, workers=self._workers).memory_bytes

    def batches(self, *, batch: int, epoch: int, first_step: int = 0, rank: int = 0, world: int = 1) -> Iterator[Batch]:
        """The batches of an epoch (from 0), from step ``first_step`` on, for process ``rank`` of ``world``.

        Processes share a step's images in turn, so that the last, smaller step is shared evenly too.

        Raises:
            DataError: an image cannot be decoded and ``on_error`` is "fail", or none of a batch can be decoded.
        """
        order = epoch_order(self.images, seed=self._seed, epoch=epoch)
        each = batch * world
        wanted = (
            self._wanted(epoch, order[step * each : (step + 1) * each][rank::world])
            for step in range(first_step, self.steps(batch, world))
        )
        for made in self._feeder_of(batch).feed(wanted):
            yield self._batch(made)

    def _wanted(self, epoch: int, positions: NDArray[np.int64]) -> Wanted:
        return Wanted(epoch, tuple((place, self.dataset.samples[place]) for place in positions.tolist()))

    def _batch(self, made: Made) -> Batch:
        positions = np.array([position for position, _ in made.wanted.images], dtype=np.int64)
        reasons = tuple(made.bad[place] for place in sorted(made.bad))
        if len(reasons) == len(positions):
            raise DataError(f"none of the {len(positions)} images of a step can be decoded; the first: {reasons[0]}")
        pixels = made.pixels
        if reasons:
            good = np.ones(len(positions), dtype=np.bool_)
            good[list(made.bad)] = False
            pixels, positions = pixels[good], positions[good]
        return Batch(pixels, self._labels[positions], positions, len(reasons), reasons)

    def _feeder_of(self, batch: int) -> Feeder:
        if self._feeder is None or self._feeder.batch != batch:
            self.close()
            self._feeder = Feeder(self._work, batch=batch, workers=self._workers)
        return self._feeder
