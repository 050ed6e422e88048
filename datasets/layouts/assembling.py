"""From labelled pictures to a data set: names unique, in the one order, and what a reader must know about it said."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from alexbench.datasets.classes import class_list
from alexbench.datasets.dataset import Container, Dataset, Sample, canonical_name, said_place, validation_number
from alexbench.datasets.layouts.listing import Entry
from alexbench.harness.errors import DataError
from alexbench.harness.plain_text import escaped

PICTURES_AT_MOST: Final = 2_000_000
"""Of a data set: ImageNet's training set has 1.3 million. Each takes about 500 bytes of memory here."""


@dataclass(slots=True)
class Labelled:
    """Images with their labels 0..999, in any order, and what else was found on the way (as in ``Dataset``).

    ``layout``: the one that it turned out to be on reading, empty where that was known before.
    """

    labels_from: str
    pictures: list[tuple[Entry, int]] = field(default_factory=list)
    empty_classes: int = 0
    left_out: int = 0
    notes: list[str] = field(default_factory=list)
    layout: str = ""


def check_count(said: str, count: int) -> None:
    """Refuse what says it holds more pictures than any data set has, before memory is taken for them.

    Raises:
        DataError: more than PICTURES_AT_MOST.
    """
    if count > PICTURES_AT_MOST:
        raise DataError(
            f"{said}: {count:,} pictures, more than the {PICTURES_AT_MOST:,} that can be listed; give the"
            " validation split"
        )


def tell_apart(found: Labelled) -> None:
    """Give images whose names repeat the name that they have in class folders, as rows know no folder but a base name.

    The same name twice in one class is told apart by its place in the file where it is one file, and that is noted.
    The validation set's own names never repeat.
    """
    own = [validation_number(entry.path) is not None for entry, _ in found.pictures]
    names = Counter(entry.path for (entry, _), is_own in zip(found.pictures, own, strict=True) if not is_own)
    if not any(count > 1 for count in names.values()):
        return
    classes = class_list()
    qualified = [
        (entry if is_own else entry._replace(path=f"{classes[label].wnid}/{entry.path}"), label)
        for (entry, label), is_own in zip(found.pictures, own, strict=True)
    ]
    again = Counter((entry.path, entry.file) for (entry, _), is_own in zip(qualified, own, strict=True) if not is_own)
    repeated = {key for key, count in again.items() if count > 1}
    found.pictures = [
        (entry._replace(path=f"{entry.path}#{entry.at}") if (entry.path, entry.file) in repeated else entry, label)
        for entry, label in qualified
    ]
    if repeated:
        count = sum(again[key] for key in repeated)
        found.notes.append(f"{count:,} images share their name with another of their class; told apart by their place")


def assemble(found: Labelled, *, name: str, root: Path, layout: str, container: Container) -> Dataset:
    """The data set of ``found``, in the ``layout`` that its place shows.

    Raises:
        DataError: two pictures of one name, or none at all.
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
        raise DataError(f"{escaped(str(dataset.source))}: no picture in it; give a set with one or more")
    return dataset
