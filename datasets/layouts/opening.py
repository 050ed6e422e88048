"""Opening a data set: what lies at a path, which layout it is, and whether that is what the user said."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from alexbench.datasets.dataset import CONTAINERS, LAYOUTS, Dataset, DatasetLayout, printable
from alexbench.datasets.layouts.assembling import Labelled, assemble
from alexbench.datasets.layouts.class_folders import take_class_folders
from alexbench.datasets.layouts.flat import take_flat
from alexbench.datasets.layouts.listing import FolderListing
from alexbench.datasets.layouts.recognising import SAID, recognise_file, recognise_folder, recognise_tar
from alexbench.datasets.layouts.shards import choose_shards, is_parquet, is_tfrecord
from alexbench.datasets.layouts.tar import TarListing
from alexbench.harness.errors import DataError, UsageError, unknown_name
from alexbench.harness.input_files import check_file

_GIVE: Final = "give the folder, .tar, TFRecord or Parquet file that holds the pictures"


def open_dataset(
    path: str | os.PathLike[str],
    *,
    layout: DatasetLayout | None = None,
    labels: str | os.PathLike[str] | None = None,
) -> Dataset:
    """Open ``path``: a folder, a plain .tar, one TFRecord or Parquet file, or a folder of the latter two.

    The layout is recognised by itself, or held against ``layout`` where the user named one; then what is of that layout
    is taken and nothing else. ``labels`` (a val.txt, LOC_val_solution.csv, the devkit's ground truth or its folder) is
    for pictures that lie flat, in a folder or a tar. Only names, labels and sizes are read, no picture is opened.
    Symbolic links are followed, hidden files and litter (Thumbs.db) ignored. The same pictures give the same names,
    labels and order in every layout.

    Raises:
        DataError: nothing there, something that is no layout or could be two, pictures without a label or of the same
            name, labels out of range, a file that is cut off, damaged or not readable by this user.
        UsageError: an unknown layout, one that contradicts what lies there, or labels for a layout that has its own.
    """
    if layout is not None and layout not in LAYOUTS:
        raise unknown_name("layout", layout, LAYOUTS)
    root = _path(path)
    source = None if labels is None else _path(labels)
    try:
        if root.is_dir():
            return _open_folder(root, layout, source)
        if not root.exists():
            raise DataError(f"{printable(str(root))}: no such folder or file; {_GIVE}")
        return _open_file(root, layout, source)
    except OSError as error:
        said = printable(str(error.filename or root))
        raise DataError(
            f"{said}: cannot be read ({error.strerror or error}); make it readable for this user"
        ) from error


def _path(given: str | os.PathLike[str]) -> Path:
    if not os.fspath(given):
        raise DataError(f"an empty path; {_GIVE}")
    try:
        return Path(given).expanduser()
    except RuntimeError as error:
        raise DataError(f"{printable(os.fspath(given))}: no such user's folder; {_GIVE}") from error


def _open_folder(root: Path, layout: DatasetLayout | None, labels: Path | None) -> Dataset:
    listing = FolderListing(root)
    chosen = recognise_folder(listing, layout, labelled=labels is not None)
    _check_labels(labels, chosen)
    if chosen == "flat-folder":
        found = take_flat(listing, labels=labels, folder=root)
    elif chosen in ("wnid-folders", "class-index-folders"):
        chosen, found = take_class_folders(listing, None if layout is None else chosen)
    else:
        belongs = is_tfrecord if chosen == "tfrecord" else is_parquet
        names = [name for name in listing.others if belongs(name)]
        shards = choose_shards(str(root), names)
        found = _take_records(root, shards.taken, chosen)
        found.notes += shards.notes
        found.left_out += len(listing.others) - len(shards.taken) + len(listing.pictures)
    return assemble(found, name=root.resolve().name, root=root.resolve(), layout=chosen)


def _open_file(path: Path, layout: DatasetLayout | None, labels: Path | None) -> Dataset:
    check_file(path, printable(str(path)), DataError)
    chosen = recognise_file(path, layout)
    resolved = path.resolve()
    if chosen == "tar":
        listing = TarListing(path)
        if recognise_tar(listing) == "flat-folder":
            found = take_flat(listing, labels=labels, folder=None)
        else:
            _check_labels(labels, "wnid-folders")
            found = take_class_folders(listing, None)[1]
        found.pictures = [(entry._replace(file=resolved.name), label) for entry, label in found.pictures]
    else:
        _check_labels(labels, chosen)
        found = _take_records(resolved.parent, [resolved.name], chosen)
    return assemble(found, name=path.name, root=resolved.parent, layout=chosen)


def _take_records(root: Path, files: Sequence[str], layout: DatasetLayout) -> Labelled:
    for file in files:
        check_file(root / file, printable(str(root / file)), DataError)
    if layout == "tfrecord":
        from alexbench.datasets.layouts.tfrecord_labels import take_tfrecords

        return take_tfrecords(root, files)
    from alexbench.datasets.layouts.parquet import take_parquet

    return take_parquet(root, files)


def _check_labels(labels: Path | None, layout: DatasetLayout) -> None:
    if labels is None or layout == "flat-folder":
        return
    where = "names of their folders" if CONTAINERS[layout] == "files" else "records"
    raise UsageError(f"--labels {labels}: {SAID[layout]} have their labels in the {where}; leave --labels away")
