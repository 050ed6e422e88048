"""Hugging Face's Parquet: a struct ``image`` of ``bytes`` and ``path``, and a ``label``; one row per image."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from alexbench.datasets.classes import CLASS_COUNT
from alexbench.datasets.containers.parquet import BYTES, opened, rows_at_a_time
from alexbench.datasets.layouts.assembling import Labelled, check_count, tell_apart
from alexbench.datasets.layouts.class_lists import features_names, lists_in, meaning_of, names_in
from alexbench.datasets.layouts.class_names import Meaning, Stated, is_own_order, meanings, meant
from alexbench.datasets.layouts.listing import WNID, Entry
from alexbench.datasets.layouts.numbering import numbers_mean, own_label
from alexbench.harness.errors import DataError
from alexbench.harness.files.plain_text import escaped

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

_PATH, _LABEL = "image.path", "label"
_LISTED_ROWS: Final = 1024
"""Rows of names and labels decoded at a time: a hostile file may repeat a path of megabytes in every row."""
_PATH_AT_MOST: Final = 4096
"""The most characters in an image's path: Linux's limit."""
_SHOWN_AT_MOST: Final = 40
_WANTED: Final = "expected image (struct of bytes and path) and label (integer, or a WordNet id)"
_OF_CLASSES: Final = re.compile("label|class|synset|wnid|wordnet|categor|target|concept|^text$|^name$")
"""Names of columns that say in words what a label means."""
_NOT_OF_CLASSES: Final = frozenset({"ARROW:schema", "pandas", "PARQUET:field_id"})


def take_parquet(root: Path, files: Sequence[str]) -> Labelled:
    """Every row of the ``files`` below ``root``; images are not read. A row without a path is named by its place.

    If the file or a class list next to it defines its labels, that definition is used. Labels may also be text with a
    WordNet id. A column of class names is checked against the label.

    Raises:
        DataError: the file is not a whole Parquet file, columns are missing or have another type, the classes are not
            the 1000 of ILSVRC2012, a label is outside 0..999 or another column contradicts it, or there are more rows
            than in any set.
    """
    found = Labelled(labels_from="column label")
    meanings_of_files = _meanings(root, files)
    for file, meaning in meanings_of_files.items():
        path = root / file
        with opened(path) as parquet:
            schema = parquet.schema_arrow
            texts = [name for name in schema.names if _is_text(schema.field(name))]
            said = _Beside(path, [name for name in texts if _OF_CLASSES.search(name.lower())], texts)
            for start, batch in _batches(parquet, said.texts):
                labels = _labels(path, start, batch.column("label"), meaning)
                said.check(start, batch, labels)
                paths: Any = batch.column("image")
                for row, (image, label) in enumerate(zip(paths.to_pylist(), labels, strict=True), start=start):
                    said.check_path(row, (image or {}).get("path"), label)
                    found.pictures.append((Entry(_path_of(path, row, image) or f"{file}#{row}", file, row, -1), label))
        found.notes += said.notes
    _check_same(root, meanings_of_files)
    first = next(iter(meanings_of_files.values()), None)
    found.labels_from += "" if first is None else first.words
    tell_apart(found)
    return found


def _meanings(root: Path, files: Sequence[str]) -> dict[str, Meaning | None]:
    """The meaning of each file's labels: from its metadata, a class list next to it, or images with known labels."""
    beside = lists_in(root)
    stated: dict[str, Meaning | None] = {}
    unexplained: list[tuple[int, int | None]] = []
    rows = 0
    for file in files:
        path = root / file
        with opened(path) as parquet:
            schema = parquet.schema_arrow
            _check_columns(path, schema)
            rows += parquet.metadata.num_rows
            check_count(str(path), rows)
            stated[file] = meaning_of([*_stated(path, schema), *beside])
            if stated[file] is None:
                unexplained += _numbered(parquet)
    said = escaped(str(root / next((file for file, meaning in stated.items() if meaning is None), "")))
    proved = numbers_mean(said, unexplained, stated=(), folder=None)
    return {file: meaning or proved for file, meaning in stated.items()}


