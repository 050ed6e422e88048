"""Class lists next to the images: ``classes.txt``, ``class_to_idx.json``, Hugging Face's ``dataset_info.json``.

If labels are numbers, such a file defines them: either it is used, or the set is refused.
"""

import csv
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePath
from typing import Any, Final

from alexbench.datasets.classes import CLASS_COUNT
from alexbench.datasets.layouts.class_names import Meaning, Stated, UnknownClassesError, class_indices, is_own_order
from alexbench.datasets.layouts.listing import Listing, is_picture
from alexbench.harness.errors import DataError
from alexbench.harness.files.plain_text import escaped

_STEMS: Final = frozenset(
    {
        *("classes", "classnames", "classids", "classindex", "classtoidx", "classtoindex", "categories", "names"),
        *("labels", "labelnames", "labelmap", "labellabels", "id2label", "label2id", "idx2label", "idxtolabel"),
        *("idxtoclass", "indextolabel", "indextoclass", "synsets", "synsetwords", "locsynsetmapping", "wnids"),
        *("imagenetclasses", "imagenetlabels", "imagenetclassindex", "imagenetsynsets", "imagenetclassnames"),
        *("synset", "labelsmap", "classindices", "classmap", "classmapping", "categorynames", "classlist", "labellist"),
        *("imagenetlsvrc2015synsets", "imagenet1000clsidxtolabels", "datasetinfo", "datasetinfos"),
    }
)
"""Names of class lists, in lower case, letters and digits only, without suffixes such as ``.txt``."""

_SUFFIXES: Final = frozenset({".txt", ".json", ".csv", ".tsv", ".lst", ".list", ".names"})
_BYTES_AT_MOST: Final = 8 << 20
"""A list of 1000 classes has 30 kB; a dataset_infos.json of many configurations has some hundreds."""
_LINES_AT_MOST: Final = CLASS_COUNT + 1
"""The most lines of a class list: one per class, and background. Longer files are labels of images, or all of
WordNet."""
_NUMBERED: Final = re.compile(r"[{\s]*['\"]?(\d{1,4})['\"]?\s*[:,;\t ]\s*(\S.*)")
_KEYS: Final = ("names", "classes", "class_names", "label_names", "labels", "id2label", "label2id", "class_to_idx")
_DEPTH_AT_MOST: Final = 6
_README: Final = "readme.md"
_CARD: Final = re.compile(r"- name: label\s+dtype:\s+class_label:\s+names:\s*\n((?:\s*['\"]?\d+['\"]?:[^\n]*\n)+)")
"""The names of the feature ``label`` in a Hugging Face data set's README.md, one per line."""
_MEND: Final = "name its classes by WordNet id, or remove it if it is not about these labels"


def is_class_list(name: str) -> bool:
    """Whether a file of that name defines labels."""
    path = PurePath(name.lower())
    return path.name == _README or (path.suffix in _SUFFIXES and re.sub("[^a-z0-9]", "", path.stem) in _STEMS)


def lists_in(place: Path | Listing) -> list[Stated]:
    """The class lists in a folder or a tar, and those of the 1000 classes in the folder above.

    Raises:
        DataError: a list in the folder itself that cannot be understood.
    """
    if not isinstance(place, Path) and place.folder is None:
        names = [name for name in place.others if is_class_list(name)]
        return [one for name in names for one in stated_in(f"{place.said}: {name}", place.read(name, _BYTES_AT_MOST))]
    folder = place if isinstance(place, Path) else place.folder or Path()
    found = [one for file in _files(folder) for one in stated_in(str(file), _read(file))]
    for file in _files(folder.resolve().parent):
        try:
            above = stated_in(str(file), _read(file))
            found += [replace(one, above=True) for one in above if len(class_indices(one.names)) >= CLASS_COUNT]
        except (DataError, UnknownClassesError):
            continue  # another set's list: folders above hold many things
    return found


def meaning_of(stated: Iterable[Stated]) -> Meaning | None:
    """The meaning of labels according to these sources; None without a source.

    Raises:
        DataError: names that are not ILSVRC2012's, or two sources that do not agree.
    """
    first: Meaning | None = None
    for one in stated:
        indices = tuple(one.indices())
        if first is None:
            first = Meaning(one.said, indices, _words_for(one.said, indices))
        elif indices != first.indices:
            raise DataError(
                f"{one.said}: its classes are not those of {first.said}; keep the list that the labels follow"
            )
    return first


def _words_for(said: str, indices: Sequence[int]) -> str:
    """The suffix of ``labels_from`` if labels are not class indices."""
    return "" if is_own_order(indices) else f", by the classes in {PurePath(said).name.rpartition(': ')[2]}"


