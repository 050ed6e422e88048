"""Files of the same weights in many precisions, as the runtimes' own tools write them: one function a format.

``python precision_files.py KIND FOLDER`` writes those of artifacts.py's small network; KIND is onnx, openvino, torch or
tensorflow. With WEIGHTS (canonical arrays, safetensors) and PIXELS (inputs to calibrate by, .npy) behind it, those of
torchvision's. ``WRITTEN`` says what is in each, and what it computes.
"""

import sys
import warnings
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from alexbench.harness.contract import Model
from alexbench.harness.models.network import Network, get_network

WRITTEN: Final[dict[str, dict[str, tuple[str, str, bool]]]] = {
    "onnx": {
        "fp32.onnx": ("fp32", "fp32", False),
        "fp16.onnx": ("fp16", "fp16", False),
        "fp16-in-constants.onnx": ("fp16", "fp32", False),
        "fp16-in-nodes.onnx": ("fp16", "fp32", False),
        "bf16-in-constants.onnx": ("bf16", "fp32", False),
        "int8.onnx": ("int8", "int8", False),
        "int8-operators.onnx": ("int8", "int8", False),
        "int8-dynamic.onnx": ("int8", "int8", True),
        "int8-weights.onnx": ("int8", "fp32", False),
        "int4-weights.onnx": ("int4", "fp32", False),
    },
    "openvino": {
        "fp32.xml": ("fp32", "fp32", False),
        "fp16.xml": ("fp16", "fp32", False),
        "int8-weights.xml": ("int8", "fp32", False),
        "int8.xml": ("int8", "int8", False),
    },
    "torch": {
        "fp32.pt2": ("fp32", "fp32", False),
        "fp16.pt2": ("fp16", "fp16", False),
        "bf16.pt2": ("bf16", "bf16", False),
        "fp16-stored.pt2": ("fp16", "fp32", False),
        "fp16.pt": ("fp16", "fp16", False),
        "autocast.pt": ("fp32", "bf16", False),
        "int8-dynamic.pt": ("int8, fp32", "int8", True),
        "int8-dynamic-frozen.pt": ("int8, fp32", "int8", True),
    },
    "tensorflow": {
        "fp32.keras": ("fp32", "fp32", False),
        "mixed_float16.keras": ("fp32", "fp16", False),
        "mixed_bfloat16.keras": ("fp32", "bf16", False),
        "float16.keras": ("fp16", "fp16", False),
        "mixed_float16": ("fp32", "fp16", False),
        "fp16-stored": ("fp16", "fp32", False),
    },
}
"""Kind -> file -> what its weights are stored in, what its products work in, and whether scales depend on the batch."""

Arrays = dict[str, NDArray[np.float32]]


