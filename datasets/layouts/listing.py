"""Lists a folder by names only: class folders, images, litter."""

import os
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Final, NamedTuple, Protocol

from alexbench.datasets.classes import CLASS_COUNT
from alexbench.datasets.dataset import Container
from alexbench.harness.errors import DataError
from alexbench.harness.files.plain_text import escaped

PICTURE_SUFFIXES: Final = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp"})
WNID: Final = re.compile(r"n\d{8}", re.ASCII)
NUMBER: Final = re.compile(r"\d+", re.ASCII)

# Files that file managers, archivers and network drives leave behind. Hidden files (.DS_Store, ._x.JPEG) are ignored
# too.
_LITTER: Final = frozenset({"thumbs.db", "desktop.ini", "__macosx", "@eadir", "lost+found"})
_NAMED_AT_MOST: Final = 3
_DIGITS_AT_MOST: Final = 9
_DEPTH_AT_MOST: Final = 32
_FOLDERS_AT_MOST: Final = 5_000
"""The most folders below one class folder; ImageNet has none."""


class Entry(NamedTuple):
    """An image in its container: its ``path`` there, and where its bytes are (see ``Sample``)."""

    path: str
    file: str
    at: int
    size: int


@dataclass(slots=True)
class Below:
    """The content below one folder: its images, and the number of other files."""

    pictures: list[Entry] = field(default_factory=list)
    others: int = 0
    folders: int = 0


class Listing(Protocol):
    """The top of a container that holds files by name: a folder, or a tar.

    ``said``: its name in errors. ``folders``, ``pictures``, ``others``: the names at its top, in sorted order;
    ``others`` are the files that are not images.
    """

    said: str
    container: Container
    folders: list[str]
    pictures: list[str]
    others: list[str]

    @property
    def folder(self) -> Path | None:
        """Its path; None in a tar."""
        ...

    def flat(self) -> list[Entry]:
        """The images at the top."""
        ...

    def below(self, folder: str) -> Below:
        """The content below one of the ``folders``."""
        ...

    def names_in(self, folder: str) -> tuple[list[str], list[str]]:
        """The folders and files directly in one of the ``folders``."""
        ...

    def read(self, name: str, most: int) -> bytes:
        """The first ``most`` bytes of one of the ``others``. Raises OSError."""
        ...


class FolderListing:
    """A folder. Symbolic links are followed. Raises OSError if it cannot be read."""

    container: Container = "files"

    def __init__(self, root: Path) -> None:
        self.said = escaped(str(root))
        self._root = self.folder = root
        self._pictures: list[os.DirEntry[str]] = []
        self.folders: list[str] = []
        self.others: list[str] = []
        for entry in _entries(root):
            if entry.is_dir():
                self.folders.append(entry.name)
            elif is_picture(entry.name):
                self._pictures.append(entry)
            else:
                self.others.append(entry.name)
        self.pictures = [entry.name for entry in self._pictures]

    def flat(self) -> list[Entry]:
        """The images at the top."""
        return [_entry(entry, entry.name) for entry in self._pictures]

    def below(self, folder: str) -> Below:
        """The content below one of the ``folders``."""
        found = Below()
        _walk(self._root / folder, folder, found, above=frozenset())
        return found

    def names_in(self, folder: str) -> tuple[list[str], list[str]]:
        """The folders and files directly in one of the ``folders``."""
        folders: list[str] = []
        files: list[str] = []
        for entry in _entries(self._root / folder):
            (folders if entry.is_dir() else files).append(entry.name)
        return folders, files

    def read(self, name: str, most: int) -> bytes:
        """The first ``most`` bytes of one of the ``others``."""
        with (self._root / name).open("rb") as file:
            return file.read(most)


def _walk(folder: Path, relative: str, found: Below, *, above: frozenset[tuple[int, int]]) -> None:
    """Collect the content below ``folder`` in ``found``.

    ``above``: the folders above, so that links cannot form a cycle.

    Links can turn a few folders into any number of paths, so their number and depth are limited.
    """
    found.folders += 1
    if len(above) > _DEPTH_AT_MOST or found.folders > _FOLDERS_AT_MOST:
        raise DataError(
            f"{escaped(str(folder))}: more than {_DEPTH_AT_MOST} folders deep, or more than {_FOLDERS_AT_MOST:,} of"
            " them; give the folder that holds the class folders"
        )
    status = folder.stat()
    here = (status.st_dev, status.st_ino)
    if here in above:
        raise DataError(f"{escaped(str(folder))}: a link to a folder above itself; remove the link")
    for entry in _entries(folder):
        inside = f"{relative}/{entry.name}"
        if entry.is_dir():
            _walk(Path(entry.path), inside, found, above=above | {here})
        elif is_picture(entry.name):
            found.pictures.append(_entry(entry, inside))
        else:
            found.others += 1


def _entry(entry: os.DirEntry[str], path: str) -> Entry:
    if not entry.is_file():
        raise DataError(
            f"{escaped(entry.path)}: not a file, or a link to nothing; remove it or restore what it links to"
        )
    return Entry(path, path, 0, entry.stat().st_size)


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as found:
        kept = [each for each in found if not is_litter(each.name)]
    return sorted(kept, key=lambda entry: entry.name)


def is_litter(name: str) -> bool:
    """Whether ``name``, of a file or a folder, is hidden or known litter."""
    return name.startswith(".") or name.lower() in _LITTER


def is_picture(name: str) -> bool:
    """Whether the suffix is an image's."""
    return PurePath(name).suffix.lower() in PICTURE_SUFFIXES


def is_class_name(name: str) -> bool:
    """Whether a folder of that name is a class folder: a WordNet id or a number."""
    return WNID.fullmatch(name) is not None or NUMBER.fullmatch(name) is not None


def may_be_class(name: str) -> bool:
    """Whether a folder of that name may be one of the classes: a WordNet id or a number up to 1000, and not a year."""
    return WNID.fullmatch(name) is not None or (
        NUMBER.fullmatch(name) is not None and int(name[-_DIGITS_AT_MOST:]) <= CLASS_COUNT
    )


def some(names: Collection[str]) -> str:
    """``4 (cat, dog, eel, ...)``."""
    return f"{len(names)} ({listed(names)})"


def listed(names: Iterable[str]) -> str:
    """The first three in sorted order."""
    ordered = sorted(names)
    return ", ".join(map(escaped, ordered[:_NAMED_AT_MOST])) + (", ..." if len(ordered) > _NAMED_AT_MOST else "")


def be(names: Collection[str]) -> str:
    """The verb: ``is`` for one, ``are`` for several."""
    return "is" if len(names) == 1 else "are"


def have(names: Collection[str]) -> str:
    """The verb: ``has`` for one, ``have`` for several."""
    return "has" if len(names) == 1 else "have"


def plural(number: int, noun: str) -> str:
    """``1 image``, ``50,000 images``, ``2 classes``."""
    return f"{number:,} {noun}{'' if number == 1 else 'es' if noun.endswith('s') else 's'}"
