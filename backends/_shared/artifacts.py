"""What artifacts of all formats share: finding the input, the output and the layout, and batches of any size.

The modules of the formats turn a graph into :class:`Port`. The decisions that follow from it are here.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from alexbench.backends._shared.adapters import check_pixels
from alexbench.harness.contract import Artifact, ArtifactFacts, Known, Options
from alexbench.harness.errors import UnsupportedOptionError, WeightsError, WrongCountError
from alexbench.harness.files.plain_text import is_utf8
from alexbench.harness.models.network import Layout

DTYPES: Final = ("float32", "float16", "uint8")
"""Input types to which pixels are converted."""
BACKGROUND_LINE: Final = "an output that is not a class: a line that says background"


@dataclass(frozen=True, slots=True)
class Port:
    """An input or output of a graph. ``shape``: None if unknown; an entry is None for an open dimension."""

    name: str
    dtype: str
    shape: tuple[int | None, ...] | None

    def __str__(self) -> str:
        """Name, type and shape, for errors."""
        sides = "?" if self.shape is None else ", ".join("?" if side is None else str(side) for side in self.shape)
        return f"{self.name!r} {self.dtype} ({sides})"


@dataclass(frozen=True, slots=True)
class Picture:
    """The input that takes the images."""

    port: Port
    layout: Layout
    batch: int | None


def _named(ports: Sequence[Port], name: str | None) -> list[Port]:
    """The port of that name if there is one, else all.

    A card has the names of its published file; other files may differ.
    """
    return [port for port in ports if port.name == name] or list(ports)


def picture_input(ports: Sequence[Port], artifact: Artifact) -> Picture:
    """The only input that takes images of ``artifact.image``, and its layout.

    Raises:
        WeightsError: no input does, or more than one, or the file needs other inputs too.
    """
    path = artifact.path
    chosen = _named(ports, artifact.input_name)
    pictures = [Picture(port, layout, _batch(port)) for port in chosen for layout in _layouts(port, artifact.image)]
    if len({picture.port.name for picture in pictures}) > 1:
        raise WeightsError(
            f"{path} has {len(pictures)} image inputs: {_listed(picture.port for picture in pictures)}; a benchmark "
            "feeds one image: give a file that takes one"
        )
    if len(pictures) > 1:
        raise WeightsError(f"{path}: the shape of {pictures[0].port} does not show where its channels are")
    if not pictures:
        raise WeightsError(f"{path} {_why_no_picture(chosen, artifact.image)}")
    found = pictures[0]
    others = [port for port in ports if port.name != found.port.name]
    if others:
        raise WeightsError(f"{path} wants more than an image: {_listed(others)}; give a file that takes one image")
    if found.port.dtype not in DTYPES:
        raise WeightsError(f"{path}: input {found.port} takes no pixels; expected one of {', '.join(DTYPES)}")
    return found


def scores_output(ports: Sequence[Port], artifact: Artifact) -> tuple[Port, int]:
    """The output that gives scores of the classes, and how many: the named one, or the only one that fits.

    One of ``artifact.outputs`` scores is preferred to one of another number that will do. The number that an output
    does not show is taken to be ``artifact.outputs``.

    Raises:
        WeightsError: there is none, or more than one.
    """
    path = artifact.path
    if artifact.output_stated and artifact.output_name not in {port.name for port in ports}:
        raise WeightsError(f"{path} has no output {artifact.output_name!r}; its outputs: {_listed(ports)}")
    chosen = _named(ports, artifact.output_name)
    counts = [(port, _scores(port)) for port in chosen]
    fitting = [(port, artifact.outputs) for port, count in counts if count == artifact.outputs]
    fitting = fitting or [(port, count) for port, count in counts if count and count > 1 and artifact.takes(count)]
    fitting = fitting or [(port, artifact.outputs) for port, count in counts if count is None]
    if len(fitting) > 1:
        names = " or ".join(f"--output-name {port.name}" for port, _ in fitting[:2])
        raise WeightsError(
            f"{path} has {len(fitting)} outputs that fit: {_listed(port for port, _ in fitting)}; name one: {names}"
        )
    if not fitting:
        others = sorted({count for _, count in counts if count})
        raise (
            wrong_count(artifact, others[0])
            if len(others) == 1
            else WeightsError(
                f"{path} has no output of {artifact.outputs} scores per image; its outputs: {_listed(ports)}"
            )
        )
    return fitting[0]


def wrong_count(artifact: Artifact, found: int) -> WrongCountError:
    """The error for a file of another number of classes: both numbers, and how to say what its outputs mean."""
    if artifact.labels:
        return WrongCountError(
            f"{artifact.path} gives {found:,} scores per image, and {artifact.labels} names {artifact.outputs:,}"
            f" classes: name one class for each output, in their order ({BACKGROUND_LINE})",
            found,
        )
    return WrongCountError(
        f"{artifact.path} gives {found:,} scores per image, not the {artifact.outputs:,} of ImageNet's classes: name"
        " its own classes with --labels FILE, one a line, in the order of its outputs",
        found,
    )


def refuse_bf16(name: str, options: Options) -> None:
    """Refuse a precision other than the artifact's own: an artifact runs unchanged.

    Raises:
        UnsupportedOptionError: bf16 was requested.
    """
    if options.precision != "fp32":
        raise UnsupportedOptionError(
            f"{name}: asked for {options.precision}, but an artifact runs in the precision that it was saved in; use"
            " --precision fp32"
        )


def unreadable(artifact: Artifact, error: Exception | str) -> WeightsError:
    """The error for a file that its runtime cannot read or run, with one line of the runtime's message."""
    if not is_utf8(artifact.path):
        return WeightsError(f"{artifact.path} cannot be read: its path is not UTF-8; rename or move it")
    return WeightsError(f"{artifact.path} cannot be read: {said(error)}")


