"""The network as a graph of OpenVINO's operations."""

import ctypes
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from alexbench.backends.openvino_.profile import PRODUCT
from alexbench.harness.contract import Model
from alexbench.harness.models.network import (
    LRN,
    AdaptiveAvgPool,
    Conv,
    Dropout,
    Flatten,
    Linear,
    MaxPool,
    ReLU,
    Shape,
    output_shapes,
)

if TYPE_CHECKING:
    import openvino


def _shareable(array: NDArray[np.float32]) -> NDArray[np.float32]:
    """The same memory under a writable name.

    OpenVINO does not share read-only arrays, such as those of a mapped file, although it only reads constants. A copy
    would add all weights to this runtime's peak memory.
    """
    if array.flags.writeable or not array.flags.c_contiguous:
        return array
    memory = (ctypes.c_char * array.nbytes).from_address(array.ctypes.data)
    return np.ndarray(array.shape, np.float32, memoryview(memory))


def build_graph(ov: ModuleType, model: Model) -> "openvino.Model":
    """The graph with an open batch. Its constants share the arrays' memory."""
    from openvino import opset13 as ops
    from openvino.op import Constant

    def weight(name: str, *shape: int) -> "openvino.Node":
        array = _shareable(model.weights[name])
        return Constant(array.reshape(shape) if shape else array, shared_memory=True)

    def named(node: "openvino.Node", mark: str = "") -> "openvino.Node":
        node.set_friendly_name(f"{layer.name}{mark}")  # the name under which the plugin counts its time
        return node

    network = model.network
    shapes = output_shapes(network)
    shape: Shape = network.input_shape
    pixels = x = ops.parameter([-1, *network.input_shape], np.float32, name="pixels")
    for layer in network.layers:
        name = layer.name
        match layer:
            case Conv():
                around = [layer.padding] * 2
                stride, dilation = [layer.stride] * 2, [1, 1]
                if layer.groups == 1:
                    x = ops.convolution(x, weight(f"{name}.weight"), stride, around, around, dilation)
                else:  # filters are (groups, O / groups, I / groups, k, k)
                    whole = model.weights[f"{name}.weight"].shape
                    filters = weight(f"{name}.weight", layer.groups, whole[0] // layer.groups, *whole[1:])
                    x = ops.group_convolution(x, filters, stride, around, around, dilation)
                x = named(ops.add(named(x, PRODUCT), weight(f"{name}.bias", 1, -1, 1, 1)))
            case Linear():
                x = ops.matmul(x, weight(f"{name}.weight"), transpose_a=False, transpose_b=True)
                x = named(ops.add(named(x, PRODUCT), weight(f"{name}.bias", 1, -1)))
            case ReLU():
                x = named(ops.relu(x))
            case LRN():  # alpha is divided by size, as Caffe does
                x = ops.lrn(x, np.array([1]), alpha=layer.alpha, beta=layer.beta, bias=layer.k, size=layer.size)
                named(x)
            case MaxPool():
                rounding = "ceil" if layer.ceil_mode else "floor"
                kernel, stride = [layer.kernel] * 2, [layer.stride] * 2
                x = named(ops.max_pool(x, stride, [1, 1], [0, 0], [0, 0], kernel, rounding_type=rounding)).output(0)
            case AdaptiveAvgPool():
                if shape[1:] != (layer.size, layer.size):  # else the identity
                    x = named(ops.adaptive_avg_pool(x, np.array([layer.size] * 2)))
            case Flatten():
                x = named(ops.reshape(x, np.array([0, -1]), special_zero=True))
            case Dropout():
                pass  # identity at inference
        shape = shapes[name]
    return ov.Model([x], [pixels], network.name)
