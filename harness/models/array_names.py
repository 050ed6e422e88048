"""Names of a network's arrays: canonical, and torchvision's."""

from typing import Final

from alexbench.harness.models.network import Network

TORCHVISION_NAMES: Final = {
    "features.0": "conv1",
    "features.3": "conv2",
    "features.6": "conv3",
    "features.8": "conv4",
    "features.10": "conv5",
    "classifier.1": "fc6",
    "classifier.4": "fc7",
    "classifier.6": "fc8",
}
"""torchvision.models.alexnet's module names (torchvision/models/alexnet.py)."""


def spellings(network: Network) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names of a network's arrays, in order: canonical, and torchvision's."""
    theirs = {ours: theirs for theirs, ours in TORCHVISION_NAMES.items()}
    split = [name.rpartition(".") for name in network.parameter_shapes]
    return tuple(network.parameter_shapes), tuple(f"{theirs.get(layer, layer)}.{kind}" for layer, _, kind in split)
