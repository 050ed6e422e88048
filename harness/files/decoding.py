"""JSON or TOML data into frozen dataclasses, checking every type on the way, and back. Standard library only.

What is wrong is named by its path (``backends[2].accuracy.images``), with its value and what was wanted instead.
"""

import dataclasses
import math
import types
import typing
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeVar

from alexbench.harness.errors import known_words, nearest
from alexbench.harness.files.plain_text import short

T = TypeVar("T")
AnySize = Annotated[int, "any size"]
"""A whole number that is only repeated; of all others every use takes them for 64 bits."""
_LARGEST: Final = 2**63 - 1
_KINDS: Final[dict[Any, tuple[str, type | tuple[type, ...]]]] = {
    bool: ("true or false", bool),
    int: ("a whole number", int),
    AnySize: ("a whole number", int),
    float: ("a number", (int, float)),
    str: ("a string", str),
    Path: ("a path", (str, Path)),
    tuple: ("a list", (list, tuple)),
    list: ("a list", (list, tuple)),
    dict: ("a table", Mapping),
}
"""Kind of a field -> the word for it, and what data of it may be; a bool is a number to Python alone."""


class DecodeError(ValueError):
    """Data that does not fit; the caller says whose file it was."""


def decode(kind: type[T], data: object, where: str = "") -> T:
    """Build a ``kind``, mostly a dataclass, from what JSON or TOML held. ``where`` is the path so far.

    Raises:
        DecodeError: a key is unknown or missing, or a value is of another kind; the message names both and the path.
    """
    found: T = decode_value(kind, data, where)
    return found


