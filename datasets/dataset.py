"""A data set as data: which pictures, with which labels, in which order, and where their bytes lie."""

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
    """The number, 1..50000, of a picture of the ILSVRC2012 validation set by its name; None if it is not one's name.

    Folders before the name and whatever follows the number (``_n01751748.JPEG``, as Hugging Face has it) do not count.
    """
    found = _VALIDATION_NAME.match(name.rsplit("/", 1)[-1])
    if found is None:
        return None
    number = int(found.group(1))
    return number if 1 <= number <= VALIDATION_COUNT else None


def canonical_name(path: str) -> str:
    """What a picture is called in records: ``ILSVRC2012_val_00000001.JPEG`` in every layout, any other by its path.

    One printable line that every encoding of Unicode can hold (:func:`alexbench.harness.files.plain_text.escaped`).
    """
    number = validation_number(path)
    return escaped(path) if number is None else f"ILSVRC2012_val_{number:08d}.JPEG"


@dataclass(frozen=True, slots=True)
class Sample:
    """A picture and its label.

    ``name``: what records call it, the same in every layout (:func:`canonical_name`), unique in its set. ``label``
    0..999. ``file``: where it lies, relative to the data set's root, with ``/``. ``at``: where in that file, by
    container: files 0, tar the offset of its bytes, tfrecord the offset of its record, parquet its row. ``size``: its
    encoded size in bytes where the listing says it (tar), else -1.
    """

    name: str
    label: int
    file: str
    at: int = 0
    size: int = -1


@dataclass(frozen=True, slots=True)
class Draw:
    """A subset that was drawn: ``limit`` pictures of ``of``, with ``seed``. Repeating it gives the same pictures."""

    limit: int
    of: int
    seed: int


@dataclass(frozen=True, slots=True)
class Part:
    """A shard: part ``number`` (from 1) of ``of``, the samples ``first`` up to ``last`` (not in it) of ``total``."""

    number: int
    of: int
    first: int
    last: int
    total: int


@dataclass(frozen=True, slots=True)
class Dataset:
    """Labelled images under ``root``, ordered by class index, then by name: the same order in every layout.

    ``layout``: its name (:mod:`alexbench.datasets.layouts.layout_table`); ``container``: what its images lie in.
    ``labels_from``: where the labels were found, in words. ``empty_classes``: class folders that hold no picture.
    ``left_out``: files that are neither pictures nor known litter, and pictures outside the class folders. ``notes``:
    sentences about what was found that a reader must know. ``draws``: the draws that led from the whole set to this
    one. ``part``: the shard of those that this is. ``class_names``: of the classes that labels are places of, where
    they are not ImageNet's.
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
        """The labels (N,) in the order of the samples; computed at each call."""
        return np.fromiter((sample.label for sample in self.samples), dtype=np.int64, count=len(self.samples))

    @property
    def class_counts(self) -> NDArray[np.int64]:
        """The number of pictures of each of the 1000 classes, (1000,)."""
        return np.bincount(self.labels, minlength=CLASS_COUNT).astype(np.int64, copy=False)

    @property
    def source(self) -> Path:
        """What was opened: the folder, or the one file."""
        file = self.root / self.name
        return file if self.container != "files" and file.is_file() else self.root

    def where(self, sample: Sample) -> str:
        """How errors name ``sample``: the file, and the place in it where it is one of many."""
        return said_place(self.root / sample.file, sample.name, sample.at, self.container)

    def describe(self) -> str:
        """One line for people: how many pictures of how many classes, how drawn, and what was left aside."""
        present, words = int(np.count_nonzero(self.class_counts)), " ".join(self.layout.rsplit("-", 1))
        classes = len(self.class_names) or CLASS_COUNT
        line = f"{_count(len(self), 'picture')}, {present} of {classes} classes, {words}"
        line += f", labels from {self.labels_from}"
        for draw in self.draws:
            line += f", drawn from {draw.of} with seed {draw.seed}"
        if self.part is not None:
            line += f", part {self.part.number} of {self.part.of}"
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

    def shard(self, number: int, of: int, *, batch_size: int) -> "Dataset":
        """Part ``number`` (from 1) of ``of``: whole batches of the grid that the whole set is cut into.

        Batch b is the samples b x ``batch_size`` up to (b + 1) x ``batch_size`` of the whole set; the parts share the
        batches as evenly as can be. So each batch is computed whole, by one part, and as the whole set's run does it.

        Raises:
            UsageError: no such part, more parts than batches, or a set that is a part already.
        """
        if self.part is not None:
            raise UsageError("a part of a data set cannot be cut again; cut the whole set")
        if not 1 <= number <= of:
            raise UsageError(f"--shard {number}/{of}: parts count from 1/{of} to {of}/{of}")
        total = len(self)
        batches = -(-total // batch_size)
        if of > batches:
            raise UsageError(
                f"--shard {number}/{of}: {_count(total, 'picture')} {'is' if total == 1 else 'are'}"
                f" {_count(batches, 'batch', 'es')} of {batch_size}, and a part needs one; give at most"
                f" {_count(batches, 'part')}" + (" or a smaller --batch-size" if batches < total else "")
            )
        first, last = (min(batches * end // of * batch_size, total) for end in (number - 1, number))
        part = Part(number=number, of=of, first=first, last=last, total=total)
        return replace(self, samples=self.samples[first:last], part=part)


def said_place(file: Path, name: str, at: int, container: Container) -> str:
    """How errors name a picture, in one line: its file, or its name and place in the file that holds many."""
    said, name = escaped(str(file)), escaped(name)
    if container == "files":
        return said
    if container == "tar":
        return f"{said}: {name}"
    return f"{said}: {'row' if container == 'parquet' else 'the record at byte'} {at} ({name})"


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


def _count(number: int, noun: str, plural: str = "s") -> str:
    return f"{number} {noun}{'' if number == 1 else plural}"
