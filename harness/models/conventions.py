"""Conventions for the published sizes of AlexNet: each has a name and is computed from a network's description.

One network has several FLOPs figures, because tools count different operations. The counts here are per image.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import prod
from typing import Final, Literal

from alexbench.harness.models.network import (
    LRN,
    AdaptiveAvgPool,
    Conv,
    MaxPool,
    Network,
    ReLU,
    Shape,
    output_shapes,
)
from alexbench.harness.records.run_records import Published

Field = Literal["flops", "gmacs", "gflops", "parameters", "mparams"]

_SCALES: Final[dict[Field, float]] = {"flops": 1, "gmacs": 1e9, "gflops": 1e9, "parameters": 1, "mparams": 1e6}


def adaptive_pool_inputs(network: Network) -> int:
    """The number of inputs of adaptive average pooling: fvcore counts one operation each."""
    return sum(prod(before) for layer, before, _ in _steps(network) if isinstance(layer, AdaptiveAvgPool))


def fvcore(network: Network) -> int:
    """The count of fvcore.nn.FlopCountAnalysis: MACs, and one operation per value into adaptive average pooling."""
    return network.macs + adaptive_pool_inputs(network)


def thop_doubled(network: Network) -> int:
    """2 x MACs as thop's older releases count them (``thop/vision/basic_hooks.py``).

    They add one operation per convolution output for its bias (fully connected layers: none), and per output of
    adaptive average pooling the size of its window plus one for the division.
    """
    extra = 0
    for layer, before, after in _steps(network):
        if isinstance(layer, Conv):
            extra += prod(after)
        elif isinstance(layer, AdaptiveAvgPool):
            window = prod(was // becomes for was, becomes in zip(before[1:], after[1:], strict=True))
            extra += (window + 1) * prod(after)
    return 2 * (network.macs + extra)


def model_analyzer(network: Network) -> int:
    """The count of OpenVINO's Model Analyzer, whose figures the Open Model Zoo publishes (``layer_provider.py``).

    2 x MACs; 2 per value of ReLU (compare, multiply); window per output of max pooling; for LRN across channels 4 x
    local_size^2 + 1 per value; 5 per probability of the softmax at the end of the published graph. Biases are not
    counted. The same sum gives the zoo's 30.974 for VGG-16 and, with its branches, 3.266 for GoogLeNet.
    """
    extra = 5 * network.outputs
    for layer, _, after in _steps(network):
        match layer:
            case ReLU():
                extra += 2 * prod(after)
            case MaxPool():
                extra += layer.kernel**2 * prod(after)
            case LRN():
                extra += (4 * layer.size**2 + 1) * prod(after)
            case _:
                pass
    return network.flops + extra


@dataclass(frozen=True, slots=True)
class Convention:
    """A way to count. ``fields``: the published figures that may use it. ``decimals``: None for all digits."""

    name: str
    formula: str
    fields: tuple[Field, ...]
    count: Callable[[Network], int]
    scale: float = 1
    decimals: int | None = None

    def shown(self, network: Network) -> str:
        """The figure as published: scaled and rounded."""
        value = self.count(network)
        return f"{value:,}" if self.decimals is None else f"{value / self.scale:.{self.decimals}f}"


def _macs(network: Network) -> int:
    return network.macs


def _flops(network: Network) -> int:
    return network.flops


def _parameters(network: Network) -> int:
    return network.parameters


CONVENTIONS: Final = (
    Convention(
        "MACs, conv + fc",
        "one per multiplication with a weight; biases, activations, pooling and LRN are not counted",
        (),
        _macs,
    ),
    Convention(
        "FLOPs = 2 x MACs",
        "each MAC is a multiplication and an addition; this project's gflops, torch.utils.flop_counter",
        ("flops", "gflops"),
        _flops,
    ),
    Convention("GMACs (torchvision)", "MACs / 1e9, three decimals", ("gmacs",), _macs, 1e9, 3),
    Convention(
        'fvcore ("FLOPs", actually MACs)', "MACs + 1 per value that adaptive average pooling reads", ("flops",), fvcore
    ),
    Convention(
        "thop, doubled (model index)",
        "2 x (MACs + 1 per convolution output, for its bias + (window + 1) per output of adaptive average pooling)",
        ("flops",),
        thop_doubled,
    ),
    Convention(
        "GFLOPs (Open Model Zoo)",
        "(2 x MACs + 2 per ReLU value + window per max-pool output + (4 x size^2 + 1) per LRN value "
        "+ 5 per softmax output) / 1e9, one decimal",
        ("gflops",),
        model_analyzer,
        1e9,
        1,
    ),
    Convention("parameters", "weights and biases", ("parameters",), _parameters),
    Convention("MParams (Open Model Zoo)", "parameters / 1e6, three decimals", ("mparams",), _parameters, 1e6, 3),
)


@dataclass(frozen=True, slots=True)
class Explanation:
    """A published figure and the conventions that give it for a network; empty if no known convention does."""

    source: str
    field: Field
    published: float
    conventions: tuple[str, ...]


def explain(published: tuple[Published, ...], network: Network) -> list[Explanation]:
    """Each published size with the conventions that give exactly it, to the digits that were published."""
    found = []
    for figures in published:
        for field, scale in _SCALES.items():
            value = getattr(figures, field)
            if value is not None:
                decimals = 0 if isinstance(value, int) else len(str(value).partition(".")[2])
                names = tuple(
                    one.name
                    for one in CONVENTIONS
                    if field in one.fields and round(one.count(network) / scale, decimals) == value
                )
                found.append(Explanation(figures.source, field, value, names))
    return found


def _steps(network: Network) -> Iterator[tuple[object, Shape, Shape]]:
    """Each layer with the shapes of its input and output."""
    before: Shape = network.input_shape
    for layer, after in zip(network.layers, output_shapes(network).values(), strict=True):
        yield layer, before, after
        before = after