def _numbered(parquet: "pq.ParquetFile") -> list[tuple[int, int | None]]:
    """The labels that are numbers, each with the known class index of its image."""
    import pyarrow as pa

    if not pa.types.is_integer(parquet.schema_arrow.field("label").type):
        return []
    pairs: list[tuple[int, int | None]] = []
    for _, batch in _batches(parquet, ()):
        images: Any = batch.column("image")
        paths = (_short((image or {}).get("path")) for image in images.to_pylist())
        labels = batch.column("label").to_pylist()
        pairs += [(label, own_label(name)) for label, name in zip(labels, paths, strict=True) if label is not None]
    return pairs


def _short(name: str | None) -> str:
    return (name or "")[-_PATH_AT_MOST:]


def _batches(parquet: "pq.ParquetFile", beside: Sequence[str]) -> "Iterator[tuple[int, pa.RecordBatch]]":
    """The rows without their images, a few at a time, with the number of the first."""
    start = 0
    rows = min(_LISTED_ROWS, rows_at_a_time(parquet, without=BYTES))
    for batch in parquet.iter_batches(batch_size=rows, columns=[_PATH, _LABEL, *beside], use_threads=False):
        yield start, batch
        start += len(batch)


def _path_of(path: Path, row: int, image: Any) -> str | None:
    name: str | None = (image or {}).get("path")
    if name is not None and len(name) > _PATH_AT_MOST:
        raise DataError(
            f"{path}: row {row} (from 0) has a path of {len(name):,} characters, {_PATH_AT_MOST:,} at most; restore the"
            " file or convert the set again"
        )
    return name


def _labels(path: Path, start: int, column: Any, meaning: Meaning | None) -> list[int]:
    """The class indices of some rows; the first row is ``start``."""
    import pyarrow as pa

    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    of_words = not pa.types.is_integer(column.type)
    found = []
    for row, label in enumerate(column.to_pylist(), start=start):
        if label is None:
            raise DataError(
                f"{path}: row {row} (from 0) has no label (null); remove the row, or give the validation split, where"
                " every row has one"
            )
        index = _of_word(path, row, label) if of_words else meant(label, meaning)
        if not 0 <= index < CLASS_COUNT:
            count = CLASS_COUNT if meaning is None else len(meaning.indices)
            why = f"outside 0..{count - 1}; restore the file or convert the set again"
            if label == -1:
                why = "as in a test split, which has no labels; give the validation split"
            elif 0 <= label < count:
                why = "the background, not a class; remove the row"
            raise DataError(f"{path}: row {row} (from 0) has label {label}, {why}")
        found.append(index)
    return found


def _of_word(path: Path, row: int, label: str) -> int:
    classes = meanings(label) if WNID.search(label) else frozenset()
    if len(classes) != 1:
        raise DataError(
            f"{path}: row {row} (from 0) has label {escaped(label[:_SHOWN_AT_MOST])!r}, which holds no WordNet id of"
            " one of the 1000 classes; give class indices or WordNet ids"
        )
    return next(iter(classes))


def _is_text(column: "pa.Field[Any]") -> bool:
    """Whether this column may say in words what the label means."""
    import pyarrow as pa

    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    of_words = pa.types.is_string(kind) or pa.types.is_large_string(kind)
    return column.name not in ("image", "label") and of_words


