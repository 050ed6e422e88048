"""Constants of an ONNX graph: initializers, and what is computed from them; nothing of a runtime is used.

``onnx`` is imported inside the functions only.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from alexbench.backends._shared.artifacts import unreadable
from alexbench.harness.contract import Artifact

if TYPE_CHECKING:
    import onnx

_COMPUTED: Final = {
    *("Constant", "Identity", "Cast", "Add", "Sub", "Mul", "Div", "Sqrt", "Reciprocal", "Neg", "Abs", "Pow", "Exp"),
    *("Log", "Max", "Min", "Reshape", "Unsqueeze", "Squeeze", "Transpose", "Concat", "Slice", "QuantizeLinear"),
    *("DequantizeLinear", "ReduceMean", "ReduceSum", "Flatten", "CastLike"),
}
"""Operators for computing constants; none of them loops, or makes large results of small inputs."""
_NODES_AT_MOST: Final = 64
_SPREAD_AT_MOST: Final = 64
_VALUES_AT_MOST: Final = 1 << 22
"""The most elements of a constant: more than a large image and a first layer have."""


class Constants:
    """The constants of a graph by name. ``functions``: domain and name of what the file itself defines."""

    def __init__(self, proto: "onnx.ModelProto", artifact: Artifact, functions: set[tuple[str, str]]) -> None:
        self._proto, self._artifact, self._functions = proto, artifact, functions
        self._initializers = {tensor.name: tensor for tensor in proto.graph.initializer}
        self._made_by = {name: node for node in proto.graph.node for name in node.output}

    def __contains__(self, name: str) -> bool:
        """Whether ``name`` is an initializer."""
        return name in self._initializers

    def dims(self, name: str) -> tuple[int, ...]:
        """The shape of an initializer, whose values are not read."""
        return tuple(self._initializers[name].dims)

    def value(self, name: str) -> NDArray[Any] | None:
        """The constant ``name``, computed if necessary; None if it depends on an input."""
        from onnx import numpy_helper
        from onnx.external_data_helper import load_external_data_for_tensor, uses_external_data

        tensor = self._initializers.get(name)
        if tensor is not None:
            if uses_external_data(tensor):
                try:
                    load_external_data_for_tensor(tensor, str(self._artifact.path.parent))
                except Exception as error:
                    raise unreadable(self._artifact, error) from error
            found: NDArray[Any] = numpy_helper.to_array(tensor)
            return found
        return self._computed(name)

    def _is_small(self, order: "list[onnx.NodeProto]", constants: Mapping[str, NDArray[Any]]) -> bool:
        """Whether nodes need little time and memory: they have no loops, and nothing grows much."""
        sizes = [one.size for one in constants.values()]
        if len(order) > _NODES_AT_MOST or sum(sizes) > _VALUES_AT_MOST:
            return False
        if any(node.op_type not in _COMPUTED or (node.domain, node.op_type) in self._functions for node in order):
            return False
        # Arithmetic on two large values, (N, 1) and (1, M), gives N x M.
        return sum(size > _SPREAD_AT_MOST for size in sizes) < 2

    def _computed(self, name: str) -> NDArray[Any] | None:
        """The value of ``name``, computed from constants by onnx's own reference implementation."""
        from onnx import TensorProto, helper
        from onnx.reference import ReferenceEvaluator

        nodes: dict[int, onnx.NodeProto] = {}
        constants: dict[str, NDArray[Any]] = {}
        wanted = [name]
        while wanted:
            one = wanted.pop()
            node = self._made_by.get(one)
            if one in self._initializers:
                value = self.value(one)
                assert value is not None
                constants[one] = value
            elif node is None:
                return None  # an input of the graph
            elif id(node) not in nodes:
                nodes[id(node)] = node
                wanted += [other for other in node.input if other]
        order = [node for node in self._proto.graph.node if id(node) in nodes]
        if not self._is_small(order, constants):
            return None
        tensors = [_tensor(*item) for item in constants.items()]
        output = helper.make_tensor_value_info(name, TensorProto.UNDEFINED, None)
        graph = helper.make_graph(order, "constant", [], [output], tensors)
        model = helper.make_model(
            graph, ir_version=self._proto.ir_version, opset_imports=list(self._proto.opset_import)
        )
        try:
            return np.asarray(ReferenceEvaluator(model).run([name], {})[0])
        except Exception:  # an operator that it does not know, which no normalisation uses
            return None


def _tensor(name: str, value: NDArray[Any]) -> "onnx.TensorProto":
    from onnx import numpy_helper

    return numpy_helper.from_array(value, name)
