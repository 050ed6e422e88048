"""The classes of the user's own model, in the order of its outputs: a name a line, or JSON, as --labels takes them.

Line 1 is output 0. An output that is not a class is called background. A file of labels of images (val.txt) is another
thing, and is left to :mod:`alexbench.datasets.layouts.labels`.
"""

import csv
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from alexbench.datasets.classes import CLASS_COUNT
from alexbench.datasets.dataset import VALIDATION_COUNT, validation_number
from alexbench.datasets.layouts.class_lists import names_of_json
from alexbench.datasets.layouts.class_names import (
    BACKGROUNDS,
    UnknownClassesError,
    class_indices,
    is_own_order,
    meanings,
    plain_words,
)
from alexbench.datasets.layouts.labels import label_bytes
from alexbench.datasets.layouts.listing import WNID, is_picture, plural
from alexbench.harness.errors import DataError
from alexbench.harness.files.plain_text import escaped

_FORMS: Final = 'give ["daisy", ...], {"0": "daisy", ...} or {"daisy": 0, ...}'
_NUMBER_FIRST: Final = re.compile(r"[{\s]*['\"]?(\d{1,5})['\"]?\s*[:,;=\t ]\s*(\S.*)")
_NUMBER_LAST: Final = re.compile(r"(.*\S)\s*[:,;=\t ]\s*(\d{1,5})")
_OTHER_FORMS: Final = frozenset({".yaml", ".yml", ".pbtxt", ".xml", ".toml", ".py", ".html", ".md"})
_NAME_COLUMNS: Final = ("name", "class_name", "classname", "label_name", "display_name", "label", "class", "category")
"""What a table's column of names may be called, the surest first."""
_COLUMNS: Final = frozenset(
    {*_NAME_COLUMNS, "id", "index", "idx", "class_id", "class_index", "class_idx", "label_id", "output", "wnid"}
)
_SEPARATORS: Final = re.compile(r"[\s,;]+")


@dataclass(frozen=True, slots=True)
class ModelClasses:
    """``path``: the file. ``names``: of the classes, in the order of the outputs, without background.

    ``background``: the output that is not a class, None if each is one. ``imagenet``: the class index of each name
    where all are classes of ILSVRC2012, else empty.
    """

    path: str
    names: tuple[str, ...]
    background: int | None = None
    imagenet: tuple[int, ...] = ()

    @property
    def outputs(self) -> int:
        """How many outputs the model has."""
        return len(self.names) + (self.background is not None)

    @property
    def are_imagenets(self) -> bool:
        """Whether these are ImageNet's 1000 classes in their own order."""
        return len(self.imagenet) == CLASS_COUNT and is_own_order(self.imagenet)


def read_model_classes(path: Path) -> ModelClasses | None:
    """The classes that a file names; None where it holds labels of images, or is a folder.

    Raises:
        DataError: it cannot be read or understood, names a class twice, or has an empty line between names.
    """
    said = escaped(str(path))
    if path.is_dir():
        return None
    text = _decoded(said, label_bytes(path, said, "give the file of labels, or of class names"))
    if path.suffix.lower() in _OTHER_FORMS:
        raise DataError(f"{said}: not a form of class list; give the names in a text file, one a line, or in JSON")
    if text.lstrip()[:1] in ("[", "{") and (path.suffix.lower() in (".json", "") or _is_json(text)):
        return _classes(said, _of_json(said, text))
    lines = [line.strip() for line in text.rstrip().splitlines() if not line.startswith("# ")]
    if not lines or _are_labels_of_images(path, lines):
        return None
    return _classes(said, _of_lines(said, path, lines))


def _decoded(said: str, data: bytes) -> str:
    """Text in UTF-8, or in the UTF-16 of Windows' editors, with or without a mark."""
    try:
        return data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{said}: not text in UTF-8; save it as UTF-8") from error


