"""Lists TFRecords of the Inception/Slim conversion: names and labels of all records, without reading an image."""

import functools
import mmap
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from alexbench.datasets.classes import CLASS_COUNT, class_list, index_by_wnid
from alexbench.datasets.containers.tf_example import (
    NotAnExampleError,
    OtherRecordError,
    Span,
    bytes_in,
    features,
    int_in,
    said_keys,
    text_in,
)
from alexbench.datasets.containers.tfrecord import ENCODED, read_records
from alexbench.datasets.layouts.assembling import Labelled
from alexbench.datasets.layouts.class_lists import lists_in, meaning_of
from alexbench.datasets.layouts.class_names import BACKGROUND, Meaning, meanings
from alexbench.datasets.layouts.listing import Entry
from alexbench.datasets.layouts.numbering import numbers_mean, own_label
from alexbench.harness.errors import DataError
from alexbench.harness.files.plain_text import escaped

_NAME: Final = b"image/filename"
_LABEL: Final = b"image/class/label"
_WNID: Final = b"image/class/synset"
_CLASS: Final = b"image/class/"
"""Features with this prefix give the class of an image: label and synset, and words, usually in ``text``."""
_WORDS_AT_MOST: Final = 1024
"""Bytes of a class's names; the longest of ILSVRC2012 has 150."""


class _Record(NamedTuple):
    """What a record states about its image. ``said``: the record's name in errors."""

    entry: Entry
    number: int
    label: int | None
    wnid: str | None
    named: frozenset[int] = frozenset()
    """The classes that its words and its synset may mean."""


def take_tfrecords(root: Path, files: Sequence[str]) -> Labelled:
    """Every record of the ``files`` below ``root``.

    Labels count from 1, with 0 as background, unless all records show otherwise.

    Raises:
        DataError: a file is cut off or damaged, a record is not a labelled image, or records disagree on the first
            label or do not show it. The message has the record's index, from 0.
    """
    found = [record for file in files for record in read_records(root / file, functools.partial(_read, file))]
    found, order = _in_usual_order(root, found)
    base, why, notes = _base(root, found)
    meaning = meaning_of(lists_in(root))
    pictures = []
    for record in found:
        label = _label(record, base)
        if not 0 <= label < CLASS_COUNT:
            outside = f"outside {base}..{base + CLASS_COUNT - 1}"
            outside = "the background, not a class" if record.label == 0 else outside
            raise DataError(f"{_said(root, record)} has label {record.label}, {outside}; convert the set again")
        _check_meaning(root, record, label, base, meaning)
        pictures.append((record.entry, label))
    if all(record.label is None for record in found):
        return Labelled(labels_from="image/class/synset", pictures=pictures)
    counted = order or f", counted from {base}{why}"
    return Labelled(labels_from=f"image/class/label{counted}", pictures=pictures, notes=notes)


def _in_usual_order(root: Path, found: list[_Record]) -> tuple[list[_Record], str]:
    """The records, with class indices counted from 1 if the known images show ILSVRC2012_ID, and words for that."""
    pairs = [(record.label, own_label(record.entry.path)) for record in found if record.label is not None]
    known = [(label, own) for label, own in pairs if own is not None]
    usual = max(sum(label == own + base for label, own in known) for base in (0, 1))
    if 2 * usual >= len(known) or any(record.named for record in found):
        return found, ""
    order = numbers_mean(escaped(str(root / found[0].entry.file)), known, stated=(), folder=None)
    if order is None:
        return found, ""
    return [
        record if record.label is None else record._replace(label=order.of(record.label) + 1) for record in found
    ], order.words


def _check_meaning(root: Path, record: _Record, label: int, base: int, meaning: Meaning | None) -> None:
    """Check a class index against the record's own words, and against a class list next to the file."""
    if record.named and label not in record.named:
        raise DataError(
            f"{_said(root, record)} is of class {label} by its label and of class {min(record.named)} by its words;"
            " convert the set again"
        )
    if meaning is None or record.label is None:
        return
    listed = meaning.of(record.label if meaning.indices[0] == BACKGROUND else record.label - base)
    if listed != label:
        raise DataError(
            f"{_said(root, record)} has label {record.label}, class {label} counting from {base}, which"
            f" {meaning.said} says is {'no class' if listed == BACKGROUND else f'class {listed}'}; convert the set"
            " again, or remove the list"
        )