def as_data(value: object) -> object:
    """What ``json.dumps`` is to write for a value that it does not know: the other way round, for its ``default``.

    Raises:
        TypeError: it is neither a dataclass, a mapping nor a path.
    """
    if dataclasses.is_dataclass(value):
        return {item.name: getattr(value, item.name) for item in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no form in JSON")


@cache
def _fields(kind: type[Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Name -> type of all fields, and the names of those without a default: found once, a history reads thousands."""
    items = dataclasses.fields(kind)
    hints = typing.get_type_hints(kind, include_extras=True)
    without = [
        item.name
        for item in items
        if item.default is dataclasses.MISSING and item.default_factory is dataclasses.MISSING
    ]
    return {item.name: hints[item.name] for item in items}, tuple(without)


@cache
def _parts(hint: Any) -> tuple[Any, tuple[Any, ...]]:
    return typing.get_origin(hint), typing.get_args(hint)


def decode_value(hint: Any, value: Any, where: str) -> Any:
    """As :func:`decode`, of any type: a union, a Literal, or ``Annotated[type, "what is wanted, in words"]``."""
    if type(value) is hint and hint not in (int, float):  # most are plain; not isinstance: a bool is not an int here
        return value
    if hint is Any or hint is object:
        return value
    origin, inner = _parts(hint)
    if origin in (types.UnionType, typing.Union):
        return _alternative(inner, value, where)
    if origin is Annotated and hint != AnySize:
        return _in_words(inner[0], inner[1], value, where)
    if origin is Literal:
        return _choice(inner, value, where)
    if dataclasses.is_dataclass(hint):
        return _table(typing.cast("type[Any]", hint), value, where)
    kind = _kind(hint)
    if not _is_of(kind, value):
        raise _wrong(value, where, _KINDS[kind][0])
    if _is_named_tuple(hint):
        return hint(*_tuple(tuple(typing.get_type_hints(hint).values()), value, where))
    if kind is tuple:
        return _tuple(inner, value, where)
    if kind is list:
        return list(_items(inner[0], value, where))
    if kind is dict:
        return {key: decode_value(inner[1], item, _joined(where, key)) for key, item in value.items()}
    return _number(kind, value, where) if kind in (int, float) else Path(value) if kind is Path else value


def _wrong(value: object, where: str, wanted: str) -> DecodeError:
    return DecodeError(f"{f'{where} =' if where else 'it is'} {short(value)}, wanted {wanted}")


def _joined(where: str, key: object) -> str:
    return f"{where}.{key}" if where else str(key)


def _table(kind: type[Any], data: object, where: str) -> Any:
    hints, required = _fields(kind)  # type: ignore[arg-type]  # every class can be hashed
    if not isinstance(data, Mapping):
        raise _wrong(data, where, f"a table with {', '.join(hints)}")
    for key in data:
        if key not in hints:
            raise DecodeError(f"unknown key {short(_joined(where, key))}; {known_words(str(key), hints)}")
    for name in required:
        if name not in data:
            raise DecodeError(f"key {_joined(where, name)!r} is missing")
    prefix = f"{where}." if where else ""
    return kind(**{key: decode_value(hints[key], value, prefix + key) for key, value in data.items()})


def _in_words(hint: Any, words: str, value: object, where: str) -> Any:
    try:
        return decode_value(hint, value, where)
    except DecodeError as error:
        raise _wrong(value, where, words) from error


@cache
def _kind(hint: Any) -> Any:
    """A field's key in _KINDS."""
    origin = hint if hint == AnySize else _parts(hint)[0]
    if dataclasses.is_dataclass(hint) or origin is Mapping:
        return dict
    if _is_named_tuple(hint):
        return tuple
    return hint if origin is None else origin


def _is_named_tuple(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, tuple) and hasattr(hint, "_fields")


def _is_of(kind: Any, value: Any) -> bool:
    return isinstance(value, _KINDS[kind][1]) and (kind is bool or not isinstance(value, bool))


def _alternative(hints: tuple[Any, ...], value: Any, where: str) -> Any:
    """The first of several types that the value is of the kind of; where there is but one, its own error says more."""
    if value is None and types.NoneType in hints:
        return None
    some = [one for one in hints if one is not types.NoneType]
    fitting = [one for one in some if len(some) == 1 or _is_of(_kind(one), value)]
    if not fitting:
        raise _wrong(value, where, " or ".join(_KINDS[_kind(one)][0] for one in some))
    return decode_value(fitting[0], value, where)


def _choice(known: tuple[Any, ...], value: Any, where: str) -> Any:
    if not isinstance(value, str) or value not in known:
        *others, last = map(str, known)
        close = nearest(value, map(str, known)) if isinstance(value, str) else None
        meant = "" if close is None else f"; did you mean {close!r}?"
        raise _wrong(value, where, (f"{', '.join(others)} or {last}" if others else last) + meant)
    return value


def _number(kind: type[Any], value: Any, where: str) -> Any:
    """A whole number of 64 bits, or a finite one."""
    if isinstance(value, int) and not -_LARGEST <= value <= _LARGEST:
        raise _wrong(value, where, "64 bits at most")
    if not math.isfinite(value):
        raise _wrong(value, where, "a finite number")
    return kind(value)


def _tuple(inner: tuple[Any, ...], value: Sequence[Any], where: str) -> tuple[Any, ...]:
    if inner[-1] is Ellipsis:
        return tuple(_items(inner[0], value, where))
    if len(value) != len(inner):
        raise DecodeError(f"{where} has {len(value)} values, wanted {len(inner)}")
    return tuple(
        decode_value(one, item, f"{where}[{place}]") for place, (one, item) in enumerate(zip(inner, value, strict=True))
    )


def _items(hint: Any, values: Sequence[Any], where: str) -> Sequence[Any]:
    """Each of ``values``; the times of a block may be 100,000, and are not looked at one by one where all are fine."""
    numbers = hint is int and {*map(type, values)} == {int}
    if numbers and min(values) >= -_LARGEST and max(values) <= _LARGEST:
        return values
    return [decode_value(hint, item, f"{where}[{place}]") for place, item in enumerate(values)]