def _are_labels_of_images(path: Path, lines: Sequence[str]) -> bool:
    """Whether lines label images: by the names in them, by their number, or because labels repeat."""
    firsts = lines[:2]  # a header may be first
    words = [word.strip("\"'") for line in firsts for word in _SEPARATORS.split(line) if word]
    if lines[0].startswith("ImageId") or any(is_picture(word) or validation_number(word) for word in words):
        return True
    filled = [line for line in lines if line]
    if len(filled) == VALIDATION_COUNT or path.name.startswith("ILSVRC2012_validation"):
        return True
    if all(line.lstrip("-").isdecimal() or WNID.fullmatch(line) for line in filled):
        return len(set(filled)) < len(filled) or (filled[0].isdecimal() and not _counts(list(map(int, filled))))
    last = [found[2] for line in filled if (found := _NUMBER_LAST.fullmatch(line))]
    return len(last) == len(filled) and not _counts(list(map(int, last)))


def _counts(numbers: Sequence[int]) -> bool:
    """Whether these are 0, 1, 2 ... or 1, 2, 3 ..., in any order."""
    least = min(numbers, default=0)
    return least in (0, 1) and sorted(numbers) == list(range(least, least + len(numbers)))


def _of_lines(said: str, path: Path, lines: Sequence[str]) -> list[str]:
    """Names by line, or by the number before or behind each."""
    if path.suffix.lower() in (".csv", ".tsv"):
        lines = _of_table(lines, "\t" if path.suffix.lower() == ".tsv" else ",")
    for number, line in enumerate(lines, start=1):
        if not line:
            raise DataError(
                f"{said}: line {number} is empty, and a line is an output; name the class of output {number - 1} there,"
                " or take the line out"
            )
    inner = [line for line in lines if line.strip("{}[] ")]
    for pattern, number, name in ((_NUMBER_FIRST, 1, 2), (_NUMBER_LAST, 2, 1)):
        found = [pattern.fullmatch(line) for line in inner]
        pairs = [(int(one[number]), one[name].rstrip("},").strip("'\" ")) for one in found if one is not None]
        if len(pairs) == len(inner) and (pattern is _NUMBER_FIRST or len({word for _, word in pairs}) == len(pairs)):
            return _by_number(said, pairs)
    return [line.rstrip(",").strip("'\"") if line[:1] in "'\"" else line for line in inner]


def _of_table(lines: Sequence[str], between: str) -> list[str]:
    """Rows of a .csv as lines of words; those of a table with a header: its number, WordNet id and name."""
    rows = [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter=between)]
    header = [cell.casefold().replace(" ", "_") for cell in rows[0]]
    body = [row for row in rows[1:] if len(row) == len(header)]
    if not body or len(body) < len(rows) - 1 or not _COLUMNS.intersection(header):
        return [" ".join(row) for row in rows]
    columns = list(zip(*body, strict=True))
    numbers = [place for place, cells in enumerate(columns) if all(map(str.isdecimal, cells))][:1]
    ids = [place for place, cells in enumerate(columns) if all(map(WNID.fullmatch, cells))][:1]
    named = [header.index(word) for word in _NAME_COLUMNS if word in header]
    names = [place for place in (*named, *range(len(header))) if place not in (*numbers, *ids)][:1]
    return [" ".join(row[place] for place in (*numbers, *ids, *names)) for row in body]


def _by_number(said: str, pairs: Sequence[tuple[int, str]]) -> list[str]:
    """Names in the order of their numbers, which count from 0 or from 1."""
    numbers = [number for number, _ in pairs]
    if not _counts(numbers):
        twice = next((one for one in numbers if numbers.count(one) > 1), None)
        wrong = f"number {twice} stands twice" if twice is not None else f"not 0 to {len(numbers) - 1} without a gap"
        raise DataError(f"{said}: numbers its {len(numbers)} classes {min(numbers)} to {max(numbers)}, {wrong}; "
                        "number each output once")  # fmt: skip
    return [name for _, name in sorted(pairs)]


