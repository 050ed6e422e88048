"""A system: what one row of a leaderboard measures (MLPerf's *system under test*), as one value.

Its ``key`` names it across runs, in records, baselines and history. Its label names it inside one run, and says only
what the others of that run do not share with it.
"""

import re
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Final, Literal

Channels = Literal["RGB", "BGR"]
InputScale = Literal["normalised", "0..1", "0..255"]
INPUT_SCALES: Final[tuple[InputScale, ...]] = ("normalised", "0..1", "0..255")

DEFAULT_PROFILE: Final = "default"
TUNED: Final = "tuned"
TUNED_LATENCY: Final = "tuned-latency"
"""The settings that are fastest by images/s (and by latency too, where one choice is best by both), and by latency."""
PREFERRED_BASE: Final = "torch"
_DEVICE: Final = re.compile(r"(cpu|cuda|gpu)(?:[:.](\d{1,6}))?", re.ASCII | re.IGNORECASE)


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
            f"device={canonical_device(self.device)}",
            f"profile={self.profile}",
            *(f"{name}={value}" for name, value in sorted(self.settings)),
        ]
        if self.environment is not None:
            parts.append(f"environment={self.environment}")
        if self.artifact is not None:
            parts += _file_parts(self.artifact)
        return " ".join(parts)


def canonical_device(name: str) -> str:
    """The one name of a device that users call ``cuda``, ``CUDA:0`` or ``GPU.0``: ``cpu``, ``cuda:0``, ``gpu:0``.

    Any other name is a runtime's own, and stays as it is.
    """
    found = _DEVICE.fullmatch(name)
    if found is None:
        return name
    kind, index = found[1].lower(), int(found[2] or 0)
    return kind if kind == "cpu" and index == 0 else f"{kind}:{index}"


def device_forms(kinds: Iterable[str]) -> list[str]:
    """How devices of the kinds are written: ``cpu``, ``cuda``, ``cuda:N``."""
    return [form for one in kinds for form in ((one,) if one == "cpu" else (one, f"{one}:N"))]


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
    twice = [said.count(label) > 1 for label in said]  # one path with other bytes
    said = [one.key if same else label for label, one, same in zip(said, systems, twice, strict=True)]
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
        parts += [_tail(one.artifact, peers), *_read_as(one.artifact, peers)]
    if one.precision != "fp32" and len({peer.precision for peer in peers}) > 1:
        parts.append(one.precision)
    if one.profile != DEFAULT_PROFILE and len({peer.profile for peer in peers}) > 1:
        parts.append(one.profile)
    if len({peer.device for peer in peers}) > 1:
        parts.append(one.device)
    if len({peer.threads for peer in peers}) > 1:
        parts.append(f"{one.threads} thread{'' if one.threads == 1 else 's'}")
    if one.profile == DEFAULT_PROFILE:  # the profile stands for what a search found
        shared = set.intersection(*(set(peer.settings) for peer in peers))
        parts += [f"{name}={value}" for name, value in sorted(one.settings) if (name, value) not in shared]
    return " ".join(parts)


def _tail(file: ModelFile, peers: Sequence[System]) -> str:
    """The file's name, with as many folders before it as tell it from the others of that name."""
    own = PurePath(file.path).parts
    others = {PurePath(one.artifact.path).parts for one in peers if one.artifact is not None} - {own}
    for count in range(1, len(own)):
        if own[-count:] not in {other[-count:] for other in others}:
            return "/".join(own[-count:])
    return file.path


def _read_as(file: ModelFile, peers: Sequence[System]) -> list[str]:
    """How it is read, where others read the same file in another way."""
    same = [one.artifact for one in peers if one.artifact is not None and one.artifact.path == file.path]
    return _file_parts(file)[1:] if len({tuple(_file_parts(one)[1:]) for one in same}) > 1 else []


def _identity(file: ModelFile | None) -> str:
    return "" if file is None else " ".join(_file_parts(file))


def base_among(systems: Mapping[str, System]) -> str | None:
    """The default base among rows by label; None without rows.

    torch's fp32 default where it is, else another row of torch, else the first.
    """
    return min(systems, key=lambda name: _from_base(systems[name]), default=None)


def _from_base(one: System) -> int:
    return 2 if one.backend != PREFERRED_BASE else int(one.artifact is not None or one != plain_of(one))


def plain_of(one: System) -> System:
    """The same as its runtime ships it, in fp32: what its precision and settings are weighed against."""
    return replace(untuned(one), precision="fp32")


def untuned(one: System) -> System:
    """The same as its runtime ships it: what its settings are weighed against."""
    return replace(one, profile=DEFAULT_PROFILE, settings=())


def matched(base: Sequence[System], head: Sequence[System]) -> list[tuple[System, System]]:
    """The systems of two runs that are the same, (base's, head's): by key, else in all but the bytes of their file.

    Where both runs have a single system of a backend in an environment, these two, however they differ: what is
    compared says how (another file, other threads) or refuses.
    """
    found: dict[System, System] = {}
    for alike in _ALIKE:
        here = _single(alike, (one for one in base if one not in found))
        there = _single(alike, (one for one in head if one not in found.values()))
        found |= {one: there[key] for key, one in here.items() if key in there}
    here, there = (_single(lambda one: (one.backend, one.environment), side) for side in (base, head))
    found |= {one: there[key] for key, one in here.items() if key in there}
    return list(found.items())


def _single(of: Callable[[System], Hashable], systems: Iterable[System]) -> dict[Hashable, System]:
    """What only one of the systems has, and which that is."""
    named: dict[Hashable, list[System]] = {}
    for one in systems:
        named.setdefault(of(one), []).append(one)
    return {key: same[0] for key, same in named.items() if len(same) == 1}


def _key_but(**of_file: str) -> Callable[[System], str]:
    """The key without some of what its file is."""

    def key(one: System) -> str:
        if one.artifact is None:
            return one.key
        file = one.artifact
        known = {"path": file.path, "sha256": file.sha256} | of_file
        return replace(one, artifact=replace(file, path=known["path"], sha256=known["sha256"])).key

    return key


def _key_but_tuned(one: System) -> str:
    """The key without the settings of a row that was tuned: a search on either side may have found others."""
    return (one if one.profile == DEFAULT_PROFILE else replace(one, settings=())).key


_ALIKE: Final = (_key_but(), _key_but(sha256=""), _key_but(sha256="", path=""), _key_but_tuned)
"""From the narrowest: the same bytes; the same path, the same runtime and settings with any file; tuned for it."""
