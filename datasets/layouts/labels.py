"""Labels of pictures that lie flat: from a file of the user's, or the packaged ones of the validation set.

Labels go by the picture's name, or by the number in it, never by its position among the others.
"""

import csv
import functools
import importlib.resources
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from alexbench.datasets.classes import CLASS_COUNT, index_by_wnid
from alexbench.datasets.dataset import VALIDATION_COUNT, canonical_name
from alexbench.datasets.layouts.class_lists import lists_in, meaning_of, meant, words_for
from alexbench.datasets.layouts.class_names import BACKGROUND, Stated
from alexbench.datasets.layouts.listing import WNID, is_picture, plural
from alexbench.harness.errors import DataError
from alexbench.harness.input_files import LABEL_BYTES_AT_MOST, read_file

PACKAGED: Final = "ILSVRC2012's own list"
"""What :attr:`LabelSource.said` is for the packaged labels."""

GROUND_TRUTH: Final = "ILSVRC2012_validation_ground_truth.txt"
_KNOWN_FILES: Final = ("val.txt", "LOC_val_solution.csv", GROUND_TRUTH)
_NUMBER: Final = re.compile(r"-?[0-9]{1,9}")  # int() also takes 6_5 and digits of other scripts
_WANTED: Final = "wanted are lines of a name, a blank and a class index or WordNet id"
_KNOWN_FOLDERS: Final = (".", "data", "ILSVRC2012_devkit_t12/data")


@dataclass(frozen=True, slots=True)
class LabelSource:
    """``said``: how people call it. ``by_name``: base name of a picture (canonical) -> class index 0..999."""

    said: str
    by_name: Mapping[str, int]

    def label_of(self, path: str) -> int | None:
        """The label of the picture at ``path``, None if this source has none for it."""
        return self.by_name.get(canonical_name(path.rsplit("/", 1)[-1]))


@functools.cache
def packaged_labels() -> tuple[int, ...]:
    """The class index of each picture of the ILSVRC2012 validation set, ILSVRC2012_val_00000001 first."""
    packaged = importlib.resources.files("alexbench.datasets").joinpath("data/imagenet_val_labels.txt")
    return tuple(int(line) for line in packaged.read_text(encoding="ascii").split())


def packaged_source() -> LabelSource:
    """The packaged labels."""
    return LabelSource(PACKAGED, _by_number(packaged_labels()))


def label_files_in(folder: Path) -> list[Path]:
    """The label files that lie in ``folder``, or where a devkit unpacked there has its own."""
    places = (folder / place / name for place in _KNOWN_FOLDERS for name in _KNOWN_FILES)
    return [place for place in places if place.is_file()]


def read_labels(path: Path, stated: Sequence[Stated] = ()) -> LabelSource:
    """The labels in a val.txt, a LOC_val_solution.csv, the devkit's ground truth, or a folder that holds one of them.

    Numbers are class indices, unless a class list beside the file, or one of ``stated``, says what they mean.

    Raises:
        DataError: no such file, none or two in the folder, or one that cannot be understood; the line is named.
    """
    if path.is_dir():
        files = label_files_in(path)
        if not files:
            raise DataError(f"{path}: no {', '.join(_KNOWN_FILES[:-1])} or {GROUND_TRUTH} in it; give the label file")
        if len(files) > 1:
            raise DataError(f"{path}: {len(files)} label files ({', '.join(map(str, files))}); give one of them")
        path = files[0]
    try:
        text = read_file(path, str(path), DataError, most=LABEL_BYTES_AT_MOST).decode("utf-8-sig")
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file; give a val.txt, LOC_val_solution.csv or {GROUND_TRUTH}") from error
    except OSError as error:
        raise DataError(
            f"{path}: cannot be read ({error.strerror or error}); make it readable for this user"
        ) from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not a text file; give a val.txt, LOC_val_solution.csv or {GROUND_TRUTH}") from error
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), start=1) if line.strip()]
    if not lines:
        raise DataError(f"{path}: an empty label file; restore it")
    if lines[0][1].startswith("ImageId,") or path.suffix.lower() == ".csv":
        return _source(path, _kaggle(path, lines), stated)
    if len(lines[0][1].split()) == 1:
        return _one_a_line(path, lines)
    return _source(path, _caffe(path, lines), stated)


