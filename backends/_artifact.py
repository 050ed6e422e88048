"""What artifacts of all formats have in common: which input and output, which layout, what is done to the picture.

The formats' own modules turn a graph into :class:`Port` and :class:`Step`; what follows from those is decided here.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from alexbench.backends._adapter import check_pixels
from alexbench.harness.contract import Artifact, ArtifactFacts, Layout, Options
from alexbench.harness.errors import UnsupportedOptionError, WeightsError
from alexbench.harness.models.preprocessing import Normalisation

DTYPES: Final = ("float32", "float16", "uint8")
"""Input types that pixels are turned into."""


@dataclass(frozen=True, slots=True)
class Port:
    """An input or output of a graph. ``shape``: None for a dimension left open, and as a whole where it is unknown."""

    name: str
    dtype: str
    shape: tuple[int | None, ...] | None

    def __str__(self) -> str:
        """Name, type and shape, as errors say them."""
        sides = "?" if self.shape is None else ", ".join("?" if side is None else str(side) for side in self.shape)
        return f"{self.name!r} {self.dtype} ({sides})"


@dataclass(frozen=True, slots=True)
class Picture:
    """The input that takes the pictures."""

    port: Port
    layout: Layout
    batch: int | None


def picture_input(ports: Sequence[Port], artifact: Artifact) -> Picture:
    """The only input that takes pictures of ``artifact.image``, and how they lie in it.

    Raises:
        WeightsError: none does, or more than one, or there are inputs that nothing could be given for.
    """
    path = artifact.path
    if artifact.input_name is not None and artifact.input_name not in {port.name for port in ports}:
        raise WeightsError(f"{path} has no input {artifact.input_name!r}; its inputs: {_listed(ports)}")
    chosen = [port for port in ports if artifact.input_name in {None, port.name}]
    pictures = [Picture(port, layout, _batch(port)) for port in chosen for layout in _layouts(port, artifact.image)]
    if len({picture.port.name for picture in pictures}) > 1:
        raise WeightsError(
            f"{path} has {len(pictures)} image inputs: {_listed(picture.port for picture in pictures)}; a benchmark "
            "feeds one picture: give a file that takes one"
        )
    if len(pictures) > 1:
        raise WeightsError(f"{path}: the shape of {pictures[0].port} does not say where its channels are")
    if not pictures:
        raise WeightsError(f"{path} {_why_no_picture(chosen, artifact.image)}")
    found = pictures[0]
    others = [port for port in ports if port.name != found.port.name]
    if others:
        raise WeightsError(f"{path} wants more than a picture: {_listed(others)}; give a file that takes one picture")
    if found.port.dtype not in DTYPES:
        raise WeightsError(f"{path}: input {found.port} takes no pixels; wanted one of {', '.join(DTYPES)}")
    return found


def scores_output(ports: Sequence[Port], artifact: Artifact) -> Port:
    """The output that gives ``artifact.outputs`` scores a picture: the named one, or the only one that does.

    Raises:
        WeightsError: there is none, or more than one.
    """
    path = artifact.path
    if artifact.output_name is not None and artifact.output_name not in {port.name for port in ports}:
        raise WeightsError(f"{path} has no output {artifact.output_name!r}; its outputs: {_listed(ports)}")
    chosen = [port for port in ports if artifact.output_name in {None, port.name}]
    fitting = [port for port in chosen if _scores(port) == artifact.outputs] or [
        port for port in chosen if _scores(port) is None
    ]
    if len(fitting) > 1:
        raise WeightsError(
            f"{path} has {len(fitting)} outputs of {artifact.outputs} scores: {_listed(fitting)}; "
            "name one with output_name"
        )
    if not fitting:
        counts = sorted({count for port in chosen if (count := _scores(port))})
        raise (
            wrong_count(artifact, counts[0])
            if len(counts) == 1
            else WeightsError(
                f"{path} has no output of {artifact.outputs} scores a picture; its outputs: {_listed(ports)}"
            )
        )
    return fitting[0]


def wrong_count(artifact: Artifact, found: int) -> WeightsError:
    """The error for a file of another number of classes than the card's."""
    return WeightsError(
        f"{artifact.path} gives {found} scores a picture, the card has {artifact.outputs} labels: "
        f"give a card with labels = {found}"
    )