@dataclass(slots=True)
class _Beside:
    """The columns of a file that may name classes, and whether they were understood.

    ``columns``: those with a telling name. ``texts``: these and all other text columns, which may hold a WordNet id.
    """

    path: Path
    columns: list[str]
    texts: list[str]
    understood: set[str] = field(default_factory=set)

    def check(self, start: int, batch: "pa.RecordBatch", labels: Sequence[int]) -> None:
        """Check the words of some rows against their labels.

        Words that are not a class's name are about something else.
        """
        for name in self.texts:
            words = batch.column(name).to_pylist()
            for row, (word, label) in enumerate(zip(words, labels, strict=True), start=start):
                if word and (name in self.columns or WNID.search(word[:_PATH_AT_MOST])):
                    self._check_word(row, word, label, name)

    def check_path(self, row: int, path: str | None, label: int) -> None:
        """Check the WordNet id in the path of an image, if there is one, against its label."""
        if path and WNID.search(path[:_PATH_AT_MOST]):
            self._check_word(row, path, label, "image's path")

    def _check_word(self, row: int, word: str, label: int, name: str) -> None:
        classes = meanings(word[:_PATH_AT_MOST])
        if classes and label not in classes:
            raise DataError(
                f"{self.path}: row {row} (from 0) is of class {label} by its label and of class {min(classes)} by its"
                f" {name} ({escaped(word[:_SHOWN_AT_MOST])}); convert the set again, with class indices or the names"
                " of its classes"
            )
        if classes:
            self.understood.add(name)

    @property
    def notes(self) -> list[str]:
        """A sentence about the columns that were not understood."""
        left = [name for name in self.columns if name not in self.understood]
        return [
            f"column {escaped(name)} names no class of ILSVRC2012, so it was not compared with the labels"
            for name in left
        ]


def _check_same(root: Path, meanings_of_files: Mapping[str, Meaning | None]) -> None:
    """A label has the same meaning in all files of a set."""
    first: tuple[int, ...] | None = None
    for place, (file, meaning) in enumerate(meanings_of_files.items()):
        indices = None if meaning is None or is_own_order(meaning.indices) else meaning.indices
        if place and indices != first:
            raise DataError(
                f"{root / file}: its labels mean other classes than those of the files before; keep one set"
            )
        first = indices


def _check_columns(path: Path, schema: "pa.Schema") -> None:
    import pyarrow as pa

    columns = {field.name: field.type for field in schema}
    for name in ("image", "label"):
        if schema.names.count(name) > 1:
            raise DataError(f"{path}: {schema.names.count(name)} columns are called {name}; keep one of them")
    image, label = columns.get("image"), columns.get("label")
    missing = [name for name, kind in (("image", image), ("label", label)) if kind is None]
    if missing:
        raise DataError(f"{path}: no column {' and '.join(missing)} among {', '.join(columns) or 'none'}; {_WANTED}")
    struct: Any = image
    fields = {field.name: field.type for field in struct} if isinstance(image, pa.StructType) else {}
    if fields and len(fields) < struct.num_fields:
        raise DataError(f"{path}: column image is {str(image)[:80]}, two fields of one name; {_WANTED}")
    of_bytes = "bytes" in fields and (pa.types.is_binary(fields["bytes"]) or pa.types.is_large_binary(fields["bytes"]))
    if not of_bytes or "path" not in fields:
        raise DataError(f"{path}: column image is {str(image)[:80]}; {_WANTED}")
    kind: Any = label
    if isinstance(label, pa.DictionaryType):
        kind = kind.value_type
    if kind is None or not (pa.types.is_integer(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        raise DataError(f"{path}: column label is {label}; {_WANTED}")


def _stated(path: Path, schema: "pa.Schema") -> list[Stated]:
    """The class names in the metadata of a file or of its label: Hugging Face's, or any list under a usual key."""
    found: list[tuple[str, Sequence[str]]] = []
    of_label = schema.field("label").metadata or {}
    for where, metadata in (("its metadata", schema.metadata or {}), ("its column label", of_label)):
        for key, value in metadata.items():
            name = key.decode("utf-8", "replace")
            if name in _NOT_OF_CLASSES:
                continue
            try:
                data = json.loads(value)
            except (ValueError, RecursionError):
                data = value.decode("utf-8", "replace").split("\n" if b"\n" in value else ",")
            if name == "huggingface":
                info = data.get("info") if isinstance(data, Mapping) else None
                lists = features_names(info.get("features")) if isinstance(info, Mapping) else []
            else:
                lists = names_in({name.lower(): data})
            found += [(where, names) for names in lists]
    return [Stated(f"{path}: {where}", tuple(names)) for where, names in found]
