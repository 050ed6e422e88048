"""Training pixels batch by batch, made ahead in child processes; the memory for them is fixed.

Each child makes its share of every batch in memory that it and the parent map. :data:`AHEAD` batches are asked for
before the first is taken, so the children decode while the parent trains.
"""

import mmap
import os
import tempfile
from collections import deque
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Final, TextIO

import numpy as np
from numpy.typing import NDArray

from alexbench.datasets.augmentation.crops import training_pixels
from alexbench.datasets.augmentation.draws import CounterDraws
from alexbench.datasets.children import Child
from alexbench.datasets.containers.readers import ImageReader, reader_for
from alexbench.datasets.dataset import Container, Sample, said_place
from alexbench.datasets.prepared.preparing import OR_SKIP
from alexbench.harness.errors import AlexBenchError, DataError
from alexbench.harness.files.lines import Failure, error_from, failure, read, send
from alexbench.harness.models.preprocessing import Preprocessing
from alexbench.harness.models.recipes import AugmentationName

AHEAD: Final = 2
"""Batches that are made before they are needed. The parent holds one more."""
_CHILD: Final = "alexbench.datasets.augmentation"


@dataclass(frozen=True, slots=True)
class Work:
    """What all batches share. ``skip``: an image that cannot be decoded is reported; otherwise it raises.

    Pixels have the size that ``preprocessing`` crops to.
    """

    root: Path
    container: Container
    augmentation: AugmentationName
    preprocessing: Preprocessing
    seed: int
    skip: bool

    @property
    def image_bytes(self) -> int:
        """The pixels of one image."""
        return 3 * self.preprocessing.crop**2


