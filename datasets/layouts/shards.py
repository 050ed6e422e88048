"""Files with many images each: finds those of a folder that belong to one split."""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from alexbench.datasets.layouts.listing import listed
from alexbench.harness.errors import DataError

Split = Literal["val", "train", "test", ""]
"""A part of ImageNet; empty if unknown."""
Wanted = Literal["val", "train"]
"""The split that is opened: images to score, or to train on."""
WORDS: Final[dict[Wanted, str]] = {"val": "validation", "train": "training"}

_SPLITS: Final[dict[str, Split]] = {"train": "train", "val": "val", "test": "test"}
_SERIES: Final = re.compile(
    r"(?P<stem>.+)-(?P<number>\d{5})-of-(?P<of>\d{5})(?P<suffix>\.tfrecords?|\.parquet)?", re.ASCII
)
_COUNTED: Final = re.compile(r"(?P<stem>.*?)(?P<number>\d{1,8})\.tar", re.ASCII)
"""A WebDataset shard; its name does not have the number of shards."""
_OTHER_FORMATS: Final = (".array_record", ".riegeli", ".arrow", ".bagz")
"""Other formats of TFDS and others, whose files also end in ``-00000-of-00064``."""
_TRAINING_NAME: Final = re.compile(r"(?:.*/)?n\d{8}_\d+(?:_n\d{8})?(?:\.\w+)?", re.ASCII)
_SPLIT: Final = re.compile(r"(?:^|[^a-z])(train|val|test)[a-z]*(?:[^a-z]|$)")


@dataclass(slots=True)
class Shards:
    """The files ``taken``, in the order of their names. ``split``: their split, if their names have it."""

    taken: list[str]
    split: Split
    notes: list[str] = field(default_factory=list)


def is_parquet(name: str) -> bool:
    """Whether a file of that name is a Parquet file."""
    return name.lower().endswith(".parquet")


def is_tfrecord(name: str) -> bool:
    """Whether a file of that name holds TFRecords: ``validation-00000-of-00128``, or a TFRecord suffix."""
    if name.lower().endswith((".tfrecord", ".tfrecords")):
        return True
    found = _SERIES.fullmatch(name)
    return found is not None and not is_parquet(name) and not any(kind in name.lower() for kind in _OTHER_FORMATS)


def split_of(name: str) -> Split:
    """The part of ImageNet in the name of a file or folder."""
    found = _SPLIT.search(name.lower())
    return "" if found is None else _SPLITS[found[1]]


def is_of_training(names: Iterable[str]) -> bool:
    """Whether all images have names of the training set (``n01440764_10026.JPEG``)."""
    first = None
    for first in names:
        if _TRAINING_NAME.fullmatch(first) is None:
            return False
    return first is not None


def choose_shards(said: str, names: Sequence[str], wanted: Wanted = "val") -> Shards:
    """The files of the split that is wanted if there are several splits; otherwise all files.

    Raises:
        DataError: there are several splits without the one that is wanted, or files of two series (-of-00064 and
            -of-00128).
    """
    splits: dict[Split, list[str]] = {}
    for name in sorted(names):
        splits.setdefault(split_of(name), []).append(name)
    if len(splits) > 1 and wanted not in splits:
        raise DataError(
            f"{said}: files of several splits ({listed(min(each) for each in splits.values())}) and none of the"
            f" {WORDS[wanted]} set's; give one file, or a folder with the files of one split"
        )
    split = wanted if wanted in splits else next(iter(splits))
    taken = splits[split]
    shards = Shards(taken, split)
    series: dict[tuple[str, str], set[int]] = {}
    for name in taken:
        match = _SERIES.fullmatch(name) or _COUNTED.fullmatch(name)
        if match is not None:
            of = match["of"] if match.re is _SERIES else "*" * len(match["number"])
            series.setdefault((match["stem"], of), set()).add(int(match["number"]))
    if len(series) > 1:
        examples = listed(f"{stem}-*-of-{of}" if of.isdigit() else f"{stem}*.tar" for stem, of in series)
        raise DataError(f"{said}: files of {len(series)} series ({examples}); keep those of one")
    for (stem, of), numbers in series.items():
        shards.notes += _missing(stem, of, numbers)
    return shards


def _missing(stem: str, of: str, numbers: Collection[int]) -> list[str]:
    """A note on the files that a series lacks. If its length is unknown, only gaps between files count."""
    if of.isdigit():
        lacking = [f"{stem}-{number:05d}-of-{of}" for number in range(int(of)) if number not in numbers]
        total = f"{int(of)} files"
    else:
        between = range(min(numbers), max(numbers))
        lacking = [f"{stem}{number:0{len(of)}d}.tar" for number in between if number not in numbers]
        total = f"{len(numbers) + len(lacking)} files or more"
    verb = "is" if len(lacking) == 1 else "are"
    return [f"{len(lacking)} of {total} {verb} missing ({listed(lacking)}): a subset"] if lacking else []
