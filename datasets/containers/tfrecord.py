"""Reads TFRecord files without TensorFlow: finds records by their lengths, reads images, verifies both checksums.

A record is its length (uint64, little-endian), the masked CRC-32C of those eight bytes (uint32), the data, and the
masked CRC-32C of the data (tensorflow.org/tutorials/load_data/tfrecord, "TFRecords format details").
"""

import mmap
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, TypeVar

import google_crc32c

from alexbench.datasets.containers.files import OpenFiles, check_size
from alexbench.datasets.containers.tf_example import NotAnExampleError, OtherRecordError, Span, bytes_in, features
from alexbench.datasets.dataset import Sample, said_place
from alexbench.harness.errors import DataError
from alexbench.harness.files.plain_text import escaped

ENCODED: Final = b"image/encoded"
"""The feature with the encoded image in the records of Inception and Slim."""
IMAGE: Final = b"image"
"""The same in TensorFlow Datasets' records."""

T = TypeVar("T")

_HEADER: Final = struct.Struct("<QI")
_FOOTER: Final = struct.Struct("<I")
_MASK_DELTA: Final = 0xA282EAD8


def masked_crc(data: bytes) -> int:
    """The CRC-32C (Castagnoli) of ``data`` as TFRecord files store it: rotated and offset."""
    crc = int(google_crc32c.value(data))
    return (((crc >> 15) | (crc << 17)) + _MASK_DELTA) & 0xFFFFFFFF


def starts_as_tfrecord(start: bytes) -> bool:
    """Whether ``start``, a file's first bytes (12 or more), begins TFRecords: a length with the right checksum."""
    return len(start) >= _HEADER.size and masked_crc(start[:8]) == _HEADER.unpack_from(start)[1]


def records(data: mmap.mmap, said: str) -> Iterator[tuple[int, int, int]]:
    """For each record in a mapped file: where it begins, where its data begins, and where its data ends.

    Only lengths are read. ``said``: the name of the file in errors.

    Raises:
        DataError: the file is cut off within a record, or a length is damaged. The message has the record's index, from
            0.
    """
    size, at, index = len(data), 0, 0
    while at < size:
        first = at + _HEADER.size
        if first > size:
            raise _cut_off(said, index)
        header = data[at:first]
        length, crc = _HEADER.unpack(header)
        if masked_crc(header[:8]) != crc:
            raise DataError(
                f"{said}: record {index} (from 0) is damaged, or this is not a TFRecord file: its length fails its"
                " checksum; restore the file"
            )
        last = first + length
        if last + _FOOTER.size > size:
            raise _cut_off(said, index)
        yield at, first, last
        at = last + _FOOTER.size
        index += 1


def read_records(path: Path, read: Callable[[mmap.mmap, Span, int, int], T]) -> list[T]:
    """The results of ``read`` for each record of a file.

    It gets the mapped file and the record's span, place and its index.

    Raises:
        DataError: the file is empty, compressed, cut off or damaged, or ``read`` raises NotAnExampleError.
    """
    said = escaped(str(path))
    with path.open("rb") as opened:
        start = opened.read(2)
        if not start:
            raise DataError(f"{said}: an empty file; restore it")
        if start == b"\x1f\x8b":
            raise DataError(f"{said}: gzip-compressed TFRecords, which cannot be read in place; gunzip the file")
        found = []
        with mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as data:
            if hasattr(mmap, "MADV_RANDOM"):  # without it the system reads ahead into the images: 6.7 GB instead of 0.2
                data.madvise(mmap.MADV_RANDOM)
            for index, (at, first, last) in enumerate(records(data, said)):
                try:
                    found.append(read(data, (first, last), at, index))
                except NotAnExampleError as error:
                    fix = "" if isinstance(error, OtherRecordError) else "; restore the file"
                    raise DataError(f"{said}: record {index} (from 0): {error}{fix}") from error
        return found


def first_keys(path: Path) -> frozenset[bytes]:
    """The keys of the first record; empty if the file has no record, or the record is not an Example."""
    try:
        with path.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as data:
            _, first, last = next(records(data, str(path)))
            return frozenset(features(data, first, last))
    except (OSError, ValueError, DataError, StopIteration):
        return frozenset()


def _cut_off(said: str, index: int) -> DataError:
    return DataError(f"{said}: cut off within record {index} (from 0); restore the file")


class TFRecordReader:
    """The images of a set in TFRecord files below ``root``. The last files stay open."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._files = OpenFiles(root)

    def read(self, sample: Sample) -> bytes:
        """The encoded bytes of ``sample``.

        Raises:
            DataError: the file is gone, cut off, or damaged (either checksum), or the record holds no image.
        """
        path = self._root / sample.file
        try:
            data = self._record(sample)
            keys = features(data, 0, len(data))
            feature = keys.get(ENCODED, keys.get(IMAGE))
            encoded = None if feature is None else bytes_in(data, feature)
        except OSError as error:
            raise DataError(f"{escaped(str(path))}: cannot be read ({error.strerror or error})") from error
        except NotAnExampleError as error:
            raise DataError(f"{_said(path, sample)}: not a tf.train.Example ({error}); restore the file") from error
        except _DamagedError as error:
            raise DataError(f"{_said(path, sample)}: {error}; restore the file") from error
        if encoded is None:
            raise DataError(
                f"{_said(path, sample)}: no {ENCODED.decode()} and no {IMAGE.decode()} in it; restore the file"
            )
        return data[slice(*encoded)]

    def _record(self, sample: Sample) -> bytes:
        file = self._files.get(sample.file)
        file.seek(sample.at)
        header = file.read(_HEADER.size)
        if not starts_as_tfrecord(header):
            raise _DamagedError("no record at this place: the file was cut off, damaged or changed")
        length = _HEADER.unpack(header)[0]
        # Check the bound before memory is allocated: a length may pass its checksum and still lead beyond the file.
        if length > Path(file.name).stat().st_size - sample.at:
            raise _DamagedError("cut off within the record")
        check_size(_said(self._root / sample.file, sample), length)
        data = file.read(length)
        footer = file.read(_FOOTER.size)
        if len(data) < length or len(footer) < _FOOTER.size:
            raise _DamagedError("cut off within the record")
        if masked_crc(data) != _FOOTER.unpack(footer)[0]:
            raise _DamagedError("damaged: the data fails its checksum")
        return data


class _DamagedError(Exception):
    """What is wrong with a record, before the message names the record."""


def _said(path: Path, sample: Sample) -> str:
    """The name of ``sample``'s record in errors. It has the record's index, so the records before it are counted."""
    said = said_place(path, sample.name, sample.at, "tfrecord")
    index = at = 0
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            if hasattr(mmap, "MADV_RANDOM"):
                data.madvise(mmap.MADV_RANDOM)
            walked = records(data, said)
            while at < sample.at:
                at = next(walked)[2] + _FOOTER.size
                index += 1
    except (OSError, ValueError, DataError, StopIteration):
        return said  # the file is gone, or changed before that record
    return f"{said}, record {index} (from 0)"
