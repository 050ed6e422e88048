"""Operators of a profile find their layer, and inferences become medians."""

import pytest

from alexbench.backends._shared.profiles import layer_of, medians, summed
from alexbench.harness.models.network import NETWORK_NAMES, Conv, Network, get_network

OWT = get_network("owt")


@pytest.mark.parametrize("name", NETWORK_NAMES)
def test_every_layer_is_known_by_its_own_name(name: str) -> None:
    network = get_network(name)
    for layer in network.layers:
        assert layer_of(network, layer.name) == layer.name


@pytest.mark.parametrize(
    ("name", "operator", "layer"),
    [
        ("pool1_nchwc", "MaxPool", "pool1"),
        ("avgpool.width", "MatMul", "avgpool"),
        ("avgpool", "MatMul", "avgpool"),
        ("conv5/BiasAdd/ReadVariableOp", "ReadVariableOp", "conv5"),
        ("fused conv2", "FusedConv", "conv2"),
        ("fused fc6", "FusedGemm", "fc6"),
    ],
)
def test_names_that_runtimes_derive_are_those_of_their_layer(name: str, operator: str, layer: str) -> None:
    assert layer_of(OWT, name, operator) == layer


@pytest.mark.parametrize(
    ("name", "operator", "layer"),
    [
        ("relu1_nchwc", "Conv", "conv1"),
        ("relu5/Relu", "_MklNativeFusedConv2D", "conv5"),
        ("relu7/Relu", "_FusedMatMul", "fc7"),
    ],
)
def test_a_product_named_after_an_activation_is_the_weighted_layer_before_it(
    name: str, operator: str, layer: str
) -> None:
    assert layer_of(OWT, name, operator) == layer


def test_an_activation_of_its_own_stays_its_own() -> None:
    assert layer_of(OWT, "relu1", "Relu") == "relu1"


@pytest.mark.parametrize("name", ["ReorderOutput_token_16", "ReorderInput", "conv", "conv11", "fc6b", "", "fused "])
def test_what_is_named_after_no_layer_is_no_layers(name: str) -> None:
    assert layer_of(OWT, name, "Conv") == ""


def test_a_layer_is_not_taken_for_another_whose_name_it_begins() -> None:
    many = Network("many", "eleven", (1, 1, 1), tuple(Conv(f"conv{i}", 1, 1, 1) for i in (1, 10, 11)))
    assert [layer_of(many, name) for name in ("conv1_nchwc", "conv10_nchwc", "conv11")] == ["conv1", "conv10", "conv11"]


def test_the_operators_of_a_layer_are_added() -> None:
    assert summed([("conv1", 1.0), ("", 0.5), ("conv1", 2.0), ("", 0.25)]) == {"conv1": 3.0, "": 0.75}


def test_each_layer_has_its_own_median() -> None:
    """One disturbed inference, or a disturbed layer in each of two, moves nothing."""
    inferences = [{"a": 1.0, "b": 20.0}, {"a": 1.0, "b": 2.0}, {"a": 90.0, "b": 2.0}]
    assert medians(inferences) == {"a": 1.0, "b": 2.0}


def test_a_layer_that_most_inferences_do_not_know_took_no_time() -> None:
    assert medians([{"a": 1.0}, {"a": 1.0, "": 3.0}, {"a": 1.0}]) == {"a": 1.0, "": 0.0}
