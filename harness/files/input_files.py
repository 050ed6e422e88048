"""Files that a user names, before a byte of them is read: regular ones, and no larger than what they should be.

A named pipe would wait for ever, a device would never end, and what is larger than any file of its kind would fill the
memory. Standard library only.
"""

import json
import os
import stat
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, Final, TypeVar

from alexbench.harness.errors import AlexBenchError, UsageError
from alexbench.harness.files.decoding import decode

T = TypeVar("T")

TEXT_BYTES_AT_MOST: Final = 1 << 20
"""For a card, a configuration or a policy: those that come with AlexBench have 4 kB at most."""

LABEL_BYTES_AT_MOST: Final = 64 << 20
"""For a label file: LOC_val_solution.csv has 4 MB, that of the training set 40 MB."""

RECORD_BYTES_AT_MOST: Final = 64 << 20
"""For a run's or a baseline's JSON: a run of a hundred rows has 2 MB."""

IMAGE_BYTES_AT_MOST: Final = 256 << 20
"""For one encoded image: ImageNet's largest has 15 MB, and the most pixels that are decoded have 268 MB."""

WEIGHTS_BYTES_AT_MOST: Final = 8 << 30
"""For a weights file: an AlexNet has 244 MB, a checkpoint with an optimizer's slots three times as many."""

Refusal = Callable[[str], AlexBenchError]
"""The kind of error; called with its message."""

_KINDS: Final = (
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISDIR, "a folder"),
)


def expanded(path: str | os.PathLike[str]) -> Path:
    """A path with ``~`` as the user's folder; as it is where nobody knows that folder, for its reader to miss."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def what_it_is(mode: int) -> str | None:
    """What a file's ``mode`` says that it is, for people; None for a regular file."""
    return next((said for holds, said in _KINDS if holds(mode)), None)


def check_file(path: Path, said: str, refusal: Refusal, *, most: int | None = None) -> int:
    """The size in bytes of a regular file of ``most`` bytes at most. ``said``: how errors call it.

    Raises:
        AlexBenchError: ``refusal``: it is not a regular file, or larger.
        OSError: it is not there, or may not be looked at.
    """
    status = path.stat()
    kind = what_it_is(status.st_mode)
    if kind is not None:
        raise refusal(f"{said} is {kind}, not a file; name a regular file")
    if most is not None and status.st_size > most:
        raise refusal(f"{said} has {status.st_size:,} bytes, {most:,} at most are read; name the right file")
    return status.st_size


def read_file(path: Path, said: str, refusal: Refusal, *, most: int) -> bytes:
    """All bytes of a regular file of ``most`` bytes at most; as :func:`check_file`."""
    check_file(path, said, refusal, most=most)
    with path.open("rb") as file:
        return read_stream(file, said, refusal, most=most)


def read_stream(file: BinaryIO, said: str, refusal: Refusal, *, most: int) -> bytes:
    """All that comes from an open file or a pipe, ``most`` bytes at most.

    Raises:
        AlexBenchError: ``refusal``: more comes.
    """
    data = file.read(most + 1)
    if len(data) > most:
        raise refusal(f"{said}: more than {most:,} bytes, which are read at most; give the right file")
    return data


def text_of(data: bytes) -> str:
    """UTF-8 text, with or without the mark that Windows' editors put first.

    Raises:
        ValueError: it is not that; the message says what it is not.
    """
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise ValueError("text in UTF-16, not UTF-8")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError("not a text file") from None


def json_data(data: bytes, *, constant: Callable[[str], Any] | None = None) -> Any:
    """What JSON text holds. ``constant``: as ``json.loads`` takes it for NaN and infinities.

    Raises:
        ValueError: it is not JSON; the message says what it is not.
    """
    text = text_of(data)
    try:
        return json.loads(text, parse_constant=constant)
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON (line {error.lineno}, column {error.colno})") from None
    except RecursionError:
        raise ValueError("not JSON (too many brackets in brackets)") from None


def toml_table(text: bytes, said: str, refusal: Refusal) -> dict[str, Any]:
    """What TOML text holds.

    Raises:
        AlexBenchError: ``refusal``: it is not TOML.
    """
    try:
        decoded = text_of(text)
    except ValueError as error:
        raise refusal(f"{said}: {error}; wanted TOML") from error
    try:
        return tomllib.loads(decoded)
    except (ValueError, RecursionError) as error:  # brackets in brackets, numbers of thousands of digits
        raise refusal(f"{said} is not valid TOML: {error}") from error


def read_note(kind: type[T], path: Path) -> T | None:
    """A small JSON file that an earlier command left in the cache; None where there is none, or it holds other things.

    The writer then writes it again.
    """
    try:
        return decode(kind, json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, RecursionError):  # DecodeError is a ValueError
        return None


def check_named(path: str | os.PathLike[str], flag: str, *, most: int | None = None) -> None:
    """Refuse what a flag names where it is a pipe, a device or a socket; a folder, or nothing, is left to its reader.

    Raises:
        UsageError: it is, or it is a file of more than ``most`` bytes.
    """
    try:
        status = Path(path).stat()
    except (OSError, ValueError):
        return
    if not stat.S_ISDIR(status.st_mode):
        check_file(Path(path), f"{flag} {os.fspath(path)}", UsageError, most=most)
