"""Weights without training: seeded random layers, and a last layer solved in closed form.

The layers before the last are He-scaled: uniform within sqrt(6 / fan_in) (He et al. 2015, arXiv 1502.01852, equation
10, as a uniform distribution), which preserves the size of activations from layer to layer. The last layer is the
nearest class mean, shrunk towards the centre of all classes. Its logit orders classes like the squared distance to an
image's features.

Bits: PCG64's raw output is a fixed stream (NEP 19); a weight is made of integers, one product and a correctly rounded
    square root. The last layer is rounded to a coarse grid, which removes the last bits of a matrix product that differ
    between machines.
"""

import math
import zlib
from collections.abc import Mapping
from typing import Final

import numpy as np
import numpy.typing as npt

GRID_BITS: Final = 12
"""Bits of the largest weight of the last layer. Measured on 1000 synthetic images: top-1 moves by at most one."""

BIAS_STEP: Final = 2.0**-10
"""The step of the last layer's biases."""

SHRINKAGE: Final = 0.6
"""The distance of an image's features from the centre of all classes, relative to its class's mean over clean training
images (nearest shrunken centroids, Tibshirani et al. 2002). Chosen from 0 to 1 on the synthetic set. At 1, an image
weakened by foreign cells goes to the classes nearest the centre, and a mistake that sharpens it can even help."""

LOGIT_SCALE: Final = 16.0
"""The approximate logit of a training image's own class, with a mean over classes of 0: that of a trained AlexNet."""

_HALF_RANGE: Final = 1 << 24
_CHUNK: Final = 1 << 20


def seeded_layer(name: str, shape: tuple[int, ...], seed: int, *, bound: float) -> npt.NDArray[np.float32]:
    """float32 array of `shape`, uniform within `bound`, from a stream that `seed` and `name` select."""
    bits = np.random.PCG64([seed, zlib.crc32(name.encode())])
    values = np.empty(math.prod(shape), dtype=np.float32)
    for first in range(0, values.size, _CHUNK):
        part = values[first : first + _CHUNK]
        raw = bits.random_raw((part.size + 1) // 2)
        # Low half first, on any byte order; 24 bits each, as odd integers symmetric about 0.
        halves = np.stack([raw & np.uint64(0xFFFFFFFF), raw >> np.uint64(32)], axis=1).reshape(-1)[: part.size]
        odd = (halves >> np.uint64(8)).astype(np.int64) * 2 + 1 - _HALF_RANGE
        part[:] = odd.astype(np.float64) * (bound / _HALF_RANGE)
    return values.reshape(shape)


def seeded_weights(
    shapes: Mapping[str, tuple[int, ...]], seed: int, *, bias_bound: float = 0.125
) -> dict[str, npt.NDArray[np.float32]]:
    """Random weights for `shapes`: names ending in .weight (OIHW or out x in) or .bias (out,).

    `bias_bound` is in the units of the network's activations, which are about 1 if the input's are.
    """
    return {
        name: seeded_layer(
            name, shape, seed, bound=bias_bound if name.endswith(".bias") else math.sqrt(6.0 / math.prod(shape[1:]))
        )
        for name, shape in shapes.items()
    }


def fit_classifier(
    features: npt.NDArray[np.float64], labels: npt.NDArray[np.int64], classes: int
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Nearest class mean as a linear layer: weight float32 (classes, d) and bias float32 (classes,).

    `features` is (n, d), `labels` (n,) from 0 to classes - 1; ValueError when a class has no image. Both results are
    multiples of powers of two.
    """
    counts = np.bincount(labels, minlength=classes)
    if counts.size != classes or not counts.all():
        raise ValueError(f"every one of {classes} classes needs an image; got {np.count_nonzero(counts)} classes")
    means = np.zeros((classes, features.shape[1]))
    np.add.at(means, labels, features)
    means /= counts[:, None]
    centre = means.mean(axis=0)
    weight = means - centre
    # Own logit minus the mean over classes is about half the mean squared distance from the centre.
    scale = 2.0 ** round(math.log2(2 * LOGIT_SCALE / float(np.mean(np.sum(weight**2, axis=1)))))
    bias = -(SHRINKAGE * np.sum(weight**2, axis=1) / 2 + weight @ centre)
    bias -= bias.mean()
    step = 2.0 ** (math.floor(math.log2(float(np.abs(weight).max() * scale))) + 1 - GRID_BITS)
    return _on_grid(weight * scale, step), _on_grid(bias * scale, BIAS_STEP)


def _on_grid(values: npt.NDArray[np.float64], step: float) -> npt.NDArray[np.float32]:
    """`values` rounded to multiples of `step`, a power of two."""
    return (np.rint(values / step) * step).astype(np.float32)
