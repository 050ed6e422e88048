"""The types that an OpenVINO model stores, that its products have in the graph, and that they actually use.

This module does not import ``openvino``: its objects are arguments.
"""

from typing import TYPE_CHECKING, Final

import numpy as np

from alexbench.backends._shared.file_precision import NAMES, FilePrecision, file_precision

if TYPE_CHECKING:
    import openvino

PRODUCTS: Final = {
    *("Convolution", "GroupConvolution", "ConvolutionBackpropData", "MatMul", "FullyConnected"),
    *("BinaryConvolution", "GroupConvolutionBackpropData"),
}
_HANDED_ON: Final = {
    *("Convert", "Reshape", "Squeeze", "Unsqueeze", "Transpose", "MaxPool", "Relu", "ReLU", "Clamp", "Concat", "Pad"),
    *("Subtract", "Multiply"),
}
"""Operations after integers that dequantise, or add no new values."""
_LEVELS: Final = ((16, "int4"), (256, "int8"), (65536, "int16"))
"""The most levels of a FakeQuantize -> the type that holds them."""


def read(model: "openvino.Model") -> FilePrecision:
    """The precisions in the operations. A compiled model may use others: see :func:`compute_precisions`."""
    stored: dict[str, int] = {}
    products: list[str] = []
    through: set[str] = set()
    for node in model.get_ordered_ops():
        kind = node.get_type_name()
        if kind == "Constant":
            name = NAMES.get(node.get_element_type().get_type_name(), "")
            if name:
                stored[name] = stored.get(name, 0) + int(np.prod(node.get_output_shape(0)))
        elif kind == "FakeQuantize":
            through.add(_levels(node))
        elif kind in PRODUCTS:
            products.append(_product(node))
    return file_precision(products, stored, through=through)


def compute_precisions(compiled: "openvino.CompiledModel") -> dict[str, int]:
    """The precisions of the compiled model's convolutions and products, in our names, with their number.

    Empty if the plugin names no kernels.
    """
    counts: dict[str, int] = {}
    for operation in compiled.get_runtime_model().get_ordered_ops():
        about = operation.get_rt_info()
        if "layerType" not in about or "primitiveType" not in about:
            continue
        if str(about["layerType"].astype(str)) in PRODUCTS:
            # The kernel's name ends in the type that it computes in; "runtimePrecision" is the type of stored weights.
            kind = str(about["primitiveType"].astype(str)).rpartition("_")[2].lower()
            name = NAMES.get(kind, kind)
            counts[name] = counts.get(name, 0) + 1
    return counts


def _product(node: "openvino.Node") -> str:
    """int8 if both operands are quantised, else the type of the first."""
    inputs = [node.input_value(place) for place in range(2)]
    held = [_quantised(one.get_node()) for one in inputs]
    if all(held):
        return held[0]
    kind = inputs[0].get_element_type().get_type_name()
    return NAMES.get(kind, kind)


def _quantised(node: "openvino.Node") -> str:
    """The integer type from which the values come; "" if they do not."""
    while True:
        kind = node.get_type_name()
        if kind == "FakeQuantize":
            return _levels(node)
        name = NAMES.get(node.get_output_element_type(0).get_type_name(), "")
        if name.startswith("int"):
            return name
        if kind not in _HANDED_ON:
            return ""
        node = node.input_value(0).get_node()


def _levels(node: "openvino.Node") -> str:
    levels = int(node.get_attributes()["levels"])
    return next((name for most, name in _LEVELS if levels <= most), "fp32")
