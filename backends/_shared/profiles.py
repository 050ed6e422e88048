"""Code that layer profiles share: which layer an operator's time belongs to, and the median over inferences."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import numpy as np

from alexbench.harness.models.network import Conv, Linear, Network, ReLU

WARM_UP: Final = 5
"""Warm-up inferences: the first ones compile kernels and pack weights."""
NO_LAYER: Final = ""
"""The row for the time of reorders and copies."""
MILLISECONDS_A_MICROSECOND: Final = 1e-3


def layer_of(network: Network, name: str, operator: str = "") -> str:
    """The layer that an operator of that name belongs to; ``""`` if none.

    Runtimes derive a name from the layer's: ``fused fc6``, ``pool1_nchwc``, ``avgpool.width``, ``conv1/BiasAdd``. A
    fused operator may have the name of its last part: a convolution or product named ``relu1`` is the weighted layer
    before it, including that ReLU.
    """
    plain = name.removeprefix("fused ")
    begun: str = NO_LAYER
    for layer in network.layers:
        if isinstance(layer, Conv | Linear):
            begun = layer.name
        if plain == layer.name or plain.startswith(tuple(layer.name + mark for mark in "_./")):
            weighted = any(word in operator for word in ("Conv", "Gemm", "MatMul"))
            return begun if isinstance(layer, ReLU) and weighted else layer.name
    return NO_LAYER


def summed(times: Iterable[tuple[str, float]]) -> dict[str, float]:
    """The operators of one inference, (layer, time), summed by layer."""
    total: dict[str, float] = {}
    for layer, time in times:
        total[layer] = total.get(layer, 0.0) + time
    return total


def medians(inferences: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The median of each layer over the inferences. A layer that is missing from an inference took no time in it."""
    layers = dict.fromkeys(layer for times in inferences for layer in times)
    return {layer: float(np.median([times.get(layer, 0.0) for times in inferences])) for layer in layers}
