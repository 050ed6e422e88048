"""Fitted last layers that come with the package, so that a first use does not fit them again.

A file holds one layer of :func:`alexbench.harness.models.seeded.fit_classifier`, exactly: the layer's numbers are
integers times a power of two. Its name is the network and the key of the recipe that made it; another recipe has
another key, and no file. ``tools/pack_classifier.py`` writes the file and ``nox -s digests`` checks it against the fit.
"""

import importlib.resources
import io
import lzma
import math
from importlib.resources.abc import Traversable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from alexbench.harness.models.seeded import BIAS_STEP, GRID_BITS

Layer: TypeAlias = tuple[NDArray[np.float32], NDArray[np.float32]]
"""Weight (classes, d) and bias (classes,)."""


class PackagedError(Exception):
    """The package's layer cannot be used; fit it instead."""


def packaged_file(network: str, key: str) -> Traversable:
    """Where the layer of a network and recipe is, if the package has it."""
    return importlib.resources.files("alexbench.harness.models").joinpath("classifiers", f"{network}-{key}.xz")


def pack(weight: NDArray[np.float32], bias: NDArray[np.float32]) -> bytes:
    """A layer as the bytes of a file, 2.9 MB for 1000 x 4096; ValueError when it is not on the grids of a fit."""
    step = 2.0 ** (math.floor(math.log2(float(np.abs(weight).max()))) + 1 - GRID_BITS)
    scaled = np.rint(weight / step).astype(np.int32)
    lowest = scaled.min(axis=0)
    above = scaled - lowest
    # A feature that is 0 has its column's lowest weight: columns with as many of those lie side by side.
    columns = np.argsort(np.count_nonzero(above, axis=0), kind="stable")
    low_high = np.ascontiguousarray(above[:, columns].T, dtype="<u2").view(np.uint8).reshape(*above.T.shape, 2)
    # Rounding leaves -0 as well as 0.
    zero = scaled[:, columns].T == 0
    negative = np.packbits(np.signbit(weight[:, columns].T[zero]))
    scaled_bias = np.rint(bias / BIAS_STEP).astype(np.int32)
    stored = io.BytesIO()
    for part in (np.array([step]), columns, lowest, scaled_bias, negative, low_high[:, :, 1], low_high[:, :, 0]):
        np.save(stored, np.ascontiguousarray(part), allow_pickle=False)
    packed = lzma.compress(stored.getvalue(), preset=9)
    if any(one.tobytes() != other.tobytes() for one, other in zip(unpack(packed), (weight, bias), strict=True)):
        raise ValueError("the layer does not lie on the grids of a fit")
    return packed


def unpack(packed: bytes) -> Layer:
    """The layer that :func:`pack` was given, bit for bit.

    Raises:
        PackagedError: the bytes are damaged.
    """
    try:
        stored = io.BytesIO(lzma.decompress(packed))
        step, columns, lowest, bias, negative, high, low = (_load(stored) for _ in range(7))
        scaled = (high.astype(np.int32) << 8 | low) + lowest[columns, None]
        sorted_weight = (scaled * step).astype(np.float32)
        zero = scaled == 0
        sorted_weight[zero] = np.where(np.unpackbits(negative, count=np.count_nonzero(zero)), np.float32(-0.0), 0)
    except (lzma.LZMAError, EOFError, ValueError, IndexError) as error:
        raise PackagedError(f"the packaged classifier is damaged: {error}") from error
    weight = np.empty(scaled.shape[::-1], dtype=np.float32)
    weight[:, columns] = sorted_weight.T
    return weight, (bias * BIAS_STEP).astype(np.float32)


def _load(stored: io.BytesIO) -> NDArray[Any]:
    array: NDArray[Any] = np.load(stored, allow_pickle=False)
    return array
