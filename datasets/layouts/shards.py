"""Files that hold many pictures each: which of those in a folder belong to the validation set."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from alexbench.datasets.layouts.listing import listed
from alexbench.harness.errors import DataError

_SERIES: Final = re.compile(
    r"(?P<stem>.+)-(?P<number>\d{5})-of-(?P<of>\d{5})(?P<suffix>\.tfrecords?|\.parquet)?", re.ASCII
)
_SPLIT: Final = re.compile(r"(?:^|[^a-z])(train|val|test)[a-z]*(?:[^a-z]|$)")


@dataclass(slots=True)
class Shards:
    """The files ``taken``, in order of their names, and those ``left`` aside as another split's."""

    taken: list[str]
    left: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def is_parquet(name: str) -> bool:
    """Whether a file of that name is Parquet."""
    return name.lower().endswith(".parquet")


def is_tfrecord(name: str) -> bool:
    """Whether a file of that name holds TFRecords: ``validation-00000-of-00128``, or a suffix that says so."""
    if name.lower().endswith((".tfrecord", ".tfrecords")):
        return True
    found = _SERIES.fullmatch(name)
    return found is not None and not is_parquet(name)


def choose_shards(said: str, names: Sequence[str]) -> Shards:
    """Of files of several splits those of the validation set, else all.

    Raises:
        DataError: several splits without the validation set's, or files of two series (-of-00064 and -of-00128).
    """
    splits: dict[str, list[str]] = {}
    for name in sorted(names):
        found = _SPLIT.search(name.lower())
        splits.setdefault(found.group(1) if found else "", []).append(name)
    if len(splits) == 1 or "val" in splits:
        taken = splits.pop("val", None) or next(iter(splits.values()))
        shards = Shards(taken, [name for name in sorted(names) if name not in set(taken)])
    else:
        raise DataError(
            f"{said}: files of several splits ({listed(min(each) for each in splits.values())}) and none of the"
            " validation set's; give one file, or a folder with the files of one split"
        )
    series: dict[tuple[str, str], set[int]] = {}
    for name in taken:
        match = _SERIES.fullmatch(name)
        if match is not None:
            series.setdefault((match["stem"], match["of"]), set()).add(int(match["number"]))
    if len(series) > 1:
        examples = listed(f"{stem}-*-of-{of}" for stem, of in series)
        raise DataError(f"{said}: files of {len(series)} series ({examples}); keep those of one")
    for (stem, of), numbers in series.items():
        missing = [f"{stem}-{number:05d}-of-{of}" for number in range(int(of)) if number not in numbers]
        if missing:
            verb = "is" if len(missing) == 1 else "are"
            shards.notes.append(f"{len(missing)} of {int(of)} files {verb} missing ({listed(missing)}): a subset")
    return shards
