""".caffemodel files, written through Caffe's own schema by the protobuf library, give the weights that went in."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alexbench.harness.errors import WeightsError
from alexbench.harness.inputs.converting import convert, read
from alexbench.harness.models.network import get_network
from alexbench.harness.models.weights import weights_digest
from tests.support.caffe_files import caffemodel, layer_types, write_caffemodel
from tests.support.toy_network import TOY, toy_weights


def written(tmp_path: Path, weights: Any = None, layers: Any = None, **variant: Any) -> Path:
    net = caffemodel(weights or toy_weights(), layers or layer_types(TOY), **variant)
    return write_caffemodel(net, tmp_path / "mine.caffemodel")


@pytest.mark.parametrize(
    "variant",
    [
        {},
        {"first_generation": True},
        {"packed": False},
        {"first_generation": True, "packed": False},
        {"doubles": True},
        {"doubles": True, "packed": False},
        {"transposed": True},
    ],
    ids=str,
)
def test_every_generation_and_spelling_gives_the_same_weights(tmp_path: Path, variant: dict[str, bool]) -> None:
    reading = read(written(tmp_path, **variant), TOY)
    assert list(reading.arrays) == list(TOY.parameter_shapes)
    for name, array in toy_weights().items():
        np.testing.assert_array_equal(reading.arrays[name], array)
        assert reading.arrays[name].dtype == np.float32
    assert (reading.checked, reading.assumed) == ("", "")  # nothing in the format says whether it is whole


def test_arrays_are_views_of_the_file(tmp_path: Path) -> None:
    for array in read(written(tmp_path), TOY).arrays.values():
        assert not array.flags.owndata
        assert not array.flags.writeable


def test_it_is_converted_to_the_canonical_file(tmp_path: Path) -> None:
    done = convert(written(tmp_path), TOY, tmp_path / "cache")
    assert done.digest == weights_digest(toy_weights())


def test_blobs_in_pieces_are_joined(tmp_path: Path) -> None:
    """Protocol Buffers let a writer give a repeated field in several parts, and a message too."""
    first, second = (caffemodel(toy_weights(), layers).SerializeToString() for layers in (layer_types(TOY), []))
    split = tmp_path / "split.caffemodel"
    split.write_bytes(second + first)
    assert weights_digest(read(split, TOY).arrays) == weights_digest(toy_weights())


def test_another_network_is_refused_by_its_first_layer(tmp_path: Path) -> None:
    with pytest.raises(WeightsError) as refused:
        read(written(tmp_path), get_network("bvlc"))
    said = (
        "mine.caffemodel does not fit network bvlc: conv1.weight (blob 0 of layer conv1) has shape (4, 3, 3, 3), wanted"
    )
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_network_with_more_layers_is_refused(tmp_path: Path) -> None:
    layers = [*layer_types(TOY), ("fc9", "InnerProduct")]
    weights = toy_weights() | {"fc9.weight": np.zeros((2, 10), np.float32), "fc9.bias": np.zeros(2, np.float32)}
    with pytest.raises(WeightsError, match=r"layer 9\.weight \(blob 0 of layer fc9\) is not an array of toy"):
        read(written(tmp_path, weights, layers), TOY)


def test_a_network_with_fewer_layers_is_refused(tmp_path: Path) -> None:
    layers = [layer for layer in layer_types(TOY) if layer[0] != "fc8"]
    with pytest.raises(WeightsError, match=r"toy: fc8\.weight is missing"):
        read(written(tmp_path, None, layers), TOY)


@pytest.mark.parametrize("first_generation", [False, True])
def test_caffenet_is_not_taken_for_alexnet(tmp_path: Path, first_generation: bool) -> None:
    """Its arrays have the same shapes; it pools before it normalises."""
    layers = layer_types(TOY)
    norm, pool = layers.index(("norm1", "LRN")), layers.index(("pool1", "Pooling"))
    layers[norm], layers[pool] = layers[pool], layers[norm]
    with pytest.raises(WeightsError, match=r"pools before it normalises .*CaffeNet.*own weights"):
        read(written(tmp_path, None, layers, first_generation=first_generation), TOY)


def test_a_definition_without_weights_is_said_to_be_one(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="has no layers with weights"):
        read(written(tmp_path, {"none.weight": np.zeros(1, np.float32)}), TOY)


def test_a_shape_that_its_numbers_do_not_fill_is_refused(tmp_path: Path) -> None:
    net = caffemodel(toy_weights(), layer_types(TOY))
    net.layer[1].blobs[0].shape.dim[0] = 5
    with pytest.raises(WeightsError, match=r"blob 0 of layer conv1 has 108 numbers for the shape \(5, 3, 3, 3\)"):
        read(write_caffemodel(net, tmp_path / "mine.caffemodel"), TOY)


def test_values_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    weights = toy_weights()
    weights["fc7.weight"][3, 3] = np.nan
    with pytest.raises(WeightsError, match=r"fc7\.weight \(blob 0 of layer fc7\) has values that are not finite"):
        read(written(tmp_path, weights), TOY)


@pytest.mark.parametrize("content", [b"\x00", b"PK\x03\x04", b"text, not a model", b"\xff" * 64, b"\x08\x01"])
def test_what_is_no_caffemodel_is_named(tmp_path: Path, content: bytes) -> None:
    source = tmp_path / "other.caffemodel"
    source.write_bytes(content)
    with pytest.raises(WeightsError, match=r"other\.caffemodel is not a readable caffemodel"):
        read(source, TOY)


def test_a_file_cut_short_is_said_to_be(tmp_path: Path) -> None:
    source = written(tmp_path)
    source.write_bytes(source.read_bytes()[:-100])
    with pytest.raises(WeightsError, match=r"mine\.caffemodel is not a readable caffemodel: it is cut short.*again"):
        read(source, TOY)
