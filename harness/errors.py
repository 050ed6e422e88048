"""One hierarchy of errors. Each message names the thing, what is wrong with it, and the fix.

An error of this family is printed as one line and never as a traceback; its ``exit_code`` is the command's.
"""

from collections.abc import Iterable
from enum import IntEnum
from pathlib import Path
from typing import ClassVar, Final


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


class WrongCountError(WeightsError):
    """A model file that gives another number of scores than there are classes; ``found``: how many."""

    def __init__(self, message: str, found: int = 0) -> None:
        super().__init__(message)
        self.found = found


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


class WorkerDiedError(WorkerError):
    """A worker process that ended without an answer."""


class TooFewImagesError(AlexBenchError):
    """Fewer images than can decide anything: inconclusive, not wrong."""

    exit_code: ClassVar[ExitCode] = ExitCode.INCONCLUSIVE


class TrainingDivergedError(AlexBenchError):
    """A loss or a weight is not finite; the last checkpoint is kept."""

    exit_code: ClassVar[ExitCode] = ExitCode.FAILED


class ExportError(AlexBenchError):
    """An exported file that does not load, or is not the network it was made from; it was not kept."""

    exit_code: ClassVar[ExitCode] = ExitCode.FAILED


def unknown_name(kind: str, name: str, known: Iterable[str]) -> UsageError:
    """The error for a name that is not known, with the one that was probably meant and a list of all."""
    return UsageError(f"unknown {kind} {name!r}; {known_words(name, sorted(known))}")


def known_words(name: str, known: Iterable[str]) -> str:
    """``did you mean 'torch'? Known: ...``, or the known names alone where none is close."""
    names = list(known)
    close = nearest(name, names)
    listed = ", ".join(names)
    return f"known: {listed}" if close is None else f"did you mean {close!r}? Known: {listed}"


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that a wrong one was probably meant as: a synonym, another spelling, or a typing error."""
    from difflib import get_close_matches  # imported for the error alone

    plain = {_plain(one): one for one in reversed(list(known))}
    others = {
        synonym: plain[ours]
        for synonym, all_ours in _SYNONYMS.items()
        for ours in all_ours[::-1]  # of several that are known, the first
        if ours in plain
    }
    meant, wanted = {**others, **plain}, _plain(name)
    if wanted in meant or wanted in _DISTINCT:
        return meant.get(wanted)
    close = get_close_matches(wanted, meant, n=1, cutoff=_CLOSE if len(wanted) > _SHORT else _CLOSE_SHORT)
    return meant[close[0]] if close else None


def _plain(name: str) -> str:
    """Without case and separators: ``single_stream`` is SingleStream."""
    return "".join(letter for letter in name.casefold() if letter.isalnum())


_CLOSE: Final = 0.7
"""The least ratio of difflib: two letters of a short name may differ."""
_SHORT, _CLOSE_SHORT = 4, 0.66
"""The limit for names of few letters: one of three may differ (rum is run)."""
_SYNONYMS: Final[dict[str, tuple[str, ...]]] = {
    "pytorch": ("torch", "torchvision"),
    "onnx": ("onnxruntime",),
    "ort": ("onnxruntime",),
    "ov": ("openvino",),
    "tf": ("tensorflow", "tfcnn"),
    "keras": ("tensorflow",),
    "caffe": ("bvlc",),
    "benchmark": ("run",),
    "bench": ("run",),
    "diff": ("compare",),
    "check": ("gate", "verify"),
    "classify": ("predict",),
    "download": ("fetch",),
    "leaderboard": ("report",),
    "delete": ("remove",),
    "imagenet": ("wnidfolders",),
    "imagefolder": ("wnidfolders",),
    "folder": ("wnidfolders", "flatfolder"),
    "gpu": ("cuda",),
    "nvidia": ("cuda", "gpu"),
    "cuda": ("gpu",),
    "float": ("fp32",),
    "float32": ("fp32",),
    "single": ("fp32",),
    "float16": ("fp16",),
    "half": ("fp16",),
    "bfloat16": ("bf16",),
    "uint8": ("int8",),
    "fast": ("smoke",),
    "quick": ("smoke",),
    "normal": ("standard",),
    "full": ("high",),
    "thorough": ("high",),
    "speed": ("performance",),
    "latency": ("performance", "latencyp50ms", "p50"),
    "fps": ("imagespersecond", "images/s"),
    "throughput": ("imagespersecond", "images/s"),
}
"""What other tools call it -> what we do, where that is known; both without case and separators."""
_DISTINCT: Final = frozenset({"fp64", "fp32", "tf32", "fp16", "bf16", "fp8", "int8", "int16", "int4"})
"""Names so alike that none of them was meant as another."""
