"""The activation ranges of a quantized file: read, taken out, replaced; alike in all forms of file."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alexbench.backends.registry import backend_class
from alexbench.harness.capabilities import OpenedRanges, OpensRanges
from alexbench.harness.contract import Artifact, ArtifactFacts, Options
from alexbench.harness.errors import UnsupportedOptionError

FACTS = ArtifactFacts("", "x", "y", "NCHW", "float32", None, 4, "logits", None, None, "int8")
PIXELS = np.arange(-3, 5, dtype=np.float32).reshape(2, 4)


def onnxruntime(path: Path, *, quantized: bool = True) -> Artifact:
    """X, quantized from -2 to 2, times a diagonal, quantized from 0 (a ReLU) to 4: to y, which is not quantized."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    values = {
        "input_scale": np.float32(4 / 256), "input_zero": np.int8(0),
        "inner_scale": np.float32(4 / 255), "inner_zero": np.int8(-128),
        "weights": np.eye(4, dtype=np.int8), "one": np.float32(1), "nothing": np.int8(0),
        "last": np.eye(4, dtype=np.float32),
    }  # fmt: skip
    node = helper.make_node
    nodes = [node("DequantizeLinear", ["weights", "one", "nothing"], ["w"])]
    if quantized:
        nodes += [
            node("QuantizeLinear", ["x", "input_scale", "input_zero"], ["xq"]),
            node("DequantizeLinear", ["xq", "input_scale", "input_zero"], ["xd"]),
            node("MatMul", ["xd", "w"], ["h"]),
            node("QuantizeLinear", ["h", "inner_scale", "inner_zero"], ["hq"]),
            node("DequantizeLinear", ["hq", "inner_scale", "inner_zero"], ["hd"]),
            node("MatMul", ["hd", "last"], ["y"]),
        ]
    else:
        nodes.append(node("MatMul", ["x", "w"], ["y"]))
    ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 4]) for name in ("x", "y")]
    constants = [numpy_helper.from_array(np.asarray(value), name) for name, value in values.items()]
    graph = helper.make_graph(nodes, "g", ports[:1], ports[1:], constants)
    onnx.save(helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)]), path)
    return Artifact(path, (3, 2, 2), 4)


def openvino(path: Path, *, quantized: bool = True) -> Artifact:
    """The same as an IR."""
    import openvino as ov

    ops = ov.opset13
    x = ops.parameter([-1, 4], np.float32, name="x")
    x.output(0).set_names({"x"})
    weights = ops.multiply(ops.convert(ops.constant(np.eye(4, dtype=np.int8), name="weights"), "f32"), np.float32(1))

    def rounded(node: Any, low: float, high: float) -> Any:
        return ops.fake_quantize(node, *map(np.float32, (low, high) * 2), levels=256) if quantized else node

    first = ops.matmul(rounded(x, -2, 127 / 64), weights, False, False)
    last = ops.matmul(rounded(first, 0, 4), ops.constant(np.eye(4, dtype=np.float32)), False, False)
    last.output(0).set_names({"y"})
    ov.save_model(ov.Model([last], [x]), path.with_suffix(".xml"), compress_to_fp16=False)
    return Artifact(path.with_suffix(".xml"), (3, 2, 2), 4)


def torch(path: Path, *, quantized: bool = True) -> Artifact:
    """The same as a program of torch.export."""
    import torch

    from alexbench.backends.torch_.quantize import know_steps

    know_steps()
    steps = torch.ops.quantized_decomposed

    def rounded(x: Any, scale: float, zero: int) -> Any:
        given = scale, zero, 0, 255, torch.uint8
        return steps.dequantize_per_tensor(steps.quantize_per_tensor(x, *given), *given) if quantized else x

    class Program(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("weights", torch.eye(4, dtype=torch.int8))
            self.register_buffer("last", torch.eye(4))

        def forward(self, x: Any) -> Any:
            weights = steps.dequantize_per_tensor(self.weights, 1.0, 0, -128, 127, torch.int8)
            return rounded(rounded(x, 4 / 256, 128) @ weights, 4 / 255, 0) @ self.last

    # A test before may have loaded the adapter, which leaves no TF32: torch.export reads the older flag, and fails.
    torch.backends.cudnn.conv.fp32_precision = torch.backends.cudnn.rnn.fp32_precision = "tf32"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dimensions = ({0: torch.export.Dim("N")},)
        program = torch.export.export(Program(), (torch.zeros(2, 4),), dynamic_shapes=dimensions)
        torch.export.save(program, path.with_suffix(".pt2"))
    return Artifact(path.with_suffix(".pt2"), (3, 2, 2), 4)


Write = Callable[..., Artifact]
Files = dict[tuple[Write, bool], Artifact]
WRITERS: tuple[Write, ...] = (onnxruntime, openvino, torch)
ALL = pytest.mark.parametrize("write", WRITERS)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """By writer, and whether it is quantized. Written first: torch exports no more once it has loaded."""
    folder = tmp_path_factory.mktemp("files")
    return {
        (write, quantized): write(folder / f"{quantized}.onnx", quantized=quantized)
        for write in WRITERS
        for quantized in (True, False)
    }


def opened(artifact: Artifact, write: Write, ranges: dict[str, tuple[float, float]] | None = None) -> OpenedRanges:
    """The file with other ranges, or without any."""
    from dataclasses import replace

    backend = backend_class(write.__name__)()
    assert isinstance(backend, OpensRanges)
    facts = replace(FACTS, output_name="0:y") if write is torch else FACTS
    return backend.open_ranges(artifact, facts, Options(1), ranges)


@ALL
def test_without_ranges_nothing_is_rounded_or_cut_but_what_a_relu_cuts(write: Write, files: Files) -> None:
    found = opened(files[write, True], write)
    scores, values = found.run(PIXELS)
    first, inner = found.ranges
    np.testing.assert_array_equal(scores, np.maximum(PIXELS, 0))
    np.testing.assert_array_equal(values[inner.name], PIXELS)
    np.testing.assert_array_equal(values[first.name], PIXELS)
    assert (first.place, inner.place) == ("input", "inner")
    assert [(one.low, one.high) for one in found.ranges] == [
        (-2, pytest.approx(127 / 64)),
        (pytest.approx(0), pytest.approx(4)),
    ]
    assert found.one_scale == ("weights",)


@ALL
@pytest.mark.parametrize("most", [2.0, 3.0])
def test_other_ranges_cut_elsewhere(write: Write, most: float, files: Files) -> None:
    artifact = files[write, True]
    first, inner = opened(artifact, write).ranges
    found = opened(artifact, write, {first.name: (-8.0, 8.0), inner.name: (0.0, most)})
    np.testing.assert_allclose(found.run(PIXELS)[0], np.clip(PIXELS, 0, most), atol=0.05)


@ALL
def test_a_file_without_fixed_ranges_is_refused(write: Write, files: Files) -> None:
    with pytest.raises(UnsupportedOptionError, match="only activation ranges"):
        opened(files[write, False], write)
