"""Recognises layouts by names in folders and archives, and by the first bytes of a file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from alexbench.datasets.layouts.foreign import refuse_foreign_file
from alexbench.datasets.layouts.labels import label_files_in
from alexbench.datasets.layouts.layout_table import LAYOUTS, Layout
from alexbench.datasets.layouts.listing import FolderListing, listed
from alexbench.datasets.layouts.shards import Wanted, split_of
from alexbench.harness.errors import DataError, UsageError
from alexbench.harness.files.plain_text import escaped

_HEAD_BYTES: Final = 512


def recognise_folder(
    listing: FolderListing, named: str | None, *, labelled: bool, wanted: Wanted = "val"
) -> Layout | None:
    """The layout of a folder; None if it has none, but one may be below it.

    ``labelled``: the user gave labels for flat images. ``wanted``: the split whose files show it.

    Raises:
        DataError: the folder has two layouts.
        UsageError: ``named`` is not the layout found.
    """
    kinds = shown_in(listing, wanted)
    if named is not None:
        layout = _called(named)
        if layout in kinds or (layout.takes_labels and layout.container == "files" and listing.pictures):
            return layout
        if not kinds and not listing.pictures:
            return None
        there = " and ".join(kind.said for kind in kinds) or "no such thing"
        fix = "give the .tar file itself" if named == "tar" else "leave --layout away, or give the right folder"
        raise UsageError(f"--layout {named}: {listing.said} holds {there}; {fix}")
    if len(kinds) > 1 and {kind.name for kind in kinds} != {"wnid-folders", "class-index-folders"}:
        shown = " and ".join(f"{kind.said} ({listed(shows[:1])})" for kind, shows in kinds.items())
        choice = " or ".join(f"--layout {kind.name}" for kind in kinds)
        raise DataError(f"{listing.said}: could be two layouts, {shown}; name one with {choice}")
    if kinds:
        return next(iter(kinds))
    if listing.pictures and (not listing.folders or labelled or label_files_in(listing.folder)):
        return _called("flat-folder")
    return None


def shown_in(listing: FolderListing, wanted: Wanted = "val") -> Mapping[Layout, list[str]]:
    """Each layout that names in a folder show, with these names. If two layouts share names, the first gets them."""
    shown: dict[Layout, list[str]] = {}
    claimed: set[str] = set()
    for layout in LAYOUTS:
        names = [name for name in layout.shown_by(listing) if name not in claimed]
        example = next((name for name in names if split_of(name) == wanted), next(iter(names), ""))
        if names and layout.holds(listing.folder / example):
            shown[layout] = names
            claimed.update(names)
    return shown


def misnamed(listing: FolderListing, named: str | None) -> Layout:
    """The layout for a folder that shows none and has none below it. Reading it then reports what is wrong.

    Raises:
        UsageError: the user ``named`` a layout.
    """
    if named is not None:
        fix = "give the .tar file itself" if named == "tar" else "leave --layout away, or give the right folder"
        raise UsageError(f"--layout {named}: {listing.said} holds no such thing; {fix}")
    return _called("flat-folder" if listing.pictures else "wnid-folders")


def recognise_file(path: Path, named: str | None) -> Layout:
    """The layout of a file, by its first bytes or else by its name.

    Raises:
        DataError: the file is not a data set, or cannot be read in place.
        UsageError: ``named`` is not the layout found.
    """
    if named is not None and _called(named).container == "files":
        raise UsageError(f"--layout {named}: {path} is a file; leave --layout away, or give a folder")
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    begun = [layout for layout in LAYOUTS if layout.begins(head)]
    by_name = [layout for layout in LAYOUTS if layout.is_named(path.name)]
    if not begun:
        refuse_foreign_file(path, head, named=bool(by_name))
    found = next((layout for layout in begun or by_name if layout.holds(path)), None)
    if named is not None and found is not None and found.name != named:
        raise UsageError(f"--layout {named}: {path} looks like {found.said}; leave --layout away")
    if found is None and named is None:
        raise DataError(
            f"{escaped(str(path))}: neither a tar nor TFRecords nor Parquet; give one of these, or the folder that"
            " holds the images"
        )
    return found or _called(named or "")


def _called(name: str) -> Layout:
    return next(layout for layout in LAYOUTS if layout.name == name)
