"""The features of a tf.train.Example, found without reading them: a picture's bytes are stepped over.

An Example is a protobuf message: ``Example{1: Features{1: repeated entry{1: key, 2: Feature}}}`` with
``Feature{1: BytesList{1: repeated bytes} | 2: FloatList | 3: Int64List{1: repeated varint, packed or not}}``
(tensorflow/core/example/{example,feature}.proto; protobuf.dev/programming-guides/encoding).
"""

from collections.abc import Collection, Iterator
from typing import Final

from alexbench.harness.files.protobuf import LENGTH, VARINT, Buffer, WireError, signed, varint, walk

_KEYS_NAMED_AT_MOST: Final = 8

Span = tuple[int, int]
"""Where something lies in a buffer: from its first byte to the one after its last."""


class NotAnExampleError(ValueError):
    """Bytes that are not a tf.train.Example."""


class OtherRecordError(NotAnExampleError):
    """An Example, whole, that does not hold what is wanted; the message ends with what to do."""


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
    values = []
    for field, first, last in _messages(data, *feature):
        if field == 3:
            values += _integers(data, first, last)
    if len(values) > 1:
        raise NotAnExampleError("several values, of which one could be meant")
    return values[0] if values else None


def text_in(data: Buffer, feature: Span | None) -> str | None:
    """The first value of a ``feature`` as text, escaped where it is not UTF-8; None if it holds none, or is empty.

    Raises:
        NotAnExampleError: the feature is damaged.
    """
    place = None if feature is None else bytes_in(data, feature)
    # Escaped where it is no text: a name in a message and in JSON; a changed one shows when the picture is read.
    return None if place is None else data[slice(*place)].decode("utf-8", "backslashreplace") or None


def said_keys(keys: Collection[bytes]) -> str:
    """The first keys of an Example in sorted order, as messages name them."""
    return ", ".join(sorted(key.decode("ascii", "replace") for key in keys)[:_KEYS_NAMED_AT_MOST]) or "none"


def _integers(data: Buffer, start: int, end: int) -> list[int]:
    """The first two values, or fewer, of an Int64List, packed or not: of more than one, none is meant."""
    values: list[int] = []
    try:
        for number, kind, first, last in walk(data, start, end):
            if number != 1 or kind not in (VARINT, LENGTH):
                raise NotAnExampleError("a list of integers that is none")
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
    """Field number and span of each length-delimited field of the message; others are stepped over."""
    try:
        for number, kind, first, last in walk(data, start, end):
            if kind == LENGTH:
                yield number, first, last
    except WireError as error:
        raise NotAnExampleError(str(error)) from error
