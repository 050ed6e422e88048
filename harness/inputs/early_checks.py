"""What the file system and the first bytes of a file already tell: checked before any worker starts or image is read.

Flags are checked before, by :func:`alexbench.harness.resolving.resolve`.
"""

import os
from pathlib import Path

from alexbench.datasets.layouts.model_classes import read_model_classes
from alexbench.datasets.layouts.opening import check_exists
from alexbench.harness.config import PUBLISHED, RunConfig
from alexbench.harness.errors import UsageError
from alexbench.harness.inputs.converting import check_source
from alexbench.harness.inputs.model_files import check_trust
from alexbench.harness.models.card import load_card


def check_early(config: RunConfig) -> None:
    """Refuse what cannot be used: the card, model files, weights, interpreters, images and labels.

    Raises:
        AlexBenchError: one of them is missing, or of another kind than it should be.
    """
    load_card(config.model)
    for label, python in config.environments.items():
        _check_interpreter(f"--environment {label}={python}", Path(python))
    for backend, python in config.pythons.items():
        _check_interpreter(f"--python {backend}={python}", Path(python))
    check_trust(config)
    if config.weights is not None and config.weights != PUBLISHED:
        check_source(Path(config.weights), flatten=config.weights_layout, key=config.weights_key)
    if config.data is not None:
        check_exists(config.data)
    if config.labels is not None:
        read_model_classes(Path(config.labels))


def _check_interpreter(given: str, python: Path) -> None:
    """Refuse what cannot be started; whether it is Python, only starting it tells."""
    if not python.exists():
        raise UsageError(f"{given}: no such file; name a Python interpreter, as in /opt/other/bin/python")
    if python.is_dir():
        inside = next((one for one in (python / "bin" / "python", python / "python") if one.is_file()), None)
        fix = "name the interpreter in it" if inside is None else f"name {inside}"
        raise UsageError(f"{given}: this is a folder; {fix}")
    if not os.access(python, os.X_OK):
        raise UsageError(f"{given}: this file cannot be executed; name a Python interpreter")
