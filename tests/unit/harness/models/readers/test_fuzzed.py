"""Whatever is cut off or changed in a file: the weights that it holds, or one line that names it."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from alexbench.harness.errors import WeightsError
from alexbench.harness.inputs.converting import read
from tests.support.caffe_files import caffemodel, layer_types
from tests.support.onnx_files import mixed_model, zoo_model
from tests.support.torch_format import legacy_file
from tests.support.toy_network import TOY, toy_weights

KINDS = ("legacy pth", "caffemodel", "first caffemodel", "unpacked caffemodel", "zoo onnx", "mixed onnx")


@cache
def content(kind: str) -> bytes:
    weights = toy_weights()
    if kind.endswith("pth"):
        return legacy_file(weights)
    if kind.endswith("onnx"):
        pytest.importorskip("onnx", reason="pip install 'alexbench[onnxruntime]'")
        model = zoo_model(TOY, weights) if kind.startswith("zoo") else mixed_model(TOY, weights)
    else:
        first, packed = kind.startswith("first"), not kind.startswith("unpacked")
        model = caffemodel(weights, layer_types(TOY), first_generation=first, packed=packed)
    return bytes(model.SerializeToString())


def reads_or_refuses(kind: str, damaged: bytes) -> None:
    with TemporaryDirectory() as folder:
        source = Path(folder) / f"damaged.{kind.rpartition(' ')[2]}"
        source.write_bytes(damaged)
        try:
            arrays = read(source, TOY).arrays
        except WeightsError as error:
            said = str(error)
        else:
            said = f"{source} was read"
            assert {name: array.shape for name, array in arrays.items()} == TOY.parameter_shapes
        assert str(source) in said
        assert "\n" not in said


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_changed_bytes(kind: str, data: st.DataObject) -> None:
    damaged = bytearray(content(kind))
    # Half of them where the structure is dense: between the layers there are mostly numbers.
    edge = st.integers(0, 200) | st.integers(len(damaged) - 800, len(damaged) - 1) | st.integers(0, len(damaged) - 1)
    for place in data.draw(st.lists(edge, min_size=1, max_size=6)):
        damaged[place] = data.draw(st.integers(0, 255))
    reads_or_refuses(kind, bytes(damaged))


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_files_cut_short(kind: str, data: st.DataObject) -> None:
    whole = content(kind)
    reads_or_refuses(kind, whole[: data.draw(st.integers(0, len(whole)))])


@pytest.mark.parametrize("kind", ["caffemodel", "onnx"])
@given(noise=st.binary(max_size=300))
@example(noise=b"\xa2\x06\x0a\x3a\x08\x3a\x06\x0a\x04\x80\x80\x80\x80")  # varints without an end
@example(noise=b"\x3a\x06\x2a\x04\x08\x80\x80\x10")
def test_noise(kind: str, noise: bytes) -> None:
    reads_or_refuses(kind, noise)


@pytest.mark.parametrize("kind", ["caffemodel", "onnx"])
def test_one_kind_under_the_others_name(kind: str) -> None:
    other = {"caffemodel": "zoo onnx", "onnx": "caffemodel"}[kind]
    with TemporaryDirectory() as folder:
        source = Path(folder) / f"wrong.{kind}"
        source.write_bytes(content(other))
        with pytest.raises(WeightsError, match=r"wrong\."):
            read(source, TOY)


def test_a_name_with_line_breaks_does_not_break_the_line(tmp_path: Path) -> None:
    weights = toy_weights()
    layers = [("one\ntwo" if name == "conv1" else name, kind) for name, kind in layer_types(TOY)]
    weights["one\ntwo.weight"], weights["one\ntwo.bias"] = weights["conv1.weight"][:2], weights["conv1.bias"]
    reads_or_refuses("caffemodel", caffemodel(weights, layers).SerializeToString())


def test_a_field_for_every_two_bytes_does_not_fill_the_memory(tmp_path: Path) -> None:
    source = tmp_path / "hostile.caffemodel"
    blob = b"\x2a\x00" * 100_000
    layer = b"\x0a\x01x\x12\x01y\x3a" + _length(blob) + blob
    source.write_bytes(b"\xa2\x06" + _length(layer) + layer)
    with pytest.raises(WeightsError, match="more than 65536 fields 5"):
        read(source, TOY)


def _length(content: bytes) -> bytes:
    value, made = len(content), bytearray()
    while value > 0x7F:
        made.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*made, value])
