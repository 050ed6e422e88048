"""What an ONNX file says of itself, read from its graph; nothing is run.

``onnx`` is imported inside the functions only.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from alexbench.backends import _onnx_precision
from alexbench.backends._artifact import Port, picture_input, scores_output, unreadable
from alexbench.backends._artifact_steps import Step, batch_norm, normalisation
from alexbench.backends._precision import of_facts
from alexbench.harness.contract import Artifact, ArtifactFacts, Scores
from alexbench.harness.errors import WeightsError

if TYPE_CHECKING:
    import onnx

_COPIES: Final = {"Identity", "Cast", "CastLike", "Dropout", "QuantizeLinear", "DequantizeLinear"}
"""Operators that hand their first input on, rounded at most."""
_RESHAPES: Final = {"Reshape", "Squeeze", "Unsqueeze", "Flatten", "Transpose"}
_ARITHMETIC: Final = {"Add", "Sub", "Mul", "Div", "QLinearAdd", "QLinearMul"}
_SIZES: Final = {"Shape", "Size"}
"""Operators that look at a tensor's shape only: no fork."""
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
    except Exception as error:  # protobuf's own, which are no subclass of anything narrower
        raise unreadable(artifact, "it is damaged, or no ONNX file") from error
    graph = _Graph(proto, artifact)
    if not graph.outputs:
        raise unreadable(artifact, "it holds no graph")
    picture = picture_input(graph.inputs, artifact)
    output = scores_output(graph.outputs, artifact)
    return ArtifactFacts(
        format="ONNX",
        input_name=picture.port.name,
        output_name=output.name,
        layout=picture.layout,
        dtype=picture.port.dtype,
        batch=picture.batch,
        outputs=artifact.outputs,
        scores=graph.scores(output.name) or "logits",
        scores_in_graph=graph.scores(output.name) or "logits",
        normalisation=normalisation(graph.steps(picture.port.name), picture.layout, artifact.image[0]),
        **of_facts(_onnx_precision.read(proto)),
        version=f"IR {proto.ir_version}, opset {_opset(proto)}",
        producer=" ".join(filter(None, (proto.producer_name, proto.producer_version))),
    )


