"""How many multiplications with a weight an .onnx file makes for one image, from the shapes in its graph."""

from math import prod
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import onnx

_WEIGHTS: Final = {
    **dict.fromkeys(("Conv", "FusedConv", "ConvInteger", "Gemm", "FusedGemm", "MatMul", "MatMulInteger"), 1),
    **dict.fromkeys(("FusedMatMul", "DynamicQuantizeMatMul", "MatMulIntegerToFloat"), 1),
    **dict.fromkeys(("QLinearConv", "QLinearMatMul", "QGemm"), 3),
}
"""Operator that multiplies with weights -> their place among its inputs."""
_UNKNOWN: Final = {"ConvTranspose", "QAttention", "Attention", "LSTM", "GRU", "RNN", "MatMulNBits", "Einsum"}
"""What multiplies in other ways, which are not counted."""
_SMALL: Final = 64
"""Values of a constant that a shape may be computed from."""


def macs(proto: "onnx.ModelProto", name: str, image: tuple[int, ...]) -> int | None:
    """Multiplications per image; None if a shape is unknown, or an operator multiplies in a way that is not counted.

    ``name``: the input that takes images; ``image``: its shape (N, ...) in the file's layout, without N.
    """
    from onnx import shape_inference

    try:
        inferred = shape_inference.infer_shapes(_of_one(proto, name, image))
    except Exception:  # a graph that shapes cannot be followed through says nothing of its size
        return None
    shapes = {one.name: tuple(one.dims) for one in inferred.graph.initializer}
    values = (*inferred.graph.input, *inferred.graph.value_info, *inferred.graph.output)
    shapes |= {one.name: shape for one in values if (shape := _shape(one)) is not None and one.name not in shapes}
    total = 0
    for node in inferred.graph.node:
        if node.op_type in _UNKNOWN:
            return None
        if node.op_type in _WEIGHTS:
            found = _of_node(node, shapes)
            if found is None:
                return None
            total += found
    return total or None


def _of_one(proto: "onnx.ModelProto", name: str, image: tuple[int, ...]) -> "onnx.ModelProto":
    """The graph for one image, without the shapes it was saved with, and with weights as inputs, not copied."""
    import onnx

    graph = onnx.GraphProto(name=proto.graph.name, node=proto.graph.node)
    one = onnx.ModelProto(ir_version=proto.ir_version, opset_import=proto.opset_import, functions=proto.functions)
    graph.input.extend(proto.graph.input)
    graph.output.extend(proto.graph.output)
    for tensor in proto.graph.initializer:
        if prod(tensor.dims) <= _SMALL:  # shapes are computed from it, as that of a Reshape
            graph.initializer.append(tensor)
        elif tensor.name not in {value.name for value in graph.input}:
            graph.input.append(onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, list(tensor.dims)))
    one.graph.CopyFrom(graph)
    for value in one.graph.input:
        if value.name == name:
            sides = value.type.tensor_type.shape.dim
            for side, size in zip(sides, (1, *image[1:]), strict=True):
                side.dim_value = size
    for value in one.graph.output:
        value.type.tensor_type.ClearField("shape")
    return one


def _of_node(node: Any, shapes: dict[str, tuple[int, ...]]) -> int | None:
    """Products of a node: weights x places they are applied at."""
    weight, out = shapes.get(node.input[_WEIGHTS[node.op_type]]), shapes.get(node.output[0])
    if not weight or out is None or 0 in (*weight, *out):
        return None
    if "Conv" in node.op_type:
        return prod(weight) * prod(out[2:])
    shared = weight[-1] if _is_transposed(node) else weight[max(len(weight) - 2, 0)]
    return prod(out) * shared


def _is_transposed(node: Any) -> bool:
    return any(one.name == "transB" and one.i for one in node.attribute)


def _shape(value: "onnx.ValueInfoProto") -> tuple[int, ...] | None:
    sides = value.type.tensor_type.shape.dim
    if not value.type.tensor_type.HasField("shape") or not all(side.HasField("dim_value") for side in sides):
        return None
    return tuple(side.dim_value for side in sides)
