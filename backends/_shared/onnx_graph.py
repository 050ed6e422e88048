"""The ONNX graph of a network: written from the description, without an exporter in between.

``onnx`` is imported inside the functions only.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from alexbench.backends._shared.adapters import averaging_matrix
from alexbench.backends._shared.exports import INPUT, OUTPUT
from alexbench.harness.contract import Model
from alexbench.harness.models.network import (
    LRN,
    AdaptiveAvgPool,
    Conv,
    Dropout,
    Flatten,
    Linear,
    MaxPool,
    Network,
    ReLU,
    Shape,
    output_shapes,
)

if TYPE_CHECKING:
    import onnx

# Opset 17 (IR 8, ONNX 1.12, 2022) is read by every tool still in use; nothing here needs more.
OPSET: Final = 17
IR_VERSION: Final = 8


def graph_model(network: Network) -> "onnx.ModelProto":
    """The graph without its weights: every parameter is an external initializer that the reader must supply.

    For a runtime that takes arrays in addition to the graph (``SessionOptions.add_external_initializers``): the 244 MB
    do not go through protobuf. Input ``pixels`` float32 (N, C, H, W), output ``logits`` float32 (N, outputs).
    """
    return _model(network, [_external(name, shape) for name, shape in network.parameter_shapes.items()])


def complete_model(model: Model) -> "onnx.ModelProto":
    """The graph with its weights inside, ready to be saved as one .onnx file (244 MB; protobuf's limit is 2 GB).

    The weights are added to the finished graph: onnx's helpers would copy them at each step (1.7 s instead of 0.4).
    """
    from onnx import TensorProto

    proto = graph_model(model.network)
    for tensor in proto.graph.initializer:
        if tensor.data_location == TensorProto.EXTERNAL:
            tensor.ClearField("data_location")
            tensor.ClearField("external_data")
            tensor.raw_data = model.weights[tensor.name].astype("<f4", copy=False).tobytes()
    return proto


def _model(network: Network, initializers: Iterable["onnx.TensorProto"]) -> "onnx.ModelProto":
    from onnx import TensorProto, helper

    nodes, constants = _nodes(network)
    graph = helper.make_graph(
        nodes,
        network.name,
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["N", *network.input_shape])],
        [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["N", network.outputs])],
        [*initializers, *constants],
    )
    return helper.make_model(
        graph,
        producer_name="alexbench",
        ir_version=IR_VERSION,
        opset_imports=[helper.make_opsetid("", OPSET)],
    )


def _nodes(network: Network) -> tuple[list["onnx.NodeProto"], list["onnx.TensorProto"]]:
    """The chain of nodes, each named after its layer, and the small constants that they need."""
    from onnx import helper, numpy_helper

    shapes = output_shapes(network)
    shape: Shape = network.input_shape
    nodes: list[onnx.NodeProto] = []
    constants: list[onnx.TensorProto] = []
    x = INPUT

    def node(operator: str, name: str, *extra: str, **attributes: Any) -> None:
        nonlocal x
        nodes.append(helper.make_node(operator, [x, *extra], [name], name=name, **attributes))
        x = name

    for layer in network.layers:
        name = layer.name
        match layer:
            case Conv():
                node(
                    "Conv",
                    name,
                    f"{name}.weight",
                    f"{name}.bias",
                    kernel_shape=[layer.kernel] * 2,
                    strides=[layer.stride] * 2,
                    pads=[layer.padding] * 4,
                    group=layer.groups,
                )
            case Linear():
                node("Gemm", name, f"{name}.weight", f"{name}.bias", transB=1)
            case ReLU():
                node("Relu", name)
            case LRN():  # ONNX divides alpha by size, as Caffe does
                node("LRN", name, size=layer.size, alpha=layer.alpha, beta=layer.beta, bias=layer.k)
            case MaxPool():
                node(
                    "MaxPool",
                    name,
                    kernel_shape=[layer.kernel] * 2,
                    strides=[layer.stride] * 2,
                    ceil_mode=int(layer.ceil_mode),
                )
            case AdaptiveAvgPool():
                # ONNX has no such operator. If the size is already right, it is the identity; otherwise a product with
                # an averaging matrix along each side.
                if shape[1:] != (layer.size, layer.size):
                    rows, columns = (averaging_matrix(length, layer.size) for length in shape[1:])
                    constants.append(numpy_helper.from_array(np.ascontiguousarray(columns.T), f"{name}.columns"))
                    constants.append(numpy_helper.from_array(rows, f"{name}.rows"))
                    node("MatMul", f"{name}.width", f"{name}.columns")
                    nodes.append(helper.make_node("MatMul", [f"{name}.rows", x], [name], name=name))
                    x = name
            case Flatten():
                node("Flatten", name, axis=1)
            case Dropout():
                pass  # identity at inference
        shape = shapes[name]
    nodes[-1].output[0] = OUTPUT
    return nodes, constants


def _external(name: str, shape: Shape) -> "onnx.TensorProto":
    """An initializer whose data are elsewhere. The location is a placeholder that is never opened."""
    from onnx import TensorProto

    tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=shape, data_location=TensorProto.EXTERNAL)
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "given-by-the-caller"
    return tensor
