"""What a file's layers are called is its maker's choice; the order in which they compute is not.

Readers give the layers that have weights in that order, and here they meet the network's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from alexbench.harness.errors import WeightsError
from alexbench.harness.models.network import LRN, Conv, Linear, MaxPool, Network


@dataclass(frozen=True, slots=True)
class FileLayer:
    """A layer with weights: its arrays in canonical order (OIHW, out x in), and what the file calls them."""

    weight: NDArray[Any]
    bias: NDArray[Any] | None
    weight_name: str
    bias_name: str


@dataclass(frozen=True, slots=True)
class FileNetwork:
    """What a file says of its network: the layers with weights in the order in which they compute.

    ``normalises_before_pooling``: whether the first LRN comes before the first pooling; None where there is no LRN or
    the file does not say. It is all that tells Caffe's CaffeNet from its AlexNet, whose arrays have the same shapes.
    """

    layers: tuple[FileLayer, ...]
    normalises_before_pooling: bool | None = None


@dataclass(frozen=True, slots=True)
class Arrays:
    """Arrays under canonical names, and what the file calls each."""

    arrays: dict[str, NDArray[Any]]
    file_names: dict[str, str]


def in_order(found: FileNetwork, network: Network, source: Path) -> Arrays:
    """Give the file's layers the names of the network's, first to first; layers beyond the last keep a name of theirs.

    Raises:
        WeightsError: the file has no layer with weights, or computes in another order than the network.
    """
    if not found.layers:
        raise WeightsError(f"{source} has no layers with weights; give the file of a trained network")
    names = [layer.name for layer in network.layers if isinstance(layer, Conv | Linear)]
    arrays: dict[str, NDArray[Any]] = {}
    file_names: dict[str, str] = {}
    for position, layer in enumerate(found.layers):
        name = names[position] if position < len(names) else f"layer {position + 1}"
        arrays[f"{name}.weight"], file_names[f"{name}.weight"] = layer.weight, layer.weight_name
        if layer.bias is not None:
            arrays[f"{name}.bias"], file_names[f"{name}.bias"] = layer.bias, layer.bias_name
    first = next((layer for layer in network.layers if isinstance(layer, LRN | MaxPool)), None)
    wanted = isinstance(first, LRN)
    if found.normalises_before_pooling not in (None, wanted):
        orders = {True: "normalises (LRN) before it pools", False: "pools before it normalises (LRN), as CaffeNet does"}
        has_none = not any(isinstance(layer, LRN) for layer in network.layers)
        ours = "has no LRN" if has_none else orders[wanted].partition(",")[0]
        raise WeightsError(
            f"{source} does not fit network {network.name}: it {orders[not wanted]}, where {network.name} {ours}; "
            "give this network's own weights"
        )
    return Arrays(arrays, file_names)
