"""What is asked of the process itself, and of what is installed for its interpreter."""

from dataclasses import dataclass

from alexbench.harness.files.lines import Done, Request
from alexbench.harness.measure.environment import Environment
from alexbench.harness.measure.process import Memory


@dataclass(frozen=True, slots=True)
class Quit(Request[Done]):
    """Release everything, answer, and end."""


@dataclass(frozen=True, slots=True)
class Restart(Request[Done]):
    """Make way for the next child of the fork server, whose hello is the answer. Only a forked worker knows it."""


@dataclass(frozen=True, slots=True)
class MemoryUse:
    """What the process uses, and the cores that it may run on."""

    memory: Memory
    affinity: tuple[int, ...] | None


@dataclass(frozen=True, slots=True)
class ReadMemory(Request[MemoryUse]):
    """What this process uses."""


@dataclass(frozen=True, slots=True)
class ReadEnvironment(Request[Environment]):
    """Versions, variables and git state of this process, whose interpreter may be another than the command's."""

    distributions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Probed:
    """What keeps a backend from running in this environment, None for nothing."""

    problem: str | None


@dataclass(frozen=True, slots=True)
class Probe(Request[Probed]):
    """Whether a backend is installed; imports no runtime."""

    backend: str


@dataclass(frozen=True, slots=True)
class Devices:
    """The devices that a runtime sees."""

    devices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ListDevices(Request[Devices]):
    """Import a runtime and ask it."""

    backend: str
