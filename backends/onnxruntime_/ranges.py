"""The activation ranges of a QDQ graph: read, taken out, or replaced by others.

``onnx`` is imported inside the functions only.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from alexbench.backends._shared.ranges import cuts_below, places, range_of, scaling_of
from alexbench.harness.capabilities import ActivationRange
from alexbench.harness.errors import UnsupportedOptionError

if TYPE_CHECKING:
    import onnx

_PRODUCTS: Final = {"Conv", "ConvTranspose", "Gemm", "MatMul"}
_WHOLE: Final = {"QLinearConv", "QLinearMatMul", "QGemm", "ConvInteger", "MatMulInteger", "DynamicQuantizeLinear"}


@dataclass(frozen=True, slots=True)
class _Pair:
    """A range, with the nodes that quantize to it and back. ``least``, ``most``: of its integers."""

    given: ActivationRange
    quantize: "onnx.NodeProto"
    dequantize: "tuple[onnx.NodeProto, ...]"
    least: int
    most: int


class RangedGraph:
    """A QDQ file's graph, which is changed in memory. ``one_scale`` as in :class:`OpenedRanges`.

    Raises:
        UnsupportedOptionError: it is quantized in another form, or not at all.
    """

    def __init__(self, path: Path) -> None:
        import onnx

        self.proto = onnx.load(path)
        self._graph = self.proto.graph
        self._constants = _constants(self._graph)
        self._pairs = list(self._found())
        if not self._pairs or any(node.op_type in _WHOLE for node in self._graph.node):
            raise UnsupportedOptionError("onnxruntime: only activation ranges of QDQ files are known")
        self.one_scale = tuple(self._with_one_scale())

    @property
    def ranges(self) -> tuple[ActivationRange, ...]:
        """In the order of the graph."""
        return tuple(pair.given for pair in self._pairs)

    def put(self, ranges: Mapping[str, tuple[float, float]]) -> None:
        """Replace ranges, by name."""
        from onnx import numpy_helper

        for pair in self._pairs:
            scale, zero = scaling_of(*ranges[pair.given.name], pair.least, pair.most)
            kind = self._constants[pair.quantize.input[2]].dtype
            for suffix, value in (("scale", np.array(scale, np.float32)), ("zero", np.array(zero, kind))):
                name = f"{pair.given.name}/alexbench-{suffix}"
                self._graph.initializer.append(numpy_helper.from_array(value, name))
                for node in (pair.quantize, *pair.dequantize):
                    node.input[1 if suffix == "scale" else 2] = name

    def take_out(self) -> None:
        """Take the ranges out, and make the values that they had an output each."""
        from onnx import TensorProto, helper

        fed = {one.name for one in self._graph.input}
        ends = {one.name for one in self._graph.output}
        for pair in self._pairs:
            for node in pair.dequantize:
                node.op_type = "Relu" if cuts_below(pair.given) else "Identity"
                source, target = pair.given.name, node.output[0]
                node.ClearField("input")
                node.ClearField("attribute")
                node.input.append(source)
                assert node.output[0] == target
            self._graph.node.remove(pair.quantize)
            if pair.given.name not in fed | ends:
                self._graph.output.append(helper.make_tensor_value_info(pair.given.name, TensorProto.FLOAT, None))

    def _found(self) -> "list[_Pair]":
        users: dict[str, list[onnx.NodeProto]] = {}
        for node in self._graph.node:
            for name in node.input:
                users.setdefault(name, []).append(node)
        place = places((node.output, node.input, node.op_type in _PRODUCTS) for node in self._graph.node)
        found = []
        for node in self._graph.node:
            if node.op_type != "QuantizeLinear" or node.input[0] in self._constants or len(node.input) < 3:
                continue
            scale, zero = self._constants.get(node.input[1]), self._constants.get(node.input[2])
            back = tuple(one for one in users.get(node.output[0], ()) if one.op_type == "DequantizeLinear")
            if scale is None or zero is None or scale.size != 1 or len(back) != len(users.get(node.output[0], ())):
                continue
            limits = np.iinfo(zero.dtype)
            low, high = range_of(float(scale), float(zero), limits.min, limits.max)
            name = node.input[0]
            given = ActivationRange(name, low, high, place(name))
            found.append(_Pair(given, node, back, int(limits.min), int(limits.max)))
        return found

    def _with_one_scale(self) -> "list[str]":
        """Weights of two axes or more that are dequantized by a single scale."""
        found = []
        for node in self._graph.node:
            if node.op_type != "DequantizeLinear" or node.input[0] not in self._constants:
                continue
            scale = self._constants.get(node.input[1])
            if self._constants[node.input[0]].ndim > 1 and scale is not None and scale.size == 1:
                found.append(node.input[0])
        return found


def _constants(graph: "onnx.GraphProto") -> dict[str, NDArray[Any]]:
    from onnx import numpy_helper

    found = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant" and node.attribute and node.attribute[0].HasField("t"):
            found[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
    return found
