"""Reads a weights file as Protocol Buffers messages: it is mapped, and its numbers are views.

Like the libraries, a reader skips unknown fields and fields of an unexpected wire type. Everything else that is not
well-formed is an error.
"""

import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from alexbench.harness.errors import WeightsError
from alexbench.harness.files.input_files import WEIGHTS_BYTES_AT_MOST, check_file
from alexbench.harness.files.protobuf import FIXED32, FIXED64, LENGTH, VARINT, WireError, signed, varint, walk

MAX_FIELDS: Final = 1 << 16
"""The most fields of one number in a message. AlexNet has about 30 layers; a hostile file could have a field every two
bytes."""

MAX_NAME: Final = 4096

_SIZES: Final = {FIXED32: 4, FIXED64: 8}


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a message, or a run of equal fixed-size ones.

    ``value``: of a varint. ``message``: the payload of a length-delimited field, else the place of the field.
    ``count``: the number of fixed-size fields in a run; the first payload is at ``start``, and the next one is
    ``stride`` bytes later.
    """

    number: int
    kind: int
    message: "Message"
    value: int = 0
    start: int = 0
    stride: int = 0
    count: int = 0


@dataclass(frozen=True, slots=True)
class Message:
    """The bytes ``start`` to ``stop`` of a mapped file. ``what``: the kind of file, for errors."""

    path: Path
    what: str
    data: mmap.mmap
    start: int
    stop: int

    def damaged(self, why: str) -> WeightsError:
        """The error for a file that is not well-formed."""
        return WeightsError(f"{self.path} is not a readable {self.what}: {why}; fetch or save it again")

    def fields(self) -> Iterator[Field]:
        """The fields in the order of the file.

        Raises:
            WeightsError: the bytes are not a message.
        """
        try:
            for number, kind, first, second in walk(self.data, self.start, self.stop):
                if kind == VARINT:
                    yield Field(number, kind, self, value=first)
                elif kind == LENGTH:
                    yield Field(number, kind, Message(self.path, self.what, self.data, first, second))
                else:
                    yield Field(number, kind, self, start=first, stride=_SIZES[kind] + 1, count=second)
        except WireError as error:
            raise self.damaged(str(error)) from error

    def grouped(self, *numbers: int) -> dict[int, list[Field]]:
        """The fields with these numbers; those of each number are in the order of the file.

        Raises:
            WeightsError: the bytes are not a message, or one number has more fields than any network needs.
        """
        found: dict[int, list[Field]] = {number: [] for number in numbers}
        for field in self.fields():
            same = found.get(field.number)
            if same is not None:
                same.append(field)
                if len(same) > MAX_FIELDS:
                    raise self.damaged(f"more than {MAX_FIELDS} fields {field.number} at byte {self.start}")
        return found

    def varint(self, at: int) -> tuple[int, int]:
        """The unsigned number at byte ``at``, and the place of the next byte."""
        try:
            return varint(self.data, at, self.stop)
        except WireError as error:
            raise self.damaged(str(error)) from error

    def text(self) -> str:
        """The bytes as a name for one line of text: characters that cannot be printed are replaced.

        Raises:
            WeightsError: it is longer than any name.
        """
        if self.stop - self.start > MAX_NAME:
            raise self.damaged(f"a name of {self.stop - self.start} bytes at byte {self.start}")
        return name_of(self.data[self.start : self.stop])

    def packed_numbers(self, dtype: str | np.dtype[Any]) -> NDArray[Any]:
        """The bytes as little-endian numbers of ``dtype``: a read-only view, which may be unaligned."""
        size = np.dtype(dtype).itemsize
        if (self.stop - self.start) % size:
            raise self.damaged(f"{self.stop - self.start} bytes at {self.start} are not a whole number of {dtype}")
        return self._view(dtype, self.start, size, (self.stop - self.start) // size)

    def packed_integers(self, limit: int) -> list[int]:
        """The bytes as signed varints, at most ``limit`` of them."""
        values: list[int] = []
        at = self.start
        while at < self.stop:
            value, at = self.varint(at)
            values.append(signed(value))
            if len(values) > limit:
                raise self.damaged(f"more than {limit} integers at byte {self.start}")
        return values

    def run_of_numbers(self, field: Field, dtype: str) -> NDArray[Any]:
        """The payloads of a run of fixed-size fields: a read-only view that skips the tags between them."""
        return self._view(dtype, field.start, field.stride, field.count)

    def _view(self, dtype: str | np.dtype[Any], start: int, stride: int, count: int) -> NDArray[Any]:
        if count == 0:
            return np.empty(0, dtype)
        return np.ndarray((count,), dtype, self.data, start, (stride,))


def map_message(path: Path, what: str) -> Message:
    """The whole file as one message, mapped.

    Raises:
        WeightsError: it cannot be opened, or is empty.
    """
    try:
        check_file(path, str(path), WeightsError, most=WEIGHTS_BYTES_AT_MOST)
        with path.open("rb") as file:
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError) as error:  # mmap refuses an empty file with a ValueError
        raise WeightsError(f"{path} is not a readable {what}: {error}") from error
    return Message(path, what, data, 0, len(data))


def name_of(name: bytes) -> str:
    """A name as text. Each character that cannot be shown is replaced such that different names stay different."""
    text = name.decode(errors="replace")
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)


def messages(fields: list[Field]) -> list[Message]:
    """The payloads of the length-delimited fields."""
    return [field.message for field in fields if field.kind == LENGTH]


def texts(fields: list[Field]) -> list[str]:
    """The payloads of the length-delimited fields, as text."""
    return [message.text() for message in messages(fields)]


def last_text(fields: list[Field]) -> str:
    """A string field's value; "" if it is missing. The last of several counts."""
    return (texts(fields[-1:]) or [""])[0]


def last_integer(fields: list[Field], default: int = 0) -> int:
    """A varint field's signed value. The last of several counts."""
    return next((signed(field.value) for field in reversed(fields) if field.kind == VARINT), default)


def integers(fields: list[Field], limit: int) -> list[int]:
    """All signed integers of a repeated varint field, packed or not, at most ``limit`` of them."""
    values: list[int] = []
    for field in fields:
        if field.kind == VARINT:
            values.append(signed(field.value))
        elif field.kind == LENGTH:
            values += field.message.packed_integers(limit)
        if len(values) > limit:
            raise field.message.damaged(f"more than {limit} integers at byte {field.message.start}")
    return values


def numbers(fields: list[Field], dtype: str) -> NDArray[Any]:
    """All numbers of a repeated float or double field, packed or not; a view if they are contiguous."""
    kind = FIXED32 if np.dtype(dtype).itemsize == 4 else FIXED64
    parts = [
        field.message.packed_numbers(dtype) if field.kind == LENGTH else field.message.run_of_numbers(field, dtype)
        for field in fields
        if field.kind in (LENGTH, kind)
    ]
    if len(parts) == 1:
        return parts[0]
    return np.concatenate(parts) if parts else np.empty(0, dtype)


def shaped(values: NDArray[Any], shape: tuple[int, ...], message: Message, name: str) -> NDArray[Any]:
    """``values`` in the ``shape`` from the file.

    Raises:
        WeightsError: their number does not fit the shape.
    """
    if min(shape, default=1) < 0 or prod(shape) != values.size:
        raise message.damaged(f"{name} has {values.size} numbers for the shape {shape}")
    try:
        return values.reshape(shape)
    except (ValueError, OverflowError) as error:  # a dimension beyond NumPy's limit, in an array without numbers
        raise message.damaged(f"{name} has the impossible shape {shape}") from error
