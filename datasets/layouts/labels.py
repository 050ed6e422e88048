"""Labels of flat images: from the user's file, or the packaged labels of the validation set.

The image's name, or the number in it, selects the label; its position never does.
"""

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from alexbench.datasets.classes import CLASS_COUNT, index_by_wnid, packaged_labels
from alexbench.datasets.dataset import VALIDATION_COUNT, canonical_name, validation_number
from alexbench.datasets.layouts.class_lists import lists_in
from alexbench.datasets.layouts.class_names import BACKGROUND, Stated, meant
from alexbench.datasets.layouts.devkit import DEVKIT_FOLDERS, META, meaning_by_devkit
from alexbench.datasets.layouts.listing import WNID, is_picture, plural
from alexbench.datasets.layouts.numbering import numbers_mean, outside_words, own_label
from alexbench.harness.errors import DataError
from alexbench.harness.files.input_files import LABEL_BYTES_AT_MOST, read_file

PACKAGED: Final = "ILSVRC2012's own list"
"""The value of :attr:`LabelSource.said` for the packaged labels."""

GROUND_TRUTH: Final = "ILSVRC2012_validation_ground_truth.txt"
_KNOWN_FILES: Final = ("val.txt", "LOC_val_solution.csv", GROUND_TRUTH)
_FOLDERS: Final = re.compile(r"[/\\]")
"""What separates folders in a list, wherever it was written."""
_LABEL_COLUMNS: Final = ("label", "class", "class_id", "class_index", "synset", "wnid", "target")
_NUMBER: Final = re.compile(r"-?[0-9]{1,9}")  # int() also takes 6_5 and digits of other scripts
_WANTED: Final = "expected lines of a name, a blank and a class index or WordNet id"


@dataclass(frozen=True, slots=True)
class LabelSource:
    """``said``: its name for people. ``by_name``: canonical base name of an image -> class index 0..999."""

    said: str
    by_name: Mapping[str, int]

    def label_of(self, path: str) -> int | None:
        """The label of the image at ``path``, None if this source has none for it."""
        return self.by_name.get(canonical_name(path.rsplit("/", 1)[-1]))


def packaged_source() -> LabelSource:
    """The packaged labels."""
    return LabelSource(PACKAGED, _by_number(packaged_labels()))


def label_files_in(folder: Path) -> list[Path]:
    """The label files in ``folder``, or in an unpacked devkit there."""
    places = (folder / place / name for place in DEVKIT_FOLDERS for name in _KNOWN_FILES)
    return [place for place in places if place.is_file()]


def read_labels(path: Path, stated: Sequence[Stated] = ()) -> LabelSource:
    """The labels in a val.txt, a LOC_val_solution.csv, the devkit's ground truth, or a folder that holds one of them.

    Numbers are class indices, unless a class list next to the file or one of ``stated`` defines them.

    Raises:
        DataError: the file is missing, the folder has none or two, or the file cannot be understood. The message names
            the line.
    """
    if path.is_dir():
        files = label_files_in(path)
        if not files:
            raise DataError(f"{path}: no {', '.join(_KNOWN_FILES[:-1])} or {GROUND_TRUTH} in it; give the label file")
        if len(files) > 1:
            raise DataError(f"{path}: {len(files)} label files ({', '.join(map(str, files))}); give one of them")
        path = files[0]
    wanted = f"give a val.txt, LOC_val_solution.csv or {GROUND_TRUTH}"
    try:
        text = label_bytes(path, str(path), wanted).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not a text file; {wanted}") from error
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), start=1) if line.strip()]
    if not lines:
        raise DataError(f"{path}: an empty label file; restore it")
    if lines[0][1].startswith("ImageId,") or path.suffix.lower() == ".csv":
        return _source(path, _kaggle(path, lines), stated)
    if len(lines[0][1].split()) == 1:
        return _one_a_line(path, lines)
    return _source(path, _caffe(path, lines), stated)


