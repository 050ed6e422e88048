"""A data set as data: its images, their labels, their order, and where their bytes are."""

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from alexbench.datasets.classes import CLASS_COUNT
from alexbench.harness.errors import UsageError
from alexbench.harness.files.plain_text import escaped

Container = Literal["files", "tar", "tfrecord", "parquet"]

VALIDATION_COUNT: Final = 50_000

_VALIDATION_NAME: Final = re.compile(r"ILSVRC2012_val_(\d{8})(?![0-9])", re.ASCII)


def validation_number(name: str) -> int | None:
    """The number (1..50000) in the name of an ILSVRC2012 validation image; None for any other name.

    Folders before the name are ignored. So is what follows the number (Hugging Face: ``_n01751748.JPEG``).
    """
    found = _VALIDATION_NAME.match(name.rsplit("/", 1)[-1])
    if found is None:
        return None
    number = int(found.group(1))
    return number if 1 <= number <= VALIDATION_COUNT else None


def canonical_name(path: str) -> str:
    """The name of an image in records: ``ILSVRC2012_val_00000001.JPEG`` in every layout, or else its path.

    It is one printable line that every Unicode encoding can hold (:func:`alexbench.harness.files.plain_text.escaped`).
    """
    number = validation_number(path)
    return escaped(path) if number is None else f"ILSVRC2012_val_{number:08d}.JPEG"


@dataclass(frozen=True, slots=True)
class Sample:
    """An image and its label.

    ``name``: its name in records, the same in every layout (:func:`canonical_name`), unique in its set. ``label``:
    0..999. ``file``: its file, relative to the data set's root, with ``/``. ``at``: its place in that file, by
    container: 0 for files, the offset of its bytes in a tar, the offset of its record in a TFRecord file, its row in
    Parquet. ``size``: its encoded size in bytes if the listing has it (tar), else -1.
    """

    name: str
    label: int
    file: str
    at: int = 0
    size: int = -1


@dataclass(frozen=True, slots=True)
class Draw:
    """A random subset: ``limit`` of ``of`` images, drawn with ``seed``. The same draw gives the same images."""

    limit: int
    of: int
    seed: int


@dataclass(frozen=True, slots=True)
class Part:
    """Shard ``number`` (from 1) of ``of``: the samples ``first`` to ``last`` (exclusive) of ``total``."""

    number: int
    of: int
    first: int
    last: int
    total: int


