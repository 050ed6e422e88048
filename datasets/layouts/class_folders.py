"""A folder a class, named by WordNet id (``n01440764``) or by class index (``7``, ``007``)."""

from collections.abc import Collection
from typing import Literal

from alexbench.datasets.classes import CLASS_COUNT, index_by_wnid
from alexbench.datasets.layouts.assembling import Labelled
from alexbench.datasets.layouts.class_lists import Meaning, lists_in, meaning_of, meant, words_for
from alexbench.datasets.layouts.class_names import BACKGROUND
from alexbench.datasets.layouts.listing import (
    NUMBER,
    PICTURE_SUFFIXES,
    WNID,
    Listing,
    be,
    is_class_name,
    listed,
    plural,
    some,
)
from alexbench.datasets.layouts.shards import is_parquet, is_tfrecord
from alexbench.harness.errors import DataError

ClassFolders = Literal["wnid-folders", "class-index-folders"]


def take_class_folders(listing: Listing, named: ClassFolders | None) -> Labelled:
    """Every picture below the class folders; of the ``named`` kind alone where the user named one.

    Raises:
        DataError: class folders that are not, or not all, of one kind or of the 1000 classes, or hold no picture.
    """
    names = listing.folders
    if named is not None:
        pattern = WNID if named == "wnid-folders" else NUMBER
        names = [name for name in names if pattern.fullmatch(name)]
    layout, labels = _recognise(listing, names)
    meaning = meaning_of(lists_in(listing)) if layout == "class-index-folders" else None
    labels = {name: _meant(listing.said, name, label, meaning) for name, label in labels.items()}
    found = Labelled(labels_from=f"folder names{words_for(meaning)}", left_out=len(listing.pictures))
    ignored = [name for name in listing.folders if name not in labels]
    if ignored:
        found.notes.append(f"{plural(len(ignored), 'folder')} not looked into: {listed(ignored)}")
    for name in names:
        below = listing.below(name)
        found.pictures += [(entry, labels[name]) for entry in below.pictures]
        found.empty_classes += not below.pictures
        found.left_out += below.others
    if not found.pictures:
        raise DataError(
            f"{listing.said}: {plural(len(names), 'class folder')} and no picture in any of them;"
            f" pictures end in {' '.join(sorted(PICTURE_SUFFIXES))}"
        )
    found.layout = layout
    return found


def _recognise(listing: Listing, names: Collection[str]) -> tuple[ClassFolders, dict[str, int]]:
    """The layout that the folders' ``names`` show, and name -> class index."""
    said = listing.said
    wnids = [name for name in names if WNID.fullmatch(name)]
    numbers = [name for name in names if NUMBER.fullmatch(name)]
    strangers = [name for name in names if not is_class_name(name)]
    if strangers:
        mend = _mend_for(listing, strangers, of_all=len(strangers) == len(names))
        raise DataError(
            f"{said}: {some(strangers)} of {plural(len(names), 'folder')} {be(strangers)} neither WordNet ids"
            f" (n01440764) nor class indices (0..999); {mend}"
        )
    if wnids and numbers:
        raise DataError(
            f"{said}: {plural(len(wnids), 'folder')} {be(wnids)} named by WordNet id ({listed(wnids)}) and"
            f" {len(numbers)} by class index ({listed(numbers)}); keep one kind"
            + (", or name one with --layout wnid-folders or class-index-folders" * (listing.container == "files"))
        )
    if wnids:
        index = index_by_wnid()
        unknown = [name for name in wnids if name not in index]
        if unknown:
            raise DataError(
                f"{said}: {some(unknown)} of {plural(len(wnids), 'WordNet id')} {be(unknown)} not among the 1000"
                " classes of ILSVRC2012; take these folders out"
            )
        return "wnid-folders", {name: index[name] for name in wnids}
    return "class-index-folders", _class_indices(said, numbers)


def _class_indices(said: str, names: Collection[str]) -> dict[str, int]:
    labels = {name: int(name) for name in names}
    outside = [name for name in names if labels[name] >= CLASS_COUNT]
    if outside:
        from_one = labels[outside[0]] == CLASS_COUNT and len(outside) == 1 and 0 not in labels.values()
        mend = "they seem to count from 1: rename them to count from 0" if from_one else "take these folders out"
        indices = "index" if len(names) == 1 else "indices"
        raise DataError(f"{said}: {some(outside)} of {len(names)} class {indices} {be(outside)} outside 0..999; {mend}")
    first: dict[int, str] = {}
    for name in sorted(names):
        other = first.setdefault(labels[name], name)
        if other != name:
            raise DataError(f"{said}: folders {other} and {name} are both class {labels[name]}; merge them")
    return labels


def _meant(said: str, name: str, label: int, meaning: Meaning | None) -> int:
    """The class index of a folder called by a number, as a class list beside it says."""
    index = meant(label, meaning)
    if index == BACKGROUND and meaning is not None:
        raise DataError(f"{said}: folder {name} is no class in {meaning.said}; take one of the two away")
    return index


def _mend_for(listing: Listing, strangers: Collection[str], *, of_all: bool) -> str:
    """What to do about folders that are no classes. The commonest case is a path one level too high (train, val)."""
    if not of_all:
        return "rename them or take them out"
    # val before train: the validation set is what one measures on.
    for name in sorted(strangers, key=lambda name: (not name.lower().startswith("val"), name)):
        folders, files = listing.names_in(name)
        held = bool(folders) and all(is_class_name(each) for each in folders)
        if held or any(is_tfrecord(file) or is_parquet(file) for file in files):
            if listing.container == "files":
                return f"did you mean {listing.said}/{name}?"
            return f"unpack it and give its folder {name}, or make an archive of that folder alone"
    return "rename them to one of the two"