def refuse_bf16(name: str, options: Options) -> None:
    """An artifact is run as it is.

    Raises:
        UnsupportedOptionError: bf16 was asked for.
    """
    if options.precision != "fp32":
        raise UnsupportedOptionError(
            f"{name}: asked for {options.precision}, but an artifact runs in the precision it was saved in, "
            "which would have run; use --precision fp32"
        )


def unreadable(artifact: Artifact, error: Exception | str) -> WeightsError:
    """The error for a file that its runtime cannot read or run; one line of what the runtime said."""
    return WeightsError(f"{artifact.path} cannot be read: {said(error)}")


def said(error: Exception | str) -> str:
    """What a runtime said, in one line of reasonable length."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 300 else text[:297] + "..."


@dataclass(slots=True)
class Loaded:
    """A loaded artifact: ``run`` takes a batch as the file wants it and gives what it gives, until the next call."""

    backend: str
    artifact: Artifact
    facts: ArtifactFacts
    run: Callable[[NDArray[Any]], NDArray[Any]]

    def predict(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        """Scores (N, outputs) float32 of ``pixels`` (N, ...) in the file's layout; a fixed batch is filled up."""
        check_pixels(self.backend, pixels, picture_shape(self.artifact.image, self.facts.layout), self.facts.layout)
        count, batch = len(pixels), self.facts.batch or len(pixels)
        given = pixels.astype(self.facts.dtype, copy=False)
        missing = -count % batch
        if missing:
            given = np.concatenate([given, np.repeat(given[-1:], missing, axis=0)])
        scores = np.empty((count + missing, self.artifact.outputs), np.float32)
        for first in range(0, count + missing, batch):
            rows = self.run(given[first : first + batch])
            if rows.ndim < 2 or len(rows) != batch:
                raise ValueError(f"{self.artifact.path} gives an array of shape {rows.shape} for {batch} pictures")
            if rows.size != batch * self.artifact.outputs:
                raise wrong_count(self.artifact, rows.size // batch)
            scores[first : first + batch] = rows.reshape(batch, -1)
        return scores[:count]

    def settings(self) -> dict[str, str]:
        """What qualifies a number of it."""
        facts = self.facts
        return {
            "artifact": " ".join(filter(None, (facts.format, facts.version))),
            "batch": "dynamic" if facts.batch is None else f"{facts.batch}, filled up",
            "input": f"{facts.dtype} {facts.layout}",
        }


def picture_shape(image: tuple[int, int, int], layout: Layout) -> tuple[int, int, int]:
    """(C, H, W) as it lies in ``layout``."""
    channels, height, width = image
    return image if layout == "NCHW" else (height, width, channels)


def _layouts(port: Port, image: tuple[int, int, int]) -> list[Layout]:
    """The layouts in which ``port`` takes pictures of this size."""
    if port.shape is None or len(port.shape) != 4:
        return []
    layouts: tuple[Layout, Layout] = ("NCHW", "NHWC")
    return [
        layout
        for layout in layouts
        if all(
            side in {None, wanted} for side, wanted in zip(port.shape[1:], picture_shape(image, layout), strict=True)
        )
    ]


def _batch(port: Port) -> int | None:
    assert port.shape is not None
    return port.shape[0]


def _scores(port: Port) -> int | None:
    """How many scores a picture; None where the shape does not say, 0 where it is no list of scores."""
    if port.shape is None or any(side is None for side in port.shape[1:]):
        return None
    sides = [side for side in port.shape[1:] if side is not None]
    return prod(sides) if sides and max(sides) == prod(sides) else 0


def _why_no_picture(ports: Sequence[Port], image: tuple[int, int, int]) -> str:
    """Another size, or no picture at all."""
    channels, height, _ = image
    for port in ports:
        sides = () if port.shape is None or len(port.shape) != 4 else port.shape[1:]
        size = sides[1:] if sides[:1] == (channels,) else sides[:2] if sides[2:] == (channels,) else ()
        if size:
            found = " x ".join("?" if side is None else str(side) for side in size)
            return (
                f"takes pictures of {found} ({port}), the card's are {height} x {height}: give a card with crop = "
                f"{size[0]}, or a file for {height}"
            )
    return f"has no image input of {channels} channels and {height} x {height}; its inputs: {_listed(ports)}"


def _listed(ports: Iterable[Port]) -> str:
    return ", ".join(str(port) for port in ports) or "none"


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
