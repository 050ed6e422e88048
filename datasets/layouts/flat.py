"""Flat images, in one folder or at the top of a tar, with labels from another source."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from alexbench.datasets.dataset import VALIDATION_COUNT, validation_number
from alexbench.datasets.layouts.assembling import Labelled
from alexbench.datasets.layouts.class_lists import lists_in
from alexbench.datasets.layouts.labels import LabelSource, label_files_in, packaged_source, read_labels
from alexbench.datasets.layouts.listing import Listing, be, have, is_class_name, listed, plural, some
from alexbench.harness.errors import DataError
from alexbench.harness.files.plain_text import escaped

_ABOVE_AT_MOST: Final = 4
"""How many folders above the images a label file may be: Kaggle's is in the fourth."""
_NUMBERED: Final = re.compile(r"ILSVRC2012_val_[0-9]+")


def take_flat(listing: Listing, *, labels: Path | None, folder: Path | None, above: Sequence[Path] = ()) -> Labelled:
    """The images at the top of ``listing``.

    Labels come from the user's ``labels``, or else from a label file in ``folder`` (None: a tar) or in one of the
    folders ``above`` it that the user named, or else from the packaged labels of the validation set.

    Raises:
        DataError: there are images without a label, or two label files, or a label file cannot be understood.
    """
    files = [] if labels is not None or folder is None else _label_files(folder, above)
    if len(files) > 1:
        names = ", ".join(_short(file, folder) for file in files)
        raise DataError(f"{listing.said}: labels could come from {names}; name one with --labels")
    source = packaged_source()
    if labels is not None or files:
        source = read_labels(labels if labels is not None else files[0], lists_in(listing))
    labelled = Labelled(labels_from=source.said)
    without: list[str] = []
    for entry in listing.flat():
        label = source.label_of(entry.path)
        if label is None:
            without.append(entry.path)
        else:
            labelled.pictures.append((entry, label))
    if without:
        _refuse(listing, without, source, file=labels or next(iter(files), None))
    used = {file.name for file in files}
    labelled.left_out = sum(1 for name in listing.others if name not in used)
    # A devkit next to the images is expected.
    devkits = {Path(_short(file, folder)).parts[0] for file in files}
    ignored = [name for name in listing.folders if name not in devkits]
    if ignored:
        labelled.notes.append(f"{plural(len(ignored), 'folder')} not looked into: {listed(ignored)}")
    without_picture = len(source.by_name) - len(labelled.pictures)
    if without_picture > 0 and any(validation_number(entry.path) is None for entry, _ in labelled.pictures):
        labelled.notes.append(f"{source.said} has labels for {plural(without_picture, 'image')} more")
    return labelled


def _label_files(folder: Path, above: Sequence[Path]) -> list[Path]:
    """The label files in ``folder``, or else those in the folders above it that the user named."""
    return label_files_in(folder) or [file for one in above for file in label_files_in(one)]


def _short(file: Path, folder: Path | None) -> str:
    return file.relative_to(folder).as_posix() if folder is not None and file.is_relative_to(folder) else str(file)


def _refuse(listing: Listing, without: list[str], source: LabelSource, *, file: Path | None) -> None:
    of = f"{some(without)} of {plural(len(listing.pictures), 'image')}"
    if file is not None:
        fix = "take them out, or add their labels"
        if len(without) == len(listing.pictures):
            fix = "give the label file of these images"
        if all(validation_number(name) is not None for name in listing.pictures):
            fix += f"; or leave out {file}: AlexBench has the validation set's labels"
        raise DataError(f"{listing.said}: {of} {have(without)} no label in {source.said}; {fix}")
    strange = [name for name in without if _NUMBERED.match(name)]
    if strange:
        raise DataError(
            f"{listing.said}: {some(strange)} of {plural(len(listing.pictures), 'image')} {have(strange)} a number"
            f" outside 1..{VALIDATION_COUNT}, the validation set's; take them out"
        )
    if all(name.startswith("ILSVRC2012_test_") for name in without):
        raise DataError(
            f"{listing.said}: {of} {be(without)} of the test set, whose labels are not public; give the validation set"
        )
    if len(without) < len(listing.pictures):
        raise DataError(
            f"{listing.said}: {of} {be(without)} not named as the validation set's (ILSVRC2012_val_00000001.JPEG),"
            " which leaves them without a label; take them out, or give labels for all with --labels"
        )
    raise DataError(f"{listing.said}: {of} {have(without)} no label; {_fix_for(listing.folder)}")


def _fix_for(folder: Path | None) -> str:
    """The fix for images without any label, from what is nearby: class folders, or a label file."""
    near = [] if folder is None else [folder.resolve(), *folder.resolve().parents[:_ABOVE_AT_MOST]]
    if near and is_class_name(near[0].name) and len(near) > 1:
        return f"this is one class folder: did you mean {escaped(str(near[1]))}?"
    files = [file for one in near for file in label_files_in(one)]
    if files:
        return f"did you mean --labels {escaped(str(files[0]))}?"
    return (
        "give their labels with --labels FILE (lines of a name and a class index), or put them in class folders"
        " (n01440764 or 0..999)"
    )
