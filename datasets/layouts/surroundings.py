"""Finds the validation set (or the training set) below a folder, or in an archive, that is not a data set itself.

A root with ``train/`` and ``val/``, Kaggle's ``ILSVRC/Data/CLS-LOC/val``, a devkit next to a folder: people often name
a path one or more levels too high. If there is exactly one set of the split below, it is read, and a note reports it.
Otherwise the error names what is there.
"""

import re
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from alexbench.datasets.dataset import validation_number
from alexbench.datasets.layouts.foreign import foreign_in, other_set
from alexbench.datasets.layouts.listing import FolderListing, Listing, listed, may_be_class, plural
from alexbench.datasets.layouts.shards import WORDS, Split, Wanted, split_of
from alexbench.harness.errors import DataError
from alexbench.harness.files.plain_text import escaped

_FOLDERS_AT_MOST: Final = 1_000
_DEPTH_AT_MOST: Final = 10
_LOOKED_AT: Final = 100
"""How many names of images decide what a folder is."""
_CLASS_ARCHIVE: Final = re.compile(r"n\d{8}\.tar", re.ASCII)


@dataclass(frozen=True, slots=True)
class SetBelow:
    """A set below a root. ``path``: where, as people write it. ``split``: its part of ImageNet, if known.

    ``sure``: its images have labels there; otherwise labels would have to be found. ``flat``: its images are directly
    in it.
    """

    path: Path
    split: Split
    sure: bool = True
    flat: bool = False


def set_below(root: Path, shows: Callable[[FolderListing], Iterable[str]], wanted: Wanted = "val") -> SetBelow | None:
    """The one set of the split that is ``wanted`` below ``root``; None if there is no set.

    ``shows``: the names that make a folder a data set.

    Raises:
        DataError: there are several, or none is surely of that split. The message names them.
    """
    said = escaped(str(root))
    search = _Search(root, shows)
    places = _joined(root, _prefer_folders(list(search.places()), wanted))
    found = choose(said, places, unread=search.unread, wanted=wanted)
    if found is not None and not search.whole:
        raise DataError(
            f"{said}: more than {_FOLDERS_AT_MOST:,} folders below it; did you mean {escaped(str(found.path))}?"
        )
    if found is None and search.other:
        raise DataError(search.other)
    if not places and not search.images:
        raise DataError(
            f"{said}: no image in it or below it; give a folder with class folders (n01440764 or 0..999) of images"
        )
    return found


def choose(
    said: str,
    places: Sequence[SetBelow],
    *,
    give: str = "give one of them",
    unread: OSError | None = None,
    wanted: Wanted = "val",
) -> SetBelow | None:
    """The one set of the split that is ``wanted`` among those below ``said``; None if there are no sets.

    ``unread``: why a folder below, which may hold the set, could not be read.

    Raises:
        DataError: see :func:`set_below`.
        OSError: ``unread``, if there is no such set elsewhere.
    """
    sure = [place for place in places if place.sure] or list(places)
    found = [place for place in sure if place.split == wanted] or [place for place in places if place.split == wanted]
    if len(found) == 1:
        return found[0]
    if found and len({place.path.parent for place in found}) == 1:
        _refuse_parts(said, found, WORDS[wanted])
    if found:
        raise DataError(f"{said}: {plural(len(found), f'{WORDS[wanted]} set')} below it ({_paths(found)}); {give}")
    if unread is not None:
        raise unread
    unknown = [place for place in sure if not place.split]
    if len(unknown) == 1:
        raise DataError(f"{said}: no data set in it; did you mean {escaped(str(unknown[0].path))}?")
    if unknown and unknown[0].sure:
        raise DataError(f"{said}: {plural(len(unknown), 'data set')} below it ({_paths(unknown)}); {give}")
    if unknown:
        return None  # folders of images with other names, which may be classes
    if places:
        words = {"train": "training", "val": "validation"}
        splits = " and ".join(sorted({words.get(place.split, "test") for place in places}))
        raise DataError(
            f"{said}: only the {splits} set below it ({_paths(places)}); give a folder or an archive with the"
            f" {WORDS[wanted]} set's images"
        )
    return None


def _refuse_parts(said: str, found: Sequence[SetBelow], word: str) -> None:
    """Refuse a set that is spread over several folders or archives. ``word``: the name of its split."""
    if all(place.flat and place.sure for place in found):
        raise DataError(
            f"{said}: images of the {word} set in {plural(len(found), 'folder')} ({_paths(found)}); give one of"
            " them, or put the images into one folder if these are parts"
        )
    if all(place.path.suffix.lower() == ".tar" for place in found):
        raise DataError(
            f"{said}: {plural(len(found), 'archive')} of the {word} set ({_paths(found)}); give one of them, or"
            " unpack them into one folder if these are parts (WebDataset shards have a KEY.cls next to each image)"
        )


