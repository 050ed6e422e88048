"""What a training run shows over time, as data: the loss of its steps, and what each epoch came to."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EpochPoint:
    """The end of an epoch, counted from 1. ``step``: steps until then. ``top1``: percent of held-out images, or None.

    ``loss``: the mean over the epoch's steps. ``seconds`` since training began.
    """

    epoch: int
    step: int
    lr: float
    loss: float
    seconds: float
    images_per_second: float
    top1: float | None = None


@dataclass(frozen=True, slots=True)
class TrainingCurves:
    """One training run. ``title``: what was trained on what, in words; ``run``: the name of its folder.

    ``losses``: (step from 1, loss). ``chance``: top-1 in percent of an answer at random.
    """

    title: str
    run: str
    synthetic: bool
    losses: tuple[tuple[int, float], ...]
    epochs: tuple[EpochPoint, ...]
    chance: float
    skipped: int = 0
