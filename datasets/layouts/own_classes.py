"""Images of the classes of the user's own model: a folder a class, named as in the user's list, or flat with labels.

Labels are places in that list. Where all of its classes are ImageNet's, every layout of ImageNet's images does.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from alexbench.datasets.classes import class_list
from alexbench.datasets.dataset import Dataset
from alexbench.datasets.layouts.assembling import Labelled, assemble
from alexbench.datasets.layouts.class_names import meanings, plain_words
from alexbench.datasets.layouts.listing import PICTURE_SUFFIXES, FolderListing, be, listed, plural, some
from alexbench.datasets.layouts.model_classes import ModelClasses
from alexbench.datasets.layouts.shards import split_of
from alexbench.harness.errors import DataError
from alexbench.harness.files.input_files import LABEL_BYTES_AT_MOST, read_file
from alexbench.harness.files.plain_text import escaped

CLASS_FOLDERS: Final = "class-folders"
FLAT: Final = "flat-folder"
_LABEL_FILES: Final = ("val.txt", "labels.txt", "labels.csv", "val.csv")
_DEPTH_AT_MOST: Final = 3


def open_own(path: Path, classes: ModelClasses, of_imagenet: Callable[[], Dataset]) -> Dataset:
    """The images at ``path``, labelled by their places in ``classes``.

    ``of_imagenet`` opens them as ImageNet's.

    Raises:
        DataError: no folder or label is called as one of the classes, or only some are.
    """
    if classes.are_imagenets:
        return _of_imagenet(path, classes, of_imagenet)
    found = _folder(path, classes) if path.is_dir() else None
    if found is None and not classes.imagenet:
        raise DataError(_why_not(path, classes))
    return _relabelled(of_imagenet(), classes) if found is None else found


def _of_imagenet(path: Path, classes: ModelClasses, of_imagenet: Callable[[], Dataset]) -> Dataset:
    """As ImageNet's, whose class indices are the places in the list; or class folders with English names."""
    try:
        return of_imagenet()
    except DataError:
        found = _folder(path, classes) if path.is_dir() else None
        if found is None:
            raise
        return replace(found, class_names=())


def _folder(root: Path, classes: ModelClasses) -> Dataset | None:
    """Class folders in ``root`` or in the part of it for validation; flat images. None where there is neither."""
    place, note = root, ""
    for _ in range(_DEPTH_AT_MOST):
        listing = FolderListing(place)
        labels = _labels_of(listing.folders, classes)
        if labels:
            return _named(_class_folders(listing, labels, classes), root, place, note, classes, CLASS_FOLDERS)
        below = _part_below(listing, classes)
        if below is None:
            break
        place, note = place / below, f"read from {escaped(str(place / below))}, below {escaped(str(root))}"
    listing = FolderListing(root)
    files = [root / name for name in _LABEL_FILES if (root / name).is_file()]
    if not (listing.pictures and files):
        return None
    return _named(_flat(listing, files[0], classes), root, root, "", classes, FLAT)


def _named(found: Labelled, root: Path, place: Path, note: str, classes: ModelClasses, layout: str) -> Dataset:
    dataset = assemble(found, name=root.resolve().name, root=place.resolve(), layout=layout, container="files")
    return replace(dataset, class_names=classes.names, notes=((note,) if note else ()) + dataset.notes)


def _part_below(listing: FolderListing, classes: ModelClasses) -> str | None:
    """The folder with the images to score: that for validation, else that for tests, else the only one."""
    holding = [
        name
        for name in listing.folders
        if _labels_of(FolderListing(Path(listing.folder) / name).folders, classes) or len(listing.folders) == 1
    ]
    for split in ("val", "test"):
        found = [name for name in holding if split_of(name) == split]
        if len(found) == 1:
            return found[0]
    if holding and all(split_of(name) == "train" for name in holding):
        raise DataError(
            f"{listing.said}: only the training set below it ({listed(holding)}), on which no accuracy is measured;"
            " give a folder of images that the model was not trained on"
        )
    return holding[0] if len(holding) == 1 else None


