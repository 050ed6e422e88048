"""Code that adapters share for inner layers: which layer computes what, and the canonical order."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from alexbench.harness.errors import UnsupportedOptionError, UsageError
from alexbench.harness.models.network import AdaptiveAvgPool, Dropout, Flatten, Linear, Network, Shape, output_shapes


def check_layers(network: Network, layers: Sequence[str]) -> None:
    """Refuse names that are not layers.

    Raises:
        UsageError: a name is not a layer of the network.
    """
    if unknown := set(layers) - {layer.name for layer in network.layers}:
        known = ", ".join(layer.name for layer in network.layers)
        raise UsageError(f"{network.name} has no layer {', '.join(sorted(unknown))}; its layers: {known}")


def no_activations(name: str) -> UnsupportedOptionError:
    """The error for a loaded artifact."""
    return UnsupportedOptionError(
        f"{name}: the names of an artifact's inner layers are unknown; compare layers of a row that runs from weights"
    )


def sources(network: Network) -> dict[str, str]:
    """Layer -> the layer whose output it returns: itself, except for layers that a graph at inference leaves out.

    These are dropout, and adaptive pooling if the size is already right. No network begins with one of them.
    """
    shapes = output_shapes(network)
    shape: Shape = network.input_shape
    found: dict[str, str] = {}
    computed = ""
    for layer in network.layers:
        identity = isinstance(layer, Dropout) or (isinstance(layer, AdaptiveAvgPool) and shapes[layer.name] == shape)
        computed = computed if identity else layer.name
        found[layer.name], shape = computed, shapes[layer.name]
    return found


def from_nhwc(network: Network, outputs: dict[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float64]]:
    """Outputs of an NHWC runtime in canonical order, float64: (N, C, H, W), and flattened ones in C, H, W order."""
    shapes = output_shapes(network)
    shape: Shape = network.input_shape
    flattened: Shape | None = None
    found: dict[str, NDArray[np.float64]] = {}
    for layer in network.layers:
        if isinstance(layer, Flatten):
            flattened = shape
        elif isinstance(layer, Linear):
            flattened = None
        shape = shapes[layer.name]
        if layer.name not in outputs:
            continue
        array = outputs[layer.name].astype(np.float64)
        if flattened is not None:
            channels, height, width = flattened
            array = array.reshape(-1, height, width, channels)
        if array.ndim == 4:
            array = np.ascontiguousarray(array.transpose(0, 3, 1, 2))
        found[layer.name] = array.reshape(len(array), *shape)
    return {name: found[name] for name in outputs}
