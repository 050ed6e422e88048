"""Artifacts of a small network, as its users' tools write them: run as a script, one runtime a process.

``python artifacts.py KIND FOLDER`` writes what tests/conformance/test_artifacts.py reads; KIND is onnx, openvino, torch
or tensorflow. ``python artifacts.py alternate FOLDER BACKEND`` loads a file and a network in turns. The
network is ``NETWORK`` with ``weights()``; the card that goes with it is ``PREPROCESSING``.
"""

import json
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from alexbench.harness.contract import Model
from alexbench.harness.models.network import Conv, Flatten, Linear, MaxPool, Network, ReLU
from alexbench.harness.models.preprocessing import Preprocessing
from alexbench.harness.models.seeded import seeded_weights

SIDE: Final = 32
CLASSES: Final = 10
NETWORK: Final = Network(
    "small",
    "a network of two layers that learned something from each pixel",
    (3, SIDE, SIDE),
    (
        Conv("conv1", 3, 8, 5, stride=2),
        ReLU("relu1"),
        MaxPool("pool1", 2, 2),
        Flatten("flatten"),
        Linear("fc8", 8 * 7 * 7, CLASSES),
    ),
)
MEAN: Final = (104.0, 117.0, 123.0)
STD: Final = (57.0, 58.0, 59.0)
PREPROCESSING: Final = Preprocessing(
    name="small",
    exif=False,
    resize="squash",
    resize_to=SIDE,
    interpolation="pillow-bilinear",
    crop=SIDE,
    crop_rounding="round",
    channels="BGR",
    divide_by=1.0,
    mean=MEAN,
    std=STD,
)


def weights() -> dict[str, NDArray[np.float32]]:
    """Seeded arrays."""
    return seeded_weights(NETWORK.parameter_shapes, 5)


def pictures(count: int = 6) -> NDArray[np.uint8]:
    """Prepared pixels (count, SIDE, SIDE, 3), count up to 6, not grey; the first ones whatever the count."""
    random = np.random.RandomState(8)
    tint = random.randint(0, 128, (6, 1, 1, 3))
    return (random.randint(0, 128, (6, SIDE, SIDE, 3)) + tint).astype(np.uint8)[:count]


