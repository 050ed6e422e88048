"""The three AlexNets: exactly the figures that are published for them."""

import numpy as np
import pytest

from alexbench.harness.errors import UsageError
from alexbench.harness.models.network import (
    LRN,
    NETWORK_NAMES,
    AdaptiveAvgPool,
    Conv,
    MaxPool,
    get_network,
    output_shapes,
    pooled_size,
    shape_mismatches,
)

FC_MACS = (37_748_736, 16_777_216)
MACS = {
    ("owt", 224): (70_276_800, 223_948_800, 112_140_288, 149_520_384, 99_680_256, *FC_MACS, 4_096_000),
    ("bvlc", 227): (105_415_200, 223_948_800, 149_520_384, 112_140_288, 74_760_192, *FC_MACS, 4_096_000),
}
TOTALS = {
    ("owt", 224): 714_188_480,
    ("bvlc", 227): 724_406_816,
    ("bvlc", 224): 720_608_384,
    ("tfcnn", 227): 838_792_896,
}
PARAMETERS = {"owt": 61_100_840, "bvlc": 60_965_224, "tfcnn": 61_842_345}
LAYERS = ("conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7", "fc8")


@pytest.mark.parametrize(("name", "parameters"), PARAMETERS.items())
def test_parameters(name: str, parameters: int) -> None:
    assert get_network(name).parameters == parameters


@pytest.mark.parametrize(("network", "macs"), TOTALS.items())
def test_macs_and_flops_in_total(network: tuple[str, int], macs: int) -> None:
    name, size = network
    assert get_network(name, input_size=size).macs == macs
    assert get_network(name, input_size=size).flops == 2 * macs


@pytest.mark.parametrize(("network", "macs"), MACS.items())
def test_macs_per_layer(network: tuple[str, int], macs: tuple[int, ...]) -> None:
    name, size = network
    assert get_network(name, input_size=size).macs_per_layer == dict(zip(LAYERS, macs, strict=True))


def test_the_published_flops() -> None:
    assert get_network("owt").flops == 1_428_376_960  # torch.utils.flop_counter
    assert get_network("bvlc").flops == 1_448_813_632
    assert get_network("tfcnn").flops == 1_677_585_792


def test_the_model_indexs_1_429_383_808_is_ours_plus_biases_and_the_adaptive_pool() -> None:
    network = get_network("owt")
    shapes = output_shapes(network)
    biases = sum(int(np.prod(shapes[layer.name])) for layer in network.layers if isinstance(layer, Conv))
    assert biases == 484_992
    assert 2 * (network.macs + biases + 2 * int(np.prod(shapes["avgpool"]))) == 1_429_383_808


@pytest.mark.parametrize(("name", "size"), [("owt", 224), ("bvlc", 227), ("tfcnn", 227)])
def test_the_default_input_is_the_published_one(name: str, size: int) -> None:
    assert get_network(name).input_shape == (3, size, size)


@pytest.mark.parametrize(("name", "outputs"), [("owt", 1000), ("bvlc", 1000), ("tfcnn", 1001)])
def test_outputs(name: str, outputs: int) -> None:
    assert get_network(name).outputs == outputs


SHAPES = {
    ("owt", 224): {"conv1": (64, 55, 55), "pool1": (64, 27, 27), "conv2": (192, 27, 27), "pool2": (192, 13, 13)},
    ("bvlc", 227): {"conv1": (96, 55, 55), "norm1": (96, 55, 55), "pool1": (96, 27, 27), "conv2": (256, 27, 27)},
    ("bvlc", 224): {"conv1": (96, 54, 54), "pool1": (96, 27, 27), "pool2": (256, 13, 13)},
    ("tfcnn", 227): {"conv1": (64, 55, 55), "pool1": (64, 27, 27), "conv4": (384, 13, 13), "conv5": (256, 13, 13)},
}


@pytest.mark.parametrize(("network", "shapes"), SHAPES.items())
def test_shapes_between_the_layers(network: tuple[str, int], shapes: dict[str, tuple[int, ...]]) -> None:
    name, size = network
    found = output_shapes(get_network(name, input_size=size))
    assert {layer: found[layer] for layer in shapes} == shapes
    assert found["flatten"] == (9216,)
    assert found["fc6"] == (4096,)
    assert list(found) == [layer.name for layer in get_network(name).layers]


@pytest.mark.parametrize(
    ("size", "ceil_mode", "pooled"), [(54, True, 27), (54, False, 26), (55, True, 27), (55, False, 27), (3, True, 1)]
)
def test_ceil_mode_matters_at_224_only(size: int, pooled: int, *, ceil_mode: bool) -> None:
    assert pooled_size(size, 3, 2, ceil_mode=ceil_mode) == pooled


def test_bvlc_has_groups_lrn_and_ceil_and_the_others_have_not() -> None:
    bvlc = get_network("bvlc").layers
    assert [layer.groups for layer in bvlc if isinstance(layer, Conv)] == [1, 2, 1, 2, 2]
    assert [layer for layer in bvlc if isinstance(layer, LRN)] == [
        LRN("norm1", 5, 1e-4, 0.75, 1.0),
        LRN("norm2", 5, 1e-4, 0.75, 1.0),
    ]
    assert all(layer.ceil_mode for layer in bvlc if isinstance(layer, MaxPool))
    for name in ("owt", "tfcnn"):
        layers = get_network(name).layers
        assert not any(isinstance(layer, LRN) for layer in layers)
        assert not any(layer.ceil_mode for layer in layers if isinstance(layer, MaxPool))
        assert all(layer.groups == 1 for layer in layers if isinstance(layer, Conv))
    assert any(isinstance(layer, AdaptiveAvgPool) for layer in get_network("owt").layers)


def test_parameter_shapes_are_canonical() -> None:
    shapes = get_network("bvlc").parameter_shapes
    assert list(shapes) == [f"{layer}.{kind}" for layer in LAYERS for kind in ("weight", "bias")]
    assert shapes["conv2.weight"] == (256, 48, 5, 5)  # OIHW, inputs of one group
    assert shapes["fc6.weight"] == (4096, 9216)  # out x in
    assert get_network("tfcnn").parameter_shapes["fc8.weight"] == (1001, 4096)


def test_arrays_that_fit_have_no_mismatch() -> None:
    network = get_network("owt")
    assert shape_mismatches(network, network.parameter_shapes) == []


def test_mismatches_are_named_with_wanted_and_found_shape() -> None:
    network = get_network("owt")
    shapes = dict(network.parameter_shapes)
    del shapes["conv3.bias"]
    shapes["fc6.weight"] = (9216, 4096)
    shapes["fc9.weight"] = (10, 1000)
    assert shape_mismatches(network, shapes) == [
        "conv3.bias is missing (wanted shape (384,))",
        "fc6.weight has shape (9216, 4096), wanted (4096, 9216)",
        "fc9.weight is not an array of owt",
    ]


def test_an_unknown_network_lists_the_known() -> None:
    assert set(NETWORK_NAMES) == {"owt", "bvlc", "tfcnn"}
    with pytest.raises(UsageError, match="unknown network 'vgg'; known: bvlc, owt, tfcnn"):
        get_network("vgg")
