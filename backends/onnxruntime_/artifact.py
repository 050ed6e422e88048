"""Reads the facts of an ONNX file from its graph; nothing is run.

``onnx`` is imported inside the functions only.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from alexbench.backends._shared.artifacts import Port, picture_input, picture_shape, scores_output, unreadable
from alexbench.backends._shared.file_precision import of_facts
from alexbench.backends._shared.input_steps import (
    FIRST_LAYER,
    Arithmetic,
    Step,
    arithmetic,
    batch_norm,
    branches,
    dequantise,
    is_first_layer,
    pointwise,
    product,
    quantise,
    read_steps,
)
from alexbench.backends.onnxruntime_ import precision
from alexbench.backends.onnxruntime_.constants import Constants
from alexbench.backends.onnxruntime_.macs import macs
from alexbench.harness.contract import Artifact, ArtifactFacts, Scores
from alexbench.harness.errors import WeightsError

if TYPE_CHECKING:
    import onnx

_COPIES: Final = {"Identity", "Cast", "Dropout", "DynamicQuantizeLinear"}
"""Operators that return their first input, at most rounded."""
_FIRST: Final = {
    *("Conv", "FusedConv", "ConvInteger", "QLinearConv", "MatMul", "Gemm", "FusedMatMul", "FusedGemm", "QGemm"),
    *("MatMulInteger", "QLinearMatMul", "DynamicQuantizeMatMul", "MatMulIntegerToFloat", "MatMulNBits"),
}
_SCALED: Final = {"QLinearConv", "QLinearMatMul", "QGemm"}
"""Those operators whose inputs are followed by a scale and a zero point."""
_CONVOLUTIONS: Final = {"Conv", "FusedConv", "ConvInteger"}
_DYNAMIC: Final = {"ConvInteger", "MatMulInteger", "MatMulIntegerToFloat"}
"""Operators on integers whose scale is chosen at run time."""
_DOMAINS: Final = {"", "ai.onnx", "com.microsoft"}
"""The domains whose operators are known: a name in another domain may mean anything."""
_CONVERSIONS: Final = {"QuantizeLinear", "DequantizeLinear", "CastLike"}
_RESHAPES: Final = {"Reshape", "Squeeze", "Unsqueeze", "Flatten", "Transpose"}
_ARITHMETIC: Final[Mapping[str, Arithmetic]] = {
    "Add": "add",
    "Sub": "subtract",
    "Mul": "multiply",
    "Div": "divide",
    "QLinearAdd": "add",
    "QLinearMul": "multiply",
}
_SIZES: Final = {"Shape", "Size"}
"""Operators that read only a tensor's shape: they do not count as a fork."""
_SOFTMAX: Final[Mapping[str, Scores]] = {
    "Softmax": "probabilities",
    "QLinearSoftmax": "probabilities",
    "LogSoftmax": "log-probabilities",
}


def inspect(artifact: Artifact) -> ArtifactFacts:
    """The facts of an ``.onnx`` file; see :class:`RunsArtifacts`."""
    import onnx

    path = artifact.path
    try:
        proto = onnx.load(path, load_external_data=False)
    except OSError as error:
        raise WeightsError(f"{path} cannot be read: {error.strerror}") from error
    except Exception as error:  # protobuf's errors have no narrower base class
        raise unreadable(artifact, "it is damaged, or not an ONNX file") from error
    graph = _Graph(proto, artifact)
    if not graph.outputs:
        raise unreadable(artifact, "it has no graph")
    picture = picture_input(graph.inputs, artifact)
    output, count = scores_output(graph.outputs, artifact)
    channels = artifact.image[0]
    reading = read_steps(graph.steps(picture.port.name, channels), picture.layout, artifact.image)
    return ArtifactFacts(
        format="ONNX",
        input_name=picture.port.name,
        output_name=output.name,
        layout=picture.layout,
        dtype=picture.port.dtype,
        batch=picture.batch,
        outputs=count,
        scores=graph.scores(output.name) or "logits",
        scores_in_graph=graph.scores(output.name) or "logits",
        normalisation=reading.normalisation,
        unread=reading.unread,
        clips=reading.clips,
        **of_facts(precision.read(proto)),
        version=f"IR {proto.ir_version}, opset {_opset(proto)}",
        producer=" ".join(filter(None, (proto.producer_name, proto.producer_version))),
        macs=macs(proto, picture.port.name, (0, *picture_shape(artifact.image, picture.layout))),
    )


