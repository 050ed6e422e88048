"""Reads TensorFlow's checkpoint format ("tensor bundle") without TensorFlow: an index, and files of plain numbers.

The index is a LevelDB table (https://github.com/google/leveldb/blob/main/doc/table_format.md) from a variable's name to
a BundleEntryProto (tensorflow/core/protobuf/tensor_bundle.proto), which has the place of its numbers and their CRC-32C.
TensorFlow's own reader keeps a second copy of the largest variable (measured with 2.21: 1.9 x the weights in total).
Here they are views over the mapped file.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import google_crc32c
import numpy as np
from numpy.typing import NDArray

from alexbench.harness.errors import WeightsError
from alexbench.harness.files.protobuf import FIXED32
from alexbench.harness.models.readers.storages import BFLOAT16
from alexbench.harness.models.readers.wire import (
    MAX_NAME,
    Field,
    Message,
    last_integer,
    map_message,
    messages,
    name_of,
    shaped,
)

_FOOTER: Final = 48
_MAGIC: Final = 0xDB4775248B80FB57
_TRAILER: Final = 5  # the trailer of a block: its compression, and a CRC
_MAX_DIMENSIONS: Final = 32
_CHUNK: Final = 1 << 20

# BundleHeaderProto, BundleEntryProto, TensorShapeProto and its Dim
_SHARDS, _ENDIANNESS = 1, 2
_DTYPE, _SHAPE, _SHARD, _OFFSET, _SIZE, _CRC, _SLICES = 1, 2, 3, 4, 5, 6, 7
_DIM, _DIM_SIZE = 2, 1

_DTYPES: Final[dict[int, str | np.dtype[Any]]] = {
    1: "<f4",
    2: "<f8",
    3: "<i4",
    4: "u1",
    6: "i1",
    9: "<i8",
    10: "?",
    14: BFLOAT16,
    19: "<f2",
}
"""types.proto's DataType."""


