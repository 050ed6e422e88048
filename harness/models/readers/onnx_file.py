"""Reads the weights of an .onnx file: its initializers, assigned to layers by the nodes that use them.

Names are arbitrary (``conv1_w_0`` in the ONNX zoo, ``features.0.weight`` from torch.onnx). The format requires that
nodes are in the order in which they compute. Only the operations of an AlexNet are read: in any other graph, the
weights alone would not be the network. Field numbers are those of onnx/onnx.proto.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from alexbench.harness.errors import WeightsError
from alexbench.harness.models.readers.layers import FileLayer, FileNetwork
from alexbench.harness.models.readers.onnx_tensors import Tensors
from alexbench.harness.models.readers.wire import (
    Field,
    Message,
    integers,
    last_integer,
    last_text,
    map_message,
    messages,
    texts,
)

# ModelProto, GraphProto, NodeProto, AttributeProto
_GRAPH: Final = 7
_NODES, _INITIALIZERS = 1, 5
_INPUTS, _OUTPUTS, _NODE_NAME, _OP_TYPE, _ATTRIBUTES = 1, 2, 3, 4, 5
_ATTRIBUTE_NAME, _FLOAT, _INTEGER, _TENSOR, _INTEGERS = 1, 2, 3, 5, 8

_QUANTISED: Final = ("quant", "qlinear", "qgemm", "integer")
"""A part of the names of ONNX's and ONNX Runtime's quantised operators."""

_SHAPING: Final = frozenset({"Flatten", "Reshape", "Squeeze"})
_WITHOUT_WEIGHTS: Final = _SHAPING | {
    *("Relu", "LRN", "MaxPool", "AveragePool", "GlobalAveragePool", "Pad", "Dropout", "Softmax", "LogSoftmax"),
    *("Identity", "Constant", "ConstantOfShape", "Cast", "Transpose", "Unsqueeze"),
    *("Shape", "Gather", "Slice", "Concat"),  # how exporters write a view's size
}
_FLOAT32: Final = 1
"""TensorProto's number of that type."""
_NODES_AT_MOST: Final = 2_000
"""The most operations of a graph, at a millisecond each. An AlexNet has 30, or 60 if a view's sizes are written out."""
_MAX_DEPTH: Final = 8
"""The most operations between a constant and its use. The limit also ends cycles."""
_MAX_INTEGERS: Final = 32


@dataclass(frozen=True, slots=True)
class Node:
    """One operation of the graph."""

    operator: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, dict[int, list[Field]]]

    def integer(self, name: str, default: int) -> int:
        """An attribute's integer."""
        return last_integer(self.attributes[name][_INTEGER], default) if name in self.attributes else default

    def integers(self, name: str) -> list[int]:
        """An attribute's integers."""
        return integers(self.attributes[name][_INTEGERS], _MAX_INTEGERS) if name in self.attributes else []

    def has_factor(self, name: str) -> bool:
        """Whether a float attribute (Gemm's alpha, beta) is present and not 1."""
        if name not in self.attributes:
            return False
        given = self.attributes[name][_FLOAT][-1:]
        return bool(given) and float(given[0].message.run_of_numbers(given[0], "<f4")[-1]) != 1.0


@dataclass(slots=True)
class _Walk:
    """The state of the walk from the first node to the last."""

    path: Path
    tensors: Tensors
    made_by: dict[str, Node] = field(default_factory=dict)
    layers: list[FileLayer] = field(default_factory=list)
    without_bias: dict[str, int] = field(default_factory=dict)  # output -> the layer whose bias an Add may be
    order: list[str] = field(default_factory=list)
    flattened: bool = False
    moved: tuple[int, ...] | None = None  # the last Transpose of activations before they were flattened


def read_onnx(path: Path) -> FileNetwork:
    """The layers of an .onnx file that have weights, in the order of its nodes: views over the mapped file.

    Raises:
        WeightsError: the file is damaged, not ONNX, quantised, or has operations that an AlexNet lacks.
    """
    model = map_message(path, "ONNX file")
    graphs = messages(model.grouped(_GRAPH)[_GRAPH])
    if not graphs:
        raise model.damaged("it has no graph")
    found = [graph.grouped(_NODES, _INITIALIZERS) for graph in graphs]
    count = sum(len(graph[_NODES]) for graph in found)
    if count > _NODES_AT_MOST:
        raise WeightsError(
            f"{path} has {count:,} operations, {_NODES_AT_MOST:,} at most are followed and an AlexNet has 30; give an"
            " AlexNet's file"
        )
    nodes = [_node(node) for graph in found for node in messages(graph[_NODES])]
    tensors = Tensors(path, [tensor for graph in found for tensor in messages(graph[_INITIALIZERS])])
    for node in nodes:
        if any(part in node.operator.lower() for part in _QUANTISED):
            raise WeightsError(
                f"{path} is quantised (operator {node.operator}) and has no float32 weights; run it unchanged:"
                f" --artifact onnxruntime={path}"
            )
    walk = _Walk(path, tensors)
    for node in nodes:
        _take(walk, node)
        walk.made_by.update(dict.fromkeys(node.outputs, node))
    order = walk.order
    return FileNetwork(tuple(walk.layers), order[0] == "LRN" if len(set(order)) == 2 else None)


def _node(node: Message) -> Node:
    found = node.grouped(_INPUTS, _OUTPUTS, _NODE_NAME, _OP_TYPE, _ATTRIBUTES)
    attributes = {}
    for attribute in messages(found[_ATTRIBUTES]):
        values = attribute.grouped(_ATTRIBUTE_NAME, _FLOAT, _INTEGER, _TENSOR, _INTEGERS)
        attributes[last_text(values[_ATTRIBUTE_NAME])] = values
    return Node(
        operator=last_text(found[_OP_TYPE]),
        name=last_text(found[_NODE_NAME]),
        inputs=tuple(texts(found[_INPUTS])),
        outputs=tuple(texts(found[_OUTPUTS])),
        attributes=attributes,
    )