class _Graph:
    """A graph with an index of its names."""

    def __init__(self, proto: "onnx.ModelProto", artifact: Artifact) -> None:
        graph = proto.graph
        self._proto = proto
        self._made_by = {name: node for node in graph.node for name in node.output}
        self._functions = {(one.domain, one.name) for one in proto.functions}
        self._constants = Constants(proto, artifact, self._functions)
        self._used_by: dict[str, list[onnx.NodeProto]] = {}
        for node in graph.node:
            for name in dict.fromkeys((*node.input, *_captured(node))):
                self._used_by.setdefault(name, []).append(node)
        # Before IR 4, initializers were also listed among the inputs.
        self.inputs = [_port(value) for value in graph.input if value.name not in self._constants]
        self.outputs = [_port(value) for value in graph.output]

    def steps(self, name: str, channels: int) -> Iterator[Step]:
        """The operations on ``name``, up to the first layer or an operation that cannot be followed."""
        passed: set[str] = set()
        while name not in passed:
            passed.add(name)
            users = [node for node in self._used_by.get(name, []) if node.op_type not in _SIZES and self._matters(node)]
            if name in {port.name for port in self.outputs}:
                yield Step("unknown", "an output of the graph")
                return
            meanings = [self._meaning(node, name, channels) for node in users]
            if len(users) != 1:
                yield from branches(meanings, [node.op_type for node in users]) if users else ()
                return
            yield from [Step("unknown", users[0].op_type)] if meanings[0] is None else meanings[0]
            name = users[0].output[0]
        yield Step("unknown", "a cycle")

    def _matters(self, node: "onnx.NodeProto") -> bool:
        """Whether anything uses a result of ``node``."""
        ends = {port.name for port in self.outputs}
        return any(name in self._used_by or name in ends for name in node.output)

    def scores(self, name: str) -> Scores | None:
        """The result of the last operation that computes anything; None if it is not a softmax."""
        for node in self._back(name):
            if node.op_type in _SOFTMAX:
                return _SOFTMAX[node.op_type]
            if node.op_type not in _COPIES | _RESHAPES | _CONVERSIONS:
                return None
        return None

    def _back(self, name: str) -> Iterator["onnx.NodeProto"]:
        """The operations that compute ``name``, along their first inputs.

        Each occurs once: a damaged graph may have cycles.
        """
        for _ in self._proto.graph.node:
            node = self._made_by.get(name)
            if node is None:
                return
            yield node
            if not node.input:
                return
            name = node.input[0]

    def _meaning(self, node: "onnx.NodeProto", name: str, channels: int) -> list[Step] | None:
        """``node`` as steps on its input ``name``; None if it is something else."""
        kind, attributes = node.op_type, _attributes(node)
        if node.domain not in _DOMAINS or (node.domain, kind) in self._functions or name not in node.input:
            return None
        if kind == "DynamicQuantizeLinear":
            users = self._used_by.get(node.output[0], [])
            return [Step("nothing")] if all(one.op_type in _DYNAMIC for one in users) else None
        if kind in _FIRST:
            return self._first(node, name, channels)
        if kind in _COPIES:
            return [Step("nothing")] if _to_floats(attributes) and node.input[0] == name else None
        if kind in {"QuantizeLinear", "DequantizeLinear"} and node.input[0] == name:
            scaling = self._scaling(node, 1)
            if scaling is None:
                return None
            return dequantise(*scaling) if kind == "DequantizeLinear" else quantise(*scaling, *_ends(scaling[1]))
        if kind == "BatchNormalization" and not attributes.get("training_mode"):
            given = [value for one in node.input[1:5] if (value := self._constants.value(one)) is not None]
            if len(given) != 4:
                return None
            scale, shift, mean, variance = given
            return batch_norm(scale, shift, mean, variance, attributes.get("epsilon", 1e-5), "NCHW")
        if kind in _ARITHMETIC:
            return self._arithmetic(node, name)
        return self._moved(node, attributes) if node.input[0] == name else None

    def _moved(self, node: "onnx.NodeProto", attributes: dict[str, Any]) -> list[Step] | None:
        """Operations that only reshape, pad or reorder values."""
        match node.op_type:
            case "Pad":
                return self._padding(node, attributes)
            case "Flatten" | "Reshape" | "Squeeze":
                return [Step("flatten")]
            case "Transpose":
                return [Step("transpose", attributes.get("perm", [3, 2, 1, 0]))]
            case "Gather":
                indices = self._constants.value(node.input[1])
                return None if indices is None else [Step("gather", indices, attributes.get("axis", 0))]
            case _:
                return None

    def _first(self, node: "onnx.NodeProto", name: str, channels: int) -> list[Step] | None:
        """A first layer. A convolution with as many outputs as the image has channels does not count."""
        if name != node.input[0] and not (node.op_type == "MatMul" and name == node.input[1]):
            return None
        if node.op_type in _SCALED:
            scaling = self._scaling(node, 1)
            if scaling is None:
                return None
            layer = self._convolution(node, 3, channels) if node.op_type == "QLinearConv" else self._product(node)
            return None if layer is None else [*dequantise(*scaling), *layer]
        if node.op_type in _CONVOLUTIONS:
            return self._convolution(node, 1, channels)
        return self._product(node)

    def _product(self, node: "onnx.NodeProto") -> list[Step] | None:
        """A matrix product and the number of its inputs: for a flattened image, the longer side of the weights."""
        shapes = [shape for name in node.input if name and (shape := self._shape(name)) is not None and len(shape) == 2]
        return [product(max(shapes[0]))] if len(shapes) == 1 else None

    def _convolution(self, node: "onnx.NodeProto", place: int, channels: int) -> list[Step] | None:
        """A first layer, or arithmetic by channel. ``place``: the index of its weights among the inputs."""
        shape, groups = self._shape(node.input[place]), _attributes(node).get("group", 1)
        if shape is None or len(shape) != 4 or groups < 1 or shape[1] * groups != channels:
            return None
        if is_first_layer(shape[0], (shape[2], shape[3]), groups):
            return [FIRST_LAYER]
        weight = self._constants.value(node.input[place])
        bias = self._constants.value(node.input[2]) if node.op_type == "Conv" and len(node.input) > 2 else None
        if weight is None or node.op_type != "Conv" or (bias is None and len(node.input) > 2):
            return None
        return pointwise(weight, bias, groups, "NCHW", channels)

    def _shape(self, name: str) -> tuple[int, ...] | None:
        """The shape of an initializer, or of a value computed from one; None if it depends on an input."""
        for node in self._back(name):
            if node.op_type not in _COPIES | _CONVERSIONS or not node.input:
                break
            name = node.input[0]
        if name in self._constants:
            return self._constants.dims(name)
        value = self._constants.value(name)
        return None if value is None else value.shape

    def _padding(self, node: "onnx.NodeProto", attributes: dict[str, Any]) -> list[Step] | None:
        pads = attributes.get("pads") if len(node.input) < 2 else self._constants.value(node.input[1])
        if pads is None or np.size(pads) != 8 or (len(node.input) > 3 and node.input[3]) or np.min(pads) < 0:
            return None
        return [Step("pad", np.flatnonzero(np.reshape(pads, (2, 4)).any(axis=0)).tolist())]

    def _arithmetic(self, node: "onnx.NodeProto", name: str) -> list[Step] | None:
        kind = node.op_type
        if not kind.startswith("QLinear"):
            operand = self._constants.value(node.input[1] if node.input[0] == name else node.input[0])
            return None if operand is None else arithmetic(_ARITHMETIC[kind], operand, first=node.input[0] == name)
        mine, others = (0, 3) if node.input[0] == name else (3, 0)
        own, other, result = self._scaling(node, mine + 1), self._scaling(node, others + 1), self._scaling(node, 6)
        operand = self._constants.value(node.input[others])
        if own is None or other is None or result is None or operand is None:
            return None
        operand = (operand.astype(np.float64) - other[1]) * other[0]
        steps = arithmetic(_ARITHMETIC[kind], operand, first=mine == 0)
        return None if steps is None else [*dequantise(*own), *steps, *quantise(*result, *_ends(result[1]))]

    def _scaling(self, node: "onnx.NodeProto", place: int) -> tuple[NDArray[Any], NDArray[Any]] | None:
        """The constant scale and zero point at inputs ``place`` and ``place + 1``; one for all channels."""
        if place >= len(node.input):
            return None
        scale = self._constants.value(node.input[place])
        named = place + 1 < len(node.input) and node.input[place + 1]
        zero = self._constants.value(node.input[place + 1]) if named else np.zeros(())
        return None if scale is None or zero is None or np.size(scale) != 1 else (scale, zero)


