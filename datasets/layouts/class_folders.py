"""One folder per class, named by WordNet id (``n01440764``) or by class index (``7``, ``007``)."""

from collections.abc import Collection, Mapping
from typing import Final, Literal

from alexbench.datasets.classes import CLASS_COUNT, index_by_wnid
from alexbench.datasets.layouts.assembling import Labelled
from alexbench.datasets.layouts.class_lists import lists_in
from alexbench.datasets.layouts.class_names import Meaning, meant
from alexbench.datasets.layouts.listing import (
    NUMBER,
    WNID,
    Below,
    Listing,
    be,
    is_class_name,
    listed,
    plural,
    some,
)
from alexbench.datasets.layouts.numbering import numbers_mean, outside_words, own_label
from alexbench.datasets.layouts.shards import split_of
from alexbench.harness.errors import DataError

ClassFolders = Literal["wnid-folders", "class-index-folders"]

_DIGITS_AT_MOST: Final = 9


def take_class_folders(listing: Listing, named: ClassFolders | None) -> Labelled:
    """Every image below the class folders. If the user ``named`` a kind, only folders of that kind.

    Raises:
        DataError: class folders of two kinds or not of the 1000 classes, or folders without an image.
    """
    names = listing.folders
    if named is not None:
        pattern = WNID if named == "wnid-folders" else NUMBER
        names = [name for name in names if pattern.fullmatch(name)]
    layout = _recognise(listing, names)
    below = {name: listing.below(name) for name in names}
    meaning = None if layout == "wnid-folders" else _meaning(listing, below)
    labels = _by_wnid(listing.said, names) if layout == "wnid-folders" else _by_number(listing.said, names, meaning)
    words = "" if meaning is None else meaning.words
    found = Labelled(labels_from=f"folder names{words}", left_out=len(listing.pictures))
    ignored = [name for name in listing.folders if name not in labels]
    if ignored:
        found.notes.append(f"{plural(len(ignored), 'folder')} not looked into: {listed(ignored)}")
    found.take_folders(listing.said, [(inside, labels[name]) for name, inside in below.items()])
    found.layout = layout
    return found


def _recognise(listing: Listing, names: Collection[str]) -> ClassFolders:
    """The layout that the folders' ``names`` show."""
    said = listing.said
    wnids = [name for name in names if WNID.fullmatch(name)]
    numbers = [name for name in names if NUMBER.fullmatch(name)]
    strangers = [name for name in names if not is_class_name(name)]
    if strangers:
        fix = "name each by the WordNet id or the index of its class"
        if len(strangers) < len(names):
            kind = "wnid-folders" if wnids else "class-index-folders"
            fix = "remove them"
            if listing.container == "files":
                below = [f"did you mean {said}/{name}? Else " for name in strangers if split_of(name) == "val"]
                fix = f"{''.join(below[:1])}{fix}, or ignore them with --layout {kind}"
        raise DataError(
            f"{said}: {some(strangers)} of {plural(len(names), 'folder')} {be(strangers)} neither WordNet ids"
            f" (n01440764) nor class indices (0..999); {fix}"
        )
    if wnids and numbers:
        raise DataError(
            f"{said}: {plural(len(wnids), 'folder')} {be(wnids)} named by WordNet id ({listed(wnids)}) and"
            f" {len(numbers)} by class index ({listed(numbers)}); keep one kind"
            + (", or name one with --layout wnid-folders or class-index-folders" * (listing.container == "files"))
        )
    return "wnid-folders" if wnids else "class-index-folders"


def _by_wnid(said: str, names: Collection[str]) -> dict[str, int]:
    index = index_by_wnid()
    unknown = [name for name in names if name not in index]
    if unknown:
        raise DataError(
            f"{said}: {some(unknown)} of {plural(len(names), 'WordNet id')} {be(unknown)} not among the 1000"
            " classes of ILSVRC2012; remove these folders"
        )
    return {name: index[name] for name in names}


def _meaning(listing: Listing, below: Mapping[str, Below]) -> Meaning | None:
    """What the numbers of the folders mean, by their images, a class list or a devkit."""
    numbered = ((_number(name), own_label(entry.path)) for name, inside in below.items() for entry in inside.pictures)
    return numbers_mean(listing.said, numbered, stated=lists_in(listing), folder=listing.folder)


def _by_number(said: str, names: Collection[str], meaning: Meaning | None) -> dict[str, int]:
    labels = {name: meant(_number(name), meaning) for name in names}
    outside = [name for name in names if not 0 <= labels[name] < CLASS_COUNT]
    if outside and meaning is not None and meaning.words:
        raise DataError(f"{said}: folder {outside[0]} is not a class in {meaning.said}; remove one of the two")
    if outside:
        fix = outside_words([_number(name) for name in names], "remove these folders")
        indices = "index" if len(names) == 1 else "indices"
        raise DataError(f"{said}: {some(outside)} of {len(names)} class {indices} {be(outside)} outside 0..999; {fix}")
    first: dict[int, str] = {}
    for name in sorted(names):
        other = first.setdefault(labels[name], name)
        if other != name:
            raise DataError(f"{said}: folders {other} and {name} are both class {labels[name]}; merge them")
    return labels


def _number(name: str) -> int:
    """The number in a folder's name. A name with very many digits gives a number that is not a class."""
    return int(name) if len(name) < _DIGITS_AT_MOST else 10**_DIGITS_AT_MOST
