"""Where a runtime leaves float64: the error of each layer's output, and the bound it is held to.

Rounding grows from layer to layer, and what one layer does wrong all later ones inherit: so every layer has a bound
that healthy runtimes keep, and the first that is over its own is where to look. The verdict is on the largest error:
one channel that is off shows there and drowns in a mean.
"""

from collections.abc import Mapping
from math import log2, sqrt
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from alexbench.harness.contract import Precision
from alexbench.harness.judge.parity import FARTHEST
from alexbench.harness.models.network import Conv, Linear, Network
from alexbench.harness.records.layer_records import LayerError

UNIT_ROUNDOFF: Final[Mapping[Precision, float]] = {"fp32": 2.0**-24, "bf16": 2.0**-8}
"""Half the distance from 1 to the next number: significands of 24 and of 8 bits."""
HEALTHY: Final[Mapping[Precision, float]] = {"fp32": 111.0, "bf16": 15.0}
"""The worst healthy layer: max abs error over sigma, in unit roundoffs times the root of the products so far.

Measured on `owt`, `bvlc` and `tfcnn` with synthetic weights and 8 images (Xeon with AMX, 2 threads; torch 2.13, ONNX
Runtime 1.31, OpenVINO 2026.4, TensorFlow 2.21): fp32 13 to 111 (OpenVINO and TensorFlow, conv2 of `owt`), bf16 2 to 15
(PyTorch, fc8). fp32 adds up in fp32, thousands of terms a product; bf16 rounds what goes in and out and adds up in
fp32: hence fewer. The table is in docs/evidence/layers.md, made by tests/studies/layer_errors.py.
"""
MARGIN: Final = 4.0
"""Other processors, kernels, weights and images may round worse than the worst seen, by so much."""
MOST_BITS: Final = 53.0
"""Float64's own: there is no more to compare with."""
CHANNELS_NAMED: Final = 5


def products(network: Network) -> dict[str, int]:
    """Layer -> how many convolutions and matrix products there were up to it."""
    count, found = 0, {}
    for layer in network.layers:
        count += isinstance(layer, Conv | Linear)
        found[layer.name] = count
    return found


def scales(network: Network) -> dict[str, str]:
    """Layer -> the convolution or fully connected layer whose float64 output says how large an error is: the last one.

    What comes between them enlarges no error (ReLU, pooling, averaging) or hardly (LRN, for k of 1 and more): measured
    by one sigma, such a layer is the first that is off only where it does something wrong itself.
    """
    scale, found = network.layers[0].name, {}
    for layer in network.layers:
        if isinstance(layer, Conv | Linear):
            scale = layer.name
        found[layer.name] = scale
    return found


def bounds(network: Network, precision: Precision) -> dict[str, float]:
    """Layer -> the largest error over sigma that is still rounding: MARGIN x HEALTHY x u x sqrt(products)."""
    unit = MARGIN * HEALTHY[precision] * UNIT_ROUNDOFF[precision]
    return {layer: unit * sqrt(max(1, count)) for layer, count in products(network).items()}


def layer_error(
    layer: str, found: NDArray[Any], truth: NDArray[np.float64], *, sigma: float, bound: float
) -> LayerError:
    """Compare a layer's outputs (N, channels, ...) with float64's of the same images.

    What is not finite is as far off as can be.

    Raises:
        ValueError: the shapes differ.
    """
    if found.shape != truth.shape:
        raise ValueError(f"{layer} is of shape {found.shape}, wanted {truth.shape}")
    error = found - truth
    largest = np.abs(error).max(axis=tuple(axis for axis in range(error.ndim) if axis != 1))
    by_channel = _over(largest, sigma)
    relative = float(_over(np.sqrt(np.mean(error**2)), float(np.sqrt(np.mean(truth**2)))))
    off = np.flatnonzero(by_channel > bound)
    worst = off[np.argsort(-by_channel[off], kind="stable")][:CHANNELS_NAMED]
    return LayerError(
        layer=layer,
        max_abs_over_sigma=float(by_channel.max()),
        relative_rms=relative,
        bits=min(MOST_BITS, max(0.0, -log2(relative))) if relative > 0 else MOST_BITS,
        bound=bound,
        channels=len(by_channel),
        off=len(off),
        worst=tuple((int(channel), float(by_channel[channel])) for channel in worst),
    )


def _over(error: NDArray[np.float64] | np.float64, scale: float) -> NDArray[np.float64]:
    """The error in scales; FARTHEST if that is not a number, or the scale is 0."""
    values = np.asarray(error, np.float64)
    ratio = values / scale if scale > 0 else np.where(values == 0, 0.0, FARTHEST)
    return np.where(np.isfinite(ratio), np.minimum(ratio, FARTHEST), FARTHEST)
