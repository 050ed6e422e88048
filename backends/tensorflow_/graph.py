"""The flat graph of a function that TensorFlow serves: called functions are inlined.

Only the few requested values of variables are copied. ``tensorflow`` is an argument.
"""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from alexbench.backends._shared.file_precision import FilePrecision
from alexbench.backends._shared.input_steps import (
    FIRST_LAYER,
    Arithmetic,
    Step,
    arithmetic,
    batch_norm,
    branches,
    is_first_layer,
    pointwise,
    product,
)
from alexbench.backends.tensorflow_ import precision as tensorflow_precision
from alexbench.harness.contract import Scores
from alexbench.harness.models.network import Layout

_COPIES: Final = {"Identity", "Cast", "StopGradient", "PreventGradient", "Snapshot", "CheckNumerics", "EnsureShape"}
_FIRST: Final = {
    *("Conv2D", "DepthwiseConv2dNative", "_FusedConv2D", "XlaConvV2", "MatMul", "BatchMatMulV2", "BatchMatMulV3"),
    *("_FusedMatMul", "QuantizedConv2D"),
}
_FAKES: Final = ("FakeQuant", "QuantizeAndDequantize")
"""Operations that round and still give floating numbers."""
_QUANTISES: Final = ("FakeQuant", "QuantizeAndDequantize", "Quantize", "Dequantize")
_RESHAPES: Final = {"Reshape", "Squeeze", "ExpandDims"}
_SIZES: Final = {"Shape", "Size", "Rank", "NoOp"}
_SOFTMAX: Final[Mapping[str, Scores]] = {"Softmax": "probabilities", "LogSoftmax": "log-probabilities"}
_ARITHMETIC: Final[Mapping[str, Arithmetic]] = {
    "Add": "add",
    "AddV2": "add",
    "Sub": "subtract",
    "Mul": "multiply",
    "RealDiv": "divide",
    "Div": "divide",
}
_CALLS: Final = {"PartitionedCall", "StatefulPartitionedCall"}
_READS: Final = "ReadVariableOp"
_SMALL: Final = 1 << 22
"""The most values of a normalisation: no more than a large image has."""


@dataclass(frozen=True, slots=True)
class _Scope:
    """A graph or the body of one call: its nodes, and the origin of its arguments as (scope, reference)."""

    prefix: str
    nodes: Mapping[str, Any]
    arguments: "Mapping[str, tuple[_Scope, str]]"


@dataclass(frozen=True, slots=True)
class _Node:
    """An operation in the flat graph, with the names of its inputs there."""

    name: str
    op: str
    attr: Any
    input: tuple[str, ...]


