"""Recognises synthetic weights in a file by the note that we write into it, or by the numbers themselves.

Random layers are drawn from one seed by name alone (:mod:`alexbench.harness.models.seeded`), so the layer before the
last is the same in every network and card. A file is searched as bytes, so nothing in it is parsed or run. Files
without the note, or with fp16 weights, are still recognised.
"""

import mmap
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from alexbench.harness.models.seeded import seeded_weights

WEIGHTS_SEED: Final = 1
"""The seed of the random layers of all synthetic weights."""
MARK: Final = "SYNTHETIC (synthetic-v"
"""The beginning of the note on synthetic weights, in every exported format."""

_LAYER: Final = "fc7"
_INPUTS: Final = 4096
_COMPARED: Final = 16
"""How many numbers are compared: 16 fp16 numbers are equal by chance once in 2^256."""


def is_synthetic(path: Path) -> bool:
    """Whether the file or folder ``path``, or its data file, has synthetic weights; False if unreadable."""
    return any(_marked(file) for file in _files(path))


def _files(path: Path) -> Iterator[Path]:
    """The file and its OpenVINO .bin or ONNX data file, or all files of a folder."""
    if path.is_dir():
        yield from sorted(path.rglob("*"))
        return
    yield path
    if path.suffix == ".xml":
        yield path.with_suffix(".bin")
    elif path.suffix == ".onnx":
        yield path.with_name(f"{path.name}.data")


def _marked(path: Path) -> bool:
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return any(data.find(mark) >= 0 for mark in _marks())  # 0.03 s for 244 MB each
    except (OSError, ValueError):  # mmap refuses an empty file with a ValueError
        return False


@cache
def _marks() -> tuple[bytes, ...]:
    """The note, and the first numbers of a layer as runtimes store them: rows or columns first, in three types."""
    shapes = {f"{_LAYER}.weight": (_COMPARED, _INPUTS), f"{_LAYER}.bias": (_COMPARED,)}
    drawn = seeded_weights(shapes, WEIGHTS_SEED)
    weight, bias = drawn[f"{_LAYER}.weight"], drawn[f"{_LAYER}.bias"]
    numbers = (weight[0, :_COMPARED], weight[:, 0], bias)
    return (MARK.encode(), *(stored for one in numbers for stored in _stored(one)))


def _stored(values: NDArray[np.float32]) -> Iterator[bytes]:
    """Little-endian float32, float16 and bfloat16 (rounded to even)."""
    little: NDArray[Any] = np.ascontiguousarray(values, dtype="<f4")
    yield little.tobytes()
    yield little.astype("<f2").tobytes()
    bits = little.view("<u4")
    yield ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype("<u2").tobytes()
