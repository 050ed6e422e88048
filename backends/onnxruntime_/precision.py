"""The types that an ONNX graph stores, and that its products use: types are followed from operator to operator.

``onnx`` is imported inside the functions only.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from alexbench.backends._shared.file_precision import NAMES, FilePrecision, file_precision

if TYPE_CHECKING:
    import onnx

_PRODUCTS: Final = {
    *("Conv", "ConvTranspose", "FusedConv", "NhwcFusedConv", "Gemm", "FusedGemm", "MatMul", "FusedMatMul"),
    *("TransposeMatMul", "Einsum"),
}
_WHOLE: Final = {
    *("QLinearConv", "QLinearMatMul", "QGemm", "QLinearConvTranspose", "ConvInteger", "MatMulInteger"),
    *("MatMulIntegerToFloat", "DynamicQuantizeMatMul"),
}
"""Products of integers."""
_FEW_BITS: Final = {"MatMulNBits", "GatherBlockQuantized"}
_IN_INT8: Final = 4
"""``accuracy_level`` of MatMulNBits: its activations are quantised to 8 bits, block by block of each row."""
_HANDED_ON: Final = {
    *("Identity", "Dropout", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Transpose", "Relu", "Clip", "MaxPool"),
    *("Concat", "Slice", "Pad"),
}
"""Operators after which a dequantised tensor has no more information than its quantised one."""
_QUANTISES: Final = {"QuantizeLinear", "DynamicQuantizeLinear"}


def read(proto: "onnx.ModelProto") -> FilePrecision:
    """The precisions of a graph, including subgraphs and local functions. External data are not needed."""
    if proto.functions:
        from onnx import inliner

        proto = inliner.inline_local_functions(proto)
    return _Types(proto.graph).precision()


class _Types:
    """The type of each tensor, which of them are dequantised, and which depend on the image."""

    def __init__(self, graph: "onnx.GraphProto") -> None:
        self._types: dict[str, str] = {}
        self._dequantised: dict[str, str] = {}  # tensor -> the type to which it was quantised
        self._dynamic: set[str] = set()  # quantised with a scale that depends on the image
        self._fed: set[str] = set()
        self._products: list[str] = []
        self._stored: dict[str, int] = {}
        self._through: set[str] = set()
        self._any_dynamic = False
        self._walk(graph)

    def precision(self) -> FilePrecision:
        """The precisions found."""
        return file_precision(self._products, self._stored, through=self._through, dynamic=self._any_dynamic)

    def _walk(self, graph: "onnx.GraphProto") -> None:
        constants = {tensor.name for tensor in graph.initializer}
        packed = {node.input[1]: node for node in graph.node if node.op_type in _FEW_BITS and len(node.input) > 1}
        for tensor in graph.initializer:
            self._types[tensor.name] = _type(tensor.data_type)
            self._store(tensor, packed.get(tensor.name))
        for value in graph.input:
            if value.name not in constants:
                self._types[value.name] = _type(value.type.tensor_type.elem_type)
                self._fed.add(value.name)
        for node in graph.node:
            for inner in _subgraphs(node):
                self._walk(inner)
            self._follow(node)

    def _store(self, tensor: "onnx.TensorProto", packed: "onnx.NodeProto | None" = None) -> None:
        name, values = _type(tensor.data_type), int(np.prod(tensor.dims))
        if packed is not None:  # several values per byte
            bits = int(_attribute(packed, "bits", 4))
            name, values = f"int{bits}", values * 8 // bits
        if name:
            self._stored[name] = self._stored.get(name, 0) + values

    def _follow(self, node: "onnx.NodeProto") -> None:
        kind = node.op_type
        if any(name in self._fed for name in node.input):
            self._fed.update(node.output)
        if kind in _WHOLE or kind in _FEW_BITS or kind in _PRODUCTS:
            self._product(node)
        for place, name in enumerate(node.output):
            self._types[name] = self._output_type(node, place)
        first = node.input[0] if node.input else ""
        if kind == "Constant":
            for attribute in node.attribute:
                if attribute.HasField("t"):
                    self._store(attribute.t)
        elif kind == "DequantizeLinear":
            self._dequantised[node.output[0]] = self._types.get(first, "")
        elif kind in _HANDED_ON and first in self._dequantised:
            self._dequantised[node.output[0]] = self._dequantised[first]
        if kind in _QUANTISES and first in self._fed:
            self._through.add(self._types[node.output[0]])
            if kind == "DynamicQuantizeLinear" or node.input[1] in self._fed:
                self._dynamic.add(node.output[0])
        elif kind in ("Cast", "CastLike") and _is_float(self._types.get(first, "")):
            to = self._types[node.output[0]]
            self._through.update([self._types[first], to] if _is_float(to) else [])
        elif first in self._dynamic:
            self._dynamic.update(node.output)

    def _product(self, node: "onnx.NodeProto") -> None:
        fed = [name for name in node.input if name in self._fed]
        if not fed:
            return  # from constants only
        self._any_dynamic |= node.op_type == "DynamicQuantizeMatMul" or any(name in self._dynamic for name in fed)
        others = [name for name in node.input[:2] if name != fed[0]]
        if node.op_type in _WHOLE:
            self._products.append("int8")
            self._through.add("int8")
        elif node.op_type in _FEW_BITS:
            in_int8 = int(_attribute(node, "accuracy_level", 0)) == _IN_INT8
            self._products.append("int8" if in_int8 else self._types.get(fed[0], "") or "fp32")
        elif fed[0] in self._dequantised and all(name in self._dequantised for name in others):
            self._products.append(self._dequantised[fed[0]] or "int8")
        else:
            self._products.append(self._types.get(fed[0], "") or "fp32")

    def _output_type(self, node: "onnx.NodeProto", place: int) -> str:
        from onnx import TensorProto

        kind = node.op_type
        given = [self._types.get(name, "") for name in node.input]
        if kind == "Cast":
            return _type(int(_attribute(node, "to", TensorProto.FLOAT)))
        if kind == "Constant":
            return next((_type(one.t.data_type) for one in node.attribute if one.HasField("t")), "fp32")
        if kind == "CastLike" or (kind == "DequantizeLinear" and len(given) > 1):
            return given[1]
        if kind == "QuantizeLinear":
            zero = given[2] if len(given) > 2 else ""
            return zero or _type(int(_attribute(node, "output_dtype", 0))) or "int8"
        if kind == "DynamicQuantizeLinear":
            return "int8" if place != 1 else "fp32"
        if kind in ("MatMulIntegerToFloat", "DynamicQuantizeMatMul"):
            return "fp32"
        if kind in ("ConvInteger", "MatMulInteger"):
            return ""
        return next((one for one in given if one), "")


def _subgraphs(node: "onnx.NodeProto") -> "Iterator[onnx.GraphProto]":
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs


def _attribute(node: "onnx.NodeProto", name: str, default: Any) -> Any:
    from onnx import helper

    return next((helper.get_attribute_value(one) for one in node.attribute if one.name == name), default)


def _type(data_type: int) -> str:
    from onnx import TensorProto

    return NAMES.get(TensorProto.DataType.Name(data_type), "") if data_type in TensorProto.DataType.values() else ""


def _is_float(name: str) -> bool:
    return name.startswith(("fp", "bf"))
