"""Makes a data set of labelled images: unique names, one order, and notes on what a reader must know."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from alexbench.datasets.classes import class_list
from alexbench.datasets.dataset import Container, Dataset, Sample, canonical_name, said_place, validation_number
from alexbench.datasets.layouts.listing import PICTURE_SUFFIXES, Below, Entry, plural
from alexbench.harness.errors import DataError
from alexbench.harness.files.plain_text import escaped

PICTURES_AT_MOST: Final = 2_000_000
"""The most images in a data set: ImageNet's training set has 1.3 million. Each takes about 500 bytes of memory here."""


@dataclass(slots=True)
class Labelled:
    """Images with their labels (0..999), in any order, and what else was found (see ``Dataset``).

    ``layout``: the layout that reading revealed; empty if it was known before.
    """

    labels_from: str
    pictures: list[tuple[Entry, int]] = field(default_factory=list)
    empty_classes: int = 0
    left_out: int = 0
    notes: list[str] = field(default_factory=list)
    layout: str = ""

    def take_folders(self, said: str, folders: Sequence[tuple[Below, int]]) -> None:
        """Take the images of class folders, each with its label.

        Raises:
            DataError: none of them has an image. ``said``: where they are.
        """
        for inside, label in folders:
            self.pictures += [(entry, label) for entry in inside.pictures]
            self.empty_classes += not inside.pictures
            self.left_out += inside.others
        if not self.pictures:
            raise DataError(
                f"{said}: {plural(len(folders), 'class folder')} and no image in any of them; images end in"
                f" {' '.join(sorted(PICTURE_SUFFIXES))}"
            )


def check_count(said: str, count: int) -> None:
    """Refuse a source with more images than any data set has, before memory is allocated for them.

    Raises:
        DataError: more than PICTURES_AT_MOST.
    """
    if count > PICTURES_AT_MOST:
        raise DataError(
            f"{said}: {count:,} images, more than the {PICTURES_AT_MOST:,} that can be listed; give the"
            " validation split"
        )


def tell_apart(found: Labelled) -> None:
    """Give images with repeated names the names they would have in class folders: Parquet rows have base names only.

    If a name repeats within a class, its place makes it unique, and a note reports that. Two files with the same
    content stay as they are. Names of the validation set never repeat.
    """
    if not _repeated(found.pictures):
        return
    classes = class_list()
    named = [
        (entry if _is_own(entry) else entry._replace(path=f"{classes[label].wnid}/{entry.path}"), label)
        for entry, label in found.pictures
    ]
    again = _repeated(named)
    if again and not _has_copies(named):
        count = sum(entry.path in again for entry, _ in named)
        found.notes.append(
            f"{count:,} images share their name with another of their class; their place tells them apart"
        )
        named = [
            (entry._replace(path=f"{entry.path}#{entry.file}#{entry.at}") if entry.path in again else entry, label)
            for entry, label in named
        ]
    found.pictures = named


def _is_own(entry: Entry) -> bool:
    return validation_number(entry.path) is not None


def _repeated(pictures: Sequence[tuple[Entry, int]]) -> set[str]:
    """The names that several images share, except names of the validation set."""
    counts = Counter(entry.path for entry, _ in pictures)
    return {entry.path for entry, _ in pictures if counts[entry.path] > 1 and not _is_own(entry)}


def _has_copies(pictures: Sequence[tuple[Entry, int]]) -> bool:
    """Whether two files hold the same names and labels in the same order."""
    rows: dict[str, list[tuple[str, int]]] = {}
    for entry, label in pictures:
        rows.setdefault(entry.file, []).append((entry.path, label))
    return len({tuple(one) for one in rows.values()}) < len(rows)


def assemble(found: Labelled, *, name: str, root: Path, layout: str, container: Container) -> Dataset:
    """The data set made from ``found``, in the ``layout`` that its path shows.

    Raises:
        DataError: two images have the same name, or there is no image.
    """
    by_name: dict[str, tuple[Entry, int]] = {}
    for entry, label in found.pictures:
        known = by_name.setdefault(canonical_name(entry.path), (entry, label))
        if known[0] is not entry and container == "tar" and known[0].path == entry.path:
            said = escaped(str(root / entry.file))
            raise DataError(f"{said}: two members named {escaped(entry.path)}; keep one of them")
        if known[0] is not entry:
            both = " and ".join(said_place(root / one.file, one.path, one.at, container) for one in (known[0], entry))
            raise DataError(f"{both}: both are {canonical_name(entry.path)}; keep one of them")
    ordered = sorted((label, name, entry) for name, (entry, label) in by_name.items())
    samples = tuple(Sample(name, label, entry.file, entry.at, entry.size) for label, name, entry in ordered)
    dataset = Dataset(
        name=name,
        root=root,
        layout=found.layout or layout,
        container=container,
        samples=samples,
        labels_from=found.labels_from,
        empty_classes=found.empty_classes,
        left_out=found.left_out,
        notes=tuple(found.notes),
    )
    if not samples:
        raise DataError(f"{escaped(str(dataset.source))}: no image in it; give a set with one or more")
    return dataset
