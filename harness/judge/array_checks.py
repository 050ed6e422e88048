"""Whether what a backend returned is what its contract promises: looked at before anything is made of it."""

from collections.abc import Sequence
from typing import Any

import numpy as np


def broken(found: Any, wanted: Sequence[int], *, dtype: str, contiguous: bool = True) -> str | None:
    """What is wrong with an answer that should be an array of ``wanted`` shape (images, ...), None for nothing."""
    shape = f"({', '.join(map(str, wanted))})"
    if not isinstance(found, np.ndarray) or isinstance(found, np.ma.MaskedArray | np.matrix):
        return f"returned {_article(type(found).__name__)}, wanted an array {dtype} {shape}"
    if found.shape != tuple(wanted):
        return f"returned an array of shape {found.shape}, wanted {shape}: {_what(found.shape, wanted)}"
    if found.dtype != np.dtype(dtype):  # in the machine's order of bytes
        return f"returned {found.dtype} {found.shape}, wanted {dtype} {shape}"
    if contiguous and not found.flags.c_contiguous:
        return f"returned an array {found.shape} with strides {found.strides}, wanted {shape} C-contiguous"
    return None


def _what(shape: tuple[int, ...], wanted: Sequence[int]) -> str:
    if len(shape) != len(wanted):
        return f"{len(shape)} dimensions, not {len(wanted)}"
    names = ("images", "outputs")
    return " and ".join(
        f"{got} {name}, not {side}" for name, got, side in zip(names, shape, wanted, strict=False) if got != side
    )


def _article(name: str) -> str:
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"