def _ends(zero: NDArray[Any]) -> tuple[float, float]:
    """The lowest and highest integer of the type of a zero point; without a zero point, of uint8."""
    limits = np.iinfo(zero.dtype if np.issubdtype(zero.dtype, np.integer) else np.uint8)
    return float(limits.min), float(limits.max)


def _captured(node: "onnx.NodeProto") -> Iterator[str]:
    """The names that the graphs inside a node (If, Loop, Scan) use; some belong to the graph around it."""
    for attribute in node.attribute:
        for graph in (*attribute.graphs, *((attribute.g,) if attribute.HasField("g") else ())):
            for inner in graph.node:
                yield from inner.input
                yield from _captured(inner)


def _port(value: "onnx.ValueInfoProto") -> Port:
    from onnx import helper

    kind = value.type.tensor_type
    try:
        dtype = np.dtype(helper.tensor_dtype_to_np_dtype(kind.elem_type)).name
    except (KeyError, TypeError):
        dtype = "unknown"
    if not kind.HasField("shape"):
        return Port(value.name, dtype, None)
    return Port(value.name, dtype, tuple(side.dim_value if side.dim_value > 0 else None for side in kind.shape.dim))


def _to_floats(attributes: dict[str, Any]) -> bool:
    """Whether a conversion, if it is one, is to a floating type: conversions to integers truncate."""
    from onnx import TensorProto

    floats = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.BFLOAT16, TensorProto.DOUBLE)
    return attributes.get("to", TensorProto.FLOAT) in floats


def _attributes(node: "onnx.NodeProto") -> dict[str, Any]:
    from onnx import helper

    return {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}


def _opset(proto: "onnx.ModelProto") -> int:
    return next((entry.version for entry in proto.opset_import if entry.domain in {"", "ai.onnx"}), 1)