def write_onnx(folder: Path) -> None:
    """Every ``.onnx``."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    from alexbench.backends._shared.onnx_graph import complete_model

    def fresh() -> Any:
        return complete_model(Model(NETWORK, weights()))

    def in_front(proto: Any, *nodes: Any, **constants: NDArray[Any]) -> Any:
        """``nodes`` make ``x`` of ``pixels``."""
        for node in proto.graph.node:
            node.input[:] = ["x" if name == "pixels" else name for name in node.input]
        kept = list(proto.graph.node)
        del proto.graph.node[:]
        proto.graph.node.extend([*nodes, *kept])
        proto.graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in constants.items())
        return proto

    def behind(proto: Any, operator: str, **attributes: Any) -> Any:
        proto.graph.node[-1].output[0] = "raw"
        proto.graph.node.append(helper.make_node(operator, ["raw"], ["logits"], **attributes))
        return proto

    def save(proto: Any, name: str) -> None:
        onnx.checker.check_model(proto)
        onnx.save(proto, folder / name)

    def sides(value: Any, *shape: int | str) -> None:
        kind = value.type.tensor_type.elem_type
        value.CopyFrom(helper.make_tensor_value_info(value.name, kind, shape))

    save(fresh(), "plain.onnx")
    save(behind(fresh(), "Softmax", axis=1), "softmax.onnx")
    save(behind(fresh(), "LogSoftmax", axis=1), "log-softmax.onnx")
    mean, std = np.array(MEAN, np.float32).reshape(1, 3, 1, 1), np.array(STD, np.float32).reshape(3, 1, 1)
    sub, div = helper.make_node("Sub", ["pixels", "mean"], ["y"]), helper.make_node("Div", ["y", "std"], ["x"])
    save(in_front(fresh(), sub, div, mean=mean, std=std), "normalised.onnx")
    computed = [
        helper.make_node("Sqrt", ["variance"], ["deviation"]),
        helper.make_node("Mul", ["pixels", "full"], ["y0"]),
        helper.make_node("Sub", ["y0", "mean"], ["y1"]),
        helper.make_node("Div", ["y1", "deviation"], ["x"]),
    ]
    save(
        in_front(fresh(), *computed, full=np.array(255, np.float32), mean=mean, variance=std**2),
        "normalised-from-0-to-1.onnx",
    )
    save(in_front(fresh(), sub, helper.make_node("Identity", ["y"], ["x"]), mean=mean), "mean-only.onnx")
    save(
        in_front(fresh(), helper.make_node("Gather", ["pixels", "order"], ["x"], axis=1), order=np.array([2, 1, 0])),
        "reversed.onnx",
    )
    clip = helper.make_node("Clip", ["pixels", "black", "white"], ["y0"])
    sub0 = helper.make_node("Sub", ["y0", "mean"], ["y"])
    ends = {"black": np.array(0, np.float32), "white": np.array(255, np.float32)}
    save(in_front(fresh(), clip, sub0, div, mean=mean, std=std, **ends), "clipped.onnx")
    cast = [
        helper.make_node("Cast", ["pixels"], ["u"], to=TensorProto.UINT8),
        helper.make_node("Cast", ["u"], ["x"], to=1),
    ]
    save(in_front(fresh(), *cast), "whole-numbers.onnx")
    weight = np.diag(1 / np.array(STD, np.float32)).reshape(3, 3, 1, 1)
    bias = -np.array(MEAN, np.float32) / np.array(STD, np.float32)
    pointwise = helper.make_node("Conv", ["pixels", "factor", "offset"], ["x"], kernel_shape=[1, 1])
    save(in_front(fresh(), pointwise, factor=weight, offset=bias), "normalised-by-a-convolution.onnx")
    colours = np.full((3, 3, 1, 1), 1 / 3, np.float32)
    save(in_front(fresh(), pointwise, factor=colours, offset=bias), "grey.onnx")
    last = in_front(fresh(), helper.make_node("Transpose", ["pixels"], ["x"], perm=[0, 3, 1, 2]))
    sides(last.graph.input[0], "N", SIDE, SIDE, 3)
    save(last, "channels-last.onnx")
    four = fresh()
    sides(four.graph.input[0], 4, 3, SIDE, SIDE)
    sides(four.graph.output[0], 4, CLASSES)
    save(four, "batch-4.onnx")
    told = fresh()  # says any batch, reshapes to one
    flatten = next(node for node in told.graph.node if node.op_type == "Flatten")
    flatten.CopyFrom(helper.make_node("Reshape", [flatten.input[0], "shape"], list(flatten.output)))
    told.graph.initializer.append(numpy_helper.from_array(np.array([1, 8 * 7 * 7]), "shape"))
    save(told, "really-batch-1.onnx")
    spatial = fresh()
    spatial.graph.node[-1].output[0] = "raw"
    spatial.graph.initializer.append(numpy_helper.from_array(np.array([0, 0, 1, 1]), "ones"))
    spatial.graph.node.append(helper.make_node("Reshape", ["raw", "ones"], ["logits"]))
    sides(spatial.graph.output[0], "N", CLASSES, 1, 1)
    save(spatial, "four-dimensions.onnx")
    two = fresh()
    two.graph.input.append(helper.make_tensor_value_info("other", TensorProto.FLOAT, ["N", 3, SIDE, SIDE]))
    save(in_front(two, helper.make_node("Add", ["pixels", "other"], ["x"])), "two-inputs.onnx")
    more = fresh()
    more.graph.node.append(helper.make_node("Relu", ["logits"], ["rectified"]))
    more.graph.output.append(helper.make_tensor_value_info("rectified", TensorProto.FLOAT, ["N", CLASSES]))
    save(more, "two-outputs.onnx")
    unknown = fresh()
    unknown.graph.node[1].op_type = "Vanish"
    onnx.save(unknown, folder / "unknown-operator.onnx")
    flat = helper.make_graph(
        [helper.make_node("Relu", ["text"], ["out"])],
        "flat",
        [helper.make_tensor_value_info("text", TensorProto.FLOAT, ["N", 77])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, ["N", 77])],
    )
    save(helper.make_model(flat, ir_version=8, opset_imports=[helper.make_opsetid("", 17)]), "no-image.onnx")
    outside = fresh()
    onnx.save(outside, folder / "outside.onnx", save_as_external_data=True, location="outside.data", size_threshold=0)
    half = fresh()
    for tensor in half.graph.initializer:
        tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float16), tensor.name))
    for value in (*half.graph.input, *half.graph.output):
        value.type.tensor_type.elem_type = TensorProto.FLOAT16
    save(half, "half.onnx")
    noise = in_front(
        fresh(),
        helper.make_node("RandomNormalLike", ["pixels"], ["noise"]),
        helper.make_node("Add", ["pixels", "noise"], ["x"]),
    )
    save(noise, "random.onnx")
    whole = (folder / "plain.onnx").read_bytes()
    (folder / "truncated.onnx").write_bytes(whole[: len(whole) // 2])
    _write_quantised(folder)


def _write_quantised(folder: Path) -> None:
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_static

    from alexbench.harness.models.preprocessing import network_input

    class Pictures(CalibrationDataReader):  # type: ignore[misc]  # no types
        def __init__(self) -> None:
            self._left = [network_input(pictures(), PREPROCESSING, "NCHW")]

        def get_next(self) -> dict[str, NDArray[np.float32]] | None:
            return {"pixels": self._left.pop()} if self._left else None

    for name, form in (("qdq", QuantFormat.QDQ), ("qoperator", QuantFormat.QOperator)):
        quantize_static(folder / "softmax.onnx", folder / f"{name}.onnx", Pictures(), quant_format=form)


def write_openvino(folder: Path) -> None:
    """Every ``.xml``; needs ``plain.onnx``."""
    import openvino as ov
    from openvino import opset13 as ops
    from openvino.preprocess import PrePostProcessor

    core = ov.Core()

    def plain() -> Any:
        return core.read_model(folder / "plain.onnx")

    ov.save_model(plain(), folder / "plain.xml", compress_to_fp16=False)
    ov.save_model(plain(), folder / "compressed.xml", compress_to_fp16=True)
    ov.save_model(plain(), folder / "orphan.xml", compress_to_fp16=False)
    (folder / "orphan.bin").unlink()

    steps = PrePostProcessor(plain())
    steps.input().tensor().set_element_type(ov.Type.u8).set_layout(ov.Layout("NHWC"))
    steps.input().preprocess().convert_element_type(ov.Type.f32).mean(list(MEAN)).scale(list(STD))
    steps.input().model().set_layout(ov.Layout("NCHW"))
    ov.save_model(steps.build(), folder / "preprocessed.xml", compress_to_fp16=False)

    # OpenVINO folds the reversal into the first layer and turns the mean around; a scale it would fold in as well.
    for name, scale in (("reversed", (1.0,) * 3), ("scale-folded", STD)):
        steps = PrePostProcessor(plain())
        steps.input().tensor().set_layout(ov.Layout("NCHW"))
        steps.input().preprocess().reverse_channels().mean(list(MEAN)).scale(list(scale))
        steps.input().model().set_layout(ov.Layout("NCHW"))
        ov.save_model(steps.build(), folder / f"{name}.xml", compress_to_fp16=False)

    model = plain()  # as model conversion with mean_values and scale_values writes it
    parameter = model.get_parameters()[0]
    consumers = list(parameter.output(0).get_target_inputs())
    mean = ops.constant(np.array(MEAN, np.float32).reshape(1, 3, 1, 1))
    factor = ops.constant(1 / np.array(STD, np.float32).reshape(1, 3, 1, 1))
    normalised = ops.multiply(ops.subtract(parameter, mean), factor)
    for one in consumers:
        one.replace_source_output(normalised.output(0))
    result = model.get_results()[0]
    result.input(0).replace_source_output(ops.softmax(result.input_value(0), 1).output(0))
    ov.save_model(model, folder / "mean-inside.xml", compress_to_fp16=False)


def _module() -> Any:
    import torch

    class Small(torch.nn.Module):
        """The network; what is done before and after it depends on the file."""

        def __init__(
            self, *, normalise: bool = False, softmax: bool = False, dropout: bool = False, cast: bool = False
        ) -> None:
            super().__init__()
            self.conv1 = torch.nn.Conv2d(3, 8, 5, stride=2)
            self.fc8 = torch.nn.Linear(8 * 7 * 7, CLASSES)
            state = {name: torch.from_numpy(array) for name, array in weights().items()}
            self.load_state_dict(state)
            self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1), persistent=False)
            self.std = torch.tensor(STD).view(1, 3, 1, 1)
            self.normalise, self.softmax, self.cast = normalise, softmax, cast
            self.dropout = torch.nn.Dropout(0.5) if dropout else torch.nn.Identity()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            if self.cast:
                x = x.float()
            if self.normalise:
                x = (x * 255.0 - self.mean) / self.std
            x = torch.nn.functional.max_pool2d(torch.relu(self.conv1(x)), 2, 2)
            x = self.fc8(self.dropout(torch.flatten(x, 1)))
            return torch.softmax(x, 1) if self.softmax else x

    return Small


def write_torch(folder: Path) -> None:
    """Every ``.pt2`` and ``.pt``."""
    import warnings

    import torch

    warnings.simplefilter("ignore")
    small = _module()
    one, two = torch.zeros(1, 3, SIDE, SIDE), torch.zeros(2, 3, SIDE, SIDE)
    any_batch = {"x": {0: torch.export.Dim("batch")}}
    for name, module in (
        ("plain", small()),
        ("normalised", small(normalise=True, softmax=True)),
        ("cast", small(normalise=True, cast=True)),
    ):
        torch.export.save(torch.export.export(module.eval(), (two,), dynamic_shapes=any_batch), folder / f"{name}.pt2")
        torch.jit.trace(module.eval(), one).save(str(folder / f"{name}.pt"))
    torch.export.save(torch.export.export(small().eval(), (one,)), folder / "batch-1.pt2")
    torch.export.save(
        torch.export.export(small(dropout=True).train(), (two,), dynamic_shapes=any_batch), folder / "training.pt2"
    )
    torch.jit.freeze(torch.jit.script(small(normalise=True).eval())).save(str(folder / "frozen.pt"))
    torch.save(small().state_dict(), folder / "weights.pth")
    (folder / "truncated.pt2").write_bytes((folder / "plain.pt2").read_bytes()[:4000])
    _write_hostile(folder)


def _write_hostile(folder: Path) -> None:
    """plain.pt2 with a size that, evaluated, would write a file; and with a pickle of code for sample inputs."""
    import pickle
    import zipfile

    class Payload:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.system, (f"touch {folder / 'EXECUTED'}",)

    def rewrite(name: str, change: Any) -> None:
        with zipfile.ZipFile(folder / "plain.pt2") as old, zipfile.ZipFile(folder / name, "w") as new:
            for member in old.namelist():
                new.writestr(member, change(member, old.read(member)))

    call = f"open('{folder / 'EXECUTED'}', 'w')".encode()

    def evaluated(member: str, data: bytes) -> bytes:
        return data.replace(b'"expr_str":"', b'"expr_str":"' + call + b"+").replace(
            b'"expr_str": "', b'"expr_str": "' + call + b"+"
        )

    def unpickled(member: str, data: bytes) -> bytes:
        return pickle.dumps(Payload()) if "sample_inputs" in member and member.endswith(".pt") else data

    rewrite("hostile-size.pt2", evaluated)
    rewrite("hostile-pickle.pt2", unpickled)


def alternate(name: str, folder: Path) -> None:
    """One backend runs a file of channels-last, then a network of ours, then the file again; what was seen, as JSON."""
    from alexbench.backends.registry import backend_class
    from alexbench.harness.capabilities import RunsArtifacts
    from alexbench.harness.contract import Artifact, Options
    from alexbench.harness.models.preprocessing import network_input

    backend = backend_class(name)()
    assert isinstance(backend, RunsArtifacts)
    file = {"onnxruntime": "channels-last.onnx", "openvino": "channels-last.onnx", "tensorflow": "tensorflow1"}
    artifact, options = Artifact(folder / file.get(name, "batch-1.pt2"), (3, SIDE, SIDE), CLASSES), Options(1)
    facts = backend.inspect_artifact(artifact, options)
    scores, layouts = [], []
    for given in (artifact, None, artifact):
        if given is None:
            backend.load(Model(NETWORK, weights()), options)
        else:
            backend.load_artifact(given, facts, options)
        arithmetic = PREPROCESSING
        if given is not None and facts.normalisation is not None:
            arithmetic = replace(PREPROCESSING, mean=(0.0,) * 3, std=(1.0,) * 3)
        scores.append(backend.predict(network_input(pictures(3), arithmetic, backend.input_layout)))
        layouts.append(backend.input_layout)
    effective = backend.effective()
    backend.close()
    backend.close()
    seen = {
        "layouts": [*layouts, backend.input_layout],
        "apart": float(max(np.abs(one - scores[0]).max() for one in scores)),
        "again": bool(np.array_equal(scores[0], scores[2])),
        "settings": dict(effective.settings),
    }
    (folder / f"{name}.json").write_text(json.dumps(seen), encoding="utf-8")


def main() -> None:
    """The script."""
    kind, folder = sys.argv[1], Path(sys.argv[2])
    if kind == "alternate":
        alternate(sys.argv[3], folder)
        return
    if kind == "tensorflow":
        sys.path.append(str(Path(__file__).parents[2]))  # last: the repository's `datasets` is not to hide anyone's
        from tests.conformance.tensorflow_artifacts import write_tensorflow

        write_tensorflow(folder)
        return
    {"onnx": write_onnx, "openvino": write_openvino, "torch": write_torch}[kind](folder)


if __name__ == "__main__":
    main()
