"""Matches a file's layers to the network's by the order in which they compute, because their names are arbitrary.

Readers return the layers with weights in that order.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from alexbench.harness.errors import WeightsError
from alexbench.harness.models.network import LRN, Conv, Linear, MaxPool, Network


@dataclass(frozen=True, slots=True)
class FileLayer:
    """A layer with weights: its arrays in canonical order (OIHW, out x in), and their names in the file."""

    weight: NDArray[Any]
    bias: NDArray[Any] | None
    weight_name: str
    bias_name: str


@dataclass(frozen=True, slots=True)
class FileNetwork:
    """The network in a file: the layers with weights in the order in which they compute.

    ``normalises_before_pooling``: whether the first LRN comes before the first pooling; None if there is no LRN or it
    is unknown. It is the only difference between Caffe's CaffeNet and its AlexNet, whose arrays have the same shapes.
    """

    layers: tuple[FileLayer, ...]
    normalises_before_pooling: bool | None = None


@dataclass(frozen=True, slots=True)
class Arrays:
    """Arrays under canonical names, and their names in the file."""

    arrays: dict[str, NDArray[Any]]
    file_names: dict[str, str]


def in_order(found: FileNetwork, network: Network, source: Path) -> Arrays:
    """Give the file's layers the names of the network's layers, in order. Extra layers keep their own names.

    Raises:
        WeightsError: the file has no layer with weights.
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
    return Arrays(arrays, file_names)


def check_order(found: FileNetwork, network: Network, source: Path) -> None:
    """Refuse a file whose arrays fit, but whose network pools where ours normalises, or vice versa.

    Raises:
        WeightsError: the order differs.
    """
    first = next((layer for layer in network.layers if isinstance(layer, LRN | MaxPool)), None)
    wanted = isinstance(first, LRN)
    if found.normalises_before_pooling in (None, wanted):
        return
    theirs = "normalises (LRN) before it pools" if not wanted else "pools before it normalises (LRN), as CaffeNet does"
    raise WeightsError(
        f"{source} does not fit network {network.name}: its first layer {theirs}, {network.name}'s does not; "
        "give this network's own weights"
    )
