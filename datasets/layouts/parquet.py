"""Hugging Face's Parquet: a struct ``image`` of ``bytes`` and ``path``, and an integer ``label``, a row a picture."""

import contextlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from alexbench.datasets.classes import CLASS_COUNT, index_by_wnid
from alexbench.datasets.dataset import Sample, said_place
from alexbench.datasets.layouts.assembling import Labelled
from alexbench.datasets.layouts.listing import WNID, Entry
from alexbench.harness.errors import DataError
from alexbench.harness.plain_text import is_utf8

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

_BATCH_ROWS: Final = 16  # 2 MB of ImageNet's pictures decoded at a time
_BYTES, _PATH, _LABEL = "image.bytes", "image.path", "label"
_DETAIL_AT_MOST: Final = 120
_WANTED: Final = "wanted are image (struct of bytes and path) and label (integer)"


def take_parquet(root: Path, files: Sequence[str]) -> Labelled:
    """Every row of the ``files`` below ``root``; pictures are not read. A row without a path is called by its place.

    Where the file names its own classes (Hugging Face's ClassLabel), by WordNet ids, labels go by these.

    Raises:
        DataError: not a whole Parquet file, columns missing or of another type, classes that are not the 1000 of
            ILSVRC2012, a label outside 0..999.
    """
    found = Labelled(labels_from="column label")
    for file in files:
        with _opened(root / file) as parquet:
            _check_columns(root / file, parquet.schema_arrow)
            classes = _classes(root / file, parquet.schema_arrow)
            table = parquet.read(columns=[_PATH, _LABEL])
            rows = zip(table["image"].to_pylist(), table["label"].to_pylist(), strict=True)
        if classes is not None:
            found.labels_from = "column label, by the WordNet ids in the file's metadata"
        for row, (image, label) in enumerate(rows):
            count = CLASS_COUNT if classes is None else len(classes)
            if label is None:
                raise DataError(
                    f"{root / file}: row {row} (from 0) has no label (null); take the row out, or give the validation"
                    " split, which has them all"
                )
            if not 0 <= label < count:
                why = (
                    "as in a test split, which has no labels; give the validation split"
                    if label == -1
                    else f"outside 0..{count - 1}; restore the file or convert the set anew"
                )
                raise DataError(f"{root / file}: row {row} (from 0) has label {label}, {why}")
            path = (image or {}).get("path") or f"{file}#{row}"
            found.pictures.append((Entry(path, file, row, -1), label if classes is None else classes[label]))
    return found


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
    if label is None or not pa.types.is_integer(label):
        raise DataError(f"{path}: column label is {label}; {_WANTED}")


def _classes(path: Path, schema: "pa.Schema") -> list[int] | None:
    """Label -> class index, where the file itself names its classes by WordNet id; None: labels are class indices."""
    try:
        names = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]["label"]["names"]
        names = [str(name) for name in names]
    except (LookupError, TypeError, ValueError):
        return None
    index = index_by_wnid()
    if all(WNID.fullmatch(name) for name in names):
        unknown = [name for name in names if name not in index]
        if unknown:
            raise DataError(f"{path}: its metadata names class {unknown[0]}, which is not among the 1000 of ILSVRC2012")
        return [index[name] for name in names]
    if len(names) != CLASS_COUNT:
        raise DataError(
            f"{path}: labels are of {len(names)} classes ({', '.join(names[:3])}, ...), not of the 1000 of ILSVRC2012,"
            " and would be taken for others; give a set with ImageNet's labels, or class folders"
        )
    return None


class ParquetReader:
    """The pictures of a set in Parquet files below ``root``. Fast for samples in the order they lie in.

    Reads forward from row to row, a few at a time, and holds one page of the file (1024 rows at most, as pyarrow writes
    it, else what the writer chose), never a whole row group; going back starts the row group anew. Keeps the last file
    open.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._stream: _Stream | None = None

    def read(self, sample: Sample) -> bytes:
        """The encoded bytes of ``sample``.

        Raises:
            DataError: the file is gone, changed or damaged, or the row holds no bytes.
        """
        path = self._root / sample.file
        said = said_place(path, sample.name, sample.at, "parquet")
        with _errors(path):
            if self._stream is None or self._stream.file != sample.file:
                self._stream = _Stream.open(sample.file, path)
            try:
                data = self._stream.row(sample.at)
            except BaseException:
                self._stream = None  # it stands anywhere
                raise
        if data is None:
            raise DataError(f"{said}: no bytes in the row (a path alone is not read); embed the pictures in the file")
        return data


@dataclass(slots=True)
class _Stream:
    """The rows of one file, read forward. ``starts``: the first row of each row group, and the end."""

    file: str
    path: Path
    parquet: "pq.ParquetFile"
    starts: list[int]
    group: int = -1
    first: int = 0
    values: Any = None
    batches: "Iterator[pa.RecordBatch] | None" = None

    @classmethod
    def open(cls, file: str, path: Path) -> "_Stream":
        parquet, starts = _open(path), [0]
        for group in range(parquet.metadata.num_row_groups):
            starts.append(starts[-1] + parquet.metadata.row_group(group).num_rows)
        return cls(file, path, parquet, starts)

    def row(self, row: int) -> bytes | None:
        """The bytes in ``row`` of the file."""
        if not 0 <= row < self.starts[-1]:
            raise DataError(f"{self.path}: ends before row {row}; the file has changed, run again")
        if self.batches is None or not self.starts[self.group] <= row < self.starts[self.group + 1] or row < self.first:
            self.group = next(group for group, end in enumerate(self.starts[1:]) if row < end)
            self.first, self.values = self.starts[self.group], None
            # With pre_buffer off and one thread, pyarrow decodes page by page; else it would hold the row group.
            self.batches = self.parquet.iter_batches(
                batch_size=_BATCH_ROWS, row_groups=[self.group], columns=[_BYTES], use_threads=False
            )
        while self.values is None or row >= self.first + len(self.values):
            self.first += 0 if self.values is None else len(self.values)
            assert self.batches is not None
            batch = next(self.batches, None)
            if batch is None:
                raise DataError(f"{self.path}: a row group ends before row {row}, damaged; restore the file")
            struct: Any = batch.column(0)
            self.values = struct.field("bytes")
        value: bytes | None = self.values[row - self.first].as_py()
        return value


@contextlib.contextmanager
def _opened(path: Path) -> "Iterator[pq.ParquetFile]":
    """The file, closed in the end; what pyarrow says of it as an error of ours."""
    with _errors(path), _open(path) as parquet:
        yield parquet


def _open(path: Path) -> "pq.ParquetFile":
    import pyarrow.parquet as pq

    if not is_utf8(path):
        raise DataError(f"{path}: this path is not UTF-8, which no Parquet file is read from; rename it")
    return pq.ParquetFile(path, memory_map=True, pre_buffer=False, page_checksum_verification=True)


@contextlib.contextmanager
def _errors(path: Path) -> Iterator[None]:
    import pyarrow as pa

    try:
        yield
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file; restore it") from error
    except (OSError, pa.ArrowException) as error:
        detail = (str(error).splitlines() or [""])[0][:_DETAIL_AT_MOST]
        raise DataError(f"{path}: not a whole Parquet file, or damaged ({detail}); restore it") from error
