"""One hierarchy of errors. Each message names the thing, what was wrong with it, and the mend.

An error of this family is printed as one line and never as a traceback; its ``exit_code`` is the command's.
"""

from collections.abc import Iterable
from typing import ClassVar


class AlexBenchError(Exception):
    """The root. ``exit_code`` 2: wrong usage or unusable input."""

    exit_code: ClassVar[int] = 2


class UsageError(AlexBenchError):
    """A flag, a name or a combination of them that makes no sense."""


class DataError(AlexBenchError):
    """A data set, a picture or a label that cannot be used."""


class WeightsError(AlexBenchError):
    """A weights file that cannot be read, or arrays that do not fit the network."""


class CardError(AlexBenchError):
    """A model card that is not valid."""


class RecordError(AlexBenchError):
    """A run on disk that cannot be read: not a run, damaged, or written by a newer version."""


class BackendUnavailableError(AlexBenchError):
    """A runtime that is not installed, or installed in a way that cannot work."""


class UnsupportedOptionError(AlexBenchError):
    """A device, precision or thread count that this runtime cannot obey; the message says what would have run."""


class WorkerError(AlexBenchError):
    """A worker process that died, hung, or broke the protocol: a row in error, not the end of the run."""

    exit_code: ClassVar[int] = 1


class TooFewImagesError(AlexBenchError):
    """Fewer pictures than can decide anything: inconclusive, not wrong."""

    exit_code: ClassVar[int] = 3


class ExportError(AlexBenchError):
    """An exported file that does not load, or is not the network it was made from; it was not kept."""

    exit_code: ClassVar[int] = 1


def unknown_name(kind: str, name: str, known: Iterable[str]) -> UsageError:
    """The error for a name that is not known, listing those that are."""
    return UsageError(f"unknown {kind} {name!r}; known: {', '.join(sorted(known))}")
