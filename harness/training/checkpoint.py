"""Checkpoints of a training: weights, momentum and the number of steps in one file, written whole or not at all."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from alexbench.harness.errors import UsageError, WeightsError
from alexbench.harness.files.whole_file import whole_file

_MOMENTUM = "momentum."
_STEPS = "steps"

Arrays = Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """``weights`` and ``momentum``: float32, by canonical names. ``steps``: how many steps led to them."""

    weights: Arrays
    momentum: Arrays
    steps: int

    @property
    def finite(self) -> bool:
        """Whether no array has a NaN or an infinity."""
        return all(bool(np.isfinite(array).all()) for array in (*self.weights.values(), *self.momentum.values()))


def write_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write ``path``; the checkpoint that was there stays until the new one is complete.

    Raises:
        OSError: the disk is full, or the folder cannot be written to.
    """
    arrays = {**checkpoint.weights, **{_MOMENTUM + name: array for name, array in checkpoint.momentum.items()}}
    write_arrays(path, arrays, {_STEPS: str(checkpoint.steps)})


def write_arrays(path: Path, arrays: Arrays, metadata: Mapping[str, str] | None = None) -> None:
    """Write ``arrays`` as a safetensors file, whole or not at all.

    Raises:
        OSError: the disk is full, or the folder cannot be written to.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import save_file

    try:
        with whole_file(path) as partial:
            partial.touch()
            mode = partial.stat().st_mode
            save_file(dict(arrays), partial, metadata=dict(metadata or {}))
            partial.chmod(mode)  # safetensors makes a file that nobody else may read
    except SafetensorError as error:
        raise OSError(" ".join(str(error).split())) from error


def read_checkpoint(path: Path, shapes: Mapping[str, tuple[int, ...]]) -> Checkpoint:
    """Read ``path``, whose weights must have ``shapes``.

    Raises:
        UsageError: there is no checkpoint, or it is of another network. The message names the array.
        WeightsError: the file is damaged.
    """
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise UsageError(f"{path}: no checkpoint was written yet; start the training again")
    try:
        with safe_open(path, framework="numpy") as file:
            steps = int((file.metadata() or {})[_STEPS])
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # it is not a mapping
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise WeightsError(
            f"{path} is not a whole checkpoint of alexbench train ({' '.join(str(error).split())})"
        ) from error
    for name, shape in shapes.items():
        for key in (name, _MOMENTUM + name):
            found = tuple(arrays[key].shape) if key in arrays else None
            if found != tuple(shape):
                has = "is missing" if found is None else f"is {found}"
                raise UsageError(f"{path} is of another network: {key} {has}, wanted {tuple(shape)}")
    extra = sorted(arrays.keys() - shapes.keys() - {_MOMENTUM + name for name in shapes})
    if extra:
        raise UsageError(f"{path} is of another network: it has {extra[0]}, which this one does not have")
    weights = {name: arrays[name] for name in shapes}
    return Checkpoint(weights, {name: arrays[_MOMENTUM + name] for name in shapes}, steps)