def said(error: Exception | str) -> str:
    """A runtime's message in one line of reasonable length."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 300 else text[:297] + "..."


@dataclass(slots=True)
class Loaded:
    """A loaded artifact.

    ``run`` takes a batch in the file's form and returns its output, which is valid until the next call.
    """

    backend: str
    artifact: Artifact
    facts: ArtifactFacts
    run: Callable[[NDArray[Any]], NDArray[Any]]

    def predict(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        """Scores (N, outputs) float32 of ``pixels`` (N, ...) in the file's layout. A fixed batch is padded."""
        check_pixels(self.backend, pixels, picture_shape(self.artifact.image, self.facts.layout), self.facts.layout)
        count, batch = len(pixels), self.facts.batch or len(pixels)
        given = pixels.astype(self.facts.dtype, copy=False)
        missing = -count % batch
        if missing:
            given = np.concatenate([given, np.repeat(given[-1:], missing, axis=0)])
        outputs = self.facts.outputs
        scores = np.empty((count + missing, outputs), np.float32)
        for first in range(0, count + missing, batch):
            rows = self.run(given[first : first + batch])
            if rows.ndim < 2 or len(rows) != batch:
                raise ValueError(f"{self.artifact.path} gives an array of shape {rows.shape} for {batch} images")
            if rows.size != batch * outputs:
                raise wrong_count(self.artifact, rows.size // batch)
            scores[first : first + batch] = rows.reshape(batch, -1)
        return scores[:count]

    @property
    def precision(self) -> Known:
        """The type that its products use, and how that is known."""
        return Known(self.facts.precision, self.facts.precision_known)

    @property
    def stored(self) -> Known | None:
        """The type in which its weights are stored, as the file has it."""
        return Known(self.facts.stored, "declared") if self.facts.stored else None

    def settings(self) -> dict[str, str]:
        """What a reader of its timings must know."""
        facts = self.facts
        return {
            "artifact": " ".join(filter(None, (facts.format, facts.version))),
            "batch": "dynamic" if facts.batch is None else f"{facts.batch}, filled up",
            "input": f"{facts.dtype} {facts.layout}",
        }


def picture_shape(image: tuple[int, int, int], layout: Layout) -> tuple[int, int, int]:
    """(C, H, W) in the order of ``layout``."""
    channels, height, width = image
    return image if layout == "NCHW" else (height, width, channels)


def _layouts(port: Port, image: tuple[int, int, int]) -> list[Layout]:
    """The layouts in which ``port`` takes images of this size."""
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
    """Scores per image; None if the shape does not show it, 0 if it is not a list of scores."""
    if port.shape is None or any(side is None for side in port.shape[1:]):
        return None
    sides = [side for side in port.shape[1:] if side is not None]
    return prod(sides) if sides and max(sides) == prod(sides) else 0


def _why_no_picture(ports: Sequence[Port], image: tuple[int, int, int]) -> str:
    """The error for another image size, or for no image input."""
    channels, height, _ = image
    for port in ports:
        sides = () if port.shape is None or len(port.shape) != 4 else port.shape[1:]
        size = sides[1:] if sides[:1] == (channels,) else sides[:2] if sides[2:] == (channels,) else ()
        if size:
            found = " x ".join("?" if side is None else str(side) for side in size)
            return (
                f"takes images of {found} ({port}), the card's are {height} x {height}: give a card with crop = "
                f"{size[0]}, or a file for {height}"
            )
    return f"has no image input of {channels} channels and {height} x {height}; its inputs: {_listed(ports)}"


def _listed(ports: Iterable[Port]) -> str:
    return ", ".join(str(port) for port in ports) or "none"
