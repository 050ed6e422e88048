"""A training run, as data: ``alexbench train`` writes it with each checkpoint, and reads it to resume."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from alexbench.harness.errors import UsageError
from alexbench.harness.records.json_record import read_json_record
from alexbench.harness.records.training_curves import EpochPoint

TRAINING_RUN_SCHEMA: Final = 1
TRAINING_RUN: Final = "train.json"
TRAINING_LOG: Final = "log.parquet"
CHECKPOINT: Final = "checkpoint.safetensors"
TRAINED_WEIGHTS: Final = "weights.safetensors"
TRAINING_REPORT: Final = "train.md"

TrainingStatus = Literal["running", "interrupted", "stopped", "diverged", "failed", "complete"]
"""stopped: by --steps or --minutes, before the last epoch."""


@dataclass(frozen=True, slots=True)
class TrainingAsked:
    """What was asked for; resuming asks for the same. ``lr``: of the first epoch. ``batch``: images per step.

    ``data`` and ``val``: paths, empty for the synthetic images. ``val_limit``: held-out images that are scored.
    """

    card: str
    recipe: str
    backend: str
    data: str
    layout: str | None
    labels: str | None
    limit: int | None
    val: str
    val_limit: int
    batch: int
    lr: float
    epochs: int
    seed: int
    threads: int
    workers: int
    on_error: Literal["fail", "skip"]
    deterministic: bool
    checkpoint_minutes: float


@dataclass(frozen=True, slots=True)
class TrainingRun:
    """A training run so far.

    ``data_digest``: SHA-256 over names and labels in order. ``step``: steps that the checkpoint has. ``skipped``:
    images that could not be decoded, in all steps. ``weights_digest``: of the trained weights, once they are written.
    ``validated``: folders of the runs that scored them, relative to this run's folder where possible.
    """

    alexbench: str
    started: str
    status: TrainingStatus
    asked: TrainingAsked
    data: str
    data_digest: str
    images: int
    classes: int
    synthetic: bool
    steps_per_epoch: int
    step: int
    seconds: float
    skipped: int
    epochs: tuple[EpochPoint, ...]
    machine: dict[str, Any]
    environment: dict[str, Any]
    weights_digest: str = ""
    validated: tuple[str, ...] = ()
    schema: int = TRAINING_RUN_SCHEMA

    @property
    def trained(self) -> str:
        """What it is, in the words of a leaderboard."""
        epochs = self.step / self.steps_per_epoch
        count = f"{epochs:.0f}" if epochs == int(epochs) else f"{epochs:.2g}"
        return f"trained here, {count} epoch{'' if count == '1' else 's'} on {self.classes} classes"


def read_training_run(folder: Path) -> TrainingRun:
    """Read ``folder``/train.json.

    Raises:
        UsageError: the folder is not that of a training run.
        RecordError: the file is damaged, or of a newer version.
    """
    path = folder / TRAINING_RUN
    if not path.is_file():
        raise UsageError(f"{folder} is not a training run: it has no {TRAINING_RUN}; alexbench train makes one")
    return read_json_record(TrainingRun, path, key="schema", newest=TRAINING_RUN_SCHEMA)
