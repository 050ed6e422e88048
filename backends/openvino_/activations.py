"""The outputs of inner layers, from an OpenVINO model that has them as outputs. ``openvino`` is an argument."""

from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from alexbench.backends._shared.watched_layers import sources
from alexbench.harness.models.network import Network

if TYPE_CHECKING:
    import openvino


def watch(graph: "openvino.Model", network: Network, layers: Sequence[str]) -> dict[str, int]:
    """Add ``layers`` as outputs to ``graph``, whose nodes are named after layers. Returns layer -> output number.

    A node whose output is requested is not fused with any node after it.
    """
    nodes = {node.get_friendly_name(): node for node in graph.get_ops()}
    computed = sources(network)
    numbers = {computed[network.layers[-1].name]: 0}  # the logits are the graph's own output
    for name in dict.fromkeys(computed[layer] for layer in layers):
        if name not in numbers:
            numbers[name] = len(numbers)
            graph.add_outputs([nodes[name].output(0)])
    return {layer: numbers[computed[layer]] for layer in layers}


def run(
    ov: ModuleType, compiled: "openvino.CompiledModel", pixels: NDArray[np.float32], places: Mapping[str, int]
) -> dict[str, NDArray[np.float64]]:
    """The layers' outputs (N, ...), float64. ``places``: the result of :func:`watch`."""
    request = compiled.create_infer_request()
    request.set_input_tensor(ov.Tensor(pixels))
    request.infer()
    # These are copies, because the tensors belong to the request.
    return {layer: request.get_output_tensor(place).data.astype(np.float64) for layer, place in places.items()}
