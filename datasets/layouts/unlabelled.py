"""Images whose labels nobody needs, as int8 is calibrated with: in a folder however it is arranged, or in a list."""

import os
from pathlib import Path, PurePath
from typing import Final

from alexbench.datasets.classes import CLASS_COUNT
from alexbench.datasets.dataset import Dataset
from alexbench.datasets.layouts.assembling import Labelled, assemble, check_count
from alexbench.datasets.layouts.listing import Entry, FolderListing, be, is_class_name, is_picture, may_be_class, some
from alexbench.datasets.layouts.recognising import shown_in
from alexbench.harness.errors import DataError
from alexbench.harness.files.plain_text import escaped

LIST: Final = "list"
"""The layout of a list of images."""
_LIST_BYTES: Final = 64 * 1024 * 1024
"""A list of ImageNet's training images by absolute paths is about as long."""


def open_unlabelled(path: Path) -> Dataset | None:
    """The images of a folder that shows no layout with labels, or those that a text file lists; None for other data.

    A list has one image a line, by a path that is absolute or relative to the list or the working directory, and what
    follows a blank is a label if there is no such file. Each class folder of a list is a class; all else has label 0.

    Raises:
        DataError: a listed image is not there, a text is not a list, or the folder is one class of a data set.
    """
    if path.is_dir():
        return _folder(path)
    lines = _text_lines(path) if path.is_file() else []
    if lines and not _are_images(lines):
        raise DataError(f"{escaped(str(path))}: not a list of images; give one path a line, or a folder of images")
    return _listed(path, lines) if lines else None


def listed_lines(path: Path) -> list[str]:
    """The lines of a list of images; none of a file that is not one."""
    lines = _text_lines(path)
    return lines if _are_images(lines) else []


def _text_lines(path: Path) -> list[str]:
    """The lines of a text file that are not empty; none of another file."""
    with path.open("rb") as file:
        content = file.read(_LIST_BYTES)
    try:
        text = "" if b"\0" in content else content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return []
    return [line.strip() for line in text.splitlines() if line.strip()]


def _are_images(lines: list[str]) -> bool:
    return bool(lines) and all(is_picture(line) or is_picture(line.split(maxsplit=1)[0]) for line in lines)


def listed_files(path: Path, lines: list[str]) -> list[Path | None]:
    """The file that each line of the list at ``path`` names; None for one that is not there."""
    return [_file(line, path.parent) for line in lines]


def _file(line: str, folder: Path) -> Path | None:
    named = [Path(line), Path(line.split(maxsplit=1)[0])]
    tried = [place / one for one in named for place in (folder, Path())]
    return next((one.absolute() for one in tried if one.is_file()), None)


def _folder(root: Path) -> Dataset | None:
    listing = FolderListing(root)
    below = [listing.below(name) for name in listing.folders]
    pictures = [*listing.flat(), *(entry for one in below for entry in one.pictures)]
    classes = any(may_be_class(part) for entry in pictures for part in PurePath(entry.path).parts[:-1])
    if not pictures or classes or shown_in(listing):
        return None
    if is_class_name(root.resolve().name):
        above = escaped(str(root.resolve().parent))
        raise DataError(f"{listing.said}: this is one class folder, and calibration needs many; did you mean {above}?")
    found = Labelled("", [(entry, 0) for entry in pictures], left_out=len(listing.others))
    return assemble(found, name=root.resolve().name, root=root.resolve(), layout="unlabelled", container="files")


def _listed(path: Path, lines: list[str]) -> Dataset:
    check_count(escaped(str(path)), len(lines))
    files = listed_files(path, lines)
    absent = [line for line, file in zip(lines, files, strict=True) if file is None]
    if absent:
        raise DataError(
            f"{escaped(str(path))}: {some(absent)} of its {len(lines)} images {be(absent)} not there; give absolute"
            " paths, or paths relative to the list"
        )
    there = [file for file in dict.fromkeys(files) if file is not None]
    folders = {file.parent.name for file in there}
    numbers = {name: place % CLASS_COUNT for place, name in enumerate(sorted(folders))}
    labelled = all(map(is_class_name, folders))
    root = Path(os.path.commonpath([file.parent for file in there]))
    pictures = []
    for file in there:
        inside = file.relative_to(root).as_posix()
        entry = Entry(inside, inside, 0, file.stat().st_size)
        pictures.append((entry, numbers[file.parent.name] if labelled else 0))
    found = Labelled("folder names" if labelled else "", pictures)
    return assemble(found, name=path.name, root=root, layout=LIST, container="files")
