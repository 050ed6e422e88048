"""What an artifact does to its input before its first layer, as arithmetic by channel.

The modules of the formats turn the operations between the input and the first layer into :class:`Step`. This module
computes their combined effect. If a graph cannot be followed to its first layer, :attr:`Reading.unread` has the reason:
its effect on the input is then unknown, and the user is asked.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from alexbench.harness.models.network import Layout
from alexbench.harness.models.preprocessing import Normalisation

Arithmetic = Literal["add", "subtract", "multiply", "divide"]
Kind = Literal[
    "add",
    "subtract",
    "subtract-from",
    "multiply",
    "divide",
    "mix",
    "transpose",
    "reverse",
    "gather",
    "pad",
    "clip",
    "nothing",
    "flatten",
    "first-layer",
    "product",
    "unknown",
]


@dataclass(frozen=True, slots=True)
class Step:
    """An operation between the input and the first layer.

    ``values``: the other operand; a (C, C) matrix that mixes channels; a transposition's order; the axes that are
    reversed; the indices that are gathered along ``axis``; the axes that are padded; the lowest and highest value that
    a quantiser passes. ``nothing``: a copy, or a conversion between floating types. ``first-layer``: a convolution,
    where the search ends. It also ends at a matrix ``product`` of ``values`` inputs, if these are a flattened image.
    ``unknown``: anything else; ``values`` names it.
    """

    kind: Kind
    values: Any = 0.0
    axis: int = 0


@dataclass(frozen=True, slots=True)
class Reading:
    """What a file does to its input. ``normalisation``: None if it does nothing.

    ``unread``: the operation at which the graph could not be followed; "" if its first layer was reached. ``clips``:
    the lowest and highest value of the input that a quantiser passes; None without a quantiser.
    """

    normalisation: Normalisation | None
    unread: str = ""
    clips: tuple[float, float] | None = None


FIRST_LAYER = Step("first-layer")
LEAST_OUTPUTS = 8
"""The fewest outputs of a first layer. Published networks have 16 and more; operations that prepare an image have a
few."""


def branches(meanings: Iterable[list[Step] | None], names: Iterable[str]) -> list[Step]:
    """Several operations that use one value: the first layer if each of them is one, else unknown."""
    if all(meaning == [FIRST_LAYER] for meaning in meanings):
        return [FIRST_LAYER]
    return [Step("unknown", " and ".join(sorted(names)) + " in parallel")]


def arithmetic(kind: Arithmetic, other: Any, *, first: bool) -> list[Step] | None:
    """Arithmetic with the constant ``other``; ``first``: the image is the first operand.

    Returns None for the reciprocal of the image.
    """
    if kind == "subtract" and not first:
        return [Step("subtract-from", other)]
    return [Step(kind, other)] if first or kind != "divide" else None


def is_first_layer(outputs: int, kernel: tuple[int, int], groups: int) -> bool:
    """Whether a convolution with ``groups`` sees more of the image than a pixel or a channel at a time."""
    return groups == 1 and kernel != (1, 1) and outputs >= LEAST_OUTPUTS


def product(inputs: int) -> Step:
    """A matrix product with this number of inputs."""
    return Step("product", inputs)


def pointwise(
    weight: NDArray[Any], bias: NDArray[Any] | None, groups: int, layout: Layout, channels: int
) -> list[Step]:
    """A convolution that is not a first layer. ``weight``: (outputs, C / groups, kh, kw).

    A 1 x 1 convolution with as many outputs as channels is arithmetic by channel, or mixes colours. Others are filters.
    """
    if weight.shape[2:] != (1, 1) or weight.shape[0] != channels:
        return [Step("unknown", "a filter of the image")]
    each = weight.shape[1]
    matrix = np.zeros((channels, channels))
    for out in range(channels):
        first = out // (channels // groups) * each
        matrix[out, first : first + each] = weight[out, :, 0, 0]
    place = (-1, 1, 1) if layout == "NCHW" else (-1,)
    offset = [] if bias is None else [Step("add", np.asarray(bias, np.float64).reshape(place))]
    return [Step("mix", matrix), *offset]


def quantise(scale: Any, zero: Any, least: float, most: float) -> list[Step]:
    """Division by ``scale``, plus ``zero``, clipped to ``least`` .. ``most``."""
    given = np.asarray(scale, np.float64), np.asarray(zero, np.float64)
    return [Step("divide", given[0]), Step("add", given[1]), Step("clip", (least, most))]


def dequantise(scale: Any, zero: Any) -> list[Step]:
    """(x - zero) x scale."""
    return [Step("subtract", np.asarray(zero, np.float64)), Step("multiply", np.asarray(scale, np.float64))]


def batch_norm(
    scale: NDArray[Any], shift: NDArray[Any], mean: NDArray[Any], variance: NDArray[Any], epsilon: float, layout: Layout
) -> list[Step]:
    """A normalisation by constant statistics, each (C,), as a product and a sum."""
    factor = np.asarray(scale, np.float64) / np.sqrt(np.asarray(variance, np.float64) + epsilon)
    place = (-1, 1, 1) if layout == "NCHW" else (-1,)
    offset = np.asarray(shift, np.float64) - np.asarray(mean, np.float64) * factor
    return [Step("multiply", factor.reshape(place)), Step("add", offset.reshape(place))]


def read_steps(steps: Iterable[Step], layout: Layout, image: tuple[int, int, int]) -> Reading:
    """The effect of ``steps``, in order, on images (N, ...) in ``layout`` before the first layer, channel by channel.

    ``image``: (channels, height, width).
    """
    channels, height, width = image
    state = _Arithmetic(layout, channels)
    for step in steps:
        if step.kind == "first-layer" or (step.kind == "product" and step.values == channels * height * width):
            return state.reading()
        if not state.take(step):
            return Reading(None, str(step.values) if step.kind == "unknown" else f"{step.kind} that is not per channel")
    return Reading(None, "no convolution and no matrix product")


class _Arithmetic:
    """The state at a point of the graph: channel c = input[c'] x scale[c] + shift[c]."""

    def __init__(self, layout: Layout, channels: int) -> None:
        self._axis = 1 if layout == "NCHW" else 3
        self._scale, self._shift = np.ones(channels), np.zeros(channels)
        self._reversed, self._flat = False, False
        self._low, self._high = -np.inf, np.inf

    def take(self, step: Step) -> bool:
        """Whether the step could be followed."""
        if step.kind in {"unknown", "product"} or (self._flat and step.kind not in {"nothing", "flatten"}):
            return False
        match step.kind:
            case "nothing":
                return True
            case "flatten":
                self._flat = True
                return True
            case "clip":
                return self._clip(*step.values)
            case "pad":
                return not {0, self._axis} & {int(axis) for axis in step.values}
            case "mix":
                return self._mix(np.asarray(step.values, np.float64))
            case "transpose":
                return self._transpose([int(axis) % 4 for axis in np.asarray(step.values).reshape(-1)])
            case "reverse":
                axes = {int(axis) % 4 for axis in np.asarray(step.values).reshape(-1)}
                return axes == {self._axis} and self._reverse()
            case "gather":
                return self._gather(np.asarray(step.values).reshape(-1).tolist(), step.axis % 4)
            case _:
                return self._compute(step)

    def reading(self) -> Reading:
        """The normalisation so far, and the range of the input that passes. Non-finite values are unknown."""
        if not (np.isfinite(self._scale).all() and np.isfinite(self._shift).all()):
            return Reading(None, "arithmetic that is not finite")
        clips = None if np.isinf(self._low) and np.isinf(self._high) else (float(self._low), float(self._high))
        return Reading(self.found(), clips=clips)

    def _clip(self, least: float, most: float) -> bool:
        """The range of the input that every channel passes."""
        if (self._scale == 0).any():
            return False
        ends = (np.array([[least], [most]]) - self._shift) / self._scale
        self._low = max(self._low, ends.min(axis=0).max())
        self._high = min(self._high, ends.max(axis=0).min())
        return True

    def found(self) -> Normalisation | None:
        """The normalisation so far. Quantising and dequantising again changes nothing, up to float32's rounding."""
        same = np.allclose(self._scale, 1, rtol=0, atol=1e-4) and np.allclose(self._shift, 0, rtol=0, atol=1e-3)
        if same and not self._reversed:
            return None
        if same:
            return Normalisation((1.0,) * len(self._scale), (0.0,) * len(self._scale), reverses_channels=True)
        return Normalisation(tuple(self._scale.tolist()), tuple(self._shift.tolist()), self._reversed)

    def _transpose(self, order: list[int]) -> bool:
        if sorted(order) != [0, 1, 2, 3] or order[0] != 0:
            return False
        rows, columns = (order.index(axis) for axis in (1, 2, 3) if axis != self._axis)
        if rows > columns:  # the image would be rotated: the file does not take upright images
            return False
        self._axis = order.index(self._axis)
        return True

    def _gather(self, indices: list[int], axis: int) -> bool:
        forward = list(range(len(self._scale)))
        if axis != self._axis or indices not in (forward, forward[::-1]):
            return False
        return indices == forward or self._reverse()

    def _reverse(self) -> bool:
        self._scale, self._shift = self._scale[::-1].copy(), self._shift[::-1].copy()
        self._reversed = not self._reversed
        return True

    def _mix(self, matrix: NDArray[np.float64]) -> bool:
        """Apply a matrix that scales each channel, and at most reverses their order."""
        if matrix.shape != (len(self._scale),) * 2 or not np.isfinite(matrix).all():
            return False
        straight, turned = (not np.any(one - np.diag(np.diag(one))) for one in (matrix, matrix[:, ::-1]))
        if not straight and not (turned and self._reverse()):
            return False
        factor = np.diag(matrix if straight else matrix[:, ::-1])
        self._scale, self._shift = self._scale * factor, self._shift * factor
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
        """The operand as one value per channel; None if it is not. Values of a whole image are averaged."""
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
