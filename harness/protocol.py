"""The lines between the command and its workers: JSON, one message a line, on descriptors of their own.

The worker speaks first (:class:`Hello`); then each request gets any number of progress lines and one answer. Arrays
travel as ``.npy`` files that both sides map. No pickle.

Schema history:
  1  the first.
  2  time answers CPU time too; streams, profiles, the anchor, load generation, probe and environment are asked.
  3  restart; hello names the fork server. A worker's folder, and what it imports before it forks, are named options.
"""

import json
from dataclasses import dataclass
from typing import Any, Final, TextIO

from alexbench.harness import errors

PROTOCOL_SCHEMA: Final = 3
RESTART: Final = "restart"
"""The request that only a forked worker knows: it ends, and its successor's hello is the answer."""
LONGEST: Final = 1 << 26
"""Characters of a line. The longest of ours hold the times of some 100,000 calls."""
_KINDS: Final[dict[str, type]] = {"progress": list, "error": dict, "ok": dict}

_ERRORS: Final = {
    kind.__name__: kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, errors.AlexBenchError)
}


@dataclass(frozen=True, slots=True)
class Hello:
    """The worker's first line.

    ``confined``: what it gave up, in words, where it was told to. ``server``: the process that forked it, 0: none did.
    """

    schema: int
    version: str
    python: str
    pid: int
    confined: str = ""
    server: int = 0


def send(stream: TextIO, message: dict[str, Any]) -> None:
    """Write one message and flush it."""
    stream.write(json.dumps(message, separators=(",", ":"), allow_nan=False) + "\n")
    stream.flush()


def decode(line: str) -> dict[str, Any]:
    """One line as a message.

    Raises:
        WorkerError: the line is no JSON object, or what it holds is of another kind than it should be.
    """
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):  # no JSON, numbers of thousands of digits, brackets within brackets
        message = None
    if not isinstance(message, dict):
        raise broken(line, "is no JSON object")
    for key, kind in _KINDS.items():
        if key in message and not isinstance(message[key], kind):
            raise broken(line, f"has no {kind.__name__} as its {key}")
    if len(message.get("progress", (0, 0))) != 2:
        raise broken(line, "has no two numbers as its progress")
    return message


def broken(line: str, what: str) -> errors.WorkerError:
    """The error for a line that is no message of ours."""
    return errors.WorkerError(f"the worker's protocol is broken: {line[:80]!r} {what}")


def error_message(error: BaseException) -> dict[str, str]:
    """An exception as data: our own errors by their class, anything else as a WorkerError that names its type."""
    if isinstance(error, errors.AlexBenchError):
        return {"kind": type(error).__name__, "message": str(error)}
    text = " ".join(str(error).split())
    return {"kind": errors.WorkerError.__name__, "message": f"{type(error).__name__}: {text}"[:600]}


def error_from(message: dict[str, str]) -> errors.AlexBenchError:
    """The exception that :func:`error_message` described."""
    return _ERRORS.get(str(message.get("kind")), errors.WorkerError)(str(message.get("message")))
