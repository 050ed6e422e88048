"""Times and work of layers, by the weighted layer that begins each group."""

import pytest

from alexbench.harness.judge.layer_groups import group_times
from alexbench.harness.models.network import NETWORK_NAMES, Conv, Flatten, Linear, MaxPool, Network, ReLU, get_network
from tests.support.toy_network import TOY

GROUPS = ["conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7", "fc8"]


@pytest.mark.parametrize("name", NETWORK_NAMES)
def test_an_alexnet_has_eight_groups_in_its_order(name: str) -> None:
    network = get_network(name)
    backwards = {layer.name: 1.0 for layer in reversed(network.layers)}
    times = group_times(network, backwards)
    assert list(times) == GROUPS
    assert sum(times.values()) == len(network.layers)


def test_what_follows_a_weighted_layer_is_in_its_group() -> None:
    times = group_times(TOY, {"conv1": 1.0, "relu1": 2.0, "norm1": 4.0, "pool1": 8.0, "conv2": 16.0, "pool5": 32.0})
    assert times == {**dict.fromkeys(GROUPS, 0.0), "conv1": 15.0, "conv2": 16.0, "conv5": 32.0}


def test_what_comes_before_the_first_weighted_layer_is_in_its_group() -> None:
    layers = (MaxPool("shrink", 2, 2), Conv("conv1", 3, 4, 1), Flatten("flatten"), Linear("fc8", 4, 2), ReLU("last"))
    late = Network("late", "begins with a pooling", (3, 2, 2), layers)
    assert group_times(late, {"shrink": 1.0, "conv1": 2.0, "flatten": 4.0, "last": 8.0}) == {"conv1": 7.0, "fc8": 8.0}


def test_what_belongs_to_no_layer_is_other_and_comes_last() -> None:
    times = group_times(TOY, {"": 3.0, "fc8": 1.0})
    assert list(times) == [*GROUPS, "other"]
    assert times["other"] == 3.0
    assert "other" not in group_times(TOY, {"fc8": 1.0})


def test_a_name_that_is_no_layers_is_refused() -> None:
    with pytest.raises(ValueError, match="no layers of toy: conv9, relu9"):
        group_times(TOY, {"conv1": 1.0, "conv9": 1.0, "relu9": 1.0})