def _take(walk: _Walk, node: Node) -> None:
    """One step: a layer with weights, a bias, or an operation without weights."""
    match node.operator:
        case "Conv":
            _take_layer(walk, node)
        case "Gemm":
            if node.integer("transA", 0) or node.has_factor("alpha") or node.has_factor("beta"):
                raise _not_taken(walk.path, node, "with transA, alpha or beta")
            _take_layer(walk, node)
        case "MatMul" if walk.flattened:
            _take_layer(walk, node)
        case "MatMul":
            pass  # an adaptive average pool, written as products with constants
        case "Add":
            _take_bias(walk, node)
        case "LRN" | "MaxPool":
            walk.order.append(node.operator)
        case "Transpose" if not walk.flattened and not _is_constant(walk, node):
            walk.moved = tuple(node.integers("perm"))
        case operator if operator in _SHAPING:
            walk.flattened |= not _is_constant(walk, node)
        case operator if operator not in _WITHOUT_WEIGHTS:
            raise _not_taken(walk.path, node, "which an AlexNet does not have")
        case _:
            pass


def _not_taken(path: Path, node: Node, why: str) -> WeightsError:
    named = f" ({node.name})" if node.name else ""
    return WeightsError(
        f"{path} has an operator {node.operator}{named} {why}: its weights alone are not the network; run it"
        f" unchanged: --artifact onnxruntime={path}"
    )


def _take_layer(walk: _Walk, node: Node) -> None:
    name = node.inputs[1] if len(node.inputs) > 1 else ""
    weight = _constant(walk, name)
    if weight is None:
        raise _not_taken(walk.path, node, "whose weights are computed")
    if weight.ndim == 2 and (node.operator == "MatMul" or not node.integer("transB", 0)):
        weight = weight.T
    if weight.ndim == 2 and not any(layer.weight.ndim == 2 for layer in walk.layers):
        weight = _chw_columns(walk, weight)
    bias_name = node.inputs[2] if len(node.inputs) > 2 else ""
    bias = _constant(walk, bias_name)
    if bias is None:
        walk.without_bias.update(dict.fromkeys(node.outputs, len(walk.layers)))
    walk.layers.append(FileLayer(weight, _flat(bias), name, bias_name or f"bias of {name}"))


def _chw_columns(walk: _Walk, weight: NDArray[Any]) -> NDArray[Any]:
    """fc6's columns in C, H, W order, whatever the order in which activations were flattened."""
    if walk.moved != (0, 2, 3, 1) or not walk.layers:
        return weight
    channels = walk.layers[-1].weight.shape[0]
    side = round((weight.shape[1] / max(channels, 1)) ** 0.5)
    if side * side * channels != weight.shape[1]:
        return weight
    moved = weight.reshape(-1, side, side, channels).transpose(0, 3, 1, 2)
    return np.ascontiguousarray(moved).reshape(weight.shape)


def _take_bias(walk: _Walk, node: Node) -> None:
    for one, other in (node.inputs, node.inputs[::-1]) if len(node.inputs) == 2 else ():
        position = walk.without_bias.pop(one, None)
        bias = _constant(walk, other)
        if position is not None and bias is not None:
            layer = walk.layers[position]
            walk.layers[position] = FileLayer(layer.weight, _flat(bias), layer.weight_name, other)
            return
    raise _not_taken(walk.path, node, "which is not a layer's bias")


def _flat(bias: NDArray[Any] | None) -> NDArray[Any] | None:
    """The bias of an Add has the shape of channels: (64, 1, 1)."""
    return bias if bias is None or bias.size != max(bias.shape, default=1) else bias.reshape(-1)


def _is_constant(walk: _Walk, node: Node) -> bool:
    return bool(node.inputs) and _constant(walk, node.inputs[0]) is not None


def _constant(walk: _Walk, name: str, depth: int = 0) -> NDArray[Any] | None:
    """The value of that name, if it is an initializer or a few plain operations on one; else None."""
    node = walk.made_by.get(name)
    if name in walk.tensors or node is None or depth > _MAX_DEPTH:
        return walk.tensors.get(name)
    if node.operator == "Constant":
        values = messages(node.attributes.get("value", {}).get(_TENSOR, []))
        return walk.tensors.read(values[-1], name) if values else None
    source = _constant(walk, node.inputs[0], depth + 1) if node.inputs else None
    if source is None:
        return None
    match node.operator:
        case "Identity":
            return source
        case "Cast" if (
            node.integer("to", 0) == _FLOAT32
        ):  # as stored: its reader converts it to float32 and reports that
            return source
        case "Transpose":
            order = node.integers("perm") or list(range(source.ndim))[::-1]
            return source.transpose(order) if sorted(order) == list(range(source.ndim)) else None
        case "Reshape" if len(node.inputs) > 1:
            shape = _constant(walk, node.inputs[1], depth + 1)
            return None if shape is None else _reshaped(source, shape)
        case _:
            return None


def _reshaped(source: NDArray[Any], shape: NDArray[Any]) -> NDArray[Any] | None:
    """Reshape as ONNX does: 0 keeps a dimension, -1 is the rest."""
    if shape.ndim != 1 or shape.size > _MAX_INTEGERS or shape.dtype != np.int64:
        return None
    sides = [
        source.shape[place] if side == 0 and place < source.ndim else int(side) for place, side in enumerate(shape)
    ]
    try:
        return source.reshape(sides)
    except (ValueError, OverflowError):
        return None