class Graph:
    """A served function's operations, from its input to its outputs."""

    def __init__(self, tf: ModuleType, function: Any) -> None:
        self._tf, self._function = tf, function
        definition = function.graph.as_graph_def()
        self._library = {one.signature.name: one for one in definition.library.function}
        self._captured = {inner.op.name: outer for outer, inner in function.graph.captures}
        top = _Scope("", {node.name: node for node in definition.node}, {})
        self._start = next(tensor.op.name for tensor in function.inputs if tensor.op.name not in self._captured)
        ends = [self._resolved(top, tensor.name) for tensor in function.outputs]
        self._ends = [scope.prefix + node.name for scope, node in ends]
        self._nodes = self._flat(ends)
        self._users: dict[str, list[_Node]] = {}
        for node in self._nodes.values():
            for name in dict.fromkeys(node.input):
                self._users.setdefault(name, []).append(node)

    def _flat(self, ends: list[tuple[_Scope, Any]]) -> dict[str, _Node]:
        """Every operation that ``ends`` depend on."""
        nodes: dict[str, _Node] = {}
        wanted = list(ends)
        while wanted:
            scope, node = wanted.pop()
            name = scope.prefix + node.name
            if name not in nodes:
                given = [self._resolved(scope, one) for one in node.input if not one.startswith("^")]
                inputs = tuple(inner.prefix + one.name for inner, one in given)
                nodes[name] = _Node(name, node.op, node.attr, inputs)
                wanted += given
        return nodes

    def _resolved(self, scope: _Scope, reference: str) -> tuple[_Scope, Any]:
        """The operation that a reference means (``op``, ``op:1``, in a body ``op:output:1``), across calls."""
        parts = reference.split(":")
        if parts[0] in scope.arguments:
            return self._resolved(*scope.arguments[parts[0]])
        node = scope.nodes[parts[0]]
        if node.op not in _CALLS:
            return scope, node
        body = self._library[node.attr["f"].func.name]
        given = [one for one in node.input if not one.startswith("^")]
        arguments = {one.name: (scope, ref) for one, ref in zip(body.signature.input_arg, given, strict=True)}
        inside = _Scope(f"{scope.prefix}{node.name}/", {one.name: one for one in body.node_def}, arguments)
        output = body.signature.output_arg[int(parts[-1]) if len(parts) > 1 else 0].name
        return self._resolved(inside, body.ret[output])

    def steps(self, channels: int) -> Iterator[Step]:
        """The operations on the input, up to the first layer or an operation that cannot be followed."""
        name = self._start
        while True:
            users = [node for node in self._users.get(name, []) if node.op not in _SIZES]
            if name in self._ends:
                yield Step("unknown", "an output of the graph")
                return
            meanings = [self._meaning(node, name, channels) for node in users]
            if len(users) != 1:
                yield from branches(meanings, [node.op for node in users]) if users else ()
                return
            yield from [Step("unknown", users[0].op)] if meanings[0] is None else meanings[0]
            name = users[0].name

    def scores(self, place: int) -> Scores | None:
        """The result of the last operation that computes anything; None if it is not a softmax."""
        node = self._nodes.get(self._ends[place])
        while node is not None:
            if node.op in _SOFTMAX:
                return _SOFTMAX[node.op]
            if node.op not in _COPIES | _RESHAPES and not node.op.startswith(_QUANTISES):
                return None
            node = self._nodes.get(node.input[0])
        return None

    def precision(self) -> FilePrecision:
        """The types that it stores, and that its products use."""
        return tensorflow_precision.read(self._tf, self._nodes, [*self._function.variables, *self._captured.values()])

    def _meaning(self, node: _Node, name: str, channels: int) -> list[Step] | None:
        """``node`` as steps on its input ``name``; None if it is something else."""
        place = node.input.index(name)
        if node.op in _FIRST:
            return self._first(node, channels) if place == 0 else None
        if place == 0 and node.op.startswith(_FAKES):
            ends = self._range(node)
            return None if ends is None else [Step("clip", ends)]
        if place == 0 and node.op in _COPIES:
            whole = node.op == "Cast" and not self._tf.as_dtype(node.attr["DstT"].type).is_floating
            return None if whole else [Step("nothing")]
        others = [self._value(one) for i, one in enumerate(node.input) if i != place]
        if any(one is None for one in others):
            return None
        channels_first = node.attr["data_format"].s == b"NCHW"
        layout: Layout = "NCHW" if channels_first else "NHWC"
        match node.op:
            case op if op in _ARITHMETIC:
                return arithmetic(_ARITHMETIC[op], others[0], first=place == 0)
            case "BiasAdd":
                bias = np.asarray(others[0])
                return [Step("add", bias.reshape(-1, 1, 1) if channels_first else bias)]
            case "FusedBatchNorm" | "FusedBatchNormV2" | "FusedBatchNormV3" if not node.attr["is_training"].b:
                scale, shift, mean, variance = (np.asarray(one) for one in others)
                return batch_norm(scale, shift, mean, variance, node.attr["epsilon"].f, layout)
            case _:
                return _moved(node, others) if place == 0 else None

    def _first(self, node: _Node, channels: int) -> list[Step] | None:
        """A first layer. A convolution with as many outputs as the image has channels does not count."""
        if "MatMul" in node.op:
            matrix = self._value(node.input[1])
            return None if matrix is None or matrix.ndim != 2 else [product(max(matrix.shape))]
        if node.op not in {"Conv2D", "DepthwiseConv2dNative"}:
            return None
        kernel = self._value(node.input[1])  # HWIO; for a depthwise convolution HWC and a multiplier
        if kernel is None or kernel.ndim != 4:
            return None
        height, width, inputs, outputs = kernel.shape
        depthwise = node.op != "Conv2D"
        weight = kernel.reshape(height, width, 1, inputs * outputs) if depthwise else kernel
        if inputs < 1 or channels % weight.shape[2]:
            return None
        groups = channels // weight.shape[2]
        if is_first_layer(weight.shape[3], (height, width), groups):
            return [FIRST_LAYER]
        layout: Layout = "NCHW" if node.attr["data_format"].s == b"NCHW" else "NHWC"
        return pointwise(weight.transpose(3, 2, 0, 1), None, groups, layout, channels)

    def _range(self, node: _Node) -> tuple[float, float] | None:
        """The range of a quantiser that returns floating numbers; None if it is chosen at run time."""
        if node.op == "FakeQuantWithMinMaxArgs":
            return node.attr["min"].f, node.attr["max"].f
        ends = [self._value(one) for one in node.input[1:3]]
        if len(ends) < 2 or any(one is None or np.size(one) != 1 for one in ends):
            return None
        least, most = (float(np.asarray(one)) for one in ends)
        return least, most

    def _value(self, name: str) -> NDArray[Any] | None:
        """The constant ``name``, computed from others if necessary; None if it depends on an input."""
        tf = self._tf
        definition = tf.compat.v1.GraphDef()
        wanted, seen = [name], set()
        while wanted:
            node = self._nodes[wanted.pop()]
            if node.name in seen:
                continue
            seen.add(node.name)
            known = self._captured_value(node)
            if known is None and (node.op.startswith("Placeholder") or node.name == self._start):
                return None
            copy = definition.node.add(name=node.name, op="Const" if known is not None else node.op)
            if known is None:
                for key in node.attr:
                    copy.attr[key].CopyFrom(node.attr[key])
                copy.input.extend(node.input)
                wanted += node.input
            elif known.size > _SMALL:
                return None
            else:
                copy.attr["dtype"].type = tf.as_dtype(known.dtype).as_datatype_enum
                copy.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(known))
        with contextlib.suppress(Exception), tf.Graph().as_default() as graph:
            tf.import_graph_def(definition, name="")
            config = tf.compat.v1.ConfigProto(device_count={"GPU": 0})
            with tf.compat.v1.Session(graph=graph, config=config) as session:
                return np.asarray(session.run(f"{name}:0"))
        return None

    def _captured_value(self, node: _Node) -> NDArray[Any] | None:
        """The value of ``node`` if it is a captured tensor or reads a captured variable."""
        if node.op == _READS:
            source = self._nodes[node.input[0]]
            while source.op == "Identity":
                source = self._nodes[source.input[0]]
            handle = self._captured.get(source.name)
            if handle is None:
                return None
            dtype = self._tf.as_dtype(node.attr["dtype"].type)
            return np.asarray(self._tf.raw_ops.ReadVariableOp(resource=handle, dtype=dtype).numpy())
        tensor = self._captured.get(node.name)
        if tensor is None or tensor.dtype == self._tf.resource:
            return None
        return np.asarray(tensor.numpy())


