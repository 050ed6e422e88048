"""How long training takes: steps on batches in memory or from the disk, and the losses of the first steps."""

from dataclasses import dataclass
from pathlib import Path

from alexbench.harness.contract import Options
from alexbench.harness.files.lines import Done, Request
from alexbench.harness.measure.clock import Timed
from alexbench.harness.models.preprocessing import Preprocessing
from alexbench.harness.models.recipes import AugmentationName


@dataclass(frozen=True, slots=True)
class FeedFrom:
    """Training images at ``path``, drawn to ``limit`` with ``seed``, decoded ahead by ``workers`` processes."""

    path: Path
    layout: str
    labels: str | None
    limit: int | None
    seed: int
    augmentation: AugmentationName
    workers: int


@dataclass(frozen=True, slots=True)
class Group:
    """The process's place among those that train together, each with its address (host:port)."""

    rank: int
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OpenTraining(Request[Done]):
    """Build the network for training from ``weights``.

    ``pixels``: a .npy file (batches, N, H, W, 3) uint8 that lies in memory from then on; ``labels``: (batches, N).
    ``group``: None for a process that trains alone.
    """

    backend: str
    network: str
    input_size: int
    weights: Path
    options: Options
    preprocessing: Preprocessing
    lr: float
    momentum: float
    weight_decay: float
    dropout: float
    pixels: Path
    labels: Path
    label_offset: int = 0
    seed: int = 1
    group: Group | None = None


@dataclass(frozen=True, slots=True)
class OpenFeed(Request[Done]):
    """Open the images for :class:`TimeFedSteps`, and let the processes that decode start."""

    feed: FeedFrom


@dataclass(frozen=True, slots=True)
class TimeSteps(Request[Timed]):
    """A block of steps on the batches in memory, in turn, for so long; one at least."""

    seconds: float


@dataclass(frozen=True, slots=True)
class TimeFedSteps(Request[Timed]):
    """The same on batches that are read, decoded and augmented; waiting for them is part of a step."""

    seconds: float


@dataclass(frozen=True, slots=True)
class TrainTimed(Request[Timed]):
    """So many steps on the batches in memory: in a group, every process makes as many."""

    steps: int


@dataclass(frozen=True, slots=True)
class PartsOfSteps:
    """Nanoseconds of the parts of each step."""

    data: tuple[int, ...]
    forward: tuple[int, ...]
    backward: tuple[int, ...]
    optimizer: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SplitSteps(Request[PartsOfSteps]):
    """Where the time of so many steps goes; decoding in this process, with nothing made ahead."""

    steps: int


@dataclass(frozen=True, slots=True)
class Losses:
    """The loss of each step, before its update."""

    losses: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class TrainSteps(Request[Losses]):
    """Train on the first ``steps`` batches in memory, once each."""

    steps: int
