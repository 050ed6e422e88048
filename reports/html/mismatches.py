"""The images on which systems disagree, with every system's answer."""

import base64
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pandas as pd

from alexbench.harness.errors import RecordError
from alexbench.harness.files.input_files import read_file
from alexbench.harness.records.file_names import FLIPS, PREDICTIONS, REFERENCE, THUMBNAILS
from alexbench.harness.records.run_records import RunRecord
from alexbench.reports.html.data import UnreadableError, read_frame, read_json

MOST: Final = 200
LARGEST: Final = 40_000
"""Bytes of a thumbnail: most have 3 to 8 thousand, and 200 of this many are 11 MB in base64, within a page's 15."""
_KINDS: Final = {".webp": "image/webp", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png"}


@dataclass(frozen=True, slots=True)
class Answer:
    """A row's best ``classes`` to an image, best first; ``margin``: by how many sigma float64 prefers its own.

    ``margin`` and ``explained`` (whether the row's precision may turn so small a margin) are None where the row's first
    answer is float64's, or float64 was not asked.
    """

    backend: str
    classes: tuple[str, ...]
    margin: float | None
    explained: bool | None

    @property
    def mismatched(self) -> bool:
        """Whether it is known to differ from float64's."""
        return self.margin is not None


@dataclass(frozen=True, slots=True)
class Image:
    """An image that is answered in two ways. ``source``: a data: URL, empty where there is no thumbnail."""

    sample: str
    source: str
    label: str
    reference: tuple[str, ...]
    answers: tuple[Answer, ...]

    @property
    def rows(self) -> str:
        """The rows that are known to differ, for the filter of the page: a line each."""
        return "\n".join(one.backend for one in self.answers if one.mismatched)


@dataclass(frozen=True, slots=True)
class Mismatches:
    """What is shown of them; ``said``: how many of how many, or why there are none; ``brief``: the count."""

    images: tuple[Image, ...]
    said: str
    brief: str = ""


def mismatches(folder: Path, record: RunRecord) -> Mismatches:
    """Up to MOST images, the widest margins first: from the thumbnails, else without pixels from ``flips.parquet``.

    A damaged file becomes a sentence: it must not cost the rest of the page.
    """
    counted = sum(entry.parity.flips for entry in record.systems if entry.parity is not None)
    brief = f"{counted:,} answer{'' if counted == 1 else 's'}" if counted else "none"
    try:
        images = _with_thumbnails(folder)
        if images is None:
            images = _without(folder)
    except UnreadableError as error:
        return Mismatches((), str(error), brief)
    if images:
        known = _counted(counted) if counted else "Systems disagree, but float64 was not asked about these images."
        shown = f"the {MOST} with the widest margins" if len(images) >= MOST else f"all {len(images)}"
        brief = brief if counted else f"{len(images)} image{'' if len(images) == 1 else 's'}"
        return Mismatches(tuple(images[:MOST]), f"{known} Shown: {shown}.", brief)
    if counted:
        return Mismatches((), f"{_counted(counted)} The run's folder does not say on which images.", brief)
    if not any(entry.parity is not None for entry in record.systems):
        return Mismatches((), "This run was not compared with the float64 reference.", "not compared")
    return Mismatches((), "No system's top-1 is known to differ from the float64 reference's.", brief)


def _counted(count: int) -> str:
    return f"{count:,} answer{' differs' if count == 1 else 's differ'} from the float64 reference's top-1."


def _with_thumbnails(folder: Path) -> list[Image] | None:
    """From ``thumbnails.json``; None where there is none, or it is empty."""
    listed = read_json(folder / THUMBNAILS)
    if not listed:
        return None
    try:
        return [_image(folder, one) for one in listed[: MOST + 1]]
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise UnreadableError(f"{THUMBNAILS} holds something else than a list of images.") from error


def _image(folder: Path, one: dict[str, Any]) -> Image:
    margins, explained = one.get("margin_sigma") or {}, one.get("explained") or {}
    answers = [
        Answer(str(name), tuple(map(str, classes)), _number(margins.get(name)), explained.get(name))
        for name, classes in (one.get("answers") or {}).items()
    ]
    label = str(one.get("label_name") or f"class {one['label']}")
    reference = tuple(map(str, one.get("reference") or ()))
    return Image(str(one["sample"]), _data_url(folder, str(one["file"])), label, reference, tuple(answers))


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _data_url(folder: Path, name: str) -> str:
    """The thumbnail; empty where it is not there, not in the folder, no image or too large."""
    path = (folder / name).resolve()
    kind = _KINDS.get(path.suffix.lower())
    if kind is None or not path.is_relative_to(folder.resolve()):
        return ""
    try:
        content = read_file(path, name, RecordError, most=LARGEST)
    except (OSError, RecordError):
        return ""
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def _without(folder: Path) -> list[Image]:
    """From the Parquet files: classes by number, no pixels."""
    found = read_frame(folder / FLIPS, ["backend", "sample", "margin_sigma", "explained"])
    if found is None or found.empty:
        return []
    widest = found.groupby("sample")["margin_sigma"].max().reset_index()
    widest = widest.sort_values(["margin_sigma", "sample"], ascending=[False, True])
    samples = widest["sample"].astype(str).tolist()[: MOST + 1]
    top = ["sample", "label", "top1"]
    answered, truth = read_frame(folder / PREDICTIONS, ["backend", *top]), read_frame(folder / REFERENCE, top)
    if answered is None:
        return []
    answered = answered[answered["sample"].isin(samples)]
    mismatched = {(row.backend, row.sample): row for row in found.itertuples()}
    asked: dict[Any, tuple[str, ...]] = {}
    if truth is not None:
        truth = truth[truth["sample"].isin(samples)]
        asked = {row.sample: (_name(row.top1),) for row in truth.itertuples()}
    by_sample = dict(list(answered.groupby("sample")))
    return [_numbered(sample, by_sample[sample], asked, mismatched) for sample in samples if sample in by_sample]


def _numbered(
    sample: str, rows: pd.DataFrame, asked: dict[Any, tuple[str, ...]], mismatched: dict[tuple[Any, Any], Any]
) -> Image:
    answers = []
    for row in rows.itertuples():
        flip = mismatched.get((row.backend, row.sample))
        margin, explained = (None, None) if flip is None else (float(flip.margin_sigma), bool(flip.explained))
        answers.append(Answer(str(row.backend), (_name(row.top1),), margin, explained))
    return Image(sample, "", _name(rows["label"].iloc[0]), asked.get(sample, ()), tuple(answers))


def _name(number: Any) -> str:
    return f"class {int(number)}" if int(number) >= 0 else "background"
