"""Layer times in OpenVINO: its performance counters, by layer."""

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Final

from alexbench.backends._shared.profiles import MILLISECONDS_A_MICROSECOND, NO_LAYER, WARM_UP, medians, summed
from alexbench.harness.models.network import Network

if TYPE_CHECKING:
    import openvino

PRODUCT: Final = ".product"
"""The suffix that the builder adds to a layer's name for its convolution or product; the bias is a separate
operation."""


def profile(
    network: Network,
    predict: Callable[[], object],
    counters: "Callable[[], Iterable[openvino.ProfilingInfo]]",
    *,
    repeats: int,
) -> dict[str, float]:
    """Milliseconds by layer of ``predict``, whose compiled model counts. ``counters`` reads the counts."""
    for _ in range(WARM_UP):
        predict()
    before, inferences = _averages(counters()), []
    for count in range(WARM_UP + 1, WARM_UP + repeats + 1):
        predict()
        after = _averages(counters())
        inferences.append(layer_times(network, last_of(before, after, count)))
        before = after
    return medians(inferences)


def last_of(before: Mapping[str, int], after: Mapping[str, int], count: int) -> dict[str, float]:
    """Microseconds of inference number ``count``, from the averages over all inferences without and with it.

    The CPU plugin counts from compilation and reports total // inferences (PerfCount::avg in its sources). The division
    truncates half a microsecond per inference on average, which is added back.
    """
    return {
        node: max(0.0, count * (average + 0.5) - (count - 1) * (before[node] + 0.5))
        for node, average in after.items()
        if average
    }


def layer_times(network: Network, nodes: Mapping[str, float]) -> dict[str, float]:
    """Milliseconds by layer. The plugin's own nodes (reorders) have names of several layers and belong to none."""
    layers = {layer.name for layer in network.layers}
    owned = ((node.removesuffix(PRODUCT), time * MILLISECONDS_A_MICROSECOND) for node, time in nodes.items())
    return summed((name if name in layers else NO_LAYER, time) for name, time in owned)


def _averages(counters: "Iterable[openvino.ProfilingInfo]") -> dict[str, int]:
    return {info.node_name: round(info.real_time.total_seconds() * 1e6) for info in counters}
