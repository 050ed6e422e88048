"""A network as a .tflite file in memory, written with LiteRT's own schema: TensorFlow and its converter are not needed.

NHWC; a ReLU is fused into the layer before it, as TensorFlow's converter does. ``schema`` is
``ai_edge_litert.schema_py_generated``; the operators are those of
https://ai.google.dev/edge/litert/conversion/tensorflow/ops_compatibility
"""

from types import ModuleType
from typing import Any, Final

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
    ReLU,
    Shape,
    output_shapes,
    pooled_size,
)

_IDENTIFIER: Final = b"TFL3"
_VERSION: Final = 3
_LOWEST: Final = np.array([np.finfo(np.float32).min], np.float32)


def write(schema: ModuleType, model: Model) -> bytes:
    """The file: input (N, H, W, C) and output (N, outputs), float32; N is 1 until the reader resizes it."""
    import flatbuffers

    size = sum(array.nbytes for array in model.weights.values()) + 2**20
    builder = flatbuffers.Builder(size)
    builder.Finish(_Writer(schema, model).file().Pack(builder), _IDENTIFIER)
    return bytes(builder.Output())


class _Writer:
    """Tensors, buffers and operators, in the order in which they are computed."""

    def __init__(self, schema: ModuleType, model: Model) -> None:
        self._schema, self._model = schema, model
        self._tensors: list[Any] = []
        self._buffers = [schema.BufferT()]  # the first is empty, by the format
        self._operators: list[Any] = []
        self._codes: list[int] = []

    def file(self) -> Any:
        """All of it."""
        schema, network = self._schema, self._model.network
        channels, height, width = network.input_shape
        source = last = self._tensor("pixels", (1, height, width, channels))
        shapes = output_shapes(network)
        shape: Shape = network.input_shape
        flattened: Shape | None = None
        for layer in network.layers:
            match layer:
                case Conv():
                    last = self._convolution(layer, last, shapes[layer.name])
                case Linear():
                    last, flattened = self._product(layer, last, flattened), None
                case ReLU():  # fused
                    self._operators[-1].builtinOptions.fusedActivationFunction = schema.ActivationFunctionType.RELU
                case LRN():
                    last = self._normalisation(layer, last, shape)
                case MaxPool():
                    last = self._pooling(layer, last, shape, shapes[layer.name])
                case AdaptiveAvgPool():
                    last = self._averaging(layer, last, shape)
                case Flatten():  # FULLY_CONNECTED flattens its input
                    flattened = shape
                case Dropout():
                    pass  # identity at inference
            shape = shapes[layer.name]
        graph = schema.SubGraphT(self._tensors, [source], [last], self._operators, network.name)
        codes = [schema.OperatorCodeT(min(code, 127), None, 1, code) for code in self._codes]
        return schema.ModelT(_VERSION, codes, [graph], "alexbench", self._buffers)

    def _convolution(self, layer: Conv, source: int, shape: Shape) -> int:
        weight = self._constant(f"{layer.name}.weight", self._weight(layer).transpose(0, 2, 3, 1))
        if layer.padding:
            source = self._padded(layer.name, source, (layer.padding, layer.padding), (layer.padding, layer.padding))
        options = self._schema.Conv2DOptionsT(self._schema.Padding.VALID, layer.stride, layer.stride)
        return self._add("CONV_2D", "Conv2DOptions", options, layer.name, [source, weight, self._bias(layer)], shape)

    def _product(self, layer: Linear, source: int, flattened: Shape | None) -> int:
        weight = self._weight(layer)
        if flattened is not None:  # columns from C, H, W to H, W, C order, as NHWC flattens
            weight = weight.reshape(-1, *flattened).transpose(0, 2, 3, 1).reshape(weight.shape)
        inputs = [source, self._constant(f"{layer.name}.weight", weight), self._bias(layer)]
        options = self._schema.FullyConnectedOptionsT()
        return self._add("FULLY_CONNECTED", "FullyConnectedOptions", options, layer.name, inputs, (layer.out_features,))

    def _normalisation(self, layer: LRN, source: int, shape: Shape) -> int:
        """LiteRT does not divide alpha by size, Caffe does."""
        options = self._schema.LocalResponseNormalizationOptionsT(
            layer.size // 2, layer.k, layer.alpha / layer.size, layer.beta
        )
        kind = "LocalResponseNormalizationOptions"
        return self._add("LOCAL_RESPONSE_NORMALIZATION", kind, options, layer.name, [source], shape)

    def _pooling(self, layer: MaxPool, source: int, shape: Shape, result: Shape) -> int:
        """There is no ceil mode: windows over the edge are padded with the lowest number."""
        counts = [pooled_size(side, layer.kernel, layer.stride, ceil_mode=layer.ceil_mode) for side in shape[1:]]
        ends = [(count - 1) * layer.stride + layer.kernel for count in counts]
        short = [max(0, end - side) for end, side in zip(ends, shape[1:], strict=True)]
        if any(short):
            source = self._padded(layer.name, source, (0, short[0]), (0, short[1]), lowest=True)
        sides = (layer.stride, layer.stride, layer.kernel, layer.kernel)
        options = self._schema.Pool2DOptionsT(self._schema.Padding.VALID, *sides)
        return self._add("MAX_POOL_2D", "Pool2DOptions", options, layer.name, [source], result)

    def _averaging(self, layer: AdaptiveAvgPool, source: int, shape: Shape) -> int:
        """The identity where the size is right; else a product with an averaging matrix along each side."""
        channels, height, width = shape
        size = layer.size
        if (height, width) == (size, size):
            return source
        rows, columns = (
            self._constant(f"{layer.name}.{side}", averaging_matrix(length, size))
            for side, length in (("rows", height), ("columns", width))
        )
        multiply = ("BATCH_MATMUL", "BatchMatMulOptions", self._schema.BatchMatMulOptionsT(), layer.name)
        flat = self._reshaped(layer.name, source, (-1, height, width * channels))
        averaged = self._add(*multiply, [rows, flat], (size, width * channels))
        flat = self._reshaped(layer.name, averaged, (-1, width, channels))
        averaged = self._add(*multiply, [columns, flat], (size, channels))
        return self._reshaped(layer.name, averaged, (-1, size, size, channels))

    def _padded(
        self, name: str, source: int, rows: tuple[int, int], columns: tuple[int, int], *, lowest: bool = False
    ) -> int:
        around = self._constant(f"{name}.padding", np.array([(0, 0), rows, columns, (0, 0)], np.int32))
        inputs, shape = [source, around], tuple(self._tensors[source].shape[1:])
        if not lowest:
            return self._add("PAD", "PadOptions", self._schema.PadOptionsT(), name, inputs, shape)
        inputs.append(self._constant(f"{name}.lowest", _LOWEST))
        return self._add("PADV2", "PadV2Options", self._schema.PadV2OptionsT(), name, inputs, shape)

    def _reshaped(self, name: str, source: int, shape: tuple[int, ...]) -> int:
        inputs = [source, self._constant(f"{name}.shape", np.array(shape, np.int32))]
        options = self._schema.ReshapeOptionsT(list(shape))
        return self._add("RESHAPE", "ReshapeOptions", options, name, inputs, shape[1:])

    def _weight(self, layer: Conv | Linear) -> NDArray[np.float32]:
        return self._model.weights[f"{layer.name}.weight"]

    def _bias(self, layer: Conv | Linear) -> int:
        return self._constant(f"{layer.name}.bias", self._model.weights[f"{layer.name}.bias"])

    def _tensor(self, name: str, shape: Shape, kind: int = 0, buffer: int = 0) -> int:
        self._tensors.append(self._schema.TensorT(list(shape), kind, buffer, name))
        return len(self._tensors) - 1

    def _constant(self, name: str, array: NDArray[Any]) -> int:
        kind = self._schema.TensorType.INT32 if array.dtype == np.int32 else self._schema.TensorType.FLOAT32
        self._buffers.append(self._schema.BufferT(np.ascontiguousarray(array).reshape(-1).view(np.uint8)))
        return self._tensor(name, array.shape, kind, len(self._buffers) - 1)

    def _add(self, operator: str, kind: str, options: Any, name: str, inputs: list[int], shape: Shape) -> int:
        """An operator after the others; its output, whose shape (of one image) LiteRT computes again."""
        code = getattr(self._schema.BuiltinOperator, operator)
        if code not in self._codes:
            self._codes.append(code)
        made = self._tensor(name, (1, *shape))
        number = getattr(self._schema.BuiltinOptions, kind)
        self._operators.append(self._schema.OperatorT(self._codes.index(code), inputs, [made], number, options))
        return made
