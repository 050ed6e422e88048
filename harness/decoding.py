"""JSON or TOML data into frozen dataclasses, checking every type on the way. Standard library only.

What is wrong is named by its path (``backends[2].accuracy.images``), with the known keys where one is unknown.
"""

import dataclasses
import math
import types
import typing
from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, Final, Literal, TypeVar

from alexbench.harness.plain_text import short

T = TypeVar("T")
AnySize = Annotated[int, "any size"]
"""A whole number that is only repeated; of all others every use takes them for 64 bits."""
_LARGEST: Final = 2**63 - 1


class DecodeError(ValueError):
    """Data that does not fit; the caller says whose file it was."""


def decode(kind: type[T], data: Any, where: str = "") -> T:
    """Build dataclass ``kind`` from a table. ``where`` is the path so far, empty at the top.

    Raises:
        DecodeError: a key is unknown or missing, or a value has the wrong type.
    """
    if not isinstance(data, Mapping):
        raise DecodeError(f"{where or 'it'} is {_type_name(data)}, wanted a table")
    hints, required = _fields(kind)  # type: ignore[arg-type]  # every class can be hashed
    prefix = f"{where}." if where else ""
    for key in data:
        if key not in hints:
            raise DecodeError(f"unknown key {short(prefix + str(key))}; known: {', '.join(hints)}")
    for name in required:
        if name not in data:
            raise DecodeError(f"key {prefix + name!r} is missing")
    return kind(**{key: _value(hints[key], value, prefix + key) for key, value in data.items()})


@cache
def _fields(kind: type[Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Name -> type of all fields, and the names of those without a default: found once, a history reads thousands."""
    without = [
        item.name
        for item in dataclasses.fields(kind)
        if item.default is dataclasses.MISSING and item.default_factory is dataclasses.MISSING
    ]
    return typing.get_type_hints(kind, include_extras=True), tuple(without)


@cache
def _parts(hint: Any) -> tuple[Any, tuple[Any, ...]]:
    return typing.get_origin(hint), typing.get_args(hint)


def _value(hint: Any, value: Any, where: str) -> Any:
    if type(value) is hint and hint not in (int, float):  # most are plain; not isinstance, for a bool is no int here
        return value
    origin, inner = _parts(hint)
    if hint is Any:
        return value
    if origin in (types.UnionType, typing.Union):
        if value is None and type(None) in inner:
            return None
        return _value(next(one for one in inner if one is not type(None)), value, where)
    if origin is Literal:
        if not isinstance(value, str) or value not in inner:
            raise DecodeError(f"{where} = {short(value)}; known: {', '.join(map(str, inner))}")
        return value
    if origin is tuple:
        return _tuple(inner, value, where)
    if origin is dict:
        if not isinstance(value, dict):
            raise DecodeError(f"{where} is {_type_name(value)}, wanted a table")
        return {key: _value(inner[1], item, f"{where}.{key}") for key, item in value.items()}
    if dataclasses.is_dataclass(hint):
        return decode(typing.cast("type[Any]", hint), value, where)
    return _plain(hint, value, where)


def _plain(hint: Any, value: Any, where: str) -> Any:
    if hint in (int, float):
        return _number(hint, value, where)
    if hint == AnySize:
        return value if type(value) is int else _number(int, value, where)
    if not isinstance(value, hint):
        raise _wrong(hint, value, where)
    return value


def _number(hint: type[Any], value: Any, where: str) -> Any:
    """A whole number of 64 bits, or a finite one."""
    if isinstance(value, bool) or not isinstance(value, (int, hint)):
        raise _wrong(hint, value, where)
    if isinstance(value, int) and not -_LARGEST <= value <= _LARGEST:
        raise DecodeError(f"{where} = {short(value)}, wanted 64 bits at most")
    if not math.isfinite(value):
        raise DecodeError(f"{where} = {value}, wanted a finite number")
    return hint(value)


def _wrong(hint: type[Any], value: Any, where: str) -> DecodeError:
    return DecodeError(f"{where} = {short(value)} is {_type_name(value)}, wanted {hint.__name__}")


def _tuple(inner: tuple[Any, ...], value: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise DecodeError(f"{where} is {_type_name(value)}, wanted a list")
    if inner[-1] is Ellipsis:
        return tuple(_value(inner[0], item, f"{where}[{place}]") for place, item in enumerate(value))
    if len(value) != len(inner):
        raise DecodeError(f"{where} has {len(value)} values, wanted {len(inner)}")
    return tuple(
        _value(one, item, f"{where}[{place}]") for place, (one, item) in enumerate(zip(inner, value, strict=True))
    )


def _type_name(value: Any) -> str:
    return type(value).__name__