def write_onnx(network: Network, weights: Arrays, pixels: NDArray[np.float32], folder: Path) -> None:
    """Every ``.onnx``; ``pixels`` (N, C, H, W) calibrate."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper
    from onnxruntime.quantization import (
        CalibrationDataReader,
        QuantFormat,
        QuantType,
        quantize_dynamic,
        quantize_static,
    )

    from alexbench.backends._shared.onnx_graph import complete_model

    def fresh() -> Any:
        return complete_model(Model(network, weights))

    def weights_as(kind: int, convert: Any, *, in_nodes: bool = False) -> Any:
        """Weights (not biases) in another type, made fp32 again before they are used."""
        proto = fresh()
        for tensor in [one for one in proto.graph.initializer if one.name.endswith(".weight")]:
            proto.graph.initializer.remove(tensor)
            name = tensor.name
            stored = convert(numpy_helper.to_array(tensor), f"{name}.stored")
            if in_nodes:
                proto.graph.node.insert(0, helper.make_node("Constant", [], [f"{name}.stored"], value=stored))
            else:
                proto.graph.initializer.append(stored)
            cast = helper.make_node("Cast", [f"{name}.stored"], [name], to=TensorProto.FLOAT)
            proto.graph.node.insert(1 if in_nodes else 0, cast)
        return proto

    def half(array: NDArray[np.float32], name: str) -> Any:
        return numpy_helper.from_array(array.astype(np.float16), name)

    def brain(array: NDArray[np.float32], name: str) -> Any:
        import ml_dtypes

        return numpy_helper.from_array(array.astype(ml_dtypes.bfloat16), name)

    onnx.save(fresh(), folder / "fp32.onnx")
    onnx.save(weights_as(TensorProto.FLOAT16, half), folder / "fp16-in-constants.onnx")
    onnx.save(weights_as(TensorProto.FLOAT16, half, in_nodes=True), folder / "fp16-in-nodes.onnx")
    onnx.save(weights_as(TensorProto.BFLOAT16, brain), folder / "bf16-in-constants.onnx")
    proto = fresh()
    for tensor in proto.graph.initializer:
        if tensor.data_type == TensorProto.FLOAT:
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float16), tensor.name))
    for value in (*proto.graph.input, *proto.graph.output):
        value.type.tensor_type.elem_type = TensorProto.FLOAT16
    onnx.save(proto, folder / "fp16.onnx")

    class Pictures(CalibrationDataReader):  # type: ignore[misc]  # no types
        def __init__(self) -> None:
            self._left = list(pixels)

        def get_next(self) -> dict[str, NDArray[np.float32]] | None:
            return {"pixels": self._left.pop()[None]} if self._left else None

    source = folder / "fp32.onnx"
    for name, form in (("int8", QuantFormat.QDQ), ("int8-operators", QuantFormat.QOperator)):
        quantize_static(
            source, folder / f"{name}.onnx", Pictures(), quant_format=form, per_channel=True, reduce_range=True
        )
    quantize_dynamic(source, folder / "int8-dynamic.onnx", weight_type=QuantType.QUInt8)
    _weights_only(folder, fresh())


def _weights_only(folder: Path, proto: Any) -> None:
    """Weights in 8 and in 4 bits, one scale for each output."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    for bits, kind in ((8, TensorProto.INT8), (4, TensorProto.INT4)):
        made = onnx.ModelProto()
        made.CopyFrom(proto)
        made.opset_import[0].version = 21 if bits == 4 else made.opset_import[0].version
        made.ir_version = 10 if bits == 4 else made.ir_version
        for tensor in [one for one in made.graph.initializer if one.name.endswith(".weight")]:
            array, name = numpy_helper.to_array(tensor), tensor.name
            scale = np.abs(array).reshape(len(array), -1).max(axis=1) / (2 ** (bits - 1) - 1)
            steps = np.rint(array / scale.reshape(-1, *[1] * (array.ndim - 1))).astype(np.int8)
            made.graph.initializer.remove(tensor)
            made.graph.initializer.extend(
                [
                    helper.make_tensor(f"{name}.steps", kind, array.shape, _packed(steps, bits), raw=True),
                    numpy_helper.from_array(scale.astype(np.float32), f"{name}.scale"),
                ]
            )
            node = helper.make_node("DequantizeLinear", [f"{name}.steps", f"{name}.scale"], [name], axis=0)
            made.graph.node.insert(0, node)
        onnx.save(made, folder / f"int{bits}-weights.onnx")


def _packed(steps: NDArray[np.int8], bits: int) -> bytes:
    """Two of 4 bits a byte, the first in the low half."""
    if bits == 8:
        return steps.tobytes()
    flat = steps.reshape(-1).astype(np.uint8) & 15
    return (flat[0::2] | flat[1::2] << 4).astype(np.uint8).tobytes()


