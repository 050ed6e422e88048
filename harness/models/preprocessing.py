"""Preprocessing as data: from an image to pixels, and from pixels to a network's input.

A model card defines a :class:`Preprocessing`. ``alexbench.datasets`` does its geometry (to uint8, once).
:func:`lookup_tables` does its arithmetic (to float32, in the worker, before the clock starts).
"""

import hashlib
import itertools
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from alexbench.harness.errors import CardError
from alexbench.harness.systems import Channels, InputConvention

Resize = Literal["shorter-side", "squash", "tf-cnn"]
Interpolation = Literal[
    "pillow-bilinear",
    "pillow-bicubic",
    "pillow-lanczos",
    "pillow-box",
    "pillow-hamming",
    "pillow-nearest",
    "opencv-bilinear",
    "opencv-bicubic",
    "opencv-area",
    "opencv-nearest",
    "scikit-image-bilinear",
    "tensorflow1-bilinear",
]
CropPosition = Literal["centre", "corner"]
Decoder = Literal["libjpeg", "libjpeg-fast", "opencv"]

_IMAGES_A_THREAD: Final = 8
"""For fewer, starting a thread takes longer than it saves."""

_ADDED_LATER: Final = frozenset({"crop_position"})
"""Fields that are newer than the first digests. At their default they are not part of a digest."""


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """The preprocessing of a card.

    ``exif``: whether an EXIF orientation is applied before anything else. ``resize``: ``shorter-side`` keeps the aspect
    (shorter side to ``resize_to``), ``squash`` does not (``resize_to`` square), ``tf-cnn`` is tf_cnn_benchmarks'
    int(side x max(crop / height, crop / width) x 1.145). ``crop``: the side of the crop, which is the network's input
    size. ``crop_position``: from the ``centre``, or from the top left ``corner``. ``crop_rounding``: how an odd margin
    is halved: ``round`` as torchvision (Python's round, half to even) or ``floor``. A crop from the corner has no
    margin.

    ``interpolation``: has the name of the library that defines it. Pillow's have antialias, except NEAREST. OpenCV's
    INTER_LINEAR, INTER_CUBIC and INTER_NEAREST, TensorFlow 1's resize_images, and scikit-image's order 1 as
    caffe.io.resize_image calls it have none. OpenCV's INTER_AREA averages what a pixel covers. ``decode``: how a file
    becomes RGB: ``libjpeg`` as Pillow (exact transform, smooth upsampling of colour), ``opencv`` as cv2.imread (the
    same, except CMYK and 16 bits), ``libjpeg-fast`` as TensorFlow with dct_method="INTEGER_FAST" and
    fancy_upscaling=False.

    A value v of channel c becomes (v / ``divide_by`` - mean[c]) / std[c], with ``mean`` and ``std`` in the order of
    ``channels``.
    """

    name: str
    exif: bool
    resize: Resize
    resize_to: int
    interpolation: Interpolation
    crop: int
    crop_rounding: Literal["round", "floor"]
    channels: Channels
    divide_by: float
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    decode: Decoder = "libjpeg"
    crop_position: CropPosition = "centre"

    def facts(self) -> dict[str, Any]:
        """Every field by its name, for digests.

        A field that was added after the first digests is left out at its default. So a card without it keeps its
        digests, prepared images and weights.
        """
        untouched = {item.name for item in fields(self) if item.default == getattr(self, item.name)}
        return {key: value for key, value in asdict(self).items() if key not in untouched & _ADDED_LATER}

    def geometry_key(self) -> str:
        """A digest of what decides the uint8 pixels (all except channel order and arithmetic, which come later)."""
        arithmetic = {"name", "channels", "divide_by", "mean", "std"}
        geometry = {key: value for key, value in self.facts().items() if key not in arithmetic}
        return hashlib.sha256(json.dumps(geometry, sort_keys=True).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Normalisation:
    """The arithmetic of a model file on its input: channel c of the result is input[c'] x scale[c] + shift[c].

    c' is c, or counts from the end with ``reverses_channels``: ``scale`` and ``shift`` are in the order of the network
    after it. If the file subtracts a whole image, they are its channels' means.
    """

    scale: tuple[float, ...]
    shift: tuple[float, ...]
    reverses_channels: bool = False

    def __str__(self) -> str:
        """The arithmetic as a formula."""
        a, b = ([float(f"{value:.6g}") for value in values] for values in (self.scale, self.shift))
        return f"x * {a} + {b}" + (" with the channels reversed" if self.reverses_channels else "")


FITTING: Final = 0.8
"""The share of the input that a range calibrated on it must pass: some calibrations clip the ends."""

SAME_GREY_LEVEL: Final = 0.5
"""Two normalisations are equal if they differ by at most this many grey levels: the cost of rounding a pixel."""


def lookup_tables(preprocessing: Preprocessing) -> NDArray[np.float32]:
    """The arithmetic of ``preprocessing`` as a (3, 256) float32 table, rows in the order of its channels.

    Computed in float64 and rounded once. A table lookup takes 0.35 ms per image; arithmetic takes 1.56 ms.
    """
    values = np.arange(256, dtype=np.float64) / preprocessing.divide_by
    mean = np.asarray(preprocessing.mean, dtype=np.float64)[:, None]
    std = np.asarray(preprocessing.std, dtype=np.float64)[:, None]
    return np.asarray((values[None, :] - mean) / std, dtype=np.float32)


def network_input(
    pixels: NDArray[np.uint8], preprocessing: Preprocessing, layout: Literal["NCHW", "NHWC"], *, threads: int = 1
) -> NDArray[np.float32]:
    """Prepared pixels (N, H, W, 3) uint8 RGB -> C-contiguous float32 in ``layout``, channels in the card's order."""
    tables = lookup_tables(preprocessing)
    count, height, width, _ = pixels.shape
    planes = layout == "NCHW"
    out = np.empty((count, 3, height, width) if planes else (count, height, width, 3), dtype=np.float32)
    fill = _fill_planes if planes else _fill_pixels
    reverse = preprocessing.channels == "BGR"
    share = -(-count // threads)
    if threads == 1 or share < _IMAGES_A_THREAD:
        fill(out, pixels, tables, reverse=reverse)
        return out
    with ThreadPoolExecutor(threads) as pool:  # NumPy's take releases the GIL
        parts = [slice(first, first + share) for first in range(0, count, share)]
        for done in [pool.submit(fill, out[part], pixels[part], tables, reverse=reverse) for part in parts]:
            done.result()
    return out


def _fill_planes(
    out: NDArray[np.float32], pixels: NDArray[np.uint8], tables: NDArray[np.float32], *, reverse: bool
) -> None:
    for place, source in enumerate((2, 1, 0) if reverse else (0, 1, 2)):
        for image in range(len(pixels)):
            np.take(tables[place], pixels[image, ..., source], out=out[image, place], mode="clip")


def _fill_pixels(
    out: NDArray[np.float32], pixels: NDArray[np.uint8], tables: NDArray[np.float32], *, reverse: bool
) -> None:
    """All tables in one, with each value offset to its channel's: 0.2 ms per image; by planes 0.4."""
    _, height, width, _ = pixels.shape
    start = np.tile(np.arange(3, dtype=np.intp) * 256, height * width)  # a third of broadcasting's time
    places = np.empty_like(start)
    for image in range(len(pixels)):
        one = pixels[image][..., ::-1] if reverse else pixels[image]
        np.add(one.reshape(-1), start, out=places)
        np.take(tables, places, out=out[image].reshape(-1), mode="clip")


def fed_to(
    file: str,
    card: Preprocessing,
    inside: Normalisation | None,
    *,
    backend: str,
    unread: str = "",
    clips: tuple[float, float] | None = None,
    stated: InputConvention | None = None,
    whole_numbers: bool = False,
) -> Preprocessing:
    """The input for ``file``, such that no step is done twice or left out.

    ``inside``: its own arithmetic on its input; None for nothing. ``unread``: where its graph could not be followed.
    ``clips``: the lowest and highest value that it passes. ``stated``: the input that the user states, which decides.
    ``whole_numbers``: its input is uint8. ``backend``: named in the question to the user.

    The card's geometry always applies. A file that was followed to its first layer and does nothing gets the card's
    input. A file that does the card's arithmetic itself, on grey levels 0..255, on 0..1 or on the card's v / divide_by,
    gets those values. So does a file that does it with the channels in the other order (OpenVINO folds a reversal into
    the first layer).

    Raises:
        CardError: the file's input is unknown. The message asks for ``--artifact-input``.
    """
    if stated is not None:
        fed = _as_stated(card, stated)
    elif unread:
        raise CardError(
            f"{file}: cannot tell what its input takes: its graph has {unread} between the input and the first layer; "
            f"{_question(backend)}"
        )
    else:
        fed = card if inside is None else _as_found(file, card, inside, backend)
        if clips is not None and not _fits(fed, clips):
            raise CardError(
                f"{file} quantizes its input from {clips[0]:.4g} to {clips[1]:.4g}, but would be fed "
                f"{said_formula(fed)}; {_question(backend)}"
            )
    if whole_numbers and (fed.divide_by, fed.mean, fed.std) != (1.0, (0.0,) * 3, (1.0,) * 3):
        raise CardError(
            f"{file} takes whole grey levels (uint8), but would be fed {said_formula(fed)}; if it takes grey levels as "
            f"they are: --artifact-input {backend}=0..255,{card.channels.lower()}"
        )
    return fed


def _fits(fed: Preprocessing, clips: tuple[float, float]) -> bool:
    """Whether a quantised range fits the input: it clips at most a fifth, and is less than 5 times as wide."""
    tables = lookup_tables(fed).astype(np.float64)
    low, high = float(tables.min()), float(tables.max())
    inside = min(high, clips[1]) - max(low, clips[0])
    return inside >= FITTING * (high - low) and high - low >= (1 - FITTING) * (clips[1] - clips[0])


def _as_stated(card: Preprocessing, stated: InputConvention) -> Preprocessing:
    turned = stated.channels not in {None, card.channels}
    fed = replace(card, channels=_other(card.channels), mean=card.mean[::-1], std=card.std[::-1]) if turned else card
    if stated.scale == "normalised":
        return fed
    return replace(fed, divide_by=255.0 if stated.scale == "0..1" else 1.0, mean=(0.0,) * 3, std=(1.0,) * 3)


def _as_found(file: str, card: Preprocessing, inside: Normalisation, backend: str) -> Preprocessing:
    """The input for a file that normalises its input itself, if its arithmetic is the card's."""
    if inside.reverses_channels:
        raise CardError(
            f"{file} reverses the channels of its input itself, which does not show the order that it takes; "
            f"{_question(backend)}"
        )
    divisor, swapped = _divided_by(file, card, inside, backend)
    order: Channels = _other(card.channels) if swapped else card.channels
    return replace(card, channels=order, divide_by=divisor, mean=(0.0,) * 3, std=(1.0,) * 3)


def _question(backend: str) -> str:
    return (
        f"state what it takes with --artifact-input {backend}=SCALE,ORDER (SCALE: normalised as the card says, 0..1 or "
        "0..255; ORDER: rgb or bgr)"
    )


def _divided_by(file: str, card: Preprocessing, inside: Normalisation, backend: str) -> tuple[float, bool]:
    """The divisor of grey levels with which the file's arithmetic equals the card's.

    Also whether it is the card's with the channels in the other order.
    """
    wanted_scale = 1 / (card.divide_by * np.asarray(card.std))
    wanted_shift = -np.asarray(card.mean) / np.asarray(card.std)
    if len(inside.scale) == len(card.mean):
        for step, divisor in itertools.product((1, -1), (1.0, 255.0, card.divide_by)):
            at_black = (np.asarray(inside.shift)[::step] - wanted_shift) / wanted_scale
            at_white = at_black + 255 * (np.asarray(inside.scale)[::step] / divisor - wanted_scale) / wanted_scale
            if max(np.abs(at_black).max(), np.abs(at_white).max()) <= SAME_GREY_LEVEL:
                return divisor, step == -1
    raise CardError(
        f"{file} normalises its input itself ({inside}), which is not what card {card.name} does "
        f"({said_formula(card)}): give the card that this file was made for, or {_question(backend)}"
    )


def said_formula(card: Preprocessing) -> str:
    """The arithmetic of a grey level v, for people."""
    return f"(v / {card.divide_by:g} - {list(card.mean)}) / {list(card.std)}, {card.channels}"


def _other(channels: Channels) -> Channels:
    return "BGR" if channels == "RGB" else "RGB"
