"""Scale and zero point of an activation range, for every format."""

from collections.abc import Sequence
from typing import TypeVar

from alexbench.harness.capabilities import ActivationRange, RangePlace

Tensor = TypeVar("Tensor")


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


def place_of(
    tensor: Tensor, behind: Sequence[Tensor] | set[Tensor], before: Sequence[Tensor] | set[Tensor]
) -> RangePlace:
    """Where ``tensor`` is. ``behind``: what depends on a product; ``before``: what a product depends on."""
    if tensor not in behind:
        return "input"
    return "inner" if tensor in before else "output"