def write_openvino(network: Network, weights: Arrays, pixels: NDArray[np.float32], folder: Path) -> None:
    """Every ``.xml``."""
    import openvino as ov
    from openvino import opset13 as ops

    from alexbench.backends.openvino_.network import build_graph

    model = Model(network, weights)
    ov.save_model(build_graph(ov, model), folder / "fp32.xml", compress_to_fp16=False)
    ov.save_model(build_graph(ov, model), folder / "fp16.xml", compress_to_fp16=True)
    for name, activations in (("int8-weights", False), ("int8", True)):
        graph = build_graph(ov, model)
        products = [one for one in graph.get_ordered_ops() if one.get_type_name() in ("Convolution", "MatMul")]
        ranges = _ranges(ov, graph, products, pixels) if activations else {}
        for node in products:
            array = node.input_value(1).get_node().data
            axes = tuple(range(1, array.ndim))
            scale = np.abs(array).max(axis=axes, keepdims=True).astype(np.float32) / 127
            steps = ops.convert(ops.constant(np.rint(array / scale).astype(np.int8)), np.float32)
            node.input(1).replace_source_output(ops.multiply(steps, ops.constant(scale)).output(0))
            if activations:
                low, high = ranges[node.get_friendly_name()]
                around = [ops.constant(np.float32(one)) for one in (low, high, low, high)]
                fake = ops.fake_quantize(node.input_value(0), *around, 256)
                node.input(0).replace_source_output(fake.output(0))
        ov.save_model(graph, folder / f"{name}.xml", compress_to_fp16=False)


