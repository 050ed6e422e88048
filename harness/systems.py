"""A system: what one row of a leaderboard measures (MLPerf's *system under test*), as one value.

Its ``key`` names it across runs, in records, baselines and history. Its label names it inside one run, and says only
what the others of that run do not share with it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final, Literal

Channels = Literal["RGB", "BGR"]
InputScale = Literal["normalised", "0..1", "0..255"]
INPUT_SCALES: Final[tuple[InputScale, ...]] = ("normalised", "0..1", "0..255")

DEFAULT_PROFILE: Final = "default"


@dataclass(frozen=True, slots=True)
class InputConvention:
    """What the input of a model file takes, as its user states it.

    ``scale``: ``normalised`` as the card says, grey levels over 255 (``0..1``), or as they are (``0..255``).
    ``channels``: the order in which it takes them; None: the card's.
    """

    scale: InputScale
    channels: Channels | None = None

    def __str__(self) -> str:
        """As ``--artifact-input`` takes it."""
        return self.scale if self.channels is None else f"{self.scale},{self.channels.lower()}"


@dataclass(frozen=True, slots=True)
class ModelFile:
    """The user's own model file, which a system runs instead of building the network from weights.

    ``path`` is absolute. ``sha256`` (hex) is empty until the file was read. ``convention``: what its input takes, where
    the user states it. ``output``: which of several outputs is read, None for the card's or the only one. ``trusted``:
    the user lets it run as a program.
    """

    path: str
    sha256: str = ""
    convention: InputConvention | None = None
    output: str | None = None
    trusted: bool = False


@dataclass(frozen=True, slots=True)
class System:
    """What one row measures. ``threads``: compute threads of one inference, at least 1.

    ``precision``: fp32 or bf16. ``profile``: "default", as the runtime ships. ``settings``: what differs from the
    profile, under the runtime's own names, sorted. ``device``: as the runtime calls it. ``environment``: the label of
    another interpreter, None for the command's own.
    """

    backend: str
    threads: int
    precision: str = "fp32"
    profile: str = DEFAULT_PROFILE
    settings: tuple[tuple[str, str], ...] = ()
    device: str = "cpu"
    environment: str | None = None
    artifact: ModelFile | None = None

    @property
    def key(self) -> str:
        """All that it is, in one line that is the same in every run; an artifact by its digest, not by its path.

        ``openvino precision=fp32 threads=2 device=cpu profile=default``, then settings, environment and artifact.
        """
        parts = [
            self.backend,
            f"precision={self.precision}",
            f"threads={self.threads}",
            f"device={self.device}",
            f"profile={self.profile}",
            *(f"{name}={value}" for name, value in sorted(self.settings)),
        ]
        if self.environment is not None:
            parts.append(f"environment={self.environment}")
        if self.artifact is not None:
            parts += _file_parts(self.artifact)
        return " ".join(parts)


def _file_parts(file: ModelFile) -> list[str]:
    parts = [f"artifact={file.sha256 or file.path}"]
    if file.convention is not None:
        parts.append(f"input={file.convention}")
    if file.output is not None:
        parts.append(f"output={file.output}")
    return parts


def labels(systems: Sequence[System]) -> tuple[str, ...]:
    """The label of each system of a run, in their order, each different.

    ``openvino``; where others of its backend differ: ``openvino bf16``, ``openvino 1 thread``, ``openvino tuned``,
    ``onnxruntime mine.onnx``; with an environment ``onnxruntime@head``.

    Raises:
        ValueError: two systems are the same.
    """
    said = [_label(one, [other for other in systems if other.backend == one.backend]) for one in systems]
    for place, label in enumerate(said):
        if said.count(label) > 1:  # files of one name in several folders
            file = systems[place].artifact
            said[place] = f"{label} {systems[place].key if file is None else file.path}"
    if len(set(said)) < len(said):
        raise ValueError(f"two systems are the same: {max(said, key=said.count)}")
    return tuple(said)


def label(system: System, among: Sequence[System]) -> str:
    """The label of one system of a run, among all of them."""
    return labels(among)[list(among).index(system)]


def _label(one: System, peers: Sequence[System]) -> str:
    """``peers``: the systems of its backend, itself among them."""
    parts = [one.backend if one.environment is None else f"{one.backend}@{one.environment}"]
    if one.artifact is not None and len({_identity(peer.artifact) for peer in peers}) > 1:
        parts.append(PurePath(one.artifact.path).name)
    if one.precision != "fp32" and len({peer.precision for peer in peers}) > 1:
        parts.append(one.precision)
    if one.profile != DEFAULT_PROFILE and len({peer.profile for peer in peers}) > 1:
        parts.append(one.profile)
    if len({peer.device for peer in peers}) > 1:
        parts.append(one.device)
    if len({peer.threads for peer in peers}) > 1:
        parts.append(f"{one.threads} thread{'' if one.threads == 1 else 's'}")
    shared = set.intersection(*(set(peer.settings) for peer in peers))
    parts += [f"{name}={value}" for name, value in sorted(one.settings) if (name, value) not in shared]
    return " ".join(parts)


def _identity(file: ModelFile | None) -> str:
    return "" if file is None else " ".join(_file_parts(file))