class Bundle(Mapping[str, NDArray[Any]]):
    """The variables of the checkpoint with that ``.index`` file, by name. They are read on access.

    The CRC of every block of the index is checked here, and the CRC of a variable when it is read.

    Raises:
        WeightsError: the file is damaged, incomplete, or not a checkpoint. Access to a variable may raise it too.
    """

    def __init__(self, index: Path) -> None:
        self._index = index
        self._table = map_message(index, "checkpoint index")
        self._entries = dict(_entries(self._table))
        header = self._entries.pop("", None)
        if header is None:
            raise self._table.damaged("it has no header")
        said = header.grouped(_SHARDS, _ENDIANNESS)
        if last_integer(said[_ENDIANNESS]):
            raise WeightsError(f"{index} is from a big-endian machine; save it again on a little-endian one")
        self._shards = last_integer(said[_SHARDS])
        self._files: dict[int, Message] = {}

    def __getitem__(self, name: str) -> NDArray[Any]:
        found = self._entries[name].grouped(_DTYPE, _SHAPE, _SHARD, _OFFSET, _SIZE, _CRC, _SLICES)
        if found[_SLICES]:
            raise WeightsError(
                f"{self._index}: {name} was saved in slices (a partitioned variable); save it in one piece"
            )
        kind = last_integer(found[_DTYPE])
        if kind not in _DTYPES:
            raise WeightsError(f"{self._index}: {name} has TensorFlow's type {kind}, wanted float32 (1)")
        shape = [
            last_integer(dim.grouped(_DIM_SIZE)[_DIM_SIZE])
            for one in messages(found[_SHAPE])
            for dim in messages(one.grouped(_DIM)[_DIM])
        ]
        data = self._file(last_integer(found[_SHARD]))
        start = last_integer(found[_OFFSET])
        stop = start + last_integer(found[_SIZE])
        if not 0 <= start <= stop <= data.stop or len(shape) > _MAX_DIMENSIONS:
            raise data.damaged(f"it is truncated: {name} is at bytes {start} to {stop}")
        part = Message(data.path, data.what, data.data, start, stop)
        if _crc_of(part) != _unmasked(found[_CRC]):
            raise data.damaged(f"{name} does not have the CRC-32C that {self._index.name} says")
        return shaped(part.packed_numbers(_DTYPES[kind]), tuple(shape), part, name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def _file(self, shard: int) -> Message:
        if shard not in self._files:
            name = f"{self._index.stem}.data-{shard:05}-of-{self._shards:05}"
            path = self._index.with_name(name)
            if not path.is_file():
                raise WeightsError(
                    f"{self._index}: {name} is missing; a checkpoint needs both files in the same folder"
                )
            self._files[shard] = map_message(path, "checkpoint")
        return self._files[shard]


def _entries(table: Message) -> Iterator[tuple[str, Message]]:
    """The keys and values of a table. Its footer points to a block of pointers to blocks."""
    footer = table.stop - _FOOTER
    if footer < 0 or int.from_bytes(table.data[table.stop - 8 : table.stop], "little") != _MAGIC:
        raise table.damaged("it does not end like one")
    _, at = _handle(table, footer)
    place, _ = _handle(table, at)
    for _, pointer in _block(table, *place):
        inner, _ = _handle(table, pointer.start)
        for key, value in _block(table, *inner):
            yield name_of(key), value


def _handle(table: Message, at: int) -> tuple[tuple[int, int], int]:
    """A block's offset and size, and the place of the next byte."""
    offset, at = table.varint(at)
    size, at = table.varint(at)
    return (offset, size), at


def _block(table: Message, offset: int, size: int) -> Iterator[tuple[bytes, Message]]:
    """The entries of a block with the right CRC. Each key is a prefix of the previous key and a suffix."""
    end = offset + size
    if end + _TRAILER > table.stop or size < 4:
        raise table.damaged(f"it is truncated: a block is at bytes {offset} to {end}")
    content = Message(table.path, table.what, table.data, offset, end + 1)
    if _crc_of(content) != _unmask(int.from_bytes(table.data[end + 1 : end + _TRAILER], "little")):
        raise table.damaged(f"the block at byte {offset} does not have the CRC-32C that it says")
    if table.data[end]:
        raise WeightsError(f"{table.path} is compressed, which TensorFlow's Saver never writes; save it again")
    restarts = int.from_bytes(table.data[end - 4 : end], "little")
    stop = end - 4 * (restarts + 1)
    key, at = b"", offset
    entries = Message(table.path, table.what, table.data, offset, max(stop, offset))
    while at < entries.stop:
        shared, at = entries.varint(at)
        added, at = entries.varint(at)
        length, at = entries.varint(at)
        if shared > len(key) or shared + added > MAX_NAME or at + added + length > entries.stop:
            raise table.damaged(f"the entry before byte {at} is invalid")
        key = key[:shared] + table.data[at : at + added]
        at += added + length
        yield key, Message(table.path, table.what, table.data, at - length, at)


def _crc_of(part: Message) -> int:
    crc = 0
    for first in range(part.start, part.stop, _CHUNK):
        crc = google_crc32c.extend(crc, part.data[first : min(first + _CHUNK, part.stop)])
    return int(crc)


def _unmasked(fields: list[Field]) -> int:
    """The CRC of an entry. Protocol Buffers omit a field of value 0."""
    masked = [int(one.message.run_of_numbers(one, "<u4")[-1]) for one in fields[-1:] if one.kind == FIXED32]
    return _unmask(*masked or (0,))


def _unmask(masked: int) -> int:
    """Unmask a CRC. LevelDB masks CRCs of data that may contain CRCs (util/crc32c.h)."""
    rotated = (masked - 0xA282EAD8) & 0xFFFFFFFF
    return (rotated >> 17 | rotated << 15) & 0xFFFFFFFF
