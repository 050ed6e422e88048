""".onnx files, written by the onnx library, give the weights that went in, whatever they are called."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alexbench.harness.errors import WeightsError
from alexbench.harness.inputs.converting import read
from alexbench.harness.models.network import get_network
from alexbench.harness.models.weights import weights_digest
from tests.support.onnx_files import mixed_model, write_onnx, zoo_model
from tests.support.toy_network import TOY, toy_weights

pytest.importorskip("onnx", reason="pip install 'alexbench[onnxruntime]'")
DIGEST = weights_digest(toy_weights())


def saved(model: Any, tmp_path: Path, **how: Any) -> Path:
    return write_onnx(model, tmp_path / "mine.onnx", **how)


def test_the_zoos_names_are_understood(tmp_path: Path) -> None:
    reading = read(saved(zoo_model(TOY, toy_weights()), tmp_path), TOY)
    assert list(reading.arrays) == list(TOY.parameter_shapes)
    assert weights_digest(reading.arrays) == DIGEST
    assert (reading.checked, reading.assumed) == ("", "")
    assert not any(array.flags.owndata for array in reading.arrays.values())


def test_constants_transposes_reshapes_and_added_biases_are_understood(tmp_path: Path) -> None:
    """And fc6's columns, where the file flattens N, H, W, C."""
    assert weights_digest(read(saved(mixed_model(TOY, toy_weights()), tmp_path), TOY).arrays) == DIGEST


def test_our_own_graph_is_understood(tmp_path: Path) -> None:
    from alexbench.backends._shared.onnx_graph import complete_model
    from alexbench.harness.contract import Model

    model = complete_model(Model(TOY, toy_weights()))
    assert weights_digest(read(saved(model, tmp_path), TOY).arrays) == DIGEST


def test_data_in_an_external_file_is_read(tmp_path: Path) -> None:
    source = saved(zoo_model(TOY, toy_weights()), tmp_path, beside="weights.bin")
    assert (tmp_path / "weights.bin").exists()
    assert weights_digest(read(source, TOY).arrays) == DIGEST
    (tmp_path / "weights.bin").write_bytes((tmp_path / "weights.bin").read_bytes()[:100])
    with pytest.raises(WeightsError, match=r"does not fit weights\.bin"):
        read(source, TOY)
    (tmp_path / "weights.bin").unlink()
    with pytest.raises(WeightsError, match=r"conv1_w_0 is in weights\.bin, which is missing"):
        read(source, TOY)


@pytest.mark.parametrize("location", ["../secret", "/etc/passwd", "a/../../secret", "C:\\secret", "", "link"])
def test_a_path_out_of_the_folder_is_refused(tmp_path: Path, location: str) -> None:
    import onnx

    (tmp_path / "secret").write_bytes(bytes(10000))
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "link").symlink_to(tmp_path / "secret")
    model = zoo_model(TOY, toy_weights())
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", location
    source = folder / "mine.onnx"
    source.write_bytes(model.SerializeToString())
    fix = "outside of .*cp -L" if location == "link" else "which is outside of .*put the data file next to"
    with pytest.raises(WeightsError, match=fix):
        read(source, TOY)


def linked(tmp_path: Path, model: str, data: str) -> Path:
    """A model and its data as links at ``hub/snapshots/1`` to these places in ``hub``."""
    source = saved(zoo_model(TOY, toy_weights()), tmp_path, beside="weights.bin")
    folder = tmp_path / "hub" / "snapshots" / "1"
    folder.mkdir(parents=True)
    for file, place in ((source, model), (tmp_path / "weights.bin", data)):
        target = tmp_path / "hub" / place
        target.parent.mkdir(parents=True, exist_ok=True)
        file.rename(target)
        (folder / file.name).symlink_to(os.path.relpath(target, folder))
    return folder / "mine.onnx"


A, B = "ab" * 32, "cd" * 32


@pytest.mark.parametrize(
    ("model", "data"),
    [
        (f"blobs/{A}", f"blobs/{B}"),  # Hugging Face
        (f"files/md5/{A[:2]}/{A[2:32]}", f"files/md5/{B[:2]}/{B[2:32]}"),  # DVC
        (f"objects/{A[:2]}/{A[2:4]}/{A}", f"objects/{B[:2]}/{B[2:4]}/{B}"),  # Git LFS
        (f"objects/pX/1z/SHA256--{A}/SHA256--{A}", f"objects/Kq/0w/SHA256--{B}/SHA256--{B}"),  # git-annex
    ],
)
def test_links_into_the_store_of_the_model_are_followed(tmp_path: Path, model: str, data: str) -> None:
    assert weights_digest(read(linked(tmp_path, model, data), TOY).arrays) == DIGEST


