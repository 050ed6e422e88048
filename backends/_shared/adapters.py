"""Code that adapters share: importing a runtime, checking pixels, and a matrix that two of them use."""

import importlib
import re
from collections.abc import Sequence
from types import ModuleType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from alexbench.harness.contract import Options
from alexbench.harness.errors import BackendUnavailableError, DataError, UnsupportedOptionError, UsageError, known_words
from alexbench.harness.models.network import Layout
from alexbench.harness.systems import device_forms

_OF_ERROR: Final = re.compile(r"^\s*(?:\w+\.)*\w*(?:Error|Exception)\b:\s*(.+)", re.MULTILINE)
_LONGEST: Final = 300


def telling_line(text: str) -> str:
    """The line of a runtime's long message that says what went wrong: its error line, else its first; "" if empty."""
    found = _OF_ERROR.findall(text)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return (found[-1].strip() if found else lines[0] if lines else "")[:_LONGEST]


def import_runtime(module: str, *, extra: str) -> ModuleType:
    """Import a runtime's top module.

    Raises:
        BackendUnavailableError: it is not installed, or its installation is broken; one line, with the fix.
    """
    try:
        return importlib.import_module(module)
    except Exception as error:  # a broken installation may raise anything
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise BackendUnavailableError(
            f"{module} does not import ({reason}); pip install 'alexbench[{extra}]'"
        ) from error


def device_index(backend: str, kinds: Sequence[str], name: str) -> int:
    """The index in a device's name, 1 in ``cuda:1``; 0 where it has none.

    Raises:
        UnsupportedOptionError: it is not of one of the ``kinds`` that ``backend`` knows.
    """
    kind, colon, index = name.partition(":")
    if kind not in kinds or (colon and not (index.isascii() and index.isdecimal())) or name == "cpu:":
        raise UnsupportedOptionError(f"{backend}: unknown device {name!r}; {known_words(name, device_forms(kinds))}")
    return int(index or 0)


def not_loaded(name: str, method: str) -> UsageError:
    """The error for a call that comes before ``load`` or after ``close``."""
    return UsageError(f"{name}: {method}() before load() or after close()")


def cpu_in_fp32(name: str, options: Options) -> None:
    """Refuse all but fp32 on the CPU, for a backend that has nothing else.

    Raises:
        UnsupportedOptionError: the message says what would have run.
    """
    device_index(name, ("cpu",), options.device)
    if options.precision != "fp32":
        raise UnsupportedOptionError(
            f"{name}: asked for {options.precision}, which this adapter does not build; fp32 would have run;"
            " use --precision fp32"
        )


def check_pixels(name: str, pixels: NDArray[np.float32], shape: Sequence[int], layout: Layout) -> None:
    """Refuse anything but a batch of this network's input. ``shape``: of one image, in ``layout``.

    Raises:
        DataError: the dtype or shape is wrong, or there is no image. The message has the expected shape.
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