def _ranges(ov: Any, graph: Any, products: list[Any], pixels: NDArray[np.float32]) -> dict[str, tuple[float, float]]:
    """Least and greatest input of each product."""
    watched = ov.Model([node.input_value(0) for node in products], graph.get_parameters(), "watched")
    compiled = ov.Core().compile_model(watched, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    found = list(compiled(pixels).values())
    return {
        node.get_friendly_name(): (min(float(one.min()), 0.0), float(one.max()))
        for node, one in zip(products, found, strict=True)
    }


def write_torch(network: Network, weights: Arrays, pixels: NDArray[np.float32], folder: Path) -> None:
    """Every ``.pt2`` and ``.pt``."""
    import torch

    from alexbench.backends.torch_.network import network_module

    warnings.simplefilter("ignore")
    model = Model(network, weights)

    class AsHalf(torch.nn.Module):
        """Weights in fp16, made fp32 before each product."""

        def __init__(self, inner: Any) -> None:
            super().__init__()
            self.inner = inner.half()

        def forward(self, x: Any) -> Any:
            state = {name: one.float() for name, one in self.inner.named_parameters()}
            return torch.func.functional_call(self.inner, state, (x,))

    class Converting(torch.nn.Module):
        """fp32 pixels, fp32 scores."""

        def __init__(self, inner: Any, dtype: Any) -> None:
            super().__init__()
            self.inner, self.dtype = inner.to(dtype), dtype

        def forward(self, x: Any) -> Any:
            return self.inner(x.to(self.dtype)).float()

    class Autocast(torch.nn.Module):
        def __init__(self, inner: Any) -> None:
            super().__init__()
            self.inner = inner

        def forward(self, x: Any) -> Any:
            with torch.autocast("cpu", dtype=torch.bfloat16):
                return self.inner(x).float()

    two = torch.from_numpy(pixels[:2])
    any_batch = {"x": {0: torch.export.Dim("batch")}}

    def export(module: Any, name: str) -> None:
        torch.export.save(torch.export.export(module.eval(), (two,), dynamic_shapes=any_batch), folder / name)

    class Plain(Converting):
        def __init__(self, inner: Any) -> None:
            super().__init__(inner, torch.float32)

    export(Plain(network_module(torch, model)), "fp32.pt2")
    export(Converting(network_module(torch, model), torch.float16), "fp16.pt2")
    export(Converting(network_module(torch, model), torch.bfloat16), "bf16.pt2")
    export(AsHalf(network_module(torch, model)), "fp16-stored.pt2")
    torch.jit.trace(network_module(torch, model).half(), two.half()).save(str(folder / "fp16.pt"))
    torch.jit.trace(Autocast(network_module(torch, model)), two, check_trace=False).save(str(folder / "autocast.pt"))
    quantised = torch.ao.quantization.quantize_dynamic(network_module(torch, model), {torch.nn.Linear})
    traced = torch.jit.trace(quantised, two)
    traced.save(str(folder / "int8-dynamic.pt"))
    torch.jit.freeze(torch.jit.script(quantised.eval())).save(str(folder / "int8-dynamic-frozen.pt"))


def write_tensorflow(network: Network, weights: Arrays, pixels: NDArray[np.float32], folder: Path) -> None:
    """Every SavedModel and ``.keras``."""
    import keras
    import tensorflow as tf

    from alexbench.backends.tensorflow_.layers import forward, variables
    from alexbench.harness.models.network import Conv, Flatten, Linear, MaxPool, ReLU

    def built(policy: str) -> Any:
        keras.config.set_dtype_policy(policy)
        layers = [keras.layers.Input(tuple(np.roll(network.input_shape, -1)))]
        arrays: list[NDArray[np.float32]] = []
        for layer in network.layers:
            match layer:
                case Conv():
                    layers += [
                        keras.layers.ZeroPadding2D(layer.padding),
                        keras.layers.Conv2D(layer.out_channels, layer.kernel, layer.stride),
                    ]
                    arrays += [weights[f"{layer.name}.weight"].transpose(2, 3, 1, 0), weights[f"{layer.name}.bias"]]
                case Linear():
                    layers.append(keras.layers.Dense(layer.out_features))
                    arrays += [weights[f"{layer.name}.weight"].T, weights[f"{layer.name}.bias"]]
                case ReLU():
                    layers.append(keras.layers.ReLU())
                case MaxPool():
                    layers.append(keras.layers.MaxPool2D(layer.kernel, layer.stride))
                case Flatten():  # its columns are in C, H, W order
                    layers += [keras.layers.Permute((3, 1, 2)), keras.layers.Flatten()]
        layers.append(keras.layers.Activation("linear", dtype="float32"))
        model = keras.Sequential(layers)
        model.set_weights(arrays)
        return model

    for policy, name in (
        ("float32", "fp32"),
        ("mixed_float16", "mixed_float16"),
        ("mixed_bfloat16", "mixed_bfloat16"),
        ("float16", "float16"),
    ):
        model = built(policy)
        model.save(folder / f"{name}.keras")
        if policy == "mixed_float16":
            model.export(folder / name, verbose=False)
    keras.config.set_dtype_policy("float32")

    class Stored(tf.Module):
        """Weights in fp16, made fp32 before each product."""

        def __init__(self) -> None:
            super().__init__()
            found = variables(tf, Model(network, weights))
            self.kept = {name: tf.Variable(tf.cast(one, tf.float16)) for name, one in found.items()}

        @tf.function(input_signature=[tf.TensorSpec((None, *np.roll(network.input_shape, -1)), tf.float32)])
        def run(self, x: Any) -> Any:
            whole = {name: tf.cast(one, tf.float32) for name, one in self.kept.items()}
            return {"scores": forward(tf, network, whole)(x)}

    module = Stored()
    tf.saved_model.save(module, str(folder / "fp16-stored"), signatures=module.run)


def main() -> None:
    """The script."""
    kind, folder = sys.argv[1], Path(sys.argv[2])
    if len(sys.argv) > 3:
        from alexbench.harness.models.weights import map_weights

        network, pixels = get_network("owt", input_size=224), np.load(sys.argv[4])
        arrays = {name: np.array(one) for name, one in map_weights(Path(sys.argv[3])).items()}
    else:
        from alexbench.harness.models.preprocessing import network_input
        from tests.conformance import artifacts

        network, arrays = artifacts.NETWORK, artifacts.weights()
        pixels = network_input(artifacts.pictures(), artifacts.PREPROCESSING, "NCHW")
    write = {"onnx": write_onnx, "openvino": write_openvino, "torch": write_torch, "tensorflow": write_tensorflow}
    write[kind](network, arrays, pixels.astype(np.float32), folder)


if __name__ == "__main__":
    main()
