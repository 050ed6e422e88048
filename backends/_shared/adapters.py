"""What adapters share: importing a runtime, checking pixels, and a matrix that two of them need."""

import importlib
from collections.abc import Sequence
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from alexbench.harness.errors import BackendUnavailableError, DataError, UsageError
from alexbench.harness.models.network import Layout


def import_runtime(module: str, *, extra: str) -> ModuleType:
    """Import a runtime's top module.

    Raises:
        BackendUnavailableError: it is not there, or its installation is broken; one line, with the mend.
    """
    try:
        return importlib.import_module(module)
    except Exception as error:  # a broken installation may raise anything
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise BackendUnavailableError(
            f"{module} does not import ({reason}); pip install 'alexbench[{extra}]'"
        ) from error


def not_loaded(name: str, method: str) -> UsageError:
    """The error for a call that comes before ``load`` or after ``close``."""
    return UsageError(f"{name}: {method}() before load() or after close()")


def check_pixels(name: str, pixels: NDArray[np.float32], shape: Sequence[int], layout: Layout) -> None:
    """Refuse what is no batch of this network's input: ``shape`` is that of one picture, in ``layout``.

    Raises:
        DataError: wrong dtype or shape, or no picture; what was wanted is said.
    """
    if pixels.dtype != np.float32 or pixels.shape[1:] != tuple(shape) or not len(pixels):
        raise DataError(
            f"pixels are {pixels.dtype} of shape {pixels.shape}; {name} wants float32 ({', '.join(layout)}) = "
            f"(N >= 1, {', '.join(map(str, shape))})"
        )


def averaging_matrix(length: int, size: int) -> NDArray[np.float32]:
    """The (size, length) matrix that averages as torch.nn.AdaptiveAvgPool2d does along one side.

    Window i is [floor(i * length / size), ceil((i + 1) * length / size)).
    """
    matrix = np.zeros((size, length), np.float32)
    for i in range(size):
        start, stop = i * length // size, -(-(i + 1) * length // size)
        matrix[i, start:stop] = 1 / (stop - start)
    return matrix
