"""Which layout something is: by names in folders and archives, by the first bytes of a file."""

from pathlib import Path
from typing import Final

from alexbench.datasets.layouts.labels import label_files_in
from alexbench.datasets.layouts.listing import FolderListing, Listing, is_picture, listed, plural
from alexbench.datasets.layouts.table import LAYOUTS, Layout
from alexbench.harness.errors import DataError, UsageError

_COMPRESSED: Final = {
    b"\x1f\x8b": ("gzip", "gunzip"),
    b"BZh": ("bzip2", "bunzip2"),
    b"\xfd7zXZ\x00": ("xz", "unxz"),
    b"\x28\xb5\x2f\xfd": ("zstd", "unzstd"),
}
_ARCHIVES: Final = (".zip", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".txz", ".tar.zst", ".7z", ".rar")
_HEAD_BYTES: Final = 512


def recognise_folder(listing: FolderListing, named: str | None, *, labelled: bool) -> Layout:
    """The layout of a folder; ``labelled``: the user gave labels for flat pictures.

    Folders that are no class folders count as class folders here: what is wrong with them is said on taking them.

    Raises:
        DataError: nothing that is a layout, or two of them.
        UsageError: ``named`` is not what lies there.
    """
    kinds = _kinds(listing)
    if named is not None:
        layout = _called(named)
        if layout in kinds or (layout.takes_labels and layout.container == "files" and listing.pictures):
            return layout
        there = " and ".join(kind.said for kind in kinds) or "no such thing"
        mend = "give the .tar file itself" if named == "tar" else "leave --layout away, or give the right folder"
        raise UsageError(f"--layout {named}: {listing.said} holds {there}; {mend}")
    if len(kinds) > 1 and {kind.name for kind in kinds} != {"wnid-folders", "class-index-folders"}:
        shown = " and ".join(f"{kind.said} ({shows})" for kind, shows in kinds.items())
        choice = " or ".join(f"--layout {kind.name}" for kind in kinds)
        raise DataError(f"{listing.said}: could be two layouts, {shown}; name one with {choice}")
    if kinds:
        return next(iter(kinds))
    root = Path(listing.said)
    if listing.pictures and (not listing.folders or labelled or label_files_in(root)):
        return _called("flat-folder")
    hint = _hint(root, listing)
    if hint is not None:
        raise DataError(f"{root}: {hint}")
    if listing.folders:
        return _called("wnid-folders")
    raise DataError(f"{root}: no picture in it; give a folder with class folders (n01440764 or 0..999) of pictures")


def _kinds(listing: Listing) -> dict[Layout, str]:
    """Each layout that names show, and an example of them."""
    shown = {layout: layout.shown_by(listing) for layout in LAYOUTS}
    return {layout: listed(names[:1]) for layout, names in shown.items() if names}


def _hint(root: Path, listing: Listing) -> str | None:
    """What to say of a folder without any layout, where something is there that people mistake for one."""
    tars = [name for name in listing.others if name.lower().endswith(".tar")]
    if len(tars) == 1:
        return f"no picture in it but an archive; did you mean {root / tars[0]}?"
    if tars:
        return f"no picture in it but {plural(len(tars), 'archive')} ({listed(tars)}); give one of them, or unpack them"
    packed = [name for name in listing.others if name.lower().endswith(_ARCHIVES)]
    if packed:
        return f"no picture in it but {listed(packed)}, which cannot be read in place; unpack it"
    if "data.mdb" in listing.others:
        return "an LMDB database (data.mdb), which is not supported; give the pictures it was made from"
    arrows = [name for name in listing.others if name.lower().endswith(".arrow")]
    if arrows:
        return f"Arrow files ({listed(arrows)}), which are not supported; give the Parquet files they were made from"
    return None


def recognise_file(path: Path, named: str | None) -> Layout:
    """The layout of a file, by its first bytes, and where these say nothing by its name.

    Raises:
        DataError: a file that holds no data set, or one that cannot be read in place.
        UsageError: ``named`` is not what lies there.
    """
    if named is not None and _called(named).container == "files":
        raise UsageError(f"--layout {named}: {path} is a file; leave --layout away, or give a folder")
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    begun = next((layout for layout in LAYOUTS if layout.begins(head)), None)
    found = begun or next((layout for layout in LAYOUTS if layout.is_named(path.name)), None)
    if begun is None and (found is None or head.startswith(tuple(_COMPRESSED))):
        _refuse_known(path, head)
    if named is not None and found is not None and found.name != named:
        raise UsageError(f"--layout {named}: {path} looks like {found.said}; leave --layout away")
    if found is None and named is None:
        raise DataError(
            f"{path}: neither a tar nor TFRecords nor Parquet; give one of these, or the folder that holds the pictures"
        )
    return found or _called(named or "")


def _called(name: str) -> Layout:
    return next(layout for layout in LAYOUTS if layout.name == name)


def _refuse_known(path: Path, head: bytes) -> None:
    for magic, (kind, tool) in _COMPRESSED.items():
        if head.startswith(magic):
            raise DataError(
                f"{path}: {kind}-compressed, which cannot be read in place; unpack it to a plain file ({tool})"
            )
    if head.startswith(b"PK\x03\x04"):
        raise DataError(f"{path}: a zip archive, which is not supported; unzip it and give the folder")
    if is_picture(path.name):
        raise DataError(f"{path}: a picture, not a data set; give the folder that holds the pictures")
