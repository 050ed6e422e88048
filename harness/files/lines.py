"""The lines between the command and its workers: JSON, one message a line, on descriptors of their own.

The worker speaks first (:class:`Hello`); then each request gets any number of progress lines and one answer. Arrays
travel as ``.npy`` files that both sides map. No pickle.

Schema history:
  1  the first.
  2  time answers CPU time too; streams, profiles, the machine probe, load generation, probe and environment are asked.
  3  restart; hello names the fork server. A worker's folder, and what it imports before it forks, are named options.
  4  requests and answers are dataclasses, whose fields both sides check; a request is named by its class.
  5  what a worker says of itself travels as the record keeps it: values with their evidence, and what it noticed.
"""

import json
import re
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import IO, Final, Generic, TypeVar

from alexbench.harness import errors
from alexbench.harness.files.decoding import DecodeError, as_data, decode

PROTOCOL_SCHEMA: Final = 5
LONGEST: Final = 1 << 26
"""Characters of a line. The longest of ours hold the times of some 100,000 calls."""

A = TypeVar("A")
A_co = TypeVar("A_co", covariant=True)
Progress = Callable[[int, int], None]

_ERRORS: Final = {
    kind.__name__: kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, errors.AlexBenchError)
}


class Request(Generic[A_co]):
    """What a worker can be asked; the answer is an ``A_co``. Requests and answers are frozen dataclasses."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Done:
    """The answer of a request whose outcome is in files, or in the worker."""


def name_of(kind: type[Request[object]]) -> str:
    """What lines and errors call a request: ``LoadArtifact`` is "load_artifact"."""
    return re.sub("(?<!^)(?=[A-Z])", "_", kind.__name__).lower()


def answer_of(kind: type[Request[A]]) -> type[A]:
    """The class of a request's answer, from ``class Load(Request[Loaded])``."""
    answer: type[A] = typing.get_args(vars(kind)["__orig_bases__"][0])[0]
    return answer


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


@dataclass(frozen=True, slots=True)
class Failure:
    """What a worker raised: the class by its name, and the message."""

    kind: str
    message: str


@dataclass(frozen=True, slots=True)
class Asked:
    """A line of the command's: the request's number, what it is called, and its fields."""

    id: int
    do: str
    arguments: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reply:
    """A line of the worker's: one of these; the last two come with the number of the request.

    ``hello``: the fields of :class:`Hello`, whatever they are in its schema. ``progress``: how many are done, of how
    many. ``ok``: the fields of the answer.
    """

    id: int | None = None
    hello: dict[str, object] | None = None
    progress: tuple[int, int] | None = None
    error: Failure | None = None
    ok: dict[str, object] | None = None


def send(stream: IO[str], message: object) -> None:
    """Write one message, a dataclass or data with dataclasses in it, and flush it."""
    stream.write(json.dumps(message, separators=(",", ":"), allow_nan=False, default=as_data) + "\n")
    stream.flush()


def send_request(stream: IO[str], number: int, request: Request[object]) -> None:
    """Write a request."""
    send(stream, {"id": number, "do": name_of(type(request)), "arguments": request})


def read(kind: type[A], line: str) -> A:
    """One line as a message.

    Raises:
        WorkerError: the line is not a JSON object, or its content has the wrong type.
    """
    try:
        return decode(kind, json.loads(line))
    except (ValueError, RecursionError) as error:  # numbers of thousands of digits, brackets within brackets
        raise errors.WorkerError(f"the worker's protocol is broken: {line[:80]!r}: {str(error)[:200]}") from None


def request_of(asked: Asked, known: Mapping[str, type[Request[object]]]) -> Request[object]:
    """What a line asks for.

    Raises:
        WorkerError: there is no such request, or its fields are not these.
        AlexBenchError: a value in it makes no sense.
    """
    if asked.do not in known:
        raise errors.WorkerError(f"unknown request {asked.do!r}")
    try:
        return decode(known[asked.do], asked.arguments, asked.do)
    except DecodeError as error:
        raise errors.WorkerError(f"request {error}") from error


def answer_to(request: Request[A], data: object) -> A:
    """The answer to ``request`` from the fields of a reply.

    Raises:
        WorkerError: they are not an answer's.
    """
    kind = type(request)
    try:
        return decode(answer_of(kind), data, name_of(kind))
    except DecodeError as error:
        raise errors.WorkerError(f"the worker's answer is not valid: {error}") from error


def failure(error: BaseException) -> Failure:
    """An exception as data: our own errors by their class, anything else as a WorkerError that names its type."""
    if isinstance(error, errors.AlexBenchError):
        return Failure(type(error).__name__, str(error))
    text = " ".join(str(error).split())
    return Failure(errors.WorkerError.__name__, f"{type(error).__name__}: {text}"[:600])


def error_from(found: Failure) -> errors.AlexBenchError:
    """The exception that :func:`failure` described."""
    return _ERRORS.get(found.kind, errors.WorkerError)(found.message)
