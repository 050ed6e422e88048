"""A training run on the terminal and as Markdown."""

from pathlib import Path
from typing import TextIO

import pandas as pd

from alexbench.harness.files.plain_text import encodable
from alexbench.harness.files.whole_file import write_whole
from alexbench.harness.records.training_curves import TrainingCurves
from alexbench.harness.records.training_run import TRAINING_LOG, TRAINING_REPORT, TrainingRun
from alexbench.reports.terminal import Terminal
from alexbench.reports.training.curves import curves_markdown, print_curves


def show_training(folder: Path, record: TrainingRun, *, printed: bool = True, stream: TextIO | None = None) -> None:
    """Write ``train.md`` to ``folder``; print the same, if ``printed``, and where it is."""
    curves = curves_of(folder, record)
    write_whole(folder / TRAINING_REPORT, encodable(curves_markdown(curves)).encode("utf-8"))
    if printed:
        print_curves(curves, stream)
        Terminal(stream).line(f"wrote {folder / TRAINING_REPORT}")


def curves_of(folder: Path, record: TrainingRun) -> TrainingCurves:
    """The curves of a training run from its record and its log."""
    log = pd.read_parquet(folder / TRAINING_LOG)
    log = log[log["step"] <= record.step]
    asked = record.asked
    return TrainingCurves(
        title=f"{asked.card} on {asked.backend}, recipe {asked.recipe}, {record.trained}",
        run=folder.name,
        synthetic=record.synthetic,
        losses=tuple(zip(log["step"].tolist(), log["loss"].tolist(), strict=True)),
        epochs=record.epochs,
        chance=100 / record.classes,
        skipped=record.skipped,
    )
