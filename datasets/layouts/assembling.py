"""From labelled pictures to a data set: names unique, in the one order, and what a reader must know about it said."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from alexbench.datasets.dataset import (
    CONTAINERS,
    VALIDATION_COUNT,
    Dataset,
    DatasetLayout,
    Sample,
    canonical_name,
    said_place,
    validation_number,
)
from alexbench.datasets.layouts.labels import PACKAGED, packaged_labels
from alexbench.datasets.layouts.listing import Entry
from alexbench.harness.errors import DataError

_MISSING_NAMED_AT_MOST: Final = 3


@dataclass(slots=True)
class Labelled:
    """Pictures with their labels 0..999, in any order, and what else was found on the way (as in ``Dataset``)."""

    labels_from: str
    pictures: list[tuple[Entry, int]] = field(default_factory=list)
    empty_classes: int = 0
    left_out: int = 0
    notes: list[str] = field(default_factory=list)


def assemble(found: Labelled, *, name: str, root: Path, layout: DatasetLayout) -> Dataset:
    """The data set of ``found``.

    Raises:
        DataError: two pictures of one name.
    """
    by_name: dict[str, tuple[Entry, int]] = {}
    for entry, label in found.pictures:
        known = by_name.setdefault(canonical_name(entry.path), (entry, label))
        if known[0] is not entry:
            both = " and ".join(
                said_place(root / one.file, one.path, one.at, CONTAINERS[layout]) for one in (known[0], entry)
            )
            raise DataError(f"{both}: both are {canonical_name(entry.path)}; keep one of them")
    ordered = sorted((label, name, entry) for name, (entry, label) in by_name.items())
    samples = tuple(Sample(name, label, entry.file, entry.at, entry.size) for label, name, entry in ordered)
    return Dataset(
        name=name,
        root=root,
        layout=layout,
        samples=samples,
        labels_from=found.labels_from,
        empty_classes=found.empty_classes,
        left_out=found.left_out,
        notes=(*found.notes, *_validation_notes(samples, found.labels_from)),
    )


def _validation_notes(samples: tuple[Sample, ...], labels_from: str) -> list[str]:
    """What is to be said of pictures of the validation set: how many there are, and whether the labels are its own."""
    notes, own = [], packaged_labels()
    numbers = [number for sample in samples if (number := validation_number(sample.name)) is not None]
    if len(numbers) == len(samples) < VALIDATION_COUNT:
        note = f"{len(numbers):,} of the {VALIDATION_COUNT:,} validation pictures: a subset"
        missing = sorted(set(range(1, VALIDATION_COUNT + 1)).difference(numbers))
        if len(missing) <= _MISSING_NAMED_AT_MOST:
            note += f" ({', '.join(f'ILSVRC2012_val_{number:08d}' for number in missing)} missing)"
        notes.append(note)
    if labels_from != PACKAGED:
        labelled = ((validation_number(sample.name), sample.label) for sample in samples)
        others = sorted(
            (number, label) for number, label in labelled if number is not None and own[number - 1] != label
        )
        if others:
            number, label = others[0]
            notes.append(
                f"labels from {labels_from} differ from ILSVRC2012's own on {len(others):,} of {len(numbers):,}"
                f" pictures (ILSVRC2012_val_{number:08d}: {label} here, {own[number - 1]} there)"
            )
    return notes
