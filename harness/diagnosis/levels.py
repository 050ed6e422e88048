"""The mistakes that people make with images, as levels of the axes that doctor tries."""

import functools
from collections.abc import Iterator
from dataclasses import replace
from typing import Final, get_args

import numpy as np

from alexbench.harness.models.card import Card, card_names, load_card
from alexbench.harness.models.network import fits, get_network
from alexbench.harness.models.preprocessing import (
    SAME_GREY_LEVEL,
    Decoder,
    Interpolation,
    Preprocessing,
    lookup_tables,
)
from alexbench.harness.systems import Channels

Triple = tuple[float, float, float]
Formula = tuple[float, Triple, Triple]
"""divide_by, mean and std; mean and std by colour: red, green, blue."""

_COMMON: Final[tuple[Formula, ...]] = (
    (1.0, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),  # grey levels as they are
    (255.0, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),  # ToTensor alone
)
_SIDES: Final = (232, 256, 288)
"""Sizes to resize images to before a crop, other than the crop: torchvision's newer recipe, the usual, more."""
_CROPS: Final = (224, 227)
"""The input sizes that AlexNets are published with (facts: three networks, not one)."""
_TF_CNN_SIDE: Final = 1.145
"""How much wider than the crop tf_cnn_benchmarks resizes."""


@functools.cache
def known_contracts() -> tuple[tuple[str, Preprocessing], ...]:
    """Every card's whole preprocessing, with the card's name; the same one of several cards comes once."""
    found: dict[Preprocessing, str] = {}
    for name in card_names():
        found.setdefault(replace(load_card(name).preprocessing, name=""), name)
    return tuple((name, contract) for contract, name in found.items())


def arithmetics(given: Preprocessing) -> list[Preprocessing]:
    """Other normalisations and channel orders than ``given``'s: every card's, the common ones, and repairs of its own.

    Those that differ by less than SAME_GREY_LEVEL from one before are left out.
    """
    own = _by_colour(given)
    divide_by, mean, std = own
    formulas: list[Formula] = [
        own,
        *(_by_colour(contract) for _, contract in known_contracts()),
        *_COMMON,
        (divide_by, _ordered(mean, -1), _ordered(std, -1)),
        (divide_by, _times(mean, 255.0), std),
        (divide_by, _times(mean, 1 / 255.0), std),
        (255.0 if divide_by == 1 else 1.0, mean, std),
    ]
    orders: tuple[Channels, ...] = get_args(Channels)
    made: list[Preprocessing] = [given]
    for formula in formulas:
        for order in orders:
            one = _with(given, formula, order)
            if not any(same_arithmetic(one, other) for other in made):
                made.append(one)
    return made[1:]


def same_arithmetic(first: Preprocessing, second: Preprocessing) -> bool:
    """Whether two give the same values, to within half a grey level."""
    if first.channels != second.channels:
        return False
    level = 1 / (second.divide_by * np.asarray(second.std))[:, None]
    apart = np.abs(lookup_tables(first).astype(np.float64) - lookup_tables(second)) / np.abs(level)
    return bool(apart.max() <= SAME_GREY_LEVEL)


def geometries(given: Preprocessing, card: Card, *, other_inputs: bool) -> list[Preprocessing]:
    """One thing of the geometry changed, or all of it to a known card's; with the arithmetic of ``given``.

    ``other_inputs``: whether the network may be built for another input size.
    """
    made = [
        *_resizes(given),
        *(replace(given, interpolation=one) for one in get_args(Interpolation)),
        replace(given, exif=not given.exif),
        *(replace(given, decode=one) for one in get_args(Decoder)),
        replace(given, crop_rounding="floor" if given.crop_rounding == "round" else "round"),
        replace(given, crop_position="corner" if given.crop_position == "centre" else "centre"),
    ]
    if other_inputs:
        made += [replace(given, crop=side, resize_to=max(side, given.resize_to)) for side in _CROPS]
    for _, contract in known_contracts():
        own = {key: getattr(given, key) for key in ("name", "channels", "divide_by", "mean", "std")}
        if contract.crop == given.crop or other_inputs:
            made.append(replace(contract, **own))
    unlike: list[Preprocessing] = []
    for one in made:
        if one not in (given, *unlike) and fits(get_network(card.network, input_size=one.crop)):
            unlike.append(one)
    return unlike


def _resizes(given: Preprocessing) -> Iterator[Preprocessing]:
    sides = sorted({given.crop, *_SIDES, round(given.crop * _TF_CNN_SIDE), given.resize_to})
    for side in sides:
        if side >= given.crop:
            yield replace(given, resize="shorter-side", resize_to=side)
    for side in (given.crop, *_SIDES):
        if side >= given.crop:
            yield replace(given, resize="squash", resize_to=side)
    yield replace(given, resize="tf-cnn", resize_to=given.crop)


def _by_colour(given: Preprocessing) -> Formula:
    step = 1 if given.channels == "RGB" else -1
    return given.divide_by, _ordered(given.mean, step), _ordered(given.std, step)


def _with(given: Preprocessing, formula: Formula, order: Channels) -> Preprocessing:
    step = 1 if order == "RGB" else -1
    divide_by, mean, std = formula
    return replace(given, channels=order, divide_by=divide_by, mean=_ordered(mean, step), std=_ordered(std, step))


def _ordered(values: Triple, step: int) -> Triple:
    first, second, third = values[::step]
    return first, second, third


def _times(mean: Triple, factor: float) -> Triple:
    red, green, blue = mean
    return red * factor, green * factor, blue * factor
