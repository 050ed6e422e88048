"""A network in TensorFlow's terms: its parameters as variables, and the function that tf.function traces.

``tensorflow`` is an argument.
"""

from collections.abc import Callable, Iterator, Mapping
from math import prod
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from alexbench.backends._shared.adapters import averaging_matrix
from alexbench.harness.contract import Model
from alexbench.harness.models.network import (
    LRN,
    AdaptiveAvgPool,
    Conv,
    Dropout,
    Flatten,
    Linear,
    MaxPool,
    Network,
    ReLU,
    Shape,
    output_shapes,
    pooled_size,
)

if TYPE_CHECKING:
    import tensorflow


def variables(tf: ModuleType, model: Model) -> dict[str, "tensorflow.Variable"]:
    """The parameters, transposed one at a time, so that only one array exists twice."""
    return {name: tf.Variable(array, trainable=False, name=name) for name, array in transposed(model)}


def trained_variables(tf: ModuleType, model: Model) -> dict[str, "tensorflow.Variable"]:
    """The same for training."""
    return {name: tf.Variable(array, name=name) for name, array in transposed(model)}


def transposed(model: Model) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """The arrays in TensorFlow's order: kernels HWIO, matrices in x out.

    The rows of the matrix after ``flatten`` change from C, H, W to H, W, C order, as NHWC flattens.
    """
    shapes = output_shapes(model.network)
    shape: Shape = model.network.input_shape
    flattened: Shape | None = None
    for layer in model.network.layers:
        match layer:
            case Flatten():
                flattened = shape
            case Conv():
                yield f"{layer.name}.weight", model.weights[f"{layer.name}.weight"].transpose(2, 3, 1, 0)
                yield f"{layer.name}.bias", model.weights[f"{layer.name}.bias"]
            case Linear():
                weight = model.weights[f"{layer.name}.weight"]
                if flattened is not None:
                    weight = weight.reshape(-1, *flattened).transpose(0, 2, 3, 1).reshape(weight.shape)
                    flattened = None
                yield f"{layer.name}.weight", weight.T
                yield f"{layer.name}.bias", model.weights[f"{layer.name}.bias"]
            case _:
                pass
        shape = shapes[layer.name]


def canonical(network: Network, arrays: Mapping[str, NDArray[np.float32]]) -> dict[str, NDArray[np.float32]]:
    """The inverse of what :func:`variables` transposes: canonical arrays, C-contiguous."""
    shapes = output_shapes(network)
    shape: Shape = network.input_shape
    flattened: Shape | None = None
    found = dict(arrays)
    for layer in network.layers:
        key = f"{layer.name}.weight"
        match layer:
            case Flatten():
                flattened = shape
            case Conv():
                found[key] = arrays[key].transpose(3, 2, 0, 1)
            case Linear():
                found[key] = arrays[key].T
                if flattened is not None:
                    channels, height, width = flattened
                    rows = found[key].reshape(-1, height, width, channels).transpose(0, 3, 1, 2)
                    found[key], flattened = rows.reshape(found[key].shape), None
            case _:
                pass
        shape = shapes[layer.name]
    return {name: np.ascontiguousarray(array) for name, array in found.items()}


def forward(
    tf: ModuleType, network: Network, arrays: Mapping[str, "tensorflow.Variable"]
) -> Callable[["tensorflow.Tensor"], "tensorflow.Tensor"]:
    """The function that tf.function traces: pixels (N, H, W, C) to logits (N, outputs)."""
    apply, last = every_layer(tf, network, arrays), network.layers[-1].name

    def logits(x: "tensorflow.Tensor") -> "tensorflow.Tensor":
        return apply(x)[last]

    return logits


def every_layer(
    tf: ModuleType,
    network: Network,
    arrays: Mapping[str, "tensorflow.Variable"],
    *,
    dropout: float | None = None,
    seed: Any = None,
) -> Callable[["tensorflow.Tensor"], dict[str, "tensorflow.Tensor"]]:
    """The same, with the output of each layer (NHWC). TensorFlow leaves out outputs that are not requested.

    ``dropout``: the share that every dropout layer sets to zero in training, by the pair of integers in the variable
    ``seed``; None for inference.
    """
    shapes = output_shapes(network)

    def apply(x: "tensorflow.Tensor") -> dict[str, "tensorflow.Tensor"]:
        shape: Shape = network.input_shape
        outputs = {}
        for place, layer in enumerate(network.layers):
            name = layer.name
            with tf.name_scope(name):  # the name under which the profiler counts its time
                match layer:
                    case Conv():
                        x = _convolution(tf, x, arrays[f"{name}.weight"], layer, apart=dropout is not None)
                        x = tf.nn.bias_add(x, arrays[f"{name}.bias"])
                    case Linear():
                        x = tf.nn.bias_add(tf.matmul(x, arrays[f"{name}.weight"]), arrays[f"{name}.bias"])
                    case ReLU():
                        x = tf.nn.relu(x)
                    case LRN():  # TensorFlow does not divide alpha by size, Caffe does
                        alpha = layer.alpha / layer.size
                        x = tf.nn.local_response_normalization(x, layer.size // 2, layer.k, alpha, layer.beta)
                    case MaxPool():
                        short = [_short(side, layer) for side in shape[1:]]
                        if any(short):  # there is no ceil mode: windows over the edge are padded with -inf
                            x = tf.pad(x, [[0, 0], [0, short[0]], [0, short[1]], [0, 0]], constant_values=-np.inf)
                        x = tf.nn.max_pool2d(x, layer.kernel, layer.stride, "VALID")
                    case AdaptiveAvgPool():
                        if shape[1:] != (layer.size, layer.size):  # else the identity
                            rows, columns = (averaging_matrix(side, layer.size) for side in shape[1:])
                            x = tf.einsum("ih,jw,nhwc->nijc", rows, columns, x)
                    case Flatten():
                        x = tf.reshape(x, [-1, prod(shape)])
                    case Dropout():
                        if dropout:  # the identity at inference
                            x = tf.nn.experimental.stateless_dropout(x, dropout, seed=tf.add(seed, [place << 16, 0]))
            outputs[name], shape = x, shapes[name]
        return outputs

    return apply


def _convolution(
    tf: ModuleType, x: "tensorflow.Tensor", kernel: "tensorflow.Variable", layer: Conv, *, apart: bool
) -> "tensorflow.Tensor":
    """The kernel's shape gives the number of groups. On a CPU, groups have a gradient only when computed ``apart``."""
    groups = layer.groups if apart else 1
    inputs, kernels = (tf.split(one, groups, axis=3) if groups > 1 else [one] for one in (x, kernel))
    parts = [
        tf.nn.conv2d(part, weights, layer.stride, _around(layer.padding))
        for part, weights in zip(inputs, kernels, strict=True)
    ]
    return tf.concat(parts, axis=3) if groups > 1 else parts[0]


def _around(padding: int) -> list[list[int]]:
    return [[0, 0], [padding, padding], [padding, padding], [0, 0]]


def _short(side: int, layer: MaxPool) -> int:
    """How far the last window in ceil mode reaches over the edge."""
    count = pooled_size(side, layer.kernel, layer.stride, ceil_mode=layer.ceil_mode)
    return max(0, (count - 1) * layer.stride + layer.kernel - side)
