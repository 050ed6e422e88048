"""The lines between the command and its workers: JSON, one message a line, on descriptors of their own.

The worker speaks first (:class:`Hello`); then each request gets any number of progress lines and one answer. Arrays
travel as ``.npy`` files that both sides map. No pickle.

Schema history:
  1  the first.
  2  time answers CPU time too; streams, profiles, the anchor, load generation, probe and environment are asked.
"""

import json
from dataclasses import dataclass
from typing import Any, Final, TextIO

from alexbench.harness import errors

PROTOCOL_SCHEMA: Final = 2

_ERRORS: Final = {
    kind.__name__: kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, errors.AlexBenchError)
}


@dataclass(frozen=True, slots=True)
class Hello:
    """The worker's first line. ``confined``: what it gave up, in words, where it was told to."""

    schema: int
    version: str
    python: str
    pid: int
    confined: str = ""


def send(stream: TextIO, message: dict[str, Any]) -> None:
    """Write one message and flush it."""
    stream.write(json.dumps(message, separators=(",", ":"), allow_nan=False) + "\n")
    stream.flush()


def decode(line: str) -> dict[str, Any]:
    """One line as a message.

    Raises:
        WorkerError: the line is no JSON object.
    """
    try:
        message = json.loads(line)
    except json.JSONDecodeError:
        message = None
    if not isinstance(message, dict):
        raise errors.WorkerError(f"the worker's protocol is broken: {line[:80]!r} is no JSON object")
    return message


def error_message(error: BaseException) -> dict[str, str]:
    """An exception as data: our own errors by their class, anything else as a WorkerError that names its type."""
    if isinstance(error, errors.AlexBenchError):
        return {"kind": type(error).__name__, "message": str(error)}
    text = " ".join(str(error).split())
    return {"kind": errors.WorkerError.__name__, "message": f"{type(error).__name__}: {text}"[:600]}


def error_from(message: dict[str, str]) -> errors.AlexBenchError:
    """The exception that :func:`error_message` described."""
    return _ERRORS.get(message["kind"], errors.WorkerError)(message["message"])
