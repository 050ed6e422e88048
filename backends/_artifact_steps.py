"""What an artifact does to its picture before anything else, as arithmetic by channel.

The formats' own modules turn the operations that a graph begins with into :class:`Step`; what they amount to is decided
here.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from alexbench.harness.contract import Layout
from alexbench.harness.models.preprocessing import Normalisation

Kind = Literal["add", "subtract", "subtract-from", "multiply", "divide", "transpose", "reverse", "gather", "nothing"]


@dataclass(frozen=True, slots=True)
class Step:
    """An operation that a graph begins with.

    ``values``: the other operand; a transposition's order; the axes that are reversed; the indices that are gathered
    along ``axis``. ``nothing``: a conversion, a copy.
    """

    kind: Kind
    values: Any = 0.0
    axis: int = 0


def batch_norm(
    scale: NDArray[Any], shift: NDArray[Any], mean: NDArray[Any], variance: NDArray[Any], epsilon: float, layout: Layout
) -> list[Step]:
    """A normalisation by constant statistics, each (C,), as a product and a sum."""
    factor = np.asarray(scale, np.float64) / np.sqrt(np.asarray(variance, np.float64) + epsilon)
    place = (-1, 1, 1) if layout == "NCHW" else (-1,)
    offset = np.asarray(shift, np.float64) - np.asarray(mean, np.float64) * factor
    return [Step("multiply", factor.reshape(place)), Step("add", offset.reshape(place))]


def normalisation(steps: Iterable[Step], layout: Layout, channels: int) -> Normalisation | None:
    """What ``steps``, in order, do to a picture (N, ...) in ``layout``, as far as it is done channel by channel.

    The first step that is not ends the search; None where nothing was done before it.
    """
    state = _Arithmetic(layout, channels)
    for step in steps:
        if not state.take(step):
            break
    return state.found()


class _Arithmetic:
    """Channel c of where the graph is = input[c'] x scale[c] + shift[c]."""

    def __init__(self, layout: Layout, channels: int) -> None:
        self._axis = 1 if layout == "NCHW" else 3
        self._scale, self._shift = np.ones(channels), np.zeros(channels)
        self._reversed = False

    def take(self, step: Step) -> bool:
        """Whether the step could be followed."""
        match step.kind:
            case "nothing":
                return True
            case "transpose":
                order = [int(axis) % 4 for axis in np.asarray(step.values).reshape(-1)]
                if sorted(order) != [0, 1, 2, 3] or order[0] != 0:
                    return False
                self._axis = order.index(self._axis)
                return True
            case "reverse":
                axes = {int(axis) % 4 for axis in np.asarray(step.values).reshape(-1)}
                return axes == {self._axis} and self._reverse()
            case "gather":
                indices = np.asarray(step.values).reshape(-1).tolist()
                forward = list(range(len(self._scale)))
                if step.axis % 4 != self._axis or indices not in (forward, forward[::-1]):
                    return False
                return indices == forward or self._reverse()
            case _:
                return self._compute(step)

    def found(self) -> Normalisation | None:
        """What was done so far. To quantise and to dequantise again is nothing, up to float32's rounding."""
        same = np.allclose(self._scale, 1, rtol=0, atol=1e-4) and np.allclose(self._shift, 0, rtol=0, atol=1e-3)
        if same and not self._reversed:
            return None
        if same:
            return Normalisation((1.0,) * len(self._scale), (0.0,) * len(self._scale), reverses_channels=True)
        return Normalisation(tuple(self._scale.tolist()), tuple(self._shift.tolist()), self._reversed)

    def _reverse(self) -> bool:
        self._scale, self._shift = self._scale[::-1].copy(), self._shift[::-1].copy()
        self._reversed = not self._reversed
        return True

    def _compute(self, step: Step) -> bool:
        values = self._by_channel(step.values, average=step.kind in {"add", "subtract", "subtract-from"})
        if values is None or (step.kind == "divide" and (values == 0).any()):
            return False
        match step.kind:
            case "add":
                self._shift = self._shift + values
            case "subtract":
                self._shift = self._shift - values
            case "subtract-from":
                self._scale, self._shift = -self._scale, values - self._shift
            case "multiply":
                self._scale, self._shift = self._scale * values, self._shift * values
            case _:
                self._scale, self._shift = self._scale / values, self._shift / values
        return True

    def _by_channel(self, values: Any, *, average: bool) -> NDArray[np.float64] | None:
        """The operand as one value a channel, None where it is none; a whole picture's are averaged."""
        array = np.asarray(values, np.float64)
        if array.ndim > 4 or not np.isfinite(array).all():
            return None
        array = array.reshape((1,) * (4 - array.ndim) + array.shape)
        sides = tuple(axis for axis in (1, 2, 3) if axis != self._axis)
        if array.shape[0] != 1 or array.shape[self._axis] not in {1, len(self._scale)}:
            return None
        if any(array.shape[axis] != 1 for axis in sides) and not average:
            return None
        return np.broadcast_to(array.mean(axis=(0, *sides)), self._scale.shape).copy()