@dataclass(frozen=True, slots=True)
class Dataset:
    """Labelled images under ``root``, ordered by class index, then by name: the same order in every layout.

    ``layout``: its name (:mod:`alexbench.datasets.layouts.layout_table`); ``container``: what its images lie in.
    ``labels_from``: where the labels were found, in words; empty where there are none. ``empty_classes``: class folders
    that hold no image. ``left_out``: files that are neither images nor known litter, and images outside the class
    folders. ``notes``: sentences about what was found that a reader must know. ``draws``: the draws that led from the
    whole set to this one. ``part``: the shard of those that this is. ``class_names``: of the classes that labels are
    places of, where they are not ImageNet's.
    """

    name: str
    root: Path
    layout: str
    samples: tuple[Sample, ...]
    container: Container = "files"
    labels_from: str = "folder names"
    empty_classes: int = 0
    left_out: int = 0
    notes: tuple[str, ...] = ()
    draws: tuple[Draw, ...] = ()
    part: Part | None = None
    class_names: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def labels(self) -> NDArray[np.int64]:
        """The labels (N,) in the order of the samples. Computed on each access."""
        return np.fromiter((sample.label for sample in self.samples), dtype=np.int64, count=len(self.samples))

    @property
    def class_counts(self) -> NDArray[np.int64]:
        """The number of images of each of the 1000 classes, (1000,)."""
        return np.bincount(self.labels, minlength=CLASS_COUNT).astype(np.int64, copy=False)

    @property
    def source(self) -> Path:
        """The path that was opened: the folder, or the one file."""
        file = self.root / self.name
        return file if self.container != "files" and file.is_file() else self.root

    def where(self, sample: Sample) -> str:
        """The name of ``sample`` in errors: its file, and its place in a file of several images."""
        return said_place(self.root / sample.file, sample.name, sample.at, self.container)

    def describe(self) -> str:
        """One line for people: the number of images and classes, the draws, and what was left out."""
        present, words = int(np.count_nonzero(self.class_counts)), " ".join(self.layout.rsplit("-", 1))
        classes = len(self.class_names) or CLASS_COUNT
        line = f"{_count(len(self), 'image')}, {present} of {classes} classes, {words}"
        line += f", labels from {self.labels_from}"
        if not self.labels_from:
            line = f"{_count(len(self), 'image')} without labels"
        for draw in self.draws:
            line += f", drawn from {draw.of} with seed {draw.seed}"
        if self.part is not None:
            line += f", part {self.part.number} of {self.part.of}"
        if self.empty_classes:
            line += f"; {_count(self.empty_classes, 'class folder')} without an image"
        if self.left_out:
            line += f"; {_count(self.left_out, 'other file')} left out"
        return line

    def subset(self, limit: int, *, seed: int) -> "Dataset":
        """``limit`` images drawn by class: each class gives its share, limit x its count / N, rounded down or up.

        The classes that give one more are drawn too, by systematic sampling over the classes in a drawn order. So every
        image has the same chance, limit / N, even if classes differ in size. The keys are raw words of
        ``numpy.random.PCG64(seed)``, a stream that NumPy promises never to change. ``draws`` records the draw. The
        samples keep their order. A limit of N or more gives the set itself.

        Raises:
            UsageError: a limit below 1, or a negative seed.
        """
        total = len(self)
        if limit < 1:
            raise UsageError(f"a limit of {limit} leaves no image; give 1 or more")
        if seed < 0:
            raise UsageError(f"seed {seed} is negative; give 0 or more")
        if limit >= total:
            return self
        # Draw a fixed number of words in a fixed order: offset, classes, samples. This order is part of what a seed
        # means.
        words: NDArray[np.uint64] = np.random.PCG64(seed).random_raw(1 + CLASS_COUNT + total)
        takes = _takes(self.class_counts, limit, int(words[0]) % total, words[1 : 1 + CLASS_COUNT])
        keys, labels = words[1 + CLASS_COUNT :], self.labels
        chosen = np.zeros(total, dtype=np.bool_)
        for label in np.flatnonzero(takes):
            places = np.flatnonzero(labels == label)
            chosen[places[np.argsort(keys[places], kind="stable")[: takes[label]]]] = True
        samples = tuple(self.samples[place] for place in np.flatnonzero(chosen))
        return replace(self, samples=samples, draws=(*self.draws, Draw(limit=limit, of=total, seed=seed)))

    def shard(self, number: int, of: int, *, batch_size: int) -> "Dataset":
        """Part ``number`` (from 1) of ``of``: whole batches of the grid that the whole set is cut into.

        Batch b has the samples b x ``batch_size`` to (b + 1) x ``batch_size`` (exclusive) of the whole set. The parts
        share the batches as evenly as possible. So one part computes each batch, as a run of the whole set would.

        Raises:
            UsageError: there is no such part, there are more parts than batches, or the set is already a part.
        """
        if self.part is not None:
            raise UsageError("a part of a data set cannot be split again; split the whole set")
        if not 1 <= number <= of:
            raise UsageError(f"--shard {number}/{of}: parts count from 1/{of} to {of}/{of}")
        total = len(self)
        batches = -(-total // batch_size)
        if of > batches:
            raise UsageError(
                f"--shard {number}/{of}: {_count(total, 'image')} {'is' if total == 1 else 'are'}"
                f" {_count(batches, 'batch', 'es')} of {batch_size}, and a part needs one; give at most"
                f" {_count(batches, 'part')}" + (" or a smaller --batch-size" if batches < total else "")
            )
        first, last = (min(batches * end // of * batch_size, total) for end in (number - 1, number))
        part = Part(number=number, of=of, first=first, last=last, total=total)
        return replace(self, samples=self.samples[first:last], part=part)


def said_place(file: Path, name: str, at: int, container: Container) -> str:
    """The name of an image in errors, in one line: its file, or its name and its place in a file of several images."""
    said, name = escaped(str(file)), escaped(name)
    if container == "files":
        return said
    if container == "tar":
        return f"{said}: {name}"
    return f"{said}: {'row' if container == 'parquet' else 'the record at byte'} {at} ({name})"


def _takes(counts: NDArray[np.int64], limit: int, offset: int, keys: NDArray[np.uint64]) -> NDArray[np.int64]:
    """How many images each class gives: exact integers whose sum is ``limit``.

    The classes form intervals on a line, in the order of ``keys``, with marks at equal distances from ``offset``. A
    class gets the marks in its interval: its share rounded down or up.
    """
    order = np.argsort(keys, kind="stable")
    marks = (limit * np.cumsum(counts[order]) + offset) // int(counts.sum())
    takes = np.empty_like(counts)
    takes[order] = np.diff(marks, prepend=0)
    return takes


def _count(number: int, noun: str, plural: str = "s") -> str:
    return f"{number} {noun}{'' if number == 1 else plural}"