def label_bytes(path: Path, said: str, wanted: str) -> bytes:
    """The content of a file of labels. ``said``: how to name it; ``wanted``: what to give if it does not exist.

    Raises:
        DataError: it does not exist, or cannot be read.
    """
    try:
        return read_file(path, said, DataError, most=LABEL_BYTES_AT_MOST)
    except FileNotFoundError as error:
        raise DataError(f"{said}: no such file; {wanted}") from error
    except OSError as error:
        raise DataError(
            f"{said}: cannot be read ({error.strerror or error}); make it readable for this user"
        ) from error


def _caffe(path: Path, lines: Iterable[tuple[int, str]]) -> Iterator[tuple[int, str, str]]:
    """Lines such as ``ILSVRC2012_val_00000001.JPEG 65``."""
    for number, line in lines:
        parts = line.rsplit(maxsplit=1)
        if len(parts) != 2:
            raise DataError(
                f"{path}: line {number} is not a name and a label ({_short(line)}); correct or restore the file"
            )
        name, label = parts
        if name.endswith(","):
            raise DataError(f"{path}: line {number} separates with a comma ({_short(line)}); {_WANTED}")
        # A name may have blanks, but then its suffix shows where it ends.
        if len(name.split()) > 1 and not is_picture(name):
            raise DataError(f"{path}: line {number} holds more than a name and a label ({_short(line)}); {_WANTED}")
        yield number, name, label


def _kaggle(path: Path, lines: list[tuple[int, str]]) -> Iterator[tuple[int, str, str]]:
    """``ImageId,PredictionString``, then ``ILSVRC2012_val_00048981,n03995372 85 131 499 254`` (one or more objects)."""
    if lines[0][1].replace(" ", "") != "ImageId,PredictionString":
        yield from _table(path, lines)
        return
    for number, line in lines[1:]:
        row = next(csv.reader([line]))
        words = row[1].split() if len(row) == 2 else []
        wnids = {word for word in words if WNID.fullmatch(word)}
        if len(wnids) != 1 or words[0] not in wnids:
            raise DataError(
                f"{path}: line {number} does not hold a name and one WordNet id ({_short(line)}); restore the file"
            )
        yield number, row[0], words[0]


def _table(path: Path, lines: list[tuple[int, str]]) -> Iterator[tuple[int, str, str]]:
    """A table with a column of images and one of labels, with or without a header: ``name.JPEG,65,"tench, Tinca"``."""
    separator = max(",;\t", key=lines[0][1].count)
    rows = [(number, next(csv.reader([line], delimiter=separator))) for number, line in lines]
    header = [] if any(map(is_picture, rows[0][1])) else [cell.strip().lower() for cell in rows[0][1]]
    rows = rows[1:] if header else rows
    columns = range(min((len(row) for _, row in rows), default=0))
    images = [place for place in columns if all(is_picture(row[place].strip()) for _, row in rows)]
    labels = [place for place in columns if all(_is_label(row[place].strip()) for _, row in rows)]
    named = [place for place in labels if header and header[place] in _LABEL_COLUMNS]
    chosen = labels if len(labels) == 1 else named
    if not images or len(chosen) != 1:
        raise DataError(
            f"{path}: no column of images next to one column of labels; give LOC_val_solution.csv, a table with the"
            f" columns filename,label, or a val.txt, where {_WANTED}"
        )
    for number, row in rows:
        yield number, row[images[0]].strip(), row[chosen[0]].strip()


def _is_label(text: str) -> bool:
    return WNID.fullmatch(text) is not None or _NUMBER.fullmatch(text) is not None


def _one_a_line(path: Path, lines: list[tuple[int, str]]) -> LabelSource:
    """The devkit's ground truth, or one WordNet id per line; the line's number is the image's number."""
    if any(separator in lines[0][1] for separator in ",;"):
        raise DataError(f"{path}: line {lines[0][0]} has no blank in it ({_short(lines[0][1])}); {_WANTED}")
    if len(lines) != VALIDATION_COUNT:
        raise DataError(
            f"{path}: {plural(len(lines), 'line')} of one label each, and the validation set has {VALIDATION_COUNT:,};"
            " restore the file, or give lines of a name and a label"
        )
    if WNID.fullmatch(lines[0][1]):
        labels = [_index(path, number, text) for number, text in lines]
        return LabelSource(path.name, _by_number(labels))
    return _numbers_a_line(path, lines)