class _Graph:
    """A graph with its names looked up."""

    def __init__(self, proto: "onnx.ModelProto", artifact: Artifact) -> None:
        graph = proto.graph
        self._proto, self._artifact = proto, artifact
        self._constants = {tensor.name: tensor for tensor in graph.initializer}
        self._made_by = {name: node for node in graph.node for name in node.output}
        self._used_by: dict[str, list[onnx.NodeProto]] = {}
        for node in graph.node:
            for name in dict.fromkeys(node.input):
                self._used_by.setdefault(name, []).append(node)
        # Before IR 4 initializers were listed among the inputs as well.
        self.inputs = [_port(value) for value in graph.input if value.name not in self._constants]
        self.outputs = [_port(value) for value in graph.output]

    def steps(self, name: str) -> Iterator[Step]:
        """What is done to ``name``, operation by operation, until it forks or something else is done."""
        while True:
            users = [node for node in self._used_by.get(name, []) if node.op_type not in _SIZES]
            if len(users) != 1 or name in {port.name for port in self.outputs}:
                return
            steps = self._meaning(users[0], name)
            if steps is None:
                return
            yield from steps
            name = users[0].output[0]

    def scores(self, name: str) -> Scores | None:
        """What the last operation that computes anything gives, None where it is no softmax."""
        while (node := self._made_by.get(name)) is not None:
            if node.op_type in _SOFTMAX:
                return _SOFTMAX[node.op_type]
            if node.op_type not in _COPIES | _RESHAPES:
                return None
            name = node.input[0]
        return None

    def _meaning(self, node: "onnx.NodeProto", name: str) -> list[Step] | None:
        """``node`` as steps on its input ``name``, None where it is something else."""
        kind, attributes = node.op_type, _attributes(node)
        if kind in _COPIES:
            return [Step("nothing")]
        if kind == "Transpose":
            return [Step("transpose", attributes.get("perm", [3, 2, 1, 0]))]
        if kind == "BatchNormalization":
            given = [value for one in node.input[1:5] if (value := self.value(one)) is not None]
            if len(given) != 4:
                return None
            scale, shift, mean, variance = given
            return batch_norm(scale, shift, mean, variance, attributes.get("epsilon", 1e-5), "NCHW")
        if kind == "Gather" and node.input[0] == name:
            indices = self.value(node.input[1])
            return None if indices is None else [Step("gather", indices, attributes.get("axis", 0))]
        if kind in _ARITHMETIC:
            return self._arithmetic(node, name)
        return None

    def _arithmetic(self, node: "onnx.NodeProto", name: str) -> list[Step] | None:
        quantised = node.op_type.startswith("QLinear")
        first, second = node.input[0], node.input[3 if quantised else 1]
        other = self.value(second if first == name else first)
        if other is None:
            return None
        if quantised:
            at = 3 if first == name else 0
            scale, zero = self.value(node.input[at + 1]), self.value(node.input[at + 2])
            if scale is None or zero is None:
                return None
            other = (other.astype(np.float64) - zero) * scale
        match node.op_type.removeprefix("QLinear"):
            case "Add":
                return [Step("add", other)]
            case "Mul":
                return [Step("multiply", other)]
            case "Sub":
                return [Step("subtract" if first == name else "subtract-from", other)]
            case _:
                return [Step("divide", other)] if first == name else None

    def value(self, name: str) -> NDArray[Any] | None:
        """The constant ``name``, computed where it has to be; None where it depends on an input."""
        from onnx import numpy_helper
        from onnx.external_data_helper import load_external_data_for_tensor, uses_external_data

        tensor = self._constants.get(name)
        if tensor is not None:
            if uses_external_data(tensor):
                try:
                    load_external_data_for_tensor(tensor, str(self._artifact.path.parent))
                except Exception as error:
                    raise unreadable(self._artifact, error) from error
            found: NDArray[Any] = numpy_helper.to_array(tensor)
            return found
        return self._computed(name)

    def _computed(self, name: str) -> NDArray[Any] | None:
        """What the nodes before ``name`` make of constants alone, by onnx's own reference implementation."""
        from onnx import TensorProto, helper
        from onnx.reference import ReferenceEvaluator

        nodes: dict[int, onnx.NodeProto] = {}
        constants: dict[str, NDArray[Any]] = {}
        wanted = [name]
        while wanted:
            one = wanted.pop()
            node = self._made_by.get(one)
            if one in self._constants:
                value = self.value(one)
                assert value is not None
                constants[one] = value
            elif node is None:
                return None  # an input of the graph
            elif id(node) not in nodes:
                nodes[id(node)] = node
                wanted += [other for other in node.input if other]
        order = [node for node in self._proto.graph.node if id(node) in nodes]
        tensors = [_tensor(*item) for item in constants.items()]
        output = helper.make_tensor_value_info(name, TensorProto.UNDEFINED, None)
        graph = helper.make_graph(order, "constant", [], [output], tensors)
        model = helper.make_model(
            graph, ir_version=self._proto.ir_version, opset_imports=list(self._proto.opset_import)
        )
        try:
            return np.asarray(ReferenceEvaluator(model).run([name], {})[0])
        except Exception:  # an operator that it does not know: no normalisation anyone writes
            return None


def _tensor(name: str, value: NDArray[Any]) -> "onnx.TensorProto":
    from onnx import numpy_helper

    return numpy_helper.from_array(value, name)


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


def _attributes(node: "onnx.NodeProto") -> dict[str, Any]:
    from onnx import helper

    return {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}


def _opset(proto: "onnx.ModelProto") -> int:
    return next((entry.version for entry in proto.opset_import if entry.domain in {"", "ai.onnx"}), 1)
