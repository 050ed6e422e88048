"""A data set as data: which pictures, with which labels, in which order."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from alexbench.datasets.classes import CLASS_COUNT
from alexbench.harness.errors import UsageError

DatasetLayout = Literal["wnid-folders", "class-index-folders"]

_SAID: dict[DatasetLayout, str] = {
    "wnid-folders": "wnid folders",
    "class-index-folders": "class-index folders",
}


@dataclass(frozen=True, slots=True)
class Sample:
    """A picture and its label: ``path`` relative to the data set's root, with ``/``; ``label`` 0..999."""

    path: str
    label: int


@dataclass(frozen=True, slots=True)
class Draw:
    """A subset that was drawn: ``limit`` pictures of ``of``, with ``seed``. Repeating it gives the same pictures."""

    limit: int
    of: int
    seed: int


@dataclass(frozen=True, slots=True)
class Dataset:
    """Labelled pictures under ``root``, ordered by class index, then by path.

    ``empty_classes``: class folders that hold no picture. ``left_out``: files that are neither pictures nor known
    litter, and pictures outside the class folders. ``draws``: the draws that led from the whole set to this one.
    """

    name: str
    root: Path
    layout: DatasetLayout
    samples: tuple[Sample, ...]
    empty_classes: int = 0
    left_out: int = 0
    draws: tuple[Draw, ...] = ()

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def labels(self) -> NDArray[np.int64]:
        """The labels (N,) in the order of the samples; computed at each call."""
        return np.fromiter((sample.label for sample in self.samples), dtype=np.int64, count=len(self.samples))

    @property
    def class_counts(self) -> NDArray[np.int64]:
        """The number of pictures of each of the 1000 classes, (1000,)."""
        return np.bincount(self.labels, minlength=CLASS_COUNT).astype(np.int64, copy=False)

    def file(self, sample: Sample) -> Path:
        """Where ``sample`` lies."""
        return self.root / sample.path

    def describe(self) -> str:
        """One line for people: how many pictures of how many classes, how drawn, and what was left aside."""
        present = int(np.count_nonzero(self.class_counts))
        line = f"{_count(len(self), 'picture')}, {present} of {CLASS_COUNT} classes, {_SAID[self.layout]}"
        for draw in self.draws:
            line += f", drawn from {draw.of} with seed {draw.seed}"
        if self.empty_classes:
            line += f"; {_count(self.empty_classes, 'class folder')} without a picture"
        if self.left_out:
            line += f"; {_count(self.left_out, 'other file')} left out"
        return line

    def subset(self, limit: int, *, seed: int) -> "Dataset":
        """``limit`` pictures drawn by class: each class gives floor or ceil of its share, limit x its count / N.

        Which classes give one more is drawn too (systematic sampling over the classes in a drawn order), so every
        picture has the same chance, limit / N, also when classes differ in size. The keys are raw words of
        ``numpy.random.PCG64(seed)``, a stream that NumPy promises never to change; the draw is recorded in ``draws``.
        The order of the samples is kept. A limit of N or more gives the set itself.

        Raises:
            UsageError: a limit below 1, or a negative seed.
        """
        total = len(self)
        if limit < 1:
            raise UsageError(f"a limit of {limit} leaves no picture; give 1 or more")
        if seed < 0:
            raise UsageError(f"seed {seed} is negative; give 0 or more")
        if limit >= total:
            return self
        # A fixed number of words in a fixed order: offset, classes, samples. Part of what a seed means.
        words: NDArray[np.uint64] = np.random.PCG64(seed).random_raw(1 + CLASS_COUNT + total)
        takes = _takes(self.class_counts, limit, int(words[0]) % total, words[1 : 1 + CLASS_COUNT])
        keys, labels = words[1 + CLASS_COUNT :], self.labels
        chosen = np.zeros(total, dtype=np.bool_)
        for label in np.flatnonzero(takes):
            places = np.flatnonzero(labels == label)
            chosen[places[np.argsort(keys[places], kind="stable")[: takes[label]]]] = True
        samples = tuple(self.samples[place] for place in np.flatnonzero(chosen))
        return replace(self, samples=samples, draws=(*self.draws, Draw(limit=limit, of=total, seed=seed)))


def _takes(counts: NDArray[np.int64], limit: int, offset: int, keys: NDArray[np.uint64]) -> NDArray[np.int64]:
    """How many pictures each class gives: exact integers, in sum ``limit``.

    The classes lie end to end on a line in the order of ``keys``, and marks stand on it at equal distances from
    ``offset``: a class gets the marks that fall on it, which is floor or ceil of its share.
    """
    order = np.argsort(keys, kind="stable")
    marks = (limit * np.cumsum(counts[order]) + offset) // int(counts.sum())
    takes = np.empty_like(counts)
    takes[order] = np.diff(marks, prepend=0)
    return takes


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