def _numbers_a_line(path: Path, lines: list[tuple[int, str]]) -> LabelSource:
    """One number per validation image: ILSVRC2012_ID with the meta.mat next to it, or what the known labels prove."""
    numbers = [int(text) if _NUMBER.fullmatch(text) else -1 for _, text in lines]
    meta = path.with_name(META)
    pairs = zip(numbers, packaged_labels(), strict=True)
    known = None if meta.is_file() else numbers_mean(str(path), pairs, stated=(), folder=None)
    if known is None and path.name != GROUND_TRUTH and not meta.is_file():
        raise DataError(
            f"{path}: a number a line, which may be ILSVRC2012_ID or a class index; give the devkit's {GROUND_TRUTH}"
            f" with its {META} next to it, or lines of a name and a label"
        )
    meaning = known or meaning_by_devkit(meta)
    labels = [meaning.of(number) for number in numbers]
    if BACKGROUND in labels:
        number, text = lines[labels.index(BACKGROUND)]
        what = "ILSVRC2012_ID 1..1000" if known is None else known.said
        raise DataError(f"{path}: line {number} has {_short(text)}, which is not among {what}; restore the file")
    said = f"{path.name} and {META}" if known is None else f"{path.name}{known.words}"
    return LabelSource(said, _by_number(labels))


def _source(path: Path, rows: Iterable[tuple[int, str, str]], stated: Sequence[Stated]) -> LabelSource:
    """The source of ``rows``: the line number, the name of the image, and its label as written."""
    by_name: dict[str, int] = {}
    numbered: dict[str, int] = {}
    for line, picture, text in rows:
        name = canonical_name(_FOLDERS.split(picture)[-1])
        if name in by_name:
            raise DataError(f"{path}: line {line} labels {name} a second time; keep one line per image")
        by_name[name] = _index(path, line, text)
        if not WNID.fullmatch(text):
            numbered[name] = line
    _refuse_running_numbers(path, by_name)
    pairs = [(by_name[name], own_label(name)) for name in numbered]
    beside = [*lists_in(path.parent), *stated] if numbered else []
    others = [one for one in beside if Path(one.said).resolve() != path.resolve()]
    meaning = numbers_mean(str(path), pairs, stated=others, folder=path.parent)
    words = "" if meaning is None else meaning.words
    for name, line in numbered.items():
        label = by_name[name]
        by_name[name] = meant(label, meaning)
        if meaning is not None and words and by_name[name] == BACKGROUND:
            raise DataError(
                f"{path}: {name} has label {label}, which is not a class in {meaning.said}; keep one of the two"
            )
        if not 0 <= by_name[name] < CLASS_COUNT:
            fix = outside_words([number for number, _ in pairs], "correct or restore the file")
            raise DataError(f"{path}: line {line} has label {label}, outside 0..999; {fix}")
    return LabelSource(path.name + words, by_name)


def _refuse_running_numbers(path: Path, by_name: Mapping[str, int]) -> None:
    """Refuse ILSVRC's lists of images (ImageSets/CLS-LOC/val.txt): their numbers only count the lines."""
    if len(by_name) > 1 and all(validation_number(name) == label for name, label in by_name.items()):
        raise DataError(
            f"{path}: a list of images with their running numbers, as in ILSVRC's ImageSets, not of labels; take it"
            " away: the validation set's own labels come with AlexBench"
        )


def _index(path: Path, number: int, text: str) -> int:
    if WNID.fullmatch(text):
        label = index_by_wnid().get(text)
        if label is None:
            raise DataError(f"{path}: line {number} has {text}, which is not among the 1000 classes of ILSVRC2012")
        return label
    if not _NUMBER.fullmatch(text):
        raise DataError(
            f"{path}: line {number} has label {_short(text)}; labels are class indices 0..999 or WordNet ids"
        )
    return int(text)


def _by_number(labels: Iterable[int]) -> dict[str, int]:
    return {f"ILSVRC2012_val_{number:08d}.JPEG": label for number, label in enumerate(labels, start=1)}


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:37] + "...")
