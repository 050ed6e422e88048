"""Which layout something is: by names in folders and archives, by the first bytes of a file."""

from pathlib import Path
from typing import Final

from alexbench.datasets.dataset import CONTAINERS, DatasetLayout, validation_number
from alexbench.datasets.layouts.labels import label_files_in
from alexbench.datasets.layouts.listing import (
    NUMBER,
    WNID,
    FolderListing,
    Listing,
    is_picture,
    listed,
    plural,
)
from alexbench.datasets.layouts.shards import is_parquet, is_tfrecord
from alexbench.datasets.layouts.tfrecord import starts_as_tfrecord
from alexbench.harness.errors import DataError, UsageError

SAID: Final[dict[DatasetLayout, str]] = {
    "wnid-folders": "wnid folders",
    "class-index-folders": "class-index folders",
    "flat-folder": "flat pictures",
    "tar": "a tar archive",
    "tfrecord": "TFRecords",
    "parquet": "Parquet files",
}
"""What lies there, as messages call it."""

_COMPRESSED: Final = {
    b"\x1f\x8b": ("gzip", "gunzip"),
    b"BZh": ("bzip2", "bunzip2"),
    b"\xfd7zXZ\x00": ("xz", "unxz"),
    b"\x28\xb5\x2f\xfd": ("zstd", "unzstd"),
}
_ARCHIVES: Final = (".zip", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".txz", ".tar.zst", ".7z", ".rar")
_TAR_MAGIC: Final = slice(257, 262)
_HEAD_BYTES: Final = 512


def recognise_folder(listing: FolderListing, named: DatasetLayout | None, *, labelled: bool) -> DatasetLayout:
    """The layout of a folder; ``labelled``: the user gave labels for flat pictures.

    Folders that are no class folders count as class folders here: what is wrong with them is said on taking them.

    Raises:
        DataError: nothing that is a layout, or two of them.
        UsageError: ``named`` is not what lies there.
    """
    kinds = _kinds(listing)
    if named is not None:
        if named in kinds or (named == "flat-folder" and listing.pictures):
            return named
        there = " and ".join(SAID[kind] for kind in kinds) or "no such thing"
        mend = "give the .tar file itself" if named == "tar" else "leave --layout away, or give the right folder"
        raise UsageError(f"--layout {named}: {listing.said} holds {there}; {mend}")
    if len(kinds) > 1 and set(kinds) != {"wnid-folders", "class-index-folders"}:
        shown = " and ".join(f"{SAID[kind]} ({shows})" for kind, shows in kinds.items())
        choice = " or ".join(f"--layout {kind}" for kind in kinds)
        raise DataError(f"{listing.said}: could be two layouts, {shown}; name one with {choice}")
    if kinds:
        return next(iter(kinds))
    root = Path(listing.said)
    if listing.pictures and (not listing.folders or labelled or label_files_in(root)):
        return "flat-folder"
    hint = _hint(root, listing)
    if hint is not None:
        raise DataError(f"{root}: {hint}")
    if listing.folders:
        return "wnid-folders"
    raise DataError(f"{root}: no picture in it; give a folder with class folders (n01440764 or 0..999) of pictures")


def _kinds(listing: Listing) -> dict[DatasetLayout, str]:
    """Each layout that names show, and an example of them."""
    shown: dict[DatasetLayout, list[str]] = {
        "wnid-folders": [name for name in listing.folders if WNID.fullmatch(name)],
        "class-index-folders": [name for name in listing.folders if NUMBER.fullmatch(name)],
        "flat-folder": [name for name in listing.pictures if validation_number(name) is not None],
        "tfrecord": [name for name in listing.others if is_tfrecord(name)],
        "parquet": [name for name in listing.others if is_parquet(name)],
    }
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


def recognise_tar(listing: Listing) -> DatasetLayout:
    """What a tar holds: class folders, or flat pictures. Other folders count as class folders, as above.

    Raises:
        DataError: no picture, or both.
    """
    kinds = _kinds(listing)
    if "flat-folder" in kinds and len(kinds) > 1:
        raise DataError(
            f"{listing.said}: holds flat pictures ({kinds.pop('flat-folder')}) and class folders"
            f" ({next(iter(kinds.values()))}); unpack it and name one with --layout, or make an archive of one kind"
        )
    if "flat-folder" in kinds or (listing.pictures and not listing.folders):
        return "flat-folder"
    if not listing.folders:
        raise DataError(
            f"{listing.said}: no picture in it; give an archive of pictures, such as ILSVRC2012_img_val.tar"
        )
    return "wnid-folders"


def recognise_file(path: Path, named: DatasetLayout | None) -> DatasetLayout:
    """The layout of a file, by its first bytes, and where these say nothing by its name.

    Raises:
        DataError: a file that holds no data set, or one that cannot be read in place.
        UsageError: ``named`` is not what lies there.
    """
    if named is not None and CONTAINERS[named] == "files":
        raise UsageError(f"--layout {named}: {path} is a file; leave --layout away, or give a folder")
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    found = _by_head(head) or _by_name(path.name)
    if found is None or (found != "parquet" and head.startswith(tuple(_COMPRESSED))):
        _refuse_known(path, head)
    if named is not None and found is not None and found != named:
        raise UsageError(f"--layout {named}: {path} looks like {SAID[found]}; leave --layout away")
    if found is not None:
        return found
    if named is None:
        raise DataError(
            f"{path}: neither a tar nor TFRecords nor Parquet; give one of these, or the folder that holds the pictures"
        )
    return named


def _by_head(head: bytes) -> DatasetLayout | None:
    if head.startswith(b"PAR1"):
        return "parquet"
    if head[_TAR_MAGIC] == b"ustar":
        return "tar"
    return "tfrecord" if starts_as_tfrecord(head) else None


def _by_name(name: str) -> DatasetLayout | None:
    if name.lower().endswith(".tar"):
        return "tar"
    if is_parquet(name):
        return "parquet"
    return "tfrecord" if is_tfrecord(name) else None


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