def _caffe(path: Path, lines: Iterable[tuple[int, str]]) -> Iterator[tuple[int, str, str]]:
    """``ILSVRC2012_val_00000001.JPEG 65`` a line."""
    for number, line in lines:
        parts = line.rsplit(maxsplit=1)
        if len(parts) != 2:
            raise DataError(
                f"{path}: line {number} is not a name and a label ({_short(line)}); mend or restore the file"
            )
        name, label = parts
        if name.endswith(","):
            raise DataError(f"{path}: line {number} separates with a comma ({_short(line)}); {_WANTED}")
        # A name may have blanks in it, but then it shows by its suffix where it ends.
        if len(name.split()) > 1 and not is_picture(name):
            raise DataError(f"{path}: line {number} holds more than a name and a label ({_short(line)}); {_WANTED}")
        yield number, name, label


def _kaggle(path: Path, lines: list[tuple[int, str]]) -> Iterator[tuple[int, str, str]]:
    """``ImageId,PredictionString``, then ``ILSVRC2012_val_00048981,n03995372 85 131 499 254`` (an object or more)."""
    if lines[0][1].replace(" ", "") != "ImageId,PredictionString":
        raise DataError(
            f"{path}: not Kaggle's columns ImageId,PredictionString; give LOC_val_solution.csv or a val.txt, where"
            f" {_WANTED}"
        )
    for number, line in lines[1:]:
        row = next(csv.reader([line]))
        words = row[1].split() if len(row) == 2 else []
        wnids = {word for word in words if WNID.fullmatch(word)}
        if len(wnids) != 1 or words[0] not in wnids:
            raise DataError(
                f"{path}: line {number} does not hold a name and one WordNet id ({_short(line)}); restore the file"
            )
        yield number, row[0], words[0]


def _one_a_line(path: Path, lines: list[tuple[int, str]]) -> LabelSource:
    """The devkit's ground truth, or a WordNet id a line; the line's number is the picture's."""
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
    if path.name != GROUND_TRUTH and not path.with_name("meta.mat").is_file():
        raise DataError(
            f"{path}: a number a line, which may be ILSVRC2012_ID or a class index; give the devkit's {GROUND_TRUTH}"
            " with its meta.mat beside it, or lines of a name and a label"
        )
    from alexbench.datasets.layouts.devkit import index_by_id

    index = index_by_id(path.with_name("meta.mat"))
    labels = []
    for number, text in lines:
        if not _NUMBER.fullmatch(text) or int(text) not in index:
            raise DataError(f"{path}: line {number} is no ILSVRC2012_ID 1..1000 ({_short(text)}); restore the file")
        labels.append(index[int(text)])
    return LabelSource(f"{path.name} and meta.mat", _by_number(labels))


def _source(path: Path, rows: Iterable[tuple[int, str, str]], stated: Sequence[Stated]) -> LabelSource:
    """The source of ``rows``: number of the line, name of the picture, and its label as it stands there."""
    by_name: dict[str, int] = {}
    numbered: list[str] = []
    outside: tuple[int, int] | None = None
    for number, picture, text in rows:
        name = canonical_name(picture.rsplit("/", 1)[-1])
        if name in by_name:
            raise DataError(f"{path}: line {number} labels {name} a second time; keep one line a picture")
        label = _index(path, number, text)
        if not 0 <= label < CLASS_COUNT and outside is None:
            outside = (number, label)
        by_name[name] = label
        if not WNID.fullmatch(text):
            numbered.append(name)
    if outside is not None:
        from_one = max(by_name.values()) == CLASS_COUNT and min(by_name.values()) == 1
        mend = "they seem to count from 1: make them count from 0" if from_one else "mend or restore the file"
        raise DataError(f"{path}: line {outside[0]} has label {outside[1]}, outside 0..999; {mend}")
    beside = [*lists_in(path.parent), *stated] if numbered else []
    meaning = meaning_of(one for one in beside if Path(one.said).resolve() != path.resolve())
    for name in numbered:
        label = by_name[name]
        by_name[name] = meant(label, meaning)
        if by_name[name] == BACKGROUND and meaning is not None:
            raise DataError(
                f"{path}: {name} has label {label}, which is no class in {meaning.said}; keep one of the two"
            )
    return LabelSource(path.name + words_for(meaning), by_name)


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