def _moved(node: _Node, others: list[Any]) -> list[Step] | None:
    """Operations that only reshape, pad or reorder values."""
    match node.op:
        case "Reshape" | "Squeeze":
            return [Step("flatten")]
        case "Pad" | "PadV2":
            return [Step("pad", np.flatnonzero(np.asarray(others[0]).any(axis=1)).tolist())]
        case "Transpose":
            return [Step("transpose", others[0])]
        case "ReverseV2":
            return [Step("reverse", others[0])]
        case "GatherV2":
            return [Step("gather", others[0], int(np.asarray(others[1])))]
        case "StridedSlice":
            axis = _reversed_axis(node, np.asarray(others[2]))
            return None if axis is None else [Step("reverse", [axis])]
        case _:
            return None


def _reversed_axis(node: _Node, strides: NDArray[Any]) -> int | None:
    """The axis that ``x[..., ::-1]`` or ``x[:, ::-1]`` reverses; None if a slice does anything else."""
    masks = {key: node.attr[f"{key}_mask"].i for key in ("begin", "end", "ellipsis", "new_axis", "shrink_axis")}
    if masks["new_axis"] or masks["shrink_axis"] or strides[-1] != -1 or not (strides[:-1] == 1).all():
        return None
    if any(
        not (masks["ellipsis"] >> i & 1) and not (masks["begin"] & masks["end"]) >> i & 1 for i in range(len(strides))
    ):
        return None
    return 3 if masks["ellipsis"] else len(strides) - 1
