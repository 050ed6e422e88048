"""Layers in groups: each layer with weights, and what follows it up to the next one."""

from collections.abc import Mapping
from typing import Final

from alexbench.harness.models.network import Conv, Linear, Network

OTHER: Final = "other"
"""The group of what belongs to no layer: reorders, copies."""


def group_times(network: Network, layers: Mapping[str, float]) -> dict[str, float]:
    """Layer name -> time, added into group -> time, in the network's order and then ``other``.

    A group has the name of the convolution or fully connected layer that begins it; what comes before the first belongs
    to the first. Every group is there, with 0 where no layer of it has a time; ``other`` only where ``layers`` has
    ``""``. The unit is that of ``layers``.

    Raises:
        ValueError: a name is that of no layer.
    """
    groups = _groups(network)
    strange = [name for name in layers if name and name not in groups]
    if strange:
        raise ValueError(f"no layers of {network.name}: {', '.join(strange)}")
    times = dict.fromkeys(groups.values(), 0.0)
    for name, time in layers.items():
        group = groups.get(name, OTHER)
        times[group] = times.get(group, 0.0) + time
    return times


def _groups(network: Network) -> dict[str, str]:
    """Layer name -> the group it belongs to."""
    weighted = [layer.name for layer in network.layers if isinstance(layer, Conv | Linear)]
    groups: dict[str, str] = {}
    current = weighted[0]
    for layer in network.layers:
        if isinstance(layer, Conv | Linear):
            current = layer.name
        groups[layer.name] = current
    return groups
