"""uint8 pixels to a network's input: what plain arithmetic gives, in the card's order and the backend's layout."""

from dataclasses import fields, replace
from typing import Any, Literal

import numpy as np
import pytest

from alexbench.harness.models.card import card_names, load_card
from alexbench.harness.models.preprocessing import Preprocessing, lookup_tables, network_input
from alexbench.harness.systems import Channels

BASE = Preprocessing(
    name="base",
    exif=False,
    resize="shorter-side",
    resize_to=256,
    interpolation="pillow-bilinear",
    crop=224,
    crop_rounding="round",
    channels="RGB",
    divide_by=255.0,
    mean=(0.485, 0.456, 0.406),
    std=(0.229, 0.224, 0.225),
)
CHANGED: dict[str, Any] = {
    "exif": True,
    "resize": "squash",
    "resize_to": 257,
    "interpolation": "opencv-bilinear",
    "crop": 227,
    "crop_rounding": "floor",
    "name": "other",
    "channels": "BGR",
    "divide_by": 1.0,
    "mean": (0.0, 0.0, 0.0),
    "std": (1.0, 1.0, 1.0),
    "decode": "libjpeg-fast",
    "crop_position": "corner",
}
ARITHMETIC = {"name", "channels", "divide_by", "mean", "std"}


def pixels(count: int = 3) -> np.ndarray:
    random = np.random.Generator(np.random.PCG64(5))
    return random.integers(0, 256, (count, 12, 17, 3), dtype=np.uint8)


def by_arithmetic(picture: np.ndarray, card: Preprocessing, layout: str) -> np.ndarray:
    """The definition, in float64."""
    ordered = picture[..., ::-1] if card.channels == "BGR" else picture
    values = (ordered.astype(np.float64) / card.divide_by - np.array(card.mean)) / np.array(card.std)
    return values.transpose(0, 3, 1, 2) if layout == "NCHW" else values


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("channels", ["RGB", "BGR"])
@pytest.mark.parametrize("name", card_names())
def test_the_input_is_what_float64_arithmetic_gives_rounded_once(
    name: str, channels: Channels, layout: Literal["NCHW", "NHWC"]
) -> None:
    card = replace(load_card(name).preprocessing, channels=channels)
    found = network_input(pixels(), card, layout)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, by_arithmetic(pixels(), card, layout).astype(np.float32))


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("count", [1, 3])
def test_the_input_lies_in_one_piece_and_is_the_callers_own(count: int, layout: Literal["NCHW", "NHWC"]) -> None:
    given = pixels(count)
    given.flags.writeable = False  # as the mapped prepared set is
    found = network_input(given, BASE, layout)
    assert found.flags.c_contiguous
    assert found.flags.writeable
    assert found.shape == ((count, 3, 12, 17) if layout == "NCHW" else (count, 12, 17, 3))


def test_the_two_layouts_hold_the_same_values() -> None:
    first, last = network_input(pixels(), BASE, "NCHW"), network_input(pixels(), BASE, "NHWC")
    np.testing.assert_array_equal(first, last.transpose(0, 3, 1, 2))


def test_bgr_puts_blue_first_and_takes_the_mean_in_that_order() -> None:
    blue = np.zeros((1, 2, 2, 3), np.uint8)
    blue[..., 2] = 200
    card = replace(BASE, channels="BGR", divide_by=1.0, mean=(104.0, 117.0, 123.0), std=(1.0, 1.0, 1.0))
    assert network_input(blue, card, "NCHW")[0, :, 0, 0].tolist() == [96.0, -117.0, -123.0]


def test_images_one_by_one_are_the_images_together() -> None:
    together = network_input(pixels(), BASE, "NCHW")
    for place, picture in enumerate(pixels()):
        np.testing.assert_array_equal(network_input(picture[None], BASE, "NCHW")[0], together[place])


def test_tables_hold_every_grey_level_of_every_channel() -> None:
    tables = lookup_tables(BASE)
    assert (tables.shape, tables.dtype) == ((3, 256), np.float32)
    assert tables[0, 0] == np.float32(-0.485 / 0.229)
    assert tables[1, 255] == np.float32((1 - 0.456) / 0.224)
    assert tables[2, 128] == np.float32((128 / 255 - 0.406) / 0.225)


def test_every_field_is_geometry_or_arithmetic() -> None:
    assert set(CHANGED) == {item.name for item in fields(Preprocessing)}


@pytest.mark.parametrize("field", sorted(ARITHMETIC))
def test_the_geometry_key_ignores_arithmetic(field: str) -> None:
    assert replace(BASE, **{field: CHANGED[field]}).geometry_key() == BASE.geometry_key()


@pytest.mark.parametrize("field", sorted(set(CHANGED) - ARITHMETIC))
def test_the_geometry_key_changes_with_the_geometry(field: str) -> None:
    assert replace(BASE, **{field: CHANGED[field]}).geometry_key() != BASE.geometry_key()


def test_cards_that_prepare_differently_have_different_keys_and_the_others_share_pixels() -> None:
    by_key: dict[str, set[str]] = {}
    for name in card_names():
        by_key.setdefault(load_card(name).preprocessing.geometry_key(), set()).add(name)
    zoo = {"onnx-zoo", "onnx-zoo-int8", "onnx-zoo-qdq"}
    shared = [{"torchvision", *zoo}, {"omz", "bvlc"}, {"modelhub"}, {"modelhub-onnx"}, {"tfcnn"}]
    assert sorted(map(sorted, by_key.values())) == sorted(map(sorted, shared))