def _of_json(said: str, text: str) -> list[str]:
    try:
        value = json.loads(text, object_pairs_hook=lambda pairs: _table(said, pairs))
        found = {tuple(one): one for one in names_of_json(_from_zero(_simple(value)))}
    except (ValueError, RecursionError) as error:
        raise DataError(f"{said}: not valid JSON ({str(error)[:80]}); {_FORMS}") from error
    if len(found) != 1:
        many = "no list of class names" if not found else f"{len(found)} lists of class names"
        raise DataError(f"{said}: {many} in it; {_FORMS}")
    return list(next(iter(found)))


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _simple(value: Any) -> Any:
    """Objects with a name as names, in the order of their ids; of pairs (Keras) the name, and the id if WordNet's."""
    if isinstance(value, Mapping):
        return {key: _one(entry) if str(key).isdecimal() else entry for key, entry in value.items()}
    if isinstance(value, list) and value and all(isinstance(one, Mapping) and "name" in one for one in value):
        numbers = [one.get("id") for one in value]
        if all(isinstance(number, int) for number in numbers):
            return _from_zero({str(one["id"]): one["name"] for one in value})
        return [one["name"] for one in value]
    return [_one(entry) for entry in value] if isinstance(value, list) else value


def _one(entry: Any) -> Any:
    pair = isinstance(entry, list) and len(entry) == 2 and all(isinstance(word, str) for word in entry)
    return entry[1] if pair and not WNID.fullmatch(entry[0]) else entry


def _table(said: str, pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    keys = [key for key, _ in pairs]
    twice = next((key for key in keys if keys.count(key) > 1), None)
    if twice is not None:
        raise DataError(f"{said}: {escaped(twice)} stands twice in it; name each output once")
    return dict(pairs)


def _from_zero(value: Any) -> Any:
    """A table whose numbers count from 1 as one that counts from 0."""
    if not isinstance(value, Mapping) or not value:
        return value
    if all(isinstance(key, str) and key.isdecimal() for key in value) and min(map(int, value)) == 1:
        return {str(int(key) - 1): name for key, name in value.items()}
    if all(isinstance(number, int) and not isinstance(number, bool) for number in value.values()):
        return {name: number - min(1, *value.values()) for name, number in value.items()}
    return value


def _classes(said: str, names: Sequence[str]) -> ModelClasses:
    """``names`` in the order of the outputs, background among them."""
    names = [escaped(name.strip()) for name in names]
    for place, name in enumerate(names):
        if not name:
            raise DataError(f"{said}: the class of output {place} has no name; name it")
    backgrounds = [place for place, name in enumerate(names) if _is_background(name, place, len(names))]
    if len(backgrounds) > 1 or (backgrounds and backgrounds[0] not in (0, len(names) - 1)):
        raise DataError(
            f"{said}: background is output {backgrounds[-1]} of {len(names)}; the first or the last may be, and one"
        )
    classes = tuple(name for place, name in enumerate(names) if place not in backgrounds)
    if not 2 <= len(classes) <= CLASS_COUNT:
        raise DataError(f"{said}: names {plural(len(classes), 'class')}; 2 to {CLASS_COUNT:,} can be scored")
    imagenet = _imagenets(classes)
    if len(imagenet) < CLASS_COUNT:  # of ImageNet's own names two are the same: crane, maillot
        _refuse_twice(said, names)
    return ModelClasses(said, classes, backgrounds[0] if backgrounds else None, imagenet)


def _is_background(name: str, place: int, count: int) -> bool:
    return name.casefold().strip("_") == "background" or (
        place == 0 and count == CLASS_COUNT + 1 and name.casefold() in BACKGROUNDS
    )


def _refuse_twice(said: str, names: Sequence[str]) -> None:
    first: dict[str, int] = {}
    for place, name in enumerate(names):
        other = first.setdefault(plain_words(name) or name, place)
        if other != place:
            raise DataError(
                f"{said}: outputs {other} and {place} (lines {other + 1} and {place + 1}) are both {name}; give each"
                " class a name of its own"
            )


def _imagenets(names: Sequence[str]) -> tuple[int, ...]:
    """The class index of each, where all are classes of ILSVRC2012 and no two the same."""
    if len(names) == CLASS_COUNT:
        try:
            return tuple(class_indices(names))
        except UnknownClassesError:
            return ()
    found = [meanings(name) or meanings(name.partition(",")[0]) for name in names]
    indices = [next(iter(one)) for one in found if len(one) == 1]
    return tuple(indices) if len(set(indices)) == len(names) else ()
