"""An ImageFolder: pictures in one folder per class, named by WordNet id or by class index."""

import os
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from alexbench.datasets.classes import CLASS_COUNT, index_by_wnid
from alexbench.datasets.dataset import Dataset, DatasetLayout, Sample
from alexbench.harness.errors import DataError

PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp"})

# What file managers, archivers and network drives leave behind; hidden files (.DS_Store, ._x.JPEG) are ignored as such.
_LITTER = frozenset({"thumbs.db", "desktop.ini", "__macosx", "@eadir", "lost+found"})
_WNID = re.compile(r"n\d{8}", re.ASCII)
_NUMBER = re.compile(r"\d+", re.ASCII)
_NAMED_AT_MOST = 3


@dataclass(slots=True)
class _Found:
    """What lies below one folder: ``pictures`` with their paths relative to the root, and the number of other files."""

    pictures: list[str] = field(default_factory=list)
    others: int = 0


def open_folder(path: str | os.PathLike[str]) -> Dataset:
    """Open ``path``: pictures in class folders named by WordNet id (``n01440764``) or class index (``7``, ``007``).

    Which of the two it is shows by itself. A class folder may have folders inside. Symbolic links are followed, hidden
    files and litter (Thumbs.db) ignored. Only names are read, no picture is opened.

    Raises:
        DataError: no such folder, no picture in it, class folders that are not, or not all, of one kind, or something
            that this user may not read.
    """
    root = Path(path).expanduser()
    try:
        return _open(root)
    except FileNotFoundError as error:
        raise DataError(f"{error.filename}: no such folder; give the folder that holds the class folders") from error
    except NotADirectoryError as error:
        raise DataError(
            f"{error.filename}: a file, not a folder; give the folder that holds the class folders"
        ) from error
    except OSError as error:
        raise DataError(
            f"{error.filename or root}: cannot be read ({error.strerror or error}); make it readable for this user"
        ) from error


def _open(root: Path) -> Dataset:
    top = _entries(root)
    folders = [entry for entry in top if entry.is_dir()]
    beside = sum(1 for entry in top if not entry.is_dir() and _is_picture(entry.name))
    if not folders:
        if beside:
            raise DataError(
                f"{root}: a flat folder of {beside} pictures, which is not supported yet; put them in class folders"
                " (n01440764 or 0..999)"
            )
        raise DataError(f"{root}: no picture in it; give a folder with class folders (n01440764 or 0..999) of pictures")

    layout, labels = _recognise(root, [entry.name for entry in folders])
    samples: list[Sample] = []
    empty_classes, left_out = 0, beside
    for entry in folders:
        found = _Found()
        _walk(Path(entry.path), entry.name, found, above=frozenset())
        samples += [Sample(path=picture, label=labels[entry.name]) for picture in found.pictures]
        empty_classes += not found.pictures
        left_out += found.others
    if not samples:
        raise DataError(
            f"{root}: {len(folders)} class folder{'' if len(folders) == 1 else 's'} and no picture in any of them;"
            f" pictures end in {' '.join(sorted(PICTURE_SUFFIXES))}"
        )
    samples.sort(key=lambda sample: (sample.label, sample.path))
    return Dataset(
        name=root.resolve().name,
        root=root.resolve(),
        layout=layout,
        samples=tuple(samples),
        empty_classes=empty_classes,
        left_out=left_out,
    )


def _recognise(root: Path, names: Collection[str]) -> tuple[DatasetLayout, dict[str, int]]:
    """The layout that the folders' ``names`` show, and name -> class index."""
    wnids = [name for name in names if _WNID.fullmatch(name)]
    numbers = [name for name in names if _NUMBER.fullmatch(name)]
    strangers = [name for name in names if not _WNID.fullmatch(name) and not _NUMBER.fullmatch(name)]
    if strangers:
        raise DataError(
            f"{root}: {_some(strangers)} of {len(names)} folders are neither WordNet ids (n01440764) nor class indices"
            f" (0..999); {_mend_for(root, strangers, of_all=len(strangers) == len(names))}"
        )
    if wnids and numbers:
        raise DataError(
            f"{root}: {len(wnids)} folders are named by WordNet id ({_listed(wnids)}) and {len(numbers)} by class index"
            f" ({_listed(numbers)}); keep one kind"
        )
    if wnids:
        index = index_by_wnid()
        unknown = [name for name in wnids if name not in index]
        if unknown:
            raise DataError(
                f"{root}: {_some(unknown)} of {len(wnids)} WordNet ids are not among the 1000 classes of ILSVRC2012;"
                " take these folders out"
            )
        return "wnid-folders", {name: index[name] for name in wnids}
    return "class-index-folders", _class_indices(root, numbers)


def _class_indices(root: Path, names: Collection[str]) -> dict[str, int]:
    labels = {name: int(name) for name in names}
    outside = [name for name in names if labels[name] >= CLASS_COUNT]
    if outside:
        from_one = labels[outside[0]] == CLASS_COUNT and len(outside) == 1 and 0 not in labels.values()
        mend = "they seem to count from 1: rename them to count from 0" if from_one else "take these folders out"
        raise DataError(f"{root}: {_some(outside)} of {len(names)} class indices are outside 0..999; {mend}")
    first: dict[int, str] = {}
    for name in sorted(names):
        other = first.setdefault(labels[name], name)
        if other != name:
            raise DataError(f"{root}: folders {other} and {name} are both class {labels[name]}; merge them")
    return labels


def _mend_for(root: Path, strangers: Collection[str], *, of_all: bool) -> str:
    """What to do about folders that are no classes. The commonest case is a path one level too high (train, val)."""
    if of_all:
        for name in sorted(strangers):
            below = [entry.name for entry in _entries(root / name) if entry.is_dir()]
            if below and all(_WNID.fullmatch(each) or _NUMBER.fullmatch(each) for each in below):
                return f"did you mean {root / name}?"
        return "rename them to one of the two"
    return "rename them or take them out"


def _walk(folder: Path, relative: str, found: _Found, *, above: frozenset[tuple[int, int]]) -> None:
    """Gather into ``found`` what lies below ``folder``; ``above``: the folders above, so that no link leads round."""
    status = folder.stat()
    here = (status.st_dev, status.st_ino)
    if here in above:
        raise DataError(f"{folder}: a link to a folder above itself; remove the link")
    for entry in _entries(folder):
        inside = f"{relative}/{entry.name}"
        if entry.is_dir():
            _walk(Path(entry.path), inside, found, above=above | {here})
        elif not _is_picture(entry.name):
            found.others += 1
        elif entry.is_file():
            found.pictures.append(inside)
        else:
            raise DataError(f"{entry.path}: not a file, or a link to nothing; remove it or restore what it links to")


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    """What lies in ``folder`` by name, without hidden files and litter."""
    with os.scandir(folder) as found:
        kept = [each for each in found if not each.name.startswith(".") and each.name.lower() not in _LITTER]
    return sorted(kept, key=lambda entry: entry.name)


def _is_picture(name: str) -> bool:
    return PurePath(name).suffix.lower() in PICTURE_SUFFIXES


def _some(names: Collection[str]) -> str:
    return f"{len(names)} ({_listed(names)})"


def _listed(names: Iterable[str]) -> str:
    ordered = sorted(names)
    return ", ".join(ordered[:_NAMED_AT_MOST]) + (", ..." if len(ordered) > _NAMED_AT_MOST else "")
