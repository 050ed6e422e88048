"""How fast a network trains on each runtime, as data: ``alexbench train --benchmark`` measures it, reports show it."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from alexbench.harness.records.json_record import read_json_record
from alexbench.harness.records.speed_records import Throughput

TRAINING_SPEED_SCHEMA: Final = 1
TRAINING_SPEED: Final = "training-speed.json"
TRAINING_SPEED_REPORT: Final = "training-speed.md"

PASSES: Final = 3
"""Forward once, backward twice: each product of the forward pass has one for the inputs' gradient, one for the
weights'. The first layer's is not subtracted. Kaplan et al. 2020 (arXiv 2001.08361) and MLPerf count so."""


@dataclass(frozen=True, slots=True)
class StepSplit:
    """Milliseconds of one step, the median of steps, by part; ``data``: reading, decoding, and the network's input."""

    data_ms: float
    forward_ms: float
    backward_ms: float
    optimizer_ms: float


@dataclass(frozen=True, slots=True)
class LossCheck:
    """Losses of the first steps against float64 from the same weights, batches and recipe, without dropout.

    ``images`` a step. ``error``: the largest relative difference from the reference; ``tolerance``: what it may be.
    """

    losses: tuple[float, ...]
    reference: tuple[float, ...]
    images: int
    error: float
    tolerance: float

    @property
    def agrees(self) -> bool:
        """Whether every loss is within the tolerance."""
        return self.error <= self.tolerance


@dataclass(frozen=True, slots=True)
class Scaled:
    """Training in ``processes`` processes of ``threads`` threads each, compute alone.

    ``efficiency``: images/s over ``processes`` times that of one process with as many threads.
    """

    processes: int
    threads: int
    images_per_second: float
    low: float
    high: float
    efficiency: float


@dataclass(frozen=True, slots=True)
class TrainingRow:
    """One runtime. ``compute``: batches lie in memory; ``end_to_end``: images are read and decoded as they are needed.

    ``peak_mib``: the most resident memory of the training process. ``error``: why there is no figure.
    """

    name: str
    version: str
    device: str
    threads: int
    compute: Throughput | None = None
    end_to_end: Throughput | None = None
    split: StepSplit | None = None
    peak_mib: float | None = None
    check: LossCheck | None = None
    scaling: tuple[Scaled, ...] = ()
    error: str = ""


@dataclass(frozen=True, slots=True)
class PublishedTraining:
    """A published training throughput and the hardware it was measured on: never comparable with another machine's."""

    source: str
    images_per_second: float
    hardware: str
    devices: int


@dataclass(frozen=True, slots=True)
class TrainingSpeed:
    """A benchmark of training: every runtime in the same rounds, with the same weights, batches and seed."""

    alexbench: str
    started: str
    card: str
    recipe: str
    batch: int
    macs: int
    weights_digest: str
    data: str
    synthetic: bool
    rounds: int
    replicates: int
    seed: int
    machine: dict[str, Any]
    environment: dict[str, Any]
    rows: tuple[TrainingRow, ...]
    published: tuple[PublishedTraining, ...] = ()
    remarks: tuple[str, ...] = ()
    schema_version: int = TRAINING_SPEED_SCHEMA
    conditions: dict[str, Any] = field(default_factory=dict)

    @property
    def flops_per_image(self) -> int:
        """Floating-point operations to train on one image: 2 x MACs of the forward pass x PASSES."""
        return 2 * self.macs * PASSES

    def gflops_per_second(self, rate: Throughput) -> float:
        """GFLOP/s at a rate."""
        return rate.images_per_second * self.flops_per_image / 1e9


def read_training_speed(folder: Path) -> TrainingSpeed:
    """Read ``folder``/training-speed.json.

    Raises:
        RecordError: it is missing, damaged, or written by a newer version.
    """
    path = folder / TRAINING_SPEED
    return read_json_record(TrainingSpeed, path, key="schema_version", newest=TRAINING_SPEED_SCHEMA)
