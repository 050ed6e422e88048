"""The layouts, an entry each: what it is called, how it is recognised, and how it is read.

A new layout is a module that takes its images, and a line of :data:`LAYOUTS`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from alexbench.datasets.containers.tfrecord import starts_as_tfrecord
from alexbench.datasets.dataset import Container, validation_number
from alexbench.datasets.layouts.assembling import Labelled
from alexbench.datasets.layouts.class_folders import ClassFolders, take_class_folders
from alexbench.datasets.layouts.flat import take_flat
from alexbench.datasets.layouts.listing import NUMBER, WNID, FolderListing, Listing
from alexbench.datasets.layouts.parquet import take_parquet
from alexbench.datasets.layouts.shards import choose_shards, is_parquet, is_tfrecord
from alexbench.datasets.layouts.tar import take_tar
from alexbench.datasets.layouts.tfrecord import take_tfrecords
from alexbench.harness.errors import DataError
from alexbench.harness.input_files import check_file
from alexbench.harness.plain_text import escaped

_TAR_MAGIC: Final = slice(257, 262)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a data set lies. ``listing``: of a folder, None of a file. ``labels``: the user's, of flat images.

    ``asked``: the user named the layout.
    """

    path: Path
    listing: FolderListing | None
    labels: Path | None
    asked: bool


@dataclass(frozen=True, slots=True)
class Layout:
    """One layout. ``name``: as ``--layout`` has it; ``said``: what lies there, as messages call it.

    ``shown_by``: the names in a folder that show it. ``begins``: whether a file's first 512 bytes are of it;
    ``is_named``: whether a file's name says so. ``takes_labels``: the user may give them.
    """

    name: str
    said: str
    container: Container
    take: Callable[[Place], Labelled]
    shown_by: Callable[[Listing], list[str]] = lambda _: []
    begins: Callable[[bytes], bool] = lambda _: False
    is_named: Callable[[str], bool] = lambda _: False
    takes_labels: bool = False

    @property
    def labels_are_in(self) -> str:
        """Where the labels are that come with it."""
        return "names of their folders" if self.container == "files" else "records"


def _folders(kind: ClassFolders) -> Callable[[Place], Labelled]:
    def take(place: Place) -> Labelled:
        assert place.listing is not None
        return take_class_folders(place.listing, kind if place.asked else None)

    return take


def _flat(place: Place) -> Labelled:
    assert place.listing is not None
    return take_flat(place.listing, labels=place.labels, folder=place.path)


def _records(
    belongs: Callable[[str], bool], take: Callable[[Path, Sequence[str]], Labelled]
) -> Callable[[Place], Labelled]:
    """Of one file, or of those of a folder that belong to the validation set."""

    def taken(root: Path, files: Sequence[str]) -> Labelled:
        for file in files:
            check_file(root / file, escaped(str(root / file)), DataError)
        return take(root, files)

    def from_place(place: Place) -> Labelled:
        if place.listing is None:
            path = place.path.resolve()
            return taken(path.parent, [path.name])
        listing = place.listing
        shards = choose_shards(str(place.path), [name for name in listing.others if belongs(name)])
        found = taken(place.path, shards.taken)
        found.notes += shards.notes
        found.left_out += len(listing.others) - len(shards.taken) + len(listing.pictures)
        return found

    return from_place


LAYOUTS: Final = (
    Layout(
        "wnid-folders",
        "wnid folders",
        "files",
        _folders("wnid-folders"),
        shown_by=lambda listing: [name for name in listing.folders if WNID.fullmatch(name)],
    ),
    Layout(
        "class-index-folders",
        "class-index folders",
        "files",
        _folders("class-index-folders"),
        shown_by=lambda listing: [name for name in listing.folders if NUMBER.fullmatch(name)],
    ),
    Layout(
        "flat-folder",
        "flat pictures",
        "files",
        _flat,
        shown_by=lambda listing: [name for name in listing.pictures if validation_number(name) is not None],
        takes_labels=True,
    ),
    Layout(
        "tar",
        "a tar archive",
        "tar",
        lambda place: take_tar(place.path, labels=place.labels),
        begins=lambda head: head[_TAR_MAGIC] == b"ustar",
        is_named=lambda name: name.lower().endswith(".tar"),
        takes_labels=True,
    ),
    Layout(
        "tfrecord",
        "TFRecords",
        "tfrecord",
        _records(is_tfrecord, take_tfrecords),
        shown_by=lambda listing: [name for name in listing.others if is_tfrecord(name)],
        begins=starts_as_tfrecord,
        is_named=is_tfrecord,
    ),
    Layout(
        "parquet",
        "Parquet files",
        "parquet",
        _records(is_parquet, take_parquet),
        shown_by=lambda listing: [name for name in listing.others if is_parquet(name)],
        begins=lambda head: head.startswith(b"PAR1"),
        is_named=is_parquet,
    ),
)
LAYOUT_NAMES: Final = tuple(one.name for one in LAYOUTS)
