"""What ``alexbench ablate`` varies: five axes of how an image becomes a network's input, and their levels."""

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, cast, get_args

from alexbench.datasets.preprocess import can_resize
from alexbench.harness.errors import UsageError, unknown_name
from alexbench.harness.models.preprocessing import Decoder, Interpolation, Preprocessing
from alexbench.harness.records.ablation_records import AXES, Axis, Choice
from alexbench.harness.systems import Channels

LARGER_SIDE: Final = 288
"""A resize larger than the usual 256, before the same crop: a ninth more of each side is cut away."""

_SCALERS: Final[dict[tuple[str, str], Interpolation]] = {
    ("bilinear", "yes"): "pillow-bilinear",
    ("bicubic", "yes"): "pillow-bicubic",
    ("box", "yes"): "pillow-box",
    ("lanczos", "yes"): "pillow-lanczos",
    ("bilinear", "no"): "opencv-bilinear",
    ("bicubic", "no"): "opencv-bicubic",
    ("nearest", "no"): "opencv-nearest",
}
"""The combinations that people have: (interpolation, antialias) -> who defines it."""
_ORDER: Final = ("nearest", "box", "bilinear", "hamming", "bicubic", "lanczos")
"""Interpolations, from the coarsest."""
_ANTIALIASED: Final = ("pillow-bilinear", "pillow-bicubic", "pillow-lanczos", "pillow-box", "pillow-hamming")
_DECODERS: Final[dict[Decoder, str]] = {
    "libjpeg": "exact transform, smooth colour, as Pillow and OpenCV",
    "opencv": "exact transform, smooth colour, CMYK as OpenCV",
    "libjpeg-fast": "fast transform, blocky colour, as TensorFlow's INTEGER_FAST",
}


@dataclass(frozen=True, slots=True)
class Grid:
    """The axes varied, their levels by name (the card's own among them) and what each choice is.

    ``given``: the model's own preprocessing; ``own``: its choice. ``words``: of each axis and level, plain words.
    """

    given: Preprocessing
    own: Choice
    levels: Mapping[Axis, tuple[str, ...]]
    words: Mapping[tuple[Axis, str], str]
    crops: Mapping[str, Preprocessing]

    @property
    def varied(self) -> tuple[Axis, ...]:
        """Axes with a choice."""
        return tuple(axis for axis in AXES if len(self.levels[axis]) > 1)

    def fed(self, choice: Choice) -> Preprocessing | None:
        """What the network is fed under ``choice``; None where nobody, or nobody installed, resizes so."""
        scaler: Interpolation | None = _SCALERS.get((choice.interpolation, choice.antialias))
        if (choice.interpolation, choice.antialias) == (self.own.interpolation, self.own.antialias):
            scaler = self.given.interpolation
        if scaler is None or not can_resize(scaler):
            return None
        fed = replace(
            self.crops[choice.crop], interpolation=scaler, decode=cast("Decoder", choice.decoder), channels="RGB"
        )
        # The mean is each colour's, wherever it stands: a choice of channels swaps the order alone.
        step = 1 if choice.channels == self.given.channels else -1
        mean, std = self.given.mean[::step], self.given.std[::step]
        return replace(
            fed,
            channels=cast("Channels", choice.channels),
            mean=(mean[0], mean[1], mean[2]),
            std=(std[0], std[1], std[2]),
        )

    def all(self) -> Iterator[Choice]:
        """Every combination, real or not, axis by axis in the order of AXES."""
        for named in itertools.product(*(self.levels[axis] for axis in AXES)):
            yield Choice(*named)

    def real(self) -> dict[Choice, Preprocessing]:
        """The combinations that can be had, and what is fed under them; the model's own is among them."""
        fed = {choice: self.fed(choice) for choice in self.all()}
        return {choice: one for choice, one in fed.items() if one is not None}


