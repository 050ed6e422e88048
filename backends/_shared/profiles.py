"""What the adapters' layer profiles share: whose time an operator's is, and the median over inferences."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import numpy as np

from alexbench.harness.models.network import Conv, Linear, Network, ReLU

WARM_UP: Final = 5
"""Inferences before those that count: kernels are compiled and weights packed in the first of them."""
NO_LAYER: Final = ""
"""Where the time of reorders and copies goes."""
MILLISECONDS_A_MICROSECOND: Final = 1e-3


def layer_of(network: Network, name: str, operator: str = "") -> str:
    """The layer that an operator of that name works for, ``""`` if none.

    Runtimes derive a name from the layer's: ``fused fc6``, ``pool1_nchwc``, ``avgpool.width``, ``conv1/BiasAdd``. An
    operator fused of several is at times named after the last of them: a convolution or a product that is called
    ``relu1`` is the weighted layer before it, with that ReLU in it.
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
    """The operators of one inference, as (layer, time), added by layer."""
    total: dict[str, float] = {}
    for layer, time in times:
        total[layer] = total.get(layer, 0.0) + time
    return total


def medians(inferences: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The median of each layer over the inferences; a layer that one of them does not know took no time in it."""
    layers = dict.fromkeys(layer for times in inferences for layer in times)
    return {layer: float(np.median([times.get(layer, 0.0) for times in inferences])) for layer in layers}