def _joined(root: Path, places: Sequence[SetBelow]) -> list[SetBelow]:
    """Replaces folders of unknown images by the folder that holds them all: they are its classes, under other names."""
    parents = Counter(place.path.parent for place in places if not place.sure)
    joined = {parent for parent, count in parents.items() if count > 1 and parent != root}
    whole = [SetBelow(parent, split_in(parent.relative_to(root)), sure=False) for parent in sorted(joined)]
    return [place for place in places if place.sure or place.path.parent not in joined] + whole


def split_in(path: Path | str, names: Iterable[str] = ()) -> Split:
    """The part of ImageNet at a relative ``path``, by ``names`` of images there, or else by the folders' names."""
    names = list(names)
    if any(validation_number(name) is not None for name in names):
        return "val"
    if any(name.startswith("ILSVRC2012_test_") for name in names):
        return "test"
    for part in reversed(Path(path).parts):
        split = split_of(part)
        if split:
            return split
    return ""


class _Search:
    """The sets below a root, nearest first. ``whole``: all folders were read, except ``unread``.

    ``other``: the first folder with another data set, or with a format that is not read. ``images``: whether the root
    itself has images.
    """

    def __init__(self, root: Path, shows: Callable[[FolderListing], Iterable[str]]) -> None:
        self._root, self._shows = root, shows
        self._seen: set[tuple[int, int]] = set()
        self.unread: OSError | None = None
        self.whole = True
        self.other = ""
        self.images = False

    def places(self) -> Iterator[SetBelow]:
        """Each set. Class folders are not entered."""
        folders = deque([(self._root, 0)])
        while folders:
            folder, depth = folders.popleft()
            listing = self._list(folder)
            if listing is None:
                continue
            self.images = self.images or (folder == self._root and bool(listing.pictures))
            if self._is_other(folder, listing):
                continue
            shown = [] if folder == self._root else list(self._shows(listing))
            place = None if folder == self._root else _place(folder, folder.relative_to(self._root), listing, shown)
            yield from _archives(folder, listing) if place is None else (place,)
            if depth < _DEPTH_AT_MOST and (place is None or not place.sure):
                folders.extend((folder / name, depth + 1) for name in listing.folders if not may_be_class(name))

    def _is_other(self, folder: Path, listing: FolderListing) -> bool:
        """Whether a folder belongs to another data set, so that ImageNet is not in it."""
        other = other_set(listing)
        words = other or foreign_in(listing)
        self.other = self.other or (f"{escaped(str(folder))}: {words}" if words else "")
        return other is not None

    def _list(self, folder: Path) -> FolderListing | None:
        """The content of a folder; None if it is unknown or was read before."""
        try:
            status = folder.stat()
            here = (status.st_dev, status.st_ino)
            if here in self._seen or len(self._seen) == _FOLDERS_AT_MOST:
                self.whole = self.whole and here in self._seen
                return None
            self._seen.add(here)
            return FolderListing(folder)
        except OSError as error:
            self.unread = self.unread or error
            return None


def _archives(folder: Path, listing: Listing) -> Iterator[SetBelow]:
    """The tars in a folder that is not a set itself, except tars of one class."""
    for name in listing.others:
        if name.lower().endswith(".tar") and not _CLASS_ARCHIVE.fullmatch(name):
            yield SetBelow(folder / name, split_of(name))


def _place(folder: Path, relative: Path, listing: Listing, shown: Sequence[str]) -> SetBelow | None:
    if shown:
        flat = [name for name in shown if validation_number(name) is not None][:1]
        splits: set[Split] = {split_of(name) for name in shown}
        splits.discard("")
        split: Split = split_in(relative, flat)
        if "val" in splits:
            split = "val"
        elif not split and len(splits) == 1:
            split = splits.pop()
        return SetBelow(folder, split, flat=bool(flat))
    if listing.pictures:
        return SetBelow(folder, split_in(relative, listing.pictures[:_LOOKED_AT]), sure=False, flat=True)
    return None


def _prefer_folders(places: list[SetBelow], wanted: Wanted) -> list[SetBelow]:
    """Leaves out archives that were unpacked next to themselves, as torchvision does."""
    folders = {place.path.parent for place in places if place.split == wanted and place.path.suffix.lower() != ".tar"}
    return [place for place in places if place.path.suffix.lower() != ".tar" or place.path.parent not in folders]


def _paths(places: Sequence[SetBelow]) -> str:
    return listed(str(place.path) for place in places)


def within(paths: Iterable[str]) -> list[SetBelow]:
    """The sets among the ``paths`` of an archive's images: folders of class folders, and folders of flat images."""
    flat: dict[str, str] = {}
    of_classes: set[str] = set()
    for path in paths:
        parts = path.split("/")
        classes = [place for place, part in enumerate(parts[:-1]) if may_be_class(part)]
        if classes:
            of_classes.add("/".join(parts[: classes[0]]))
        else:
            flat.setdefault("/".join(parts[:-1]), parts[-1])
    places = [SetBelow(Path(folder), split_in(folder)) for folder in sorted(of_classes)]
    return places + [
        SetBelow(Path(folder), split_in(folder, [name]), sure=validation_number(name) is not None)
        for folder, name in sorted(flat.items())
    ]
