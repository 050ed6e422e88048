"""Writes .onnx files as others do, with the onnx library: the ONNX zoo's, torch.onnx's, external data, quantised."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alexbench.harness.models.network import LRN, Conv, Flatten, Linear, MaxPool, Network, ReLU

ZOO_NAMES = {"weight": "w_0", "bias": "b_0"}


def zoo_model(network: Network, weights: Mapping[str, NDArray[np.float32]], *, doubled: str = "") -> Any:
    """As Caffe2's exporter made the zoo's bvlcalexnet: ``conv1_w_0``, a Reshape by a constant, Gemm with transB.

    ``doubled``: a node of this operator that multiplies the input by a constant, as a file that normalises does.
    """
    from onnx import TensorProto, helper, numpy_helper

    nodes, initializers = [], []
    x = "data_0"

    def node(operator: str, name: str, *extra: str, **attributes: Any) -> None:
        nonlocal x
        nodes.append(helper.make_node(operator, [x, *extra], [f"{name}_1"], name="", **attributes))
        x = f"{name}_1"

    def constants(name: str) -> list[str]:
        for part, suffix in ZOO_NAMES.items():
            initializers.append(numpy_helper.from_array(weights[f"{name}.{part}"], f"{name}_{suffix}"))
        return [f"{name}_{suffix}" for suffix in ZOO_NAMES.values()]

    if doubled:
        initializers.append(numpy_helper.from_array(np.full((1, 3, 1, 1), 2, np.float32), "two"))
        node(doubled, "doubled", "two")
    for layer in network.layers:
        match layer:
            case Conv():
                node(
                    "Conv",
                    layer.name,
                    *constants(layer.name),
                    kernel_shape=[layer.kernel] * 2,
                    pads=[layer.padding] * 4,
                    strides=[layer.stride] * 2,
                    group=layer.groups,
                )
            case Linear():
                node("Gemm", layer.name, *constants(layer.name), transB=1)
            case ReLU():
                node("Relu", layer.name)
            case LRN():
                node("LRN", layer.name, size=layer.size, alpha=layer.alpha, beta=layer.beta, bias=layer.k)
            case MaxPool():
                node("MaxPool", layer.name, kernel_shape=[layer.kernel] * 2, strides=[layer.stride] * 2)
            case Flatten():
                initializers.append(numpy_helper.from_array(np.array([1, -1], np.int64), "OC2_DUMMY_1"))
                node("Reshape", layer.name, "OC2_DUMMY_1")
            case _:
                pass
    node("Softmax", "prob")
    return _model(helper, TensorProto, nodes, initializers, network, ["data_0", x])


def mixed_model(network: Network, weights: Mapping[str, NDArray[np.float32]]) -> Any:
    """Weights in every other way: Constant, Identity, Transpose, Reshape, MatMul with Add, Conv with Add, raw or not.

    Activations are turned to N, H, W, C before they are flattened, as converters from TensorFlow do.
    """
    from onnx import TensorProto, helper, numpy_helper

    nodes, initializers = [], []
    x = "pixels"

    def node(operator: str, name: str, *inputs: str, **attributes: Any) -> str:
        nodes.append(helper.make_node(operator, list(inputs), [name], name=name, **attributes))
        return name

    def initializer(name: str, array: NDArray[Any], *, raw: bool = True) -> str:
        kind = helper.np_dtype_to_tensor_dtype(array.dtype)
        values = array.tobytes() if raw else array.reshape(-1).tolist()
        initializers.append(helper.make_tensor(name, kind, array.shape, values, raw=raw))
        return name

    channels = 0
    side = 0
    for layer in network.layers:
        match layer:
            case Conv():
                weight, bias = weights[f"{layer.name}.weight"], weights[f"{layer.name}.bias"]
                flat = initializer(f"{layer.name}/flat", weight.reshape(-1), raw=False)
                shape = initializer(f"{layer.name}/shape", np.array(weight.shape, np.int64), raw=False)
                node("Reshape", f"{layer.name}/kernel", flat, shape)
                sides = initializer(f"{layer.name}/bias", bias.reshape(1, -1, 1, 1))
                x = node(
                    "Conv",
                    f"{layer.name}/conv",
                    x,
                    f"{layer.name}/kernel",
                    pads=[layer.padding] * 4,
                    group=layer.groups,
                )
                x = node("Add", f"{layer.name}/add", sides, x)
                channels = layer.out_channels
            case Linear():
                weight, bias = weights[f"{layer.name}.weight"], weights[f"{layer.name}.bias"]
                if layer.name == "fc6":
                    side = round((layer.in_features / channels) ** 0.5)
                    weight = weight.reshape(-1, channels, side, side).transpose(0, 2, 3, 1).reshape(weight.shape)
                value = numpy_helper.from_array(np.ascontiguousarray(weight), "")
                node("Constant", f"{layer.name}/out_x_in", value=value)
                node("Transpose", f"{layer.name}/in_x_out", f"{layer.name}/out_x_in", perm=[1, 0])
                node("Identity", f"{layer.name}/matrix", f"{layer.name}/in_x_out")
                x = node("MatMul", f"{layer.name}/matmul", x, f"{layer.name}/matrix")
                x = node("Add", f"{layer.name}/add", x, initializer(f"{layer.name}/bias", bias, raw=False))
            case ReLU():
                x = node("Relu", layer.name, x)
            case LRN():
                x = node("LRN", layer.name, x, size=layer.size)
            case MaxPool():
                x = node("MaxPool", layer.name, x, kernel_shape=[layer.kernel] * 2, strides=[layer.stride] * 2)
            case Flatten():
                x = node("Transpose", "to_nhwc", x, perm=[0, 2, 3, 1])
                x = node("Flatten", layer.name, x, axis=1)
            case _:
                pass
    return _model(helper, TensorProto, nodes, initializers, network, ["pixels", x])


def _model(
    helper: Any, types: Any, nodes: list[Any], initializers: list[Any], network: Network, ends: list[str]
) -> Any:
    import onnx

    graph = helper.make_graph(
        nodes,
        "main",
        [helper.make_tensor_value_info(ends[0], types.FLOAT, ["N", *network.input_shape])],
        [helper.make_tensor_value_info(ends[1], types.FLOAT, ["N", network.outputs])],
        initializers,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return model


def write_onnx(model: Any, path: Path, *, beside: str | None = None) -> Path:
    """Save; ``beside`` is the name of a file for the data."""
    import onnx

    if beside is None:
        onnx.save(model, path)
    else:
        onnx.save(model, path, save_as_external_data=True, location=beside, size_threshold=0)
    return path


def drop_out(proto: Any, layer: str = "fc7") -> None:
    """Put dropout in front of a layer, half of its input gone at every call, as nodes that no runtime optimises away.

    ONNX Runtime takes a Dropout node out, whatever its training_mode.
    """
    from onnx import TensorProto, helper, numpy_helper

    node = next(node for node in proto.graph.node if f"{layer}.weight" in node.input)
    given, node.input[0] = node.input[0], "dropped"
    proto.graph.initializer.extend(
        numpy_helper.from_array(np.array(value, np.float32), name) for name, value in (("half", 0.5), ("twice", 2))
    )
    nodes = [
        helper.make_node("RandomUniformLike", [given], ["drawn"], dtype=TensorProto.FLOAT),
        helper.make_node("Greater", ["drawn", "half"], ["stays"]),
        helper.make_node("Cast", ["stays"], ["mask"], to=TensorProto.FLOAT),
        helper.make_node("Mul", [given, "mask"], ["left"]),
        helper.make_node("Mul", ["left", "twice"], ["dropped"]),
    ]
    place = list(proto.graph.node).index(node)
    for one in reversed(nodes):
        proto.graph.node.insert(place, one)
