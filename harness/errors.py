"""One hierarchy of errors. Each message names the thing, what is wrong with it, and the fix.

An error of this family is printed as one line and never as a traceback; its ``exit_code`` is the command's.
"""

from collections.abc import Iterable
from enum import IntEnum
from pathlib import Path
from typing import ClassVar


class ExitCode(IntEnum):
    """What a command ends with, as docs/reference/commands.md has it."""

    OK = 0
    FAILED = 1
    """A check failed: an answer, which an accident must not be taken for."""
    USAGE = 2
    INCONCLUSIVE = 3
    """The measurement decides nothing, or is invalid."""
    FAULT = 70
    """A bug of AlexBench; EX_SOFTWARE of sysexits.h."""
    INTERRUPTED = 130
    UNREAD = 141
    """As a program that SIGPIPE ended: the reader of its output has gone."""


class AlexBenchError(Exception):
    """The root: wrong usage or unusable input."""

    exit_code: ClassVar[ExitCode] = ExitCode.USAGE


class UsageError(AlexBenchError):
    """A flag, a name or a combination of them that makes no sense."""


class DataError(AlexBenchError):
    """A data set, an image or a label that cannot be used."""


class WeightsError(AlexBenchError):
    """A weights file that cannot be read, or arrays that do not fit the network."""


class CardError(AlexBenchError):
    """A model card that is not valid."""


class RecordError(AlexBenchError):
    """A run on disk that cannot be read: not a run, damaged, or written by a newer version."""


class BackendUnavailableError(AlexBenchError):
    """A runtime that is not installed, or installed in a way that cannot work."""


class PluginError(BackendUnavailableError):
    """A backend of somebody else's that does not import, or breaks the contract: its row's error, not the run's."""

    exit_code: ClassVar[ExitCode] = ExitCode.FAILED


class UnsupportedOptionError(AlexBenchError):
    """A device, precision or thread count that this runtime cannot obey; the message says what would have run."""


class WorkerError(AlexBenchError):
    """A worker process that died, hung, or broke the protocol: a row in error, not the end of the run.

    ``message``: without the name of its ``log``, which the whole text ends with.
    """

    exit_code: ClassVar[ExitCode] = ExitCode.FAILED

    def __init__(self, message: str, *, log: Path | None = None) -> None:
        super().__init__(message if log is None else f"{message}; log: {log}")
        self.message = message


class TooFewImagesError(AlexBenchError):
    """Fewer images than can decide anything: inconclusive, not wrong."""

    exit_code: ClassVar[ExitCode] = ExitCode.INCONCLUSIVE


class ExportError(AlexBenchError):
    """An exported file that does not load, or is not the network it was made from; it was not kept."""

    exit_code: ClassVar[ExitCode] = ExitCode.FAILED


def unknown_name(kind: str, name: str, known: Iterable[str]) -> UsageError:
    """The error for a name that is not known, listing those that are."""
    return UsageError(f"unknown {kind} {name!r}; known: {', '.join(sorted(known))}")
