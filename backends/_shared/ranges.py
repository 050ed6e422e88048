"""Scale and zero point of an activation range, for every format."""

from collections.abc import Callable, Collection, Hashable, Iterable
from typing import TypeVar

from alexbench.harness.capabilities import ActivationRange, RangePlace

Tensor = TypeVar("Tensor", bound=Hashable)


def range_of(scale: float, zero: float, least: float, most: float) -> tuple[float, float]:
    """The lowest and highest value that integers ``least`` to ``most`` stand for."""
    return (least - zero) * scale, (most - zero) * scale


def scaling_of(low: float, high: float, least: int, most: int) -> tuple[float, int]:
    """Scale and zero point with which ``least`` to ``most`` stand for ``low`` to ``high``; 0 is always among them.

    https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html
    """
    low, high = min(low, 0.0), max(high, 0.0)
    scale = (high - low) / (most - least) or 1.0
    return scale, round(min(max(least - low / scale, least), most))


def cuts_below(given: ActivationRange) -> bool:
    """Whether the range may stand for a ReLU that a tool left out."""
    return given.low == 0 and given.place == "inner"


def places(steps: Iterable[tuple[Collection[Tensor], Collection[Tensor], bool]]) -> Callable[[Tensor], RangePlace]:
    """Where a tensor is in a graph. ``steps``: outputs, inputs, and whether it is a product, of each step in order."""
    ordered = list(steps)
    behind: set[Tensor] = set()
    before: set[Tensor] = set()
    for outputs, inputs, product in ordered:
        if product or behind.intersection(inputs):
            behind.update(outputs)
    for outputs, inputs, product in reversed(ordered):
        if product or before.intersection(outputs):
            before.update(inputs)

    def place(tensor: Tensor) -> RangePlace:
        if tensor not in behind:
            return "input"
        return "inner" if tensor in before else "output"

    return place