def stated_in(said: str, data: bytes) -> list[Stated]:
    """The names in a class list; none if it lists images or is empty.

    Raises:
        DataError: it cannot be understood.
    """
    said = escaped(said)
    try:
        text = data.decode("utf-8-sig", "replace" if PurePath(said).name.lower() == _README else "strict")
        if PurePath(said).name.lower() == _README:
            card = _CARD.search(text)
            text = "" if card is None else card[1]
        names = names_of_json(json.loads(text)) if said.lower().endswith(".json") else _by_lines(said, text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{said}: a class list that cannot be read ({type(error).__name__}); {_MEND}") from error
    return [Stated(said, tuple(one)) for one in names]


def names_in(value: Any, depth: int = 0) -> list[Sequence[str]]:
    """Every list of class names in JSON data, under one of the usual keys at any depth."""
    if depth > _DEPTH_AT_MOST or not isinstance(value, Mapping):
        return []
    found = []
    for key, inner in value.items():
        names = _as_names(inner) if key in _KEYS else None
        found += [names] if names else names_in(inner, depth + 1)
    return found


def features_names(features: Any) -> list[Sequence[str]]:
    """The names of Hugging Face's feature ``label``. Other features may have classes of their own."""
    label = features.get("label") if isinstance(features, Mapping) else None
    names = _as_names(label.get("names")) if isinstance(label, Mapping) else None
    return [names] if names else []


def names_of_json(value: Any) -> list[Sequence[str]]:
    """The lists of class names in JSON data: a list, a table from or to labels, or under one of the usual keys."""
    whole = _as_names(value)
    if whole:
        return [whole]
    found: list[Sequence[str]] = []
    for one in (value, *value.values()) if isinstance(value, Mapping) else ():
        if isinstance(one, Mapping) and "features" in one:  # dataset_info.json, or one of dataset_infos.json
            found += features_names(one["features"])
    return found or names_in(value)


def _as_names(value: Any) -> Sequence[str] | None:
    """A list of names, or a table from or to labels 0, 1, ..., as names in the order of labels; None if it is neither.

    An entry may be a list of words for one class: ``["n01440764", "tench"]``.
    """
    if isinstance(value, Mapping) and value:
        pairs = list(value.items())
        if all(isinstance(label, int) and not isinstance(label, bool) for _, label in pairs):
            pairs = [(label, name) for name, label in pairs]
        try:
            by_label = {int(label): name for label, name in pairs}
        except (TypeError, ValueError):
            return None
        if sorted(by_label) != list(range(len(pairs))):
            return None
        value = [by_label[label] for label in range(len(pairs))]
    if not isinstance(value, list) or not value:
        return None
    words = [" ".join(map(str, one)) if isinstance(one, list) else one for one in value]
    return [str(one) for one in words] if all(isinstance(one, str | int) for one in words) else None


def _by_lines(said: str, text: str) -> list[Sequence[str]]:
    lines = [line.strip() for line in text.splitlines() if line.strip().strip("{}")]
    if not lines or len(lines) > _LINES_AT_MOST + 1 or is_picture(lines[-1].split()[0].rstrip(",")):
        return []
    if said.lower().endswith((".csv", ".tsv")):
        between = "\t" if said.lower().endswith(".tsv") else ","
        lines = [between.join(row) for row in csv.reader(lines, delimiter=between)]
        lines = lines[1:] if len(lines) > 1 and not any(letter.isdigit() for letter in lines[0]) else lines
    numbered = [_NUMBERED.fullmatch(line) for line in lines]
    if not all(numbered):
        return [lines]
    by_label = {int(one[1]): one[2].rstrip("},").strip("'\" ") for one in numbered if one is not None}
    if sorted(by_label) == list(range(1, CLASS_COUNT + 1)):
        by_label[0] = "background"
    if sorted(by_label) != list(range(len(by_label))):
        raise DataError(f"{said}: numbers its classes {min(by_label)}..{max(by_label)}, not from 0; {_MEND}")
    return [[by_label[label] for label in range(len(by_label))]]


def _files(folder: Path) -> list[Path]:
    try:
        return sorted(one for one in folder.iterdir() if is_class_list(one.name) and one.is_file())
    except OSError:
        return []


def _read(file: Path) -> bytes:
    """Its bytes; b"" if it is too large for a class list."""
    try:
        with file.open("rb") as opened:
            data = opened.read(_BYTES_AT_MOST + 1)
    except OSError as error:
        raise DataError(f"{file}: cannot be read ({error.strerror or error}); {_MEND}") from error
    return data if len(data) <= _BYTES_AT_MOST else b""
