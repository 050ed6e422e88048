"""The types that a served function stores, and that its products use, from its flat graph."""

from collections.abc import Iterable, Mapping
from types import ModuleType
from typing import Any, Final, Protocol

import numpy as np

from alexbench.backends._shared.file_precision import NAMES, FilePrecision, file_precision

_PRODUCTS: Final = {
    *("Conv2D", "Conv", "DepthwiseConv2dNative", "Conv2DBackpropInput", "MatMul", "BatchMatMul", "BatchMatMulV2"),
    *("BatchMatMulV3", "Einsum", "_FusedConv2D", "_FusedMatMul", "XlaConv", "XlaConvV2", "XlaDot", "XlaDotV2"),
}
_WHOLE: Final = ("QuantizedConv2D", "QuantizedMatMul", "UniformQuantizedConvolution", "UniformQuantizedDot")
_FAKES: Final = ("FakeQuant", "QuantizeAndDequantize", "UniformQuantize")


class _Node(Protocol):
    """An operation of :class:`alexbench.backends.tensorflow_.graph.Graph`."""

    @property
    def op(self) -> str: ...
    @property
    def attr(self) -> Any: ...


def read(tf: ModuleType, nodes: Mapping[str, _Node], held: Iterable[Any]) -> FilePrecision:
    """The precisions of the operations that the outputs depend on.

    ``held``: the variables and tensors that they read.
    """
    stored: dict[str, int] = {}
    products: list[str] = []
    through: set[str] = set()

    def store(dtype: Any, values: int) -> None:
        name = NAMES.get(tf.as_dtype(dtype).name, "")
        if name:
            stored[name] = stored.get(name, 0) + values

    for variable in held:
        if variable.dtype != tf.resource:  # a variable's handle
            store(variable.dtype, int(variable.shape.num_elements() or 0))
    for node in nodes.values():
        if node.op == "Const":
            tensor = node.attr["value"].tensor
            store(tensor.dtype, int(np.prod([side.size for side in tensor.tensor_shape.dim])))
        elif node.op.startswith(_WHOLE):
            products.append("int8")
        elif node.op in _PRODUCTS:
            products.append(_product(tf, node))
        elif node.op == "Cast" and tf.as_dtype(node.attr["SrcT"].type).is_floating:
            names = [NAMES.get(tf.as_dtype(node.attr[end].type).name, "") for end in ("SrcT", "DstT")]
            through.update(name for name in names if name.startswith(("fp", "bf")))
        elif node.op.startswith(_FAKES):
            bits = int(node.attr["num_bits"].i) or 8
            through.add("int4" if bits <= 4 else "int8" if bits <= 8 else "int16")
    through |= {"int8"} if "int8" in products else set()
    return file_precision(products, stored, through=through)


def _product(tf: ModuleType, node: _Node) -> str:
    """Integers are multiplied in 8 bits, whatever the type of their sums."""
    for key in ("T", "Ta", "LhsT"):
        if node.attr[key].type:
            dtype = tf.as_dtype(node.attr[key].type)
            return NAMES.get(dtype.name, "int8" if dtype.is_integer else dtype.name)
    return "fp32"
