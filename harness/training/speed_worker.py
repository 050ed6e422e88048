"""A worker's side of the benchmark of training: steps and nothing else between two readings of the clock."""

import itertools
import time
from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from alexbench.harness.errors import WorkerError
from alexbench.harness.files.lines import Done
from alexbench.harness.inputs.images import Selection, select
from alexbench.harness.measure import clock
from alexbench.harness.models.preprocessing import network_input
from alexbench.harness.training.batches import TrainingData
from alexbench.harness.training.stepper import Stepper, open_stepper
from alexbench.harness.worker.protocol.training_speed import (
    FeedFrom,
    Losses,
    OpenFeed,
    OpenTraining,
    PartsOfSteps,
    SplitSteps,
    TimeFedSteps,
    TimeSteps,
    TrainSteps,
    TrainTimed,
)
from alexbench.harness.worker.state import WorkerState

_NOTHING: Final = np.empty(0, np.float32)


class Training:
    """The network in training, its batches in memory, and the images that it may be fed from."""

    def __init__(self, asked: OpenTraining) -> None:
        self.asked = asked
        self.stepper: Stepper = open_stepper(asked)
        pixels: NDArray[np.uint8] = np.load(asked.pixels)
        labels: NDArray[np.int64] = np.load(asked.labels) + asked.label_offset
        self._batches = [(self._input(one), label) for one, label in zip(pixels, labels, strict=True)]
        self._turns = itertools.cycle(self._batches)
        self._size = len(pixels[0])
        self._data: TrainingData | None = None
        self._fed: Iterator[tuple[NDArray[np.float32], NDArray[np.int64]]] | None = None

    def open_feed(self, feed: FeedFrom) -> None:
        """The first batch is taken, so that the processes which decode have started."""
        self._data = _data_of(feed, self.asked)
        self._fed = self._endless(self._data)
        next(self._fed)

    def step_in_memory(self) -> None:
        """One step on the next batch in memory."""
        self.stepper.step(*next(self._turns))

    def step_fed(self) -> None:
        """One step on the next batch from the disk."""
        if self._fed is None:
            raise WorkerError("open_feed comes first")
        self.stepper.step(*next(self._fed))

    def losses(self, steps: int) -> list[float]:
        """The losses of the first batches in memory."""
        return [self.stepper.step(*batch) for batch in self._batches[:steps]]

    def parts(self, feed: FeedFrom, steps: int) -> PartsOfSteps:
        """Each part of each step; the first step, which finds everything cold, is not among them."""
        found: list[tuple[int, int, int, int]] = []
        with _data_of(feed, self.asked, workers=0) as data:
            fed = self._endless(data)
            for _ in range(steps + 1):
                start = time.perf_counter_ns()
                batch = next(fed)
                decoded = time.perf_counter_ns() - start
                found.append((decoded, *self.stepper.split(*batch)))
        data_ns, forward, backward, optimizer = zip(*found[1:], strict=True)
        return PartsOfSteps(data_ns, forward, backward, optimizer)

    def close(self) -> None:
        """End the processes that decode."""
        if self._data is not None:
            self._data.close()

    def _endless(self, data: TrainingData) -> Iterator[tuple[NDArray[np.float32], NDArray[np.int64]]]:
        """Whole batches, epoch after epoch: a smaller one would be another computation."""
        for epoch in itertools.count():
            for batch in data.batches(batch=self._size, epoch=epoch):
                if len(batch.pixels) == self._size or data.images < self._size:
                    yield self._input(batch.pixels), batch.labels + self.asked.label_offset

    def _input(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        layout, threads = self.stepper.layout, self.asked.options.threads
        return network_input(pixels, self.asked.preprocessing, layout, threads=threads)


def _data_of(feed: FeedFrom, asked: OpenTraining, *, workers: int | None = None) -> TrainingData:
    from alexbench.datasets.layouts import open_dataset

    chosen = Selection(path=str(feed.path), limit=feed.limit, seed=feed.seed)
    dataset = open_dataset(feed.path, layout=feed.layout, labels=feed.labels, split="train")
    return TrainingData(
        select(dataset, chosen).dataset,
        feed.augmentation,
        asked.preprocessing,
        seed=feed.seed,
        on_error="skip",
        workers=feed.workers if workers is None else workers,
    )


def open_training(worker: WorkerState, asked: OpenTraining) -> Done:
    """In the place of what was in training."""
    if isinstance(worker.training, Training):
        worker.training.close()
    worker.training = Training(asked)
    return Done()


def open_feed(worker: WorkerState, asked: OpenFeed) -> Done:
    """See :meth:`Training.open_feed`."""
    _training(worker).open_feed(asked.feed)
    worker.feed = asked.feed
    return Done()


def time_steps(worker: WorkerState, asked: TimeSteps) -> clock.Timed:
    """By the clock that inference is timed with."""
    training = _training(worker)
    return clock.time_block(lambda _: training.step_in_memory(), _NOTHING, seconds=asked.seconds)


def time_fed_steps(worker: WorkerState, asked: TimeFedSteps) -> clock.Timed:
    """By the same clock."""
    training = _training(worker)
    return clock.time_block(lambda _: training.step_fed(), _NOTHING, seconds=asked.seconds)


def train_timed(worker: WorkerState, asked: TrainTimed) -> clock.Timed:
    """All steps as one call."""
    training = _training(worker)

    def steps(_: object) -> None:
        for _step in range(asked.steps):
            training.step_in_memory()

    return clock.time_once(steps, [])


def split_steps(worker: WorkerState, asked: SplitSteps) -> PartsOfSteps:
    """After :func:`open_feed`."""
    if not isinstance(worker.feed, FeedFrom):
        raise WorkerError("open_feed comes first")
    return _training(worker).parts(worker.feed, asked.steps)


def train_steps(worker: WorkerState, asked: TrainSteps) -> Losses:
    """From the weights as they are now."""
    return Losses(tuple(_training(worker).losses(asked.steps)))


def _training(worker: WorkerState) -> Training:
    if not isinstance(worker.training, Training):
        raise WorkerError("open_training comes first")
    return worker.training
