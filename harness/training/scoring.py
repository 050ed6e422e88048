"""The weights of a training, scored on every runtime."""

import os
from dataclasses import replace
from pathlib import Path

from alexbench.harness.console.progress import Display
from alexbench.harness.inputs.synthetic import synthetic_pictures
from alexbench.harness.records.training_run import TRAINED_WEIGHTS, TrainingRun
from alexbench.harness.resolving import resolve
from alexbench.harness.running.pipeline import Outcome, run
from alexbench.harness.training.train import write_training_run


def score(folder: Path, record: TrainingRun, *, out: Path, cache: Path, display: Display) -> Outcome:
    """A run of all installed runtimes with the trained weights, on all held-out images; each record names the other.

    The run's record has the weights file in ``folder`` in its configuration.
    """
    asked = record.asked
    values = {
        "model": asked.card,
        "weights": str((folder / TRAINED_WEIGHTS).absolute()),
        "data": asked.val or str(synthetic_pictures("val", cache, log=cache / "inputs.log", display=display).root),
        "out": str(out),
        "only": "accuracy",
    }
    outcome = run(resolve(values), display)
    validated = (*record.validated, os.path.relpath(outcome.folder, folder))
    write_training_run(folder, replace(record, validated=validated))
    return outcome
