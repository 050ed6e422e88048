"""Parquet files: checksums are verified, and images are read from a few rows at a time."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from alexbench.datasets.containers.files import check_size
from alexbench.datasets.dataset import Sample, said_place
from alexbench.harness.errors import DataError
from alexbench.harness.files.plain_text import is_utf8

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

BYTES: Final = "image.bytes"
_BATCH_ROWS: Final = 16  # 2 MB of ImageNet's images decoded at a time
_DECODED_BYTES: Final = 1 << 29
"""The most that one column may decode at a time."""
_DETAIL_AT_MOST: Final = 120


def rows_at_a_time(parquet: "pq.ParquetFile", *, only: str = "", without: str = "") -> int:
    """How many rows may be decoded at once, if a dictionary gives each row the largest value of its column.

    A value is at most as large as its column's part of a row group. ``only``: read just this column. ``without``: read
    all columns except this one.
    """
    metadata, largest = parquet.metadata, 1
    for group in range(metadata.num_row_groups):
        columns = (metadata.row_group(group).column(place) for place in range(metadata.num_columns))
        sizes = [
            each.total_uncompressed_size
            for each in columns
            if (each.path_in_schema == only if only else each.path_in_schema != without)
        ]
        largest = max(largest, *sizes, 1)
    return max(1, _DECODED_BYTES // largest)


class ParquetReader:
    """The images of a set in Parquet files below ``root``. Fast for samples in the order they lie in.

    Reads forward, a few rows at a time. It holds one page of the file (at most 1024 rows as pyarrow writes it; other
    writers choose), never a whole row group. Going back restarts the row group. The last file stays open.
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
                self._stream = None  # at any position
                raise
        check_size(said, len(data or b""))
        if data is None:
            raise DataError(f"{said}: no bytes in the row (a path alone is not read); embed the images in the file")
        return data


@dataclass(slots=True)
class _Stream:
    """The rows of one file, read forward. ``starts``: the first row of each row group, and the end."""

    file: str
    path: Path
    parquet: "pq.ParquetFile"
    starts: list[int]
    rows: int
    group: int = -1
    first: int = 0
    values: Any = None
    batches: "Iterator[pa.RecordBatch] | None" = None

    @classmethod
    def open(cls, file: str, path: Path) -> "_Stream":
        parquet, starts = _open(path), [0]
        for group in range(parquet.metadata.num_row_groups):
            starts.append(starts[-1] + parquet.metadata.row_group(group).num_rows)
        return cls(file, path, parquet, starts, min(_BATCH_ROWS, rows_at_a_time(parquet, only=BYTES)))

    def row(self, row: int) -> bytes | None:
        """The bytes in ``row`` of the file."""
        if not 0 <= row < self.starts[-1]:
            raise DataError(f"{self.path}: ends before row {row}; the file has changed, run again")
        if self.batches is None or not self.starts[self.group] <= row < self.starts[self.group + 1] or row < self.first:
            self.group = next(group for group, end in enumerate(self.starts[1:]) if row < end)
            self.first, self.values = self.starts[self.group], None
            # With pre_buffer off and one thread, pyarrow decodes page by page. Otherwise it would hold the whole row
            # group.
            self.batches = self.parquet.iter_batches(
                batch_size=self.rows, row_groups=[self.group], columns=[BYTES], use_threads=False
            )
        while self.values is None or row >= self.first + len(self.values):
            self.first += 0 if self.values is None else len(self.values)
            assert self.batches is not None
            batch = next(self.batches, None)
            if batch is None:
                raise DataError(f"{self.path}: the row group ends before row {row}, damaged; restore the file")
            struct: Any = batch.column(0)
            self.values = struct.field("bytes")
        value: bytes | None = self.values[row - self.first].as_py()
        return value


@contextlib.contextmanager
def opened(path: Path) -> "Iterator[pq.ParquetFile]":
    """The open file, which is closed at the end. Errors of pyarrow become a DataError."""
    with _errors(path), _open(path) as parquet:
        yield parquet


def _open(path: Path) -> "pq.ParquetFile":
    import pyarrow.parquet as pq

    if not is_utf8(path):
        raise DataError(f"{path}: the path is not UTF-8, and Parquet files cannot be read from such paths; rename it")
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
