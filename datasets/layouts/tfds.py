"""TensorFlow Datasets' records: ``image``, ``label`` and ``file_name``, with labels from 0 in the order of the classes.

The order is in ``label.labels.txt`` next to the records (tensorflow.org/datasets/external_tfrecord); that of
``imagenet2012`` is the usual one (tensorflow_datasets/datasets/imagenet2012_dataset_builder.py).
"""

import functools
import mmap
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from alexbench.datasets.classes import CLASS_COUNT
from alexbench.datasets.containers.tf_example import (
    NotAnExampleError,
    OtherRecordError,
    Span,
    features,
    int_in,
    said_keys,
    text_in,
)
from alexbench.datasets.containers.tfrecord import ENCODED, IMAGE, first_keys, read_records
from alexbench.datasets.layouts.assembling import Labelled, tell_apart
from alexbench.datasets.layouts.class_lists import lists_in
from alexbench.datasets.layouts.class_names import meant
from alexbench.datasets.layouts.listing import Entry
from alexbench.datasets.layouts.numbering import numbers_mean, outside_words, own_label
from alexbench.harness.errors import DataError
from alexbench.harness.files.plain_text import escaped

_LABEL: Final = b"label"
_NAME: Final = b"file_name"
_OF_IMAGENET: Final = re.compile(r"imagenet(2012|_v2)[-_.]", re.ASCII)
"""How the names of TFDS files begin whose labels are class indices."""


class _Record(NamedTuple):
    entry: Entry
    number: int
    label: int


def holds_tfds(path: Path) -> bool:
    """Whether the first record of a file has TFDS's feature ``image``, not that of Inception and Slim."""
    keys = first_keys(path)
    return IMAGE in keys and ENCODED not in keys


def take_tfds(root: Path, files: Sequence[str]) -> Labelled:
    """Every record of the ``files`` below ``root``.

    Raises:
        DataError: a file is cut off or damaged, a record lacks an image or a label, a label is not of the 1000 classes,
            or nothing defines the labels. The message has the record's index, from 0.
    """
    found = [record for file in files for record in read_records(root / file, functools.partial(_read, file))]
    first = escaped(str(root / files[0]))
    pairs = [(record.label, own_label(record.entry.path)) for record in found]
    meaning = numbers_mean(first, pairs, stated=lists_in(root), folder=root)
    if meaning is None and not _OF_IMAGENET.match(files[0]):
        raise DataError(
            f"{first}: TFDS records (image, label), and nothing defines their labels; put the data set's"
            " label.labels.txt, one WordNet id per line, next to them"
        )
    pictures = []
    for record in found:
        label = meant(record.label, meaning)
        if not 0 <= label < CLASS_COUNT:
            said = escaped(f"{root / record.entry.file}: record {record.number} (from 0, {record.entry.path})")
            why = f"outside 0..999; {outside_words([number for number, _ in pairs], 'convert the set again')}"
            if record.label == -1:
                why = "as TFDS's test split has it, which has no labels; give the validation split"
            raise DataError(f"{said} has label {record.label}, {why}")
        pictures.append((record.entry, label))
    result = Labelled(labels_from=f"feature label{'' if meaning is None else meaning.words}", pictures=pictures)
    tell_apart(result)
    return result


def _read(file: str, data: mmap.mmap, span: Span, at: int, index: int) -> _Record:
    keys = features(data, *span)
    if IMAGE not in keys or _LABEL not in keys:
        missing = " and ".join(key.decode() for key in (IMAGE, _LABEL) if key not in keys)
        raise OtherRecordError(
            f"TFDS's record without {missing}, among {said_keys(keys)}; give a data set with image and label"
        )
    try:
        label = int_in(data, keys[_LABEL])
    except NotAnExampleError as error:
        raise NotAnExampleError(f"label: {error}") from error
    if label is None:
        raise OtherRecordError("its label is not an integer; give a data set with class indices")
    name = text_in(data, keys.get(_NAME))
    return _Record(Entry(name or f"{file}#{index}", file, at, -1), index, label)