def test_links_into_another_folder_are_not_followed(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"weights\.bin', a link to outside of .*cp -L"):
        read(linked(tmp_path, f"blobs/{A}", f"elsewhere/{B}"), TOY)


def test_a_copied_model_is_not_in_the_store_of_its_data(tmp_path: Path) -> None:
    source = linked(tmp_path, f"blobs/{A}", f"blobs/{B}")
    content = source.read_bytes()
    source.unlink()
    source.write_bytes(content)
    with pytest.raises(WeightsError, match=r"weights\.bin', a link to outside of"):
        read(source, TOY)


def test_a_link_to_a_model_has_the_data_next_to_the_model(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    source = saved(zoo_model(TOY, toy_weights()), tmp_path / "real", beside="weights.bin")
    (tmp_path / "mine.onnx").symlink_to(source)
    assert weights_digest(read(tmp_path / "mine.onnx", TOY).arrays) == DIGEST


def test_a_link_whose_file_is_not_there_is_said_to_be_one(tmp_path: Path) -> None:
    source = linked(tmp_path, f"blobs/{A}", f"blobs/{B}")
    (tmp_path / "hub" / "blobs" / B).unlink()
    with pytest.raises(WeightsError, match="a link to a missing file"):
        read(source, TOY)


@pytest.mark.parametrize("kind", ["FLOAT16", "BFLOAT16", "DOUBLE"])
@pytest.mark.parametrize("cast", [False, True], ids=["plain", "Cast"])
def test_other_floats_are_cast_and_said(tmp_path: Path, kind: str, cast: bool) -> None:
    """As converters to fp16 leave them: stored so, and perhaps cast back by a node."""
    from onnx import TensorProto, helper

    model = zoo_model(TOY, toy_weights())
    casts = []
    for tensor in model.graph.initializer:
        if tensor.data_type == TensorProto.FLOAT:
            values = np.frombuffer(tensor.raw_data, "<f4")
            stored = {
                "FLOAT16": lambda v: v.astype("<f2"),
                "BFLOAT16": lambda v: (v.view("<u4") >> 16).astype("<u2"),
                "DOUBLE": lambda v: v.astype("<f8"),
            }[kind](values)
            tensor.data_type, tensor.raw_data = getattr(TensorProto, kind), stored.tobytes()
            if cast:
                stored_name = f"{tensor.name}_stored"
                casts.append(helper.make_node("Cast", [stored_name], [tensor.name], to=TensorProto.FLOAT))
                tensor.name = stored_name
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    reading = read(saved(model, tmp_path), TOY)
    exact = "rounded" if kind == "DOUBLE" else "exact"
    assert reading.unwrapped == f"{kind.lower().replace('double', 'float64')} cast to float32 ({exact})"
    for name, array in toy_weights().items():
        assert np.allclose(reading.arrays[name], array, rtol=2.0**-7, atol=1e-6)


@pytest.mark.parametrize(("key", "value"), [("offset", "-4"), ("offset", "9" * 30), ("offset", "x"), ("length", "8")])
def test_nonsense_about_the_external_file_is_refused(tmp_path: Path, key: str, value: str) -> None:
    import onnx

    source = saved(zoo_model(TOY, toy_weights()), tmp_path, beside="weights.bin")
    model = onnx.load(source, load_external_data=False)
    for entry in model.graph.initializer[0].external_data:
        if entry.key == key:
            entry.value = value
    source.write_bytes(model.SerializeToString())
    with pytest.raises(WeightsError, match=r"mine\.onnx"):
        read(source, TOY)


@pytest.mark.parametrize("operator", ["QLinearConv", "ConvInteger", "DequantizeLinear", "QuantizeLinear", "QGemm"])
def test_a_quantised_file_is_to_be_run_as_it_is(tmp_path: Path, operator: str) -> None:
    model = zoo_model(TOY, toy_weights())
    model.graph.node[0].op_type = operator
    source = tmp_path / "bvlcalexnet-12-int8.onnx"
    source.write_bytes(model.SerializeToString())
    with pytest.raises(
        WeightsError, match=rf"is quantised \(operator {operator}\).*--artifact onnxruntime=.*int8\.onnx"
    ):
        read(source, TOY)


@pytest.mark.parametrize("operator", ["Mul", "Sub", "Add"])
def test_a_file_that_computes_more_than_an_alexnet_is_to_be_run_as_it_is(tmp_path: Path, operator: str) -> None:
    """A normalisation inside would be lost with the weights alone."""
    source = saved(zoo_model(TOY, toy_weights(), doubled=operator), tmp_path)
    with pytest.raises(WeightsError, match=rf"operator {operator}.*its weights alone are not the network.*--artifact"):
        read(source, TOY)


@pytest.mark.parametrize(("attribute", "value"), [("alpha", 2.0), ("beta", 0.5), ("transA", 1)])
def test_a_product_with_factors_is_not_taken(tmp_path: Path, attribute: str, value: float) -> None:
    from onnx import helper

    model = zoo_model(TOY, toy_weights())
    gemm = next(node for node in model.graph.node if node.op_type == "Gemm")
    gemm.attribute.append(helper.make_attribute(attribute, value))
    source = tmp_path / "mine.onnx"
    source.write_bytes(model.SerializeToString())
    with pytest.raises(WeightsError, match="operator Gemm with transA, alpha or beta"):
        read(source, TOY)


def test_weights_that_are_computed_are_not_taken(tmp_path: Path) -> None:
    model = zoo_model(TOY, toy_weights())
    model.graph.node[0].input[1] = "nowhere"
    source = tmp_path / "mine.onnx"
    source.write_bytes(model.SerializeToString())
    with pytest.raises(WeightsError, match="operator Conv whose weights are computed"):
        read(source, TOY)


@pytest.mark.parametrize(
    ("dtype", "said"), [("FLOAT16", "float16"), ("BFLOAT16", "bfloat16"), ("INT32", "int32"), ("INT8", "int8")]
)
def test_other_types_are_refused_by_name(tmp_path: Path, dtype: str, said: str) -> None:
    from onnx import TensorProto, helper

    model = zoo_model(TOY, toy_weights())
    kind = getattr(TensorProto, dtype)
    for tensor in model.graph.initializer:
        if tensor.name == "conv2_b_0":
            tensor.CopyFrom(helper.make_tensor("conv2_b_0", kind, [6], [1.0] * 6))
    source = tmp_path / "mine.onnx"
    source.write_bytes(model.SerializeToString())
    with pytest.raises(WeightsError, match=rf"conv2_b_0\)? is {said}, wanted float32"):
        read(source, TOY)


def test_another_network_is_refused_by_its_first_layer(tmp_path: Path) -> None:
    with pytest.raises(
        WeightsError, match=r"network owt: conv1\.weight \(conv1_w_0\) has shape \(4, 3, 3, 3\), wanted"
    ):
        read(saved(zoo_model(TOY, toy_weights()), tmp_path), get_network("owt"))


def test_a_layer_without_a_bias_is_said(tmp_path: Path) -> None:
    model = zoo_model(TOY, toy_weights())
    del model.graph.node[0].input[2]
    source = tmp_path / "mine.onnx"
    source.write_bytes(model.SerializeToString())
    with pytest.raises(WeightsError, match=r"toy: conv1\.bias is missing"):
        read(source, TOY)


def test_an_identity_that_feeds_itself_ends(tmp_path: Path) -> None:
    from onnx import helper

    model = zoo_model(TOY, toy_weights())
    model.graph.node.insert(0, helper.make_node("Identity", ["loop"], ["loop"]))
    model.graph.node[1].input[1] = "loop"
    source = tmp_path / "mine.onnx"
    source.write_bytes(model.SerializeToString())
    with pytest.raises(WeightsError, match="whose weights are computed"):
        read(source, TOY)


@pytest.mark.parametrize("content", [b"\x00", b"PK\x03\x04", b"text, not a model", b"\xff" * 64, b"\x08\x01"])
def test_what_is_no_onnx_is_named(tmp_path: Path, content: bytes) -> None:
    source = tmp_path / "other.onnx"
    source.write_bytes(content)
    with pytest.raises(WeightsError, match=r"other\.onnx is not a readable ONNX file"):
        read(source, TOY)


def test_weights_of_numbers_one_by_one_are_read(tmp_path: Path) -> None:
    """``float_data`` in place of ``raw_data``."""
    from onnx import TensorProto, helper

    model = zoo_model(TOY, toy_weights())
    for tensor in model.graph.initializer:
        if tensor.data_type == TensorProto.FLOAT:
            numbers = np.frombuffer(tensor.raw_data, np.float32).tolist()
            tensor.CopyFrom(helper.make_tensor(tensor.name, TensorProto.FLOAT, tensor.dims, numbers))
    assert weights_digest(read(saved(model, tmp_path), TOY).arrays) == DIGEST