def _labels_of(folders: Sequence[str], classes: ModelClasses) -> dict[str, int]:
    """Folder -> place in the list, of those that are called as a class; empty where none is."""
    known = _places(classes)
    found = {name: place for name in folders if (place := _place_of(name, known, classes)) is not None}
    return found or _by_number(folders, classes)


def _by_number(folders: Sequence[str], classes: ModelClasses) -> dict[str, int]:
    """Folders that are numbered: outputs, if one is 0 and none is beyond the last."""
    if not folders or not all(name.isascii() and name.isdecimal() and len(name) < 6 for name in folders):
        return {}
    numbers = {name: int(name) for name in folders}
    if min(numbers.values()) != 0 or max(numbers.values()) >= len(classes.names):
        return {}
    return numbers


def _places(classes: ModelClasses) -> Mapping[str, int]:
    """What folders may be called -> place in the list; a spelling that two classes share is left out."""
    found: dict[str, set[int]] = {}
    for place, name in enumerate(classes.names):
        first, *rest = name.split(maxsplit=1)
        spellings = {name, plain_words(name), plain_words(name.partition(",")[0])}
        if first.startswith("n") and first[1:].isdecimal() and len(first) == 9:
            spellings |= {first, *map(plain_words, rest)}
        if name.isdecimal():
            spellings.add(str(int(name)))
        for one in spellings - {""}:
            found.setdefault(one, set()).add(place)
    return {one: next(iter(places)) for one, places in found.items() if len(places) == 1}


def _place_of(folder: str, known: Mapping[str, int], classes: ModelClasses) -> int | None:
    for spelling in (escaped(folder), plain_words(folder), str(int(folder)) if folder.isdecimal() else ""):
        if spelling in known:
            return known[spelling]
    meant = meanings(folder) if classes.imagenet else frozenset()
    return classes.imagenet.index(next(iter(meant))) if len(meant) == 1 and meant <= set(classes.imagenet) else None


def _class_folders(listing: FolderListing, labels: Mapping[str, int], classes: ModelClasses) -> Labelled:
    strangers = [name for name in listing.folders if name not in labels]
    if strangers:
        raise DataError(f"{listing.said}: {_strangers(strangers, len(listing.folders), classes)}")
    first: dict[int, str] = {}
    for name, place in sorted(labels.items()):
        other = first.setdefault(place, name)
        if other != name:
            raise DataError(f"{listing.said}: folders {other} and {name} are both {classes.names[place]}; merge them")
    how = "numbers of folders, as outputs" if not _places_only(labels, classes) else "folder names"
    found = Labelled(labels_from=f"{how}, in the order of {Path(classes.path).name}", left_out=len(listing.pictures))
    found.take_folders(listing.said, [(listing.below(name), place) for name, place in labels.items()])
    missing = len(classes.names) - len(labels)
    if missing:
        found.notes.append(f"{missing} of the {len(classes.names)} classes of {Path(classes.path).name} have no folder")
    return found


def _places_only(labels: Mapping[str, int], classes: ModelClasses) -> bool:
    known = _places(classes)
    return all(_place_of(name, known, classes) is not None for name in labels)


def _strangers(strangers: Sequence[str], total: int, classes: ModelClasses) -> str:
    """Folders that no class is called as, and what is meant perhaps."""
    close = get_close_matches(strangers[0], classes.names, n=1)
    fix = "take them out, or give the list that has them"
    if close:
        fix = f"is {escaped(strangers[0])} the class {close[0]}? Rename the folder then, else take it out"
    return (
        f"{some(strangers)} of {plural(total, 'folder')} {be(strangers)} not among the {len(classes.names)} classes of"
        f" {classes.path}; {fix}"
    )


