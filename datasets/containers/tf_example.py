"""The features of a tf.train.Example, found without reading them: a picture's bytes are stepped over.

An Example is a protobuf message: ``Example{1: Features{1: repeated entry{1: key, 2: Feature}}}`` with
``Feature{1: BytesList{1: repeated bytes} | 2: FloatList | 3: Int64List{1: repeated varint, packed or not}}``
(tensorflow/core/example/{example,feature}.proto; protobuf.dev/programming-guides/encoding).
"""

import mmap
from collections.abc import Iterator
from typing import Final

Buffer = bytes | mmap.mmap
Span = tuple[int, int]
"""Where something lies in a buffer: from its first byte to the one after its last."""

_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5
_UNPACKED_INT: Final = 1 << 3 | _VARINT
_PACKED_INTS: Final = 1 << 3 | _LENGTH


class NotAnExampleError(ValueError):
    """Bytes that are not a tf.train.Example."""


def features(data: Buffer, start: int, end: int) -> dict[bytes, Span]:
    """Key -> its Feature in ``data``, of the Example that lies there from ``start`` to ``end``.

    Raises:
        NotAnExampleError: something else lies there.
    """
    found: dict[bytes, Span] = {}
    for field, first, last in _messages(data, start, end):
        if field != 1:
            continue
        for entry_field, entry_first, entry_last in _messages(data, first, last):
            if entry_field != 1:
                continue
            key, value = b"", None
            for part, part_first, part_last in _messages(data, entry_first, entry_last):
                if part == 1:
                    key = data[part_first:part_last]
                elif part == 2:
                    value = (part_first, part_last)
            if value is not None:
                found[key] = value
    return found


def bytes_in(data: Buffer, feature: Span) -> Span | None:
    """Where the first value of a ``feature`` of bytes lies; None if it holds none.

    Raises:
        NotAnExampleError: the feature is damaged.
    """
    for field, first, last in _messages(data, *feature):
        if field == 1:
            for value_field, value_first, value_last in _messages(data, first, last):
                if value_field == 1:
                    return value_first, value_last
    return None


def int_in(data: Buffer, feature: Span) -> int | None:
    """The one value of a ``feature`` of integers; None if it holds none.

    Raises:
        NotAnExampleError: the feature is damaged, or holds several.
    """
    found = None
    for field, first, last in _messages(data, *feature):
        place = first if field == 3 else last
        while place < last:
            tag, place = _varint(data, place, last)
            if tag == _PACKED_INTS:
                size, place = _varint(data, place, last)
                end = place + size
                if end > last:
                    raise NotAnExampleError("a list of integers that is cut off")
            elif tag == _UNPACKED_INT:
                end = place + 1  # one value, however long
            else:
                raise NotAnExampleError("a list of integers that is none")
            while place < end:
                value, place = _varint(data, place, last)
                if found is not None:
                    raise NotAnExampleError("several values, of which one could be meant")
                found = value
    return None if found is None else found - (1 << 64) if found >> 63 else found


def _messages(data: Buffer, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Field number and span of each length-delimited field of the message; others are stepped over."""
    place = start
    while place < end:
        tag = data[place]
        place += 1
        if tag > 0x7F:
            tag, place = _varint(data, place - 1, end)
        kind = tag & 7
        if kind == _LENGTH:
            if place >= end:
                raise NotAnExampleError("a field without its length")
            size = data[place]
            place += 1
            if size > 0x7F:
                size, place = _varint(data, place - 1, end)
            if place + size > end:
                raise NotAnExampleError("a field longer than its message")
            yield tag >> 3, place, place + size
            place += size
        elif kind == _VARINT:
            _, place = _varint(data, place, end)
        elif kind in (_FIXED64, _FIXED32):
            place += 8 if kind == _FIXED64 else 4
        else:
            raise NotAnExampleError(f"a field of wire type {kind}")
    if place != end:
        raise NotAnExampleError("a field longer than its message")


def _varint(data: Buffer, place: int, end: int) -> tuple[int, int]:
    """The base-128 varint at ``place``, and the place after it."""
    value = 0
    for shift in range(0, 70, 7):  # ten bytes at most
        if place >= end:
            raise NotAnExampleError("an integer cut off")
        byte = data[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFF_FFFF_FFFF_FFFF, place
    raise NotAnExampleError("an integer of more than ten bytes")
