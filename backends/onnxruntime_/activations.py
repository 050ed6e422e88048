"""The outputs of inner layers, from an ONNX graph that has them as graph outputs.

``onnx`` is imported inside the functions only.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from alexbench.backends._shared.exports import INPUT, OUTPUT
from alexbench.backends._shared.onnx_graph import graph_model
from alexbench.backends._shared.watched_layers import sources
from alexbench.harness.models.network import Network, output_shapes

if TYPE_CHECKING:
    import onnx
    import onnxruntime


def watched(network: Network, layers: Sequence[str]) -> "onnx.ModelProto":
    """The graph of ``network`` without its weights, with ``layers`` as outputs in addition to the logits.

    A node whose output is requested is not fused with any node after it.
    """
    from onnx import TensorProto, helper

    model, shapes = graph_model(network), output_shapes(network)
    for name in dict.fromkeys(_outputs(network, layers).values()):
        if name != OUTPUT:
            model.graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", *shapes[name]]))
    return model


def run(
    session: "onnxruntime.InferenceSession", network: Network, pixels: NDArray[np.float32], layers: Sequence[str]
) -> dict[str, NDArray[np.float64]]:
    """The layers' outputs (N, ...), float64, from a session of the graph that :func:`watched` made."""
    outputs = _outputs(network, layers)
    names = list(dict.fromkeys(outputs.values()))
    found = dict(zip(names, session.run(names, {INPUT: pixels}), strict=True))
    return {layer: np.asarray(found[name], np.float64) for layer, name in outputs.items()}


def _outputs(network: Network, layers: Sequence[str]) -> dict[str, str]:
    """Layer -> the graph's name for its output."""
    computed, last = sources(network), network.layers[-1].name
    return {name: OUTPUT if computed[name] == computed[last] else computed[name] for name in layers}