def grid_of(given: Preprocessing, named: Iterable[str]) -> Grid:
    """The grid over the axes ``named`` (all where none is); the rest stays as ``given`` has it.

    Raises:
        UsageError: an axis that there is not, or one named twice.
    """
    varied = tuple(named) or AXES
    for axis in varied:
        if axis not in AXES:
            raise unknown_name("axis (--vary)", axis, AXES)
    if len(set(varied)) < len(varied):
        raise UsageError(f"--vary names an axis twice: {', '.join(varied)}")
    kind = _kind(given.interpolation)
    antialias = "yes" if given.interpolation in _ANTIALIASED or given.interpolation == "opencv-area" else "no"
    crops = _crops(given)
    own = Choice(given.decode, kind, antialias, next(iter(crops)), given.channels)
    kinds = {own.interpolation, *(name for name, _ in _SCALERS)}
    levels: dict[Axis, tuple[str, ...]] = {
        "decoder": ("opencv" if given.decode == "opencv" else "libjpeg", "libjpeg-fast"),
        "interpolation": tuple(name for name in _ORDER if name in kinds),
        "antialias": ("yes", "no"),
        "crop": tuple(crops),
        "channels": get_args(Channels),
    }
    words = {("crop", name): _crop_words(one) for name, one in crops.items()}
    words |= {("decoder", name): said for name, said in _DECODERS.items()}
    words |= {
        ("interpolation", "nearest"): "one pixel for each",
        ("interpolation", "box"): "the mean of an area",
        ("interpolation", "bilinear"): "a triangle over 2 x 2 pixels",
        ("interpolation", "hamming"): "a Hamming window over 2 x 2 pixels",
        ("interpolation", "bicubic"): "a cubic over 4 x 4 pixels",
        ("interpolation", "lanczos"): "a windowed sinc over 6 x 6 pixels",
        ("antialias", "yes"): "all that a pixel covers counts: the filter grows, as Pillow's",
        ("antialias", "no"): "the same few pixels however much is reduced, as OpenCV's",
        ("channels", "RGB"): "the mean moves with its colour",
        ("channels", "BGR"): "the mean moves with its colour",
    }
    kept: dict[Axis, tuple[str, ...]] = {axis: levels[axis] if axis in varied else (own.of(axis),) for axis in AXES}
    return Grid(given=given, own=own, levels=kept, words=cast("dict[tuple[Axis, str], str]", words), crops=crops)


def _kind(interpolation: Interpolation) -> str:
    """Without the library's name; OpenCV's area is a box that grows with the reduction."""
    name = interpolation.partition("-")[2].rpartition("-")[2] or interpolation
    return "box" if name == "area" else name


def _crops(given: Preprocessing) -> dict[str, Preprocessing]:
    """Ways to the input size, the model's own first; those that are another one's equal are left out."""
    side = given.resize_to
    if given.resize == "tf-cnn":
        side = round(given.crop * 1.145)  # tf_cnn_benchmarks' factor; of the shorter side, where it keeps the aspect
    made: list[dict[str, Any]] = [
        {},
        {"resize": "squash" if given.resize != "squash" else "shorter-side", "resize_to": side},
        {"resize": "squash", "resize_to": given.crop},
    ]
    if side < LARGER_SIDE and given.crop <= LARGER_SIDE:
        made.append({"resize": "squash" if given.resize == "squash" else "shorter-side", "resize_to": LARGER_SIDE})
    ways: dict[str, Preprocessing] = {}
    for change in made:
        one = replace(given, **change)
        if one not in ways.values():
            ways[_crop_name(one)] = one
    return ways


def _crop_name(fed: Preprocessing) -> str:
    """Short, for a heading."""
    if fed.resize == "tf-cnn":
        return "kept x1.145"
    if fed.resize == "squash" and fed.resize_to == fed.crop:
        return f"no crop {fed.crop}"
    return f"{'kept' if fed.resize == 'shorter-side' else 'squashed'} {fed.resize_to}"


def _crop_words(fed: Preprocessing) -> str:
    crop = f"crop {fed.crop}" if fed.crop_position == "centre" else f"crop {fed.crop} from the corner"
    if fed.resize == "tf-cnn":
        return f"aspect kept, 1.145 times the crop, {crop}"
    if fed.resize == "squash" and fed.resize_to == fed.crop:
        return f"squashed straight to {fed.crop} x {fed.crop}"
    if fed.resize == "squash":
        return f"aspect squashed to {fed.resize_to} x {fed.resize_to}, {crop}"
    return f"aspect kept, shorter side {fed.resize_to}, {crop}"
