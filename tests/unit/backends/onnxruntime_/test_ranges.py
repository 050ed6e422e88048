"""A QDQ graph's activation ranges: read, taken out, replaced."""

from pathlib import Path

import numpy as np
import pytest

from alexbench.backends.onnxruntime_.adapter import OnnxRuntimeBackend
from alexbench.harness.contract import Artifact, ArtifactFacts, Options
from alexbench.harness.errors import UnsupportedOptionError

FACTS = ArtifactFacts("ONNX", "x", "y", "NCHW", "float32", None, 4, "logits", None, None, "int8")
PIXELS = np.arange(-3, 5, dtype=np.float32).reshape(2, 4)


def write(path: Path, *, quantized: bool = True) -> Artifact:
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


def test_without_ranges_nothing_is_rounded_or_cut_but_what_a_relu_cuts(tmp_path: Path) -> None:
    opened = OnnxRuntimeBackend().open_ranges(write(tmp_path / "a.onnx"), FACTS, Options(1), None)
    scores, values = opened.run(PIXELS)
    np.testing.assert_array_equal(scores, np.maximum(PIXELS, 0))
    np.testing.assert_array_equal(values["h"], PIXELS)
    np.testing.assert_array_equal(values["x"], PIXELS)
    assert [(one.name, one.place) for one in opened.ranges] == [("x", "input"), ("h", "inner")]
    assert [(one.low, one.high) for one in opened.ranges] == [(-2, pytest.approx(127 / 64)), (0, pytest.approx(4))]
    assert opened.one_scale == ("weights",)


@pytest.mark.parametrize("most", [2.0, 3.0])
def test_other_ranges_cut_elsewhere(tmp_path: Path, most: float) -> None:
    ranges = {"x": (-8.0, 8.0), "h": (0.0, most)}
    opened = OnnxRuntimeBackend().open_ranges(write(tmp_path / "a.onnx"), FACTS, Options(1), ranges)
    np.testing.assert_allclose(opened.run(PIXELS)[0], np.clip(PIXELS, 0, most), atol=0.05)


def test_a_file_without_fixed_ranges_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedOptionError, match="QDQ"):
        OnnxRuntimeBackend().open_ranges(write(tmp_path / "a.onnx", quantized=False), FACTS, Options(1), None)