def _read(file: str, data: mmap.mmap, span: Span, at: int, index: int) -> _Record:
    keys = features(data, *span)
    if ENCODED not in keys:
        raise OtherRecordError(
            f"not an image of the Inception/Slim conversion: no image/encoded among {said_keys(keys)}; convert the"
            " set again, or give its images"
        )
    name, wnid = text_in(data, keys.get(_NAME)), text_in(data, keys.get(_WNID))
    try:
        label = int_in(data, keys[_LABEL]) if _LABEL in keys else None
    except NotAnExampleError as error:
        raise NotAnExampleError(f"image/class/label: {error}") from error
    if wnid and wnid not in index_by_wnid():
        raise NotAnExampleError(f"image/class/synset is {wnid!r}, not one of the 1000 classes")
    if label is None and not wnid:
        raise OtherRecordError("neither image/class/label nor image/class/synset in it; add one of them")
    return _Record(Entry(name or f"{file}#{index}", file, at, -1), index, label, wnid, _named(data, keys, wnid))


def _named(data: mmap.mmap, keys: Mapping[bytes, Span], wnid: str | None) -> frozenset[int]:
    """The classes that a record's synset and words may mean; none if it has no known words."""
    named = frozenset({index_by_wnid()[wnid]}) if wnid else frozenset()
    for key, span in keys.items():
        if not key.startswith(_CLASS) or key in (_LABEL, _WNID):
            continue
        place = bytes_in(data, span)
        if place is None or place[1] - place[0] > _WORDS_AT_MOST:
            continue
        ones = meanings(data[slice(*place)].decode("utf-8", "replace"))
        if ones and named and ones.isdisjoint(named):
            raise NotAnExampleError(
                f"{key.decode('ascii', 'replace')} is of class {min(ones)}, others are of {min(named)}"
            )
        named = (named & ones or ones) if ones else named
    return named


def _base(root: Path, found: Sequence[_Record]) -> tuple[int, str, list[str]]:
    """The first label (1 or 0), words for how that is known, and a note if it is unknown."""
    labelled = [(record, record.label) for record in found if record.label is not None]
    # How far a label is above the class of the record's synset.
    above = [(record, label - min(record.named)) for record, label in labelled if len(record.named) == 1]
    counts = Counter(difference for _, difference in above)
    if counts:
        base = 1 if counts[1] >= counts[0] else 0
        odd = next((record for record, difference in above if difference != base), None)
        if odd is None:
            said = _WNID.decode() if all(record.wnid for record, _ in above) else _CLASS.decode() + "text"
            return base, f", as {said} shows", []
        raise DataError(
            f"{_said(root, odd)} has label {odd.label} and synset {class_list()[min(odd.named)].wnid}, whose label is"
            f" {min(odd.named) + base} counting from {base}; convert the set again"
        )
    owned = [(own_label(record.entry.path), label) for record, label in labelled]
    counts = Counter(label - own for own, label in owned if own is not None)
    if counts[0] or counts[1]:
        return (1 if counts[1] >= counts[0] else 0), ", as ILSVRC2012's own labels show", []
    values = {label for _, label in labelled}
    if 0 in values and CLASS_COUNT not in values:
        first = next(record for record, label in labelled if label == 0)
        raise DataError(
            f"{_said(root, first)} has label 0: labels may count from 0, or from 1 with 0 as background, and no"
            " image/class/synset tells; add it to the records"
        )
    if CLASS_COUNT in values or not values:
        return 1, "", []
    return 1, "", ["labels are assumed to count from 1, as Inception and Slim write them; the records do not show it"]


def _label(record: _Record, base: int) -> int:
    """The class index: from the label, or else from the synset. A record has at least one of them."""
    return record.label - base if record.label is not None else index_by_wnid()[record.wnid or ""]


def _said(root: Path, record: _Record) -> str:
    file, name = escaped(str(root / record.entry.file)), escaped(record.entry.path)
    return f"{file}: record {record.number} (from 0, {name})"
