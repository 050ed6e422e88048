"""Protocol Buffers' wire format, walked where it lies: no schema library, and no copy of what is stepped over.

The format: https://protobuf.dev/programming-guides/encoding. A message is a row of fields, each a tag (number x 8 +
wire type) and a payload. Nothing is allocated on the word of a length in a file.
"""

import mmap
from collections.abc import Iterator
from typing import Final

import numpy as np

Buffer = bytes | mmap.mmap

VARINT: Final = 0
FIXED64: Final = 1
LENGTH: Final = 2
FIXED32: Final = 5

_SIZES: Final = {FIXED32: 4, FIXED64: 8}
_SHORT: Final = 0x80
_FIRST_WINDOW: Final = 64


class WireError(ValueError):
    """Bytes that are not a message; the message of the error says at which byte."""


def walk(data: Buffer, start: int, stop: int) -> Iterator[tuple[int, int, int, int]]:
    """The fields of the message from byte ``start`` to ``stop``: number, wire type, and two numbers by wire type.

    A varint: its unsigned value, and where the next field is. Length-delimited: where the payload begins and ends.
    Fixed size: where the first payload is, and how many such fields of this number stand in a row.

    Raises:
        WireError: the bytes are not a message.
    """
    at = start
    while at < stop:
        tag_at, tag = at, data[at]
        at += 1
        if tag >= _SHORT:
            tag, at = varint(data, tag_at, stop)
        number, kind = tag >> 3, tag & 7
        if number == 0:
            raise WireError(f"byte {tag_at} is not a field")
        if kind == LENGTH:
            length, at = varint(data, at, stop)
            if length > stop - at:
                raise WireError(f"it is cut short or damaged at byte {tag_at} ({length} bytes announced)")
            yield number, kind, at, at + length
            at += length
        elif kind == VARINT:
            value, at = varint(data, at, stop)
            yield number, kind, value, at
        elif kind in _SIZES:
            size = _SIZES[kind]
            if size > stop - at:
                raise WireError(f"it is cut short at byte {tag_at}")
            count = _run(data, at, stop, tag, size) if tag < _SHORT else 1
            yield number, kind, at, count
            at += count * (size + 1) - 1
        else:
            raise WireError(f"byte {tag_at} is not a field")


def varint(data: Buffer, at: int, stop: int) -> tuple[int, int]:
    """The unsigned number at byte ``at``, and where the next byte is.

    Raises:
        WireError: it ends beyond ``stop``, or has more than ten bytes.
    """
    value = 0
    for position in range(10):
        if at + position >= stop:
            raise WireError(f"it is cut short at byte {at}")
        byte = data[at + position]
        value |= (byte & 0x7F) << (7 * position)
        if byte < _SHORT:
            return value & 0xFFFF_FFFF_FFFF_FFFF, at + position + 1
    raise WireError(f"the number at byte {at} does not end")


def signed(value: int) -> int:
    """A varint's unsigned value as an int64."""
    return value - (1 << 64) if value >> 63 else value


def _run(data: Buffer, at: int, stop: int, tag: int, size: int) -> int:
    """How many fields of one tag (a byte) and ``size`` stand in a row from the one whose payload is ``at``.

    Arrays that are not packed have a field for each number: millions, which no loop of Python's could walk.
    """
    step = size + 1
    possible = 1 + (stop - at - size) // step
    count, window = 1, _FIRST_WINDOW
    while count < possible:
        looked_at = min(window, possible - count)
        same = np.ndarray((looked_at,), np.uint8, data, at + count * step - 1, (step,)) == tag
        if not same.all():
            return count + int(same.argmin())
        count += looked_at
        window *= 2
    return count
