"""A benchmark of training that never was."""

from typing import Any, Final

from alexbench.harness.models.recipes import published_training
from alexbench.harness.records.speed_records import Throughput
from alexbench.harness.records.training_speed_records import LossCheck, Scaled, StepSplit, TrainingRow, TrainingSpeed

REFERENCE: Final = (6.9, 6.8, 6.7)


def throughput(rate: float, half: float = 1.0) -> Throughput:
    return Throughput(32, rate, rate - half, rate + half, windows=9, processes=3)


def row(name: str, rate: float, *, error: float = 2e-6, **changes: Any) -> TrainingRow:
    """One that was measured; ``error``: of its losses."""
    check = LossCheck(tuple(one * (1 + error) for one in REFERENCE), REFERENCE, 8, error, 1e-4)
    scaled = (Scaled(1, 1, 8.0, 7.9, 8.1, 1.0), Scaled(2, 1, 14.0, 13.5, 14.5, 0.875))
    values: dict[str, Any] = {
        "compute": throughput(rate),
        "end_to_end": throughput(rate - 1),
        "split": StepSplit(90.0, 600.0, 1200.0, 110.0),
        "peak_mib": 1800.0,
        "check": check,
        "scaling": scaled,
    }
    return TrainingRow(name, "1.0", "cpu", 2, **{**values, **changes})


def speed(*rows: TrainingRow, **changes: Any) -> TrainingSpeed:
    """With the published figures; on synthetic images unless ``changes`` say otherwise."""
    values: dict[str, Any] = {
        "alexbench": "0.0",
        "started": "2026-12-01T00:00:00+00:00",
        "card": "torchvision",
        "recipe": "torchvision",
        "batch": 32,
        "macs": 714_188_480,
        "weights_digest": "ab" * 32,
        "data": "1000 images, 1000 of 1000 classes, wnid folders",
        "synthetic": True,
        "rounds": 3,
        "replicates": 3,
        "seed": 1,
        "machine": {"cpu": "AMD EPYC", "usable_cores": 2},
        "environment": {},
        "published": published_training(),
    }
    return TrainingSpeed(**{**values, **changes}, rows=rows)
