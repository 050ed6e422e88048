"""Opens a data set: finds what is at a path, recognises its layout, and checks that it is what the user named."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from alexbench.datasets.dataset import Dataset
from alexbench.datasets.layouts.assembling import assemble
from alexbench.datasets.layouts.layout_table import LAYOUT_NAMES, Layout, Place
from alexbench.datasets.layouts.listing import FolderListing
from alexbench.datasets.layouts.model_classes import ModelClasses
from alexbench.datasets.layouts.own_classes import open_own
from alexbench.datasets.layouts.recognising import misnamed, recognise_file, recognise_folder, shown_in
from alexbench.datasets.layouts.shards import WORDS, Wanted
from alexbench.datasets.layouts.surroundings import set_below
from alexbench.harness.errors import DataError, UsageError, unknown_name
from alexbench.harness.files.input_files import check_file
from alexbench.harness.files.plain_text import escaped

_GIVE: Final = "give the folder, .tar, TFRecord or Parquet file that holds the images"


def open_dataset(
    path: str | os.PathLike[str],
    *,
    layout: str | None = None,
    labels: str | os.PathLike[str] | None = None,
    classes: ModelClasses | None = None,
    split: Wanted = "val",
) -> Dataset:
    """Open ``path``: a folder, a plain .tar, one TFRecord, Parquet or WebDataset file, or a folder of the latter three.

    If a folder has exactly one validation set one or more levels below it, that set is read, and a note reports it.
    ``split="train"`` opens the training set instead; ``classes`` are for images to score only.

    The layout is recognised, or checked against ``layout`` if the user named one; then what is of that layout
    is taken and nothing else. ``labels`` (a val.txt, LOC_val_solution.csv, the devkit's ground truth or its folder) is
    for images that lie flat, in a folder or a tar. ``classes``: those of the user's own model, of which labels are
    places then. Only names, labels and sizes are read, no image is opened.
    Symbolic links are followed, hidden files and litter (Thumbs.db) ignored. The same images give the same names,
    labels and order in every layout.

    Raises:
        DataError: nothing is there, it has no known layout or could have two, images lack a label or share a name,
            labels are out of range, or a file is cut off, damaged or not readable by this user.
        UsageError: the layout is unknown or contradicts the files, or labels are given for a layout that has its own.
    """
    if layout is not None and layout not in LAYOUT_NAMES:
        raise unknown_name("layout", layout, LAYOUT_NAMES)
    if classes is not None:
        with _reading(_path(path)):
            return open_own(_path(path), classes, lambda: open_dataset(path, layout=layout, labels=labels))
    root = _path(path)
    source = None if labels is None else _path(labels)
    with _reading(root):
        if root.is_dir():
            return _open_folder(root, layout, source, split)
        check_exists(root)
        return _open_file(root, layout, source, split)


def check_exists(path: str | os.PathLike[str]) -> None:
    """Refuse a path at which there is nothing.

    Raises:
        DataError: see above.
    """
    root = _path(path)
    if not root.exists():
        raise DataError(f"{escaped(str(root))}: no such folder or file; {_GIVE}")


@contextmanager
def _reading(root: Path) -> Iterator[None]:
    """Around what is read of ``root``: what may not be read is named."""
    try:
        yield
    except OSError as error:
        said = escaped(str(error.filename or root))
        raise DataError(
            f"{said}: cannot be read ({error.strerror or error}); make it readable for this user"
        ) from error


def _path(given: str | os.PathLike[str]) -> Path:
    if not os.fspath(given):
        raise DataError(f"an empty path; {_GIVE}")
    try:
        return Path(given).expanduser()
    except RuntimeError as error:
        raise DataError(f"{escaped(os.fspath(given))}: no such user's folder; {_GIVE}") from error


def _open_folder(
    root: Path, layout: str | None, labels: Path | None, split: Wanted, above: tuple[Path, ...] = ()
) -> Dataset:
    listing = FolderListing(root)
    chosen = recognise_folder(listing, layout, labelled=labels is not None, wanted=split)
    if chosen is None:
        below = set_below(
            root, lambda each: (name for names in shown_in(each, split).values() for name in names), split
        )
        if below is not None:
            return _open_below(root, below.path, layout, labels, split)
        chosen = misnamed(listing, layout)
    place = Place(root, listing, labels, asked=layout is not None, above=above, wanted=split)
    return _open(place, chosen, name=root.resolve().name)


def _open_below(root: Path, path: Path, layout: str | None, labels: Path | None, split: Wanted) -> Dataset:
    """The one set of the ``split`` below ``root``, at ``path``. Its labels may be in the folders between them."""
    between = tuple(root / one for one in path.relative_to(root).parents)
    opened = (
        _open_folder(path, layout, labels, split, between) if path.is_dir() else _open_file(path, layout, labels, split)
    )
    note = f"read from {escaped(str(path))}, the one {WORDS[split]} set below {escaped(str(root))}"
    return replace(opened, notes=(note, *opened.notes))


def _open_file(path: Path, layout: str | None, labels: Path | None, split: Wanted) -> Dataset:
    check_file(path, escaped(str(path)), DataError)
    place = Place(path, None, labels, asked=layout is not None, wanted=split)
    return _open(place, recognise_file(path, layout), name=path.name)


def _open(place: Place, layout: Layout, *, name: str) -> Dataset:
    if place.labels is not None and not layout.takes_labels:
        raise UsageError(
            f"--labels {place.labels}: {layout.said} have their labels in the {layout.labels_are_in}; leave --labels"
            " away"
        )
    # A link to a file keeps its own name, which says more than the name of a blob in a store.
    root = place.path.parent.resolve() if place.listing is None else place.path.resolve()
    return assemble(layout.take(place), name=name, root=root, layout=layout.name, container=layout.container)