def _flat(listing: FolderListing, file: Path, classes: ModelClasses) -> Labelled:
    """Images with a file of lines of a name and a class, by its name or its place in the list."""
    known, labels = _places(classes), dict[str, int]()
    text = read_file(file, escaped(str(file)), DataError, most=LABEL_BYTES_AT_MOST).decode("utf-8-sig", "replace")
    for number, line in enumerate(text.splitlines(), start=1):
        name, label = _split(line)
        if not name or (number == 1 and name not in listing.pictures):
            continue  # an empty line, or the names of the columns
        place = _place_of(label, known, classes)
        if place is None and label.isdecimal() and int(label) < len(classes.names):
            place = int(label)
        if place is None:
            raise DataError(
                f"{escaped(str(file))}: line {number} has label {escaped(label)!r}, which is not among the"
                f" {len(classes.names)} classes of {classes.path}; give the label file of these images"
            )
        labels[name.rpartition("/")[2]] = place
    without = [name for name in listing.pictures if name not in labels]
    if without:
        raise DataError(
            f"{listing.said}: {some(without)} of {plural(len(listing.pictures), 'image')} have no label in"
            f" {file.name}; take them out, or add their labels"
        )
    found = Labelled(labels_from=f"{file.name}, in the order of {Path(classes.path).name}")
    found.pictures = [(entry, labels[entry.path]) for entry in listing.flat()]
    return found


def _split(line: str) -> tuple[str, str]:
    """A name and a label, whatever stands between: ``a.jpg daisy``, ``a.jpg,3``, ``my dog.jpg golden retriever``."""
    for suffix in PICTURE_SUFFIXES:
        place = line.lower().find(suffix)
        if place >= 0:
            end = place + len(suffix)
            return line[:end].strip().strip('"'), line[end:].strip(" \t,;\"'")
    return line.strip(), ""


def _relabelled(dataset: Dataset, classes: ModelClasses) -> Dataset:
    """ImageNet's images with their places in the list for labels."""
    if classes.are_imagenets:
        return dataset
    place_of = {index: place for place, index in enumerate(classes.imagenet)}
    outside = sorted({sample.label for sample in dataset.samples} - set(place_of))
    if outside:
        names = ", ".join(f"{class_list()[index].wnid} {class_list()[index].name}" for index in outside[:2])
        raise DataError(
            f"{escaped(str(dataset.source))}: {len(outside)} of its classes {be(list(map(str, outside)))} not among the"
            f" {len(classes.names)} of {classes.path} ({names}); give images of these classes alone"
        )
    samples = sorted(
        (replace(one, label=place_of[one.label]) for one in dataset.samples), key=lambda one: (one.label, one.name)
    )
    labels_from = f"{dataset.labels_from}, in the order of {Path(classes.path).name}"
    return replace(dataset, samples=tuple(samples), class_names=classes.names, labels_from=labels_from)


def _why_not(path: Path, classes: ModelClasses) -> str:
    """What is there instead of class folders, and the way out."""
    said = escaped(str(path))
    if not path.exists():
        return f"{said}: no such folder or file; give a folder with a folder for each class"
    if not path.is_dir():
        return f"{said}: images of your own classes are read from folders, a folder a class; unpack it"
    listing = FolderListing(path)
    wanted = f"a folder for each class of {classes.path} ({listed(classes.names)})"
    if listing.folders:
        numbered = all(name.isdecimal() for name in listing.folders)
        if numbered:
            return (
                f"{said}: folders {min(listing.folders, key=int)} to {max(listing.folders, key=int)} do not say whether"
                f" they count from 0 or from 1; name them as {classes.path} names the classes"
            )
        return f"{said}: {_strangers(listing.folders, len(listing.folders), classes)}"
    if listing.pictures:
        return (
            f"{said}: {plural(len(listing.pictures), 'image')} without a label; give {wanted}, or put a val.txt there"
        )
    return f"{said}: no image in it; give {wanted}"
