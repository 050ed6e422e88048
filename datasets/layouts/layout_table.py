"""One entry per layout: its name, how it is recognised, and how it is read.

A new layout is a module that reads its images, and an entry in :data:`LAYOUTS`.
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
from alexbench.datasets.layouts.listing import NUMBER, WNID, FolderListing, Listing, listed, may_be_class
from alexbench.datasets.layouts.parquet import take_parquet
from alexbench.datasets.layouts.shards import (
    Split,
    Wanted,
    choose_shards,
    is_of_training,
    is_parquet,
    is_tfrecord,
    split_of,
)
from alexbench.datasets.layouts.tar import take_tar
from alexbench.datasets.layouts.tfds import holds_tfds, take_tfds
from alexbench.datasets.layouts.tfrecord import take_tfrecords
from alexbench.datasets.layouts.webdataset import holds_webdataset, is_tar, take_webdataset
from alexbench.harness.errors import DataError
from alexbench.harness.files.input_files import check_file
from alexbench.harness.files.plain_text import escaped

_TAR_MAGIC: Final = slice(257, 262)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a data set is. ``listing``: of a folder; None for a file. ``labels``: the user's labels for flat images.

    ``asked``: the user named the layout. ``above``: the folders from the user's path down to this one. ``wanted``: the
    split to open, where there are several.
    """

    path: Path
    listing: FolderListing | None
    labels: Path | None
    asked: bool
    above: tuple[Path, ...] = ()
    wanted: Wanted = "val"


@dataclass(frozen=True, slots=True)
class Layout:
    """One layout. ``name``: its name for ``--layout``. ``said``: its name in messages.

    ``shown_by``: the names in a folder that show it. ``begins``: whether a file's first 512 bytes have this layout.
    ``is_named``: whether a file's name has it. ``holds``: confirms a file that either of them selected; if layouts
    share names, the first that holds wins. ``takes_labels``: the user may give labels.
    """

    name: str
    said: str
    container: Container
    take: Callable[[Place], Labelled]
    shown_by: Callable[[Listing], list[str]] = lambda _: []
    begins: Callable[[bytes], bool] = lambda _: False
    is_named: Callable[[str], bool] = lambda _: False
    holds: Callable[[Path], bool] = lambda _: True
    takes_labels: bool = False

    @property
    def labels_are_in(self) -> str:
        """Where its own labels are."""
        return "names of their folders" if self.container == "files" else "records"


def _folders(kind: ClassFolders) -> Callable[[Place], Labelled]:
    def take(place: Place) -> Labelled:
        assert place.listing is not None
        return take_class_folders(place.listing, kind if place.asked else None)

    return take


def _flat(place: Place) -> Labelled:
    assert place.listing is not None
    return take_flat(place.listing, labels=place.labels, folder=place.path, above=place.above)


def _numbers(listing: Listing) -> list[str]:
    """The folders with a number as name, if some may be classes; years may not."""
    numbers = [name for name in listing.folders if NUMBER.fullmatch(name)]
    return numbers if any(may_be_class(name) for name in numbers) else []


def _records(
    belongs: Callable[[str], bool], take: Callable[[Path, Sequence[str]], Labelled], *, named_is_split: bool = False
) -> Callable[[Place], Labelled]:
    """The images of one file, or of the files in a folder that belong to the split that is wanted.

    ``named_is_split``: files with the training set's name belong to it, unless their images are the validation set's.
    Otherwise their images must have training names too.
    """

    def is_training(root: Path, file: str) -> bool:
        try:
            names = [entry.path for entry, _ in take(root, [file]).pictures]
        except DataError:
            return named_is_split
        own = any(validation_number(name) is not None for name in names)
        return not own if named_is_split else is_of_training(names)

    def taken(said: str, root: Path, files: Sequence[str], split: Split, wanted: Wanted) -> Labelled:
        for file in files:
            check_file(root / file, escaped(str(root / file)), DataError)
        if wanted == "val" and split == "train" and is_training(root, files[0]):
            raise DataError(
                f"{said}: the training split ({listed(files)}), on which no accuracy is measured; give the files of the"
                " validation split"
            )
        if wanted == "train" and split == "val":
            raise DataError(
                f"{said}: the validation split ({listed(files)}), which is not trained on; give the files of the"
                " training split"
            )
        return take(root, files)

    def from_place(place: Place) -> Labelled:
        said = escaped(str(place.path))
        if place.listing is None:
            return taken(said, place.path.parent, [place.path.name], split_of(place.path.name), place.wanted)
        listing = place.listing
        shards = choose_shards(said, [name for name in listing.others if belongs(name)], place.wanted)
        found = taken(said, place.path, shards.taken, shards.split, place.wanted)
        found.notes += shards.notes
        found.left_out += len(listing.others) - len(shards.taken) + len(listing.pictures)
        return found

    return from_place


def _starts_as_tar(head: bytes) -> bool:
    return head[_TAR_MAGIC] == b"ustar"


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
        shown_by=_numbers,
    ),
    Layout(
        "flat-folder",
        "flat images",
        "files",
        _flat,
        shown_by=lambda listing: [name for name in listing.pictures if validation_number(name) is not None],
        takes_labels=True,
    ),
    Layout(
        "webdataset",
        "WebDataset shards",
        "tar",
        _records(is_tar, take_webdataset, named_is_split=True),
        shown_by=lambda listing: [name for name in listing.others if is_tar(name)],
        begins=_starts_as_tar,
        is_named=is_tar,
        holds=holds_webdataset,
    ),
    Layout(
        "tar",
        "a tar archive",
        "tar",
        lambda place: take_tar(place.path, labels=place.labels, wanted=place.wanted),
        begins=_starts_as_tar,
        is_named=is_tar,
        takes_labels=True,
    ),
    Layout(
        "tfds",
        "TFDS records",
        "tfrecord",
        _records(is_tfrecord, take_tfds, named_is_split=True),
        shown_by=lambda listing: [name for name in listing.others if is_tfrecord(name)],
        begins=starts_as_tfrecord,
        is_named=is_tfrecord,
        holds=holds_tfds,
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