@dataclass(frozen=True, slots=True)
class Wanted:
    """A batch of an epoch: each image with its position in the data set."""

    epoch: int
    images: tuple[tuple[int, Sample], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Made:
    """The batch ``wanted``: ``pixels`` (N, side, side, 3) uint8. ``bad``: place -> why it could not be decoded."""

    wanted: Wanted
    pixels: NDArray[np.uint8]
    bad: dict[int, str]


@dataclass(frozen=True, slots=True)
class _Share:
    """A line to a child: images for places of the memory. The first line has ``work`` and the memory's descriptor."""

    wanted: Wanted
    places: tuple[int, ...]
    work: Work | None = None
    memory: int = -1
    capacity: int = 0


@dataclass(frozen=True, slots=True)
class _Answer:
    """A line from a child: the images of its share that are bad, or why there is no share."""

    bad: tuple[tuple[int, str], ...] = ()
    error: Failure | None = None


class Feeder:
    """Makes batches of up to ``batch`` images, in ``workers`` child processes; 0: in this process, none ahead.

    Close it at the end: it ends the children.
    """

    def __init__(self, work: Work, *, batch: int, workers: int) -> None:
        self._work, self.batch = work, batch
        self._workers = workers if os.name == "posix" else 0
        self._ring: _Ring | None = None

    @property
    def memory_bytes(self) -> int:
        """The most that batches take: those made ahead, and the one that was taken."""
        return (AHEAD + 1 if self._workers else 1) * self.batch * self._work.image_bytes

    def feed(self, wanted: Iterable[Wanted]) -> Generator[Made, None, None]:
        """Each batch, in order. Children outlive the call, unless it ends early.

        Raises:
            DataError: an image cannot be decoded and may not be skipped, or a child was killed.
        """
        if not self._workers:
            reader = reader_for(self._work.container, self._work.root)
            for one in wanted:
                pixels = np.empty((len(one.images), *_shape(self._work)), np.uint8)
                yield Made(one, pixels, dict(_make(self._work, reader, one, pixels, range(len(one.images)))))
            return
        if self._ring is None:
            self._ring = _Ring(self._work, self.batch, self._workers)
        try:
            yield from self._ring.feed(wanted)
        except BaseException:  # also where the caller takes no more: answers are still to come
            self.close()
            raise

    def close(self) -> None:
        """End the children; :meth:`feed` starts others."""
        if self._ring is not None:
            self._ring.close()
            self._ring = None


class _Ring:
    """Memory for AHEAD batches, and the children that fill it."""

    def __init__(self, work: Work, batch: int, workers: int) -> None:
        self._work, self._batch = work, batch
        self._file = _memory(AHEAD * batch * work.image_bytes)
        self._pixels = _mapped(self._file, AHEAD * batch, work)
        self._children = [Child(_CHILD, descriptors=[self._file]) for _ in range(workers)]
        self._begun = False

    def feed(self, wanted: Iterable[Wanted]) -> Generator[Made, None, None]:
        batches = iter(wanted)
        asked: deque[tuple[int, Wanted]] = deque()
        for turn, one in enumerate(islice(batches, AHEAD)):
            self._ask(turn, one)
            asked.append((turn, one))
        while asked:
            turn, one = asked.popleft()
            made = self._take(turn, one)
            following = next(batches, None)
            if following is not None:
                self._ask(turn, following)  # its memory is free: the pixels are copied
                asked.append((turn, following))
            yield made

    def close(self) -> None:
        for child in self._children:
            child.end()
        os.close(self._file)

    def _ask(self, turn: int, wanted: Wanted) -> None:
        for share, child in enumerate(self._children):
            images = wanted.images[share :: len(self._children)]
            places = range(turn * self._batch + share, turn * self._batch + len(wanted.images), len(self._children))
            asked = _Share(Wanted(wanted.epoch, images), tuple(places))
            if not self._begun:
                asked = _Share(asked.wanted, asked.places, self._work, self._file, AHEAD * self._batch)
            child.send(asked)
        self._begun = True

    def _take(self, turn: int, wanted: Wanted) -> Made:
        """All answers first, so that the children are ready for the next batch whatever one of them says."""
        first = turn * self._batch
        answers = [child.receive(_Answer) for child in self._children]
        for answer in answers:
            if answer.error is not None:
                raise error_from(answer.error)
        pixels = self._pixels[first : first + len(wanted.images)].copy()
        return Made(wanted, pixels, {place - first: bad for answer in answers for place, bad in answer.bad})


def serve(commands: TextIO, answers: TextIO) -> None:
    """The main loop of a child: a share a line, until the parent ends."""
    line = commands.readline()
    if not line:
        return
    asked = read(_Share, line)
    work = asked.work
    assert work is not None
    pixels, reader = _mapped(asked.memory, asked.capacity, work), reader_for(work.container, work.root)
    while line:
        asked = read(_Share, line)
        try:
            answer = _Answer(tuple(_make(work, reader, asked.wanted, pixels, asked.places)))
        except AlexBenchError as error:
            answer = _Answer(error=failure(error))
        send(answers, answer)
        line = commands.readline()


def _make(
    work: Work, reader: ImageReader, wanted: Wanted, pixels: NDArray[np.uint8], places: Sequence[int]
) -> list[tuple[int, str]]:
    """Put each image at its place in ``pixels``. Returns the places of bad images, which stay as they are, and why."""
    bad = []
    for place, (position, listed) in zip(places, wanted.images, strict=True):
        # A file that changed since it was listed is read all the same; its fault is then named.
        sample = replace(listed, size=-1) if work.container == "files" else listed
        said = said_place(work.root / sample.file, sample.name, sample.at, work.container)
        draws = CounterDraws(seed=work.seed, epoch=wanted.epoch, position=position)
        try:
            data = reader.read(sample)
            pixels[place] = training_pixels(data, said, work.augmentation, work.preprocessing, draws)
        except DataError as error:
            if not work.skip:
                raise DataError(f"{error}{OR_SKIP}") from error
            bad.append((place, str(error)))
    return bad


def _shape(work: Work) -> tuple[int, int, int]:
    return work.preprocessing.crop, work.preprocessing.crop, 3


def _memory(size: int) -> int:
    """A descriptor of ``size`` bytes that children can map. It has no name, so a killed command leaves nothing."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("alexbench-batches", 0)
    else:
        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    try:
        os.ftruncate(descriptor, size)
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(descriptor, 0, size)
    except OSError as error:
        os.close(descriptor)
        needed = f"{size / 2**20:,.0f} MiB for {AHEAD} batches"
        raise DataError(
            f"no memory for training images ({needed}): {error.strerror}; give a smaller --batch-size"
        ) from error
    return descriptor


def _mapped(descriptor: int, images: int, work: Work) -> NDArray[np.uint8]:
    memory = mmap.mmap(descriptor, images * work.image_bytes)
    return np.frombuffer(memory, np.uint8).reshape(images, *_shape(work))
