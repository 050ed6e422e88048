"""Finds the features of a tf.train.Example without reading them: the bytes of images are skipped.

An Example is a protobuf message: ``Example{1: Features{1: repeated entry{1: key, 2: Feature}}}`` with
``Feature{1: BytesList{1: repeated bytes} | 2: FloatList | 3: Int64List{1: repeated varint, packed or not}}``
(tensorflow/core/example/{example,feature}.proto; protobuf.dev/programming-guides/encoding).
"""

from collections.abc import Collection, Iterator
from typing import Final

from alexbench.harness.files.protobuf import LENGTH, VARINT, Buffer, WireError, signed, varint, walk

_KEYS_NAMED_AT_MOST: Final = 8

Span = tuple[int, int]
"""A part of a buffer: from its first byte to the one after its last."""


class NotAnExampleError(ValueError):
    """Bytes that are not a tf.train.Example."""


class OtherRecordError(NotAnExampleError):
    """A valid Example that lacks what is needed. The message ends with the fix."""


def features(data: Buffer, start: int, end: int) -> dict[bytes, Span]:
    """Maps each key to its Feature, for the Example in ``data`` from ``start`` to ``end``.

    Raises:
        NotAnExampleError: these bytes are not an Example.
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
    """The place of the first value of a ``feature`` of bytes; None if it has no value.

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
    """The one value of a ``feature`` of integers; None if it has no value.

    Raises:
        NotAnExampleError: the feature is damaged, or has several values.
    """
    values = []
    for field, first, last in _messages(data, *feature):
        if field == 3:
            values += _integers(data, first, last)
    if len(values) > 1:
        raise NotAnExampleError("several values, where one is expected")
    return values[0] if values else None


def text_in(data: Buffer, feature: Span | None) -> str | None:
    """The first value of a ``feature`` as text, escaped where it is not UTF-8; None if it is missing or empty.

    Raises:
        NotAnExampleError: the feature is damaged.
    """
    place = None if feature is None else bytes_in(data, feature)
    # Names appear in messages and in JSON, so bytes that are not text are escaped. A changed name shows up when the
    # image is read.
    return None if place is None else data[slice(*place)].decode("utf-8", "backslashreplace") or None


def said_keys(keys: Collection[bytes]) -> str:
    """The first keys of an Example in sorted order, for messages."""
    return ", ".join(sorted(key.decode("ascii", "replace") for key in keys)[:_KEYS_NAMED_AT_MOST]) or "none"


def _integers(data: Buffer, start: int, end: int) -> list[int]:
    """At most the first two values of an Int64List, packed or not: more than one value is an error anyway."""
    values: list[int] = []
    try:
        for number, kind, first, last in walk(data, start, end):
            if number != 1 or kind not in (VARINT, LENGTH):
                raise NotAnExampleError("a damaged list of integers")
            if kind == VARINT:
                values.append(signed(first))
            place = last if kind == VARINT else first
            while place < last and len(values) < 2:
                value, place = varint(data, place, last)
                values.append(signed(value))
            if len(values) > 1:
                break
    except WireError as error:
        raise NotAnExampleError(str(error)) from error
    return values


def _messages(data: Buffer, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """The field number and span of each length-delimited field of the message; other fields are skipped."""
    try:
        for number, kind, first, last in walk(data, start, end):
            if kind == LENGTH:
                yield number, first, last
    except WireError as error:
        raise NotAnExampleError(str(error)) from error
