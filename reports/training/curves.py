"""The curves of a training run as text: a line of the loss, and a table of its epochs."""

import math
from collections.abc import Sequence
from typing import Final, TextIO

from alexbench.harness.records.training_curves import EpochPoint, TrainingCurves
from alexbench.reports.markdown import escape, noted
from alexbench.reports.table import Table, number
from alexbench.reports.terminal import Terminal

_BARS: Final = "▁▂▃▄▅▆▇█"
_WIDTH: Final = 60
_EPOCHS: Final = 12
"""Epochs that a table shows: the first, the last, and others at equal distances."""


def answer(curves: TrainingCurves) -> list[str]:
    """Where the loss began and ended, and the last top-1."""
    if not curves.losses:
        return ["No step was trained."]
    (_, first), (steps, last) = curves.losses[0], curves.losses[-1]
    said = [f"Loss {first:.3f} at step 1, {last:.3f} at step {steps:,}."]
    scored = [one for one in curves.epochs if one.top1 is not None]
    if scored:
        end = scored[-1]
        said.append(f"Held-out top-1 {end.top1:.1f} % after epoch {end.epoch}; chance is {curves.chance:.1f} %.")
    if curves.skipped:
        said.append(f"{curves.skipped:,} images could not be decoded and were skipped.")
    return said


def sparkline(losses: Sequence[tuple[int, float]], width: int = _WIDTH) -> str:
    """The loss in ``width`` characters, each the mean of its steps; empty without a finite loss."""
    finite = [loss for _, loss in losses if math.isfinite(loss)]
    if not finite:
        return ""
    count = min(width, len(finite))
    parts = [finite[place * len(finite) // count : (place + 1) * len(finite) // count] for place in range(count)]
    means = [sum(part) / len(part) for part in parts]
    low, span = min(means), (max(means) - min(means)) or 1.0
    return "".join(_BARS[round((mean - low) / span * (len(_BARS) - 1))] for mean in means)


def epoch_table(curves: TrainingCurves) -> Table:
    """What each epoch came to."""
    table = Table("Epochs", "epochs")
    shown = _thinned(curves.epochs)
    if not shown:
        return table
    table.add("epoch", [str(one.epoch) for one in shown])
    table.add("steps", [f"{one.step:,}" for one in shown])
    table.add("lr", [f"{one.lr:g}" for one in shown])
    table.add("loss", [number(one.loss, 3) for one in shown])
    table.add("top-1 %", [number(one.top1, 1) for one in shown])
    table.add("images/s", [number(one.images_per_second, 1) for one in shown])
    table.add("minutes", [number(one.seconds / 60, 1) for one in shown])
    return table


def curves_markdown(curves: TrainingCurves, *, level: int = 2) -> str:
    """The run's title, its answer, the line of the loss, and the table."""
    synthetic = " (SYNTHETIC images)" if curves.synthetic else ""
    parts = [
        f"{'#' * level} {escape(curves.title)}{synthetic}",
        " ".join(map(escape, answer(curves))),
        f"Run {escape(curves.run)}. Loss over the steps: `{sparkline(curves.losses)}`",
        noted(epoch_table(curves)) if curves.epochs else "",
    ]
    return "\n\n".join(filter(None, parts)) + "\n"


def print_curves(curves: TrainingCurves, stream: TextIO | None = None) -> None:
    """The same on a terminal."""
    terminal = Terminal(stream)
    terminal.answer(answer(curves))
    line = sparkline(curves.losses)
    if line:
        terminal.line(f"loss  {line}")
    if curves.epochs:
        terminal.table(epoch_table(curves))


def _thinned(epochs: Sequence[EpochPoint]) -> list[EpochPoint]:
    if len(epochs) <= _EPOCHS:
        return list(epochs)
    places = {round(place * (len(epochs) - 1) / (_EPOCHS - 1)) for place in range(_EPOCHS)}
    return [epochs[place] for place in sorted(places)]
