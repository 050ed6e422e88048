"""Pixels: resized and cropped as the card says, whatever the size; what cannot be used is named."""

from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from PIL import Image, ImageFile

from alexbench.datasets.preprocess import (
    crop_offset,
    load_pixels,
    prepare_picture,
    resize_and_crop_picture,
    resized_size,
)
from alexbench.harness.errors import CardError, DataError
from alexbench.harness.models.preprocessing import Interpolation, Preprocessing
from tests.unit.datasets.encoded import LANCZOS, OPENCV, SCIKIT_IMAGE, SIZES, TF_CNN, TORCHVISION, encoded, jpeg, noise

NAMED = [TORCHVISION, LANCZOS, OPENCV, SCIKIT_IMAGE, TF_CNN]
NO_CARDS = sorted({*get_args(Interpolation)} - {card.interpolation for card in NAMED})
CARDS = pytest.mark.parametrize(
    "card",
    [*NAMED, *(replace(TORCHVISION, interpolation=kind) for kind in NO_CARDS)],
    ids=lambda card: str(card.interpolation),
)


@CARDS
@pytest.mark.parametrize("size", SIZES)
def test_every_size_gives_the_cards_crop_in_uint8(card: Preprocessing, size: tuple[int, int]) -> None:
    pixels = prepare_picture(encoded(Image.fromarray(noise(*size))), card)
    assert pixels.shape == (card.crop, card.crop, 3)
    assert pixels.dtype == np.uint8
    assert pixels.flags.c_contiguous


@CARDS
def test_a_path_and_its_bytes_give_the_same(card: Preprocessing, tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    file.write_bytes(encoded(Image.fromarray(noise(50, 40))))
    assert np.array_equal(prepare_picture(file, card), prepare_picture(file.read_bytes(), card))
    assert np.array_equal(prepare_picture(str(file), card), prepare_picture(file, card))


@CARDS
def test_an_image_decoded_once_can_be_prepared_in_many_ways(card: Preprocessing) -> None:
    picture = jpeg(90, 70)
    pixels = load_pixels(picture, card)
    pixels.flags.writeable = False
    for changed in (card, replace(card, interpolation="pillow-bilinear"), replace(card, crop_position="corner")):
        found = resize_and_crop_picture(pixels, changed, name="it")
        assert np.array_equal(found, prepare_picture(picture, changed))


# The size after resizing, and the crop.


@pytest.mark.parametrize(
    ("size", "resized"),
    [
        ((500, 375), (341, 256)),  # 256 x 500 / 375 = 341.33
        ((375, 500), (256, 341)),
        ((333, 500), (256, 384)),  # 384.38
        ((500, 334), (383, 256)),  # 383.23
        ((256, 256), (256, 256)),
        ((257, 256), (257, 256)),
        ((100, 99), (258, 256)),  # 258.58: cut, not rounded
    ],
)
def test_shorter_side_is_torchvisions_formula(size: tuple[int, int], resized: tuple[int, int]) -> None:
    assert resized_size(*size, TORCHVISION) == resized


@pytest.mark.parametrize("size", SIZES)
def test_squash_ignores_the_aspect(size: tuple[int, int]) -> None:
    assert resized_size(*size, OPENCV) == (256, 256)


@pytest.mark.parametrize(
    ("size", "resized"),
    [((500, 375), (346, 259)), ((375, 500), (259, 346)), ((227, 227), (259, 259)), ((1000, 100), (2599, 259))],
)
def test_tf_cnn_is_tf_cnn_benchmarks_formula(size: tuple[int, int], resized: tuple[int, int]) -> None:
    assert resized_size(*size, TF_CNN) == resized


@pytest.mark.parametrize(
    ("size", "rounded", "floored"),
    # Margins 0, 1, 2, 3, 5, 117: halves go to the nearest even number under Python's round.
    [(224, 0, 0), (225, 0, 0), (226, 1, 1), (227, 2, 1), (229, 2, 2), (341, 58, 58), (343, 60, 59)],
)
def test_an_odd_margin_is_halved_as_the_card_says(size: int, rounded: int, floored: int) -> None:
    assert crop_offset(size, TORCHVISION) == rounded == round((size - 224) / 2.0)
    assert crop_offset(size, replace(TORCHVISION, crop_rounding="floor")) == floored


@pytest.mark.parametrize("rounding", ["round", "floor"])
def test_the_crop_is_taken_where_the_offsets_say(rounding: Any) -> None:
    card = replace(TORCHVISION, crop_rounding=rounding, resize_to=256, crop=251)  # margins 5 and 7
    original = noise(258, 256)
    top, left = (2, 4) if rounding == "round" else (2, 3)
    expected = original[top : top + 251, left : left + 251]
    assert np.array_equal(prepare_picture(encoded(Image.fromarray(original)), card), expected)


@CARDS
def test_a_crop_from_the_corner_is_the_top_left_of_the_whole(card: Preprocessing) -> None:
    card = replace(card, resize="squash", resize_to=60, crop=41)
    picture = encoded(Image.fromarray(noise(90, 50)))
    whole = prepare_picture(picture, replace(card, crop=60))
    assert np.array_equal(prepare_picture(picture, replace(card, crop_position="corner")), whole[:41, :41])
    start = crop_offset(60, card)
    assert np.array_equal(prepare_picture(picture, card), whole[start : start + 41, start : start + 41])


def test_a_crop_that_does_not_fit_is_the_cards_fault() -> None:
    with pytest.raises(CardError, match=r"a crop of 224 does not fit in 100 x 100.*resize_to"):
        prepare_picture(encoded(Image.fromarray(noise(9, 9))), replace(TORCHVISION, resize_to=100))


# What cannot be used is named.


def refusal(file: Path) -> str:
    with pytest.raises(DataError) as refused:
        prepare_picture(file, TORCHVISION)
    message = str(refused.value)
    assert "\n" not in message
    assert message.startswith(f"{file}: ")
    return message


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "WEBP"])
@pytest.mark.parametrize("kept", [0.3, 0.9])
def test_a_truncated_image_is_an_error_and_never_grey(
    kind: str, kept: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)  # as other code in the process may have done
    whole = encoded(Image.fromarray(noise(400, 300)), kind)
    file = tmp_path / "cut.JPEG"
    file.write_bytes(whole[: int(len(whole) * kept)])
    assert "damaged image" in refusal(file) or "not a JPEG" in refusal(file)


def test_a_jpeg_whose_end_is_zeros_is_damaged(tmp_path: Path) -> None:
    image = Image.fromarray(noise(400, 300))
    exif = b"Exif\0\0" + encoded(image.resize((40, 30)), "JPEG")  # a thumbnail, which has an end of its own
    whole = encoded(image, "JPEG", exif=exif)
    prepare_picture(whole, TORCHVISION)
    # Space was reserved, then the download broke off.
    (tmp_path / "a.jpg").write_bytes(whole[: len(whole) // 2].ljust(len(whole), b"\0"))
    assert "damaged image" in refusal(tmp_path / "a.jpg")


def test_bytes_after_the_end_of_a_jpeg_do_no_harm() -> None:
    whole = encoded(Image.fromarray(noise(90, 70)), "JPEG")
    assert np.array_equal(prepare_picture(whole + b"\xff\xda more", TORCHVISION), prepare_picture(whole, TORCHVISION))


def test_a_png_with_wrong_bytes_is_damaged(tmp_path: Path) -> None:
    whole = bytearray(encoded(Image.fromarray(noise(400, 300))))
    whole[5000:5100] = bytes(100)
    (tmp_path / "a.png").write_bytes(whole)
    assert "damaged image" in refusal(tmp_path / "a.png")


def test_an_empty_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    assert "the file is empty (0 bytes)" in refusal(tmp_path / "a.png")


def test_something_else_under_a_images_name_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_text("<html>404 not found</html>")
    assert "not a JPEG, PNG, BMP or WebP image" in refusal(tmp_path / "a.jpg")


def test_postscript_is_not_even_tried(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\n")
    assert "not a JPEG" in refusal(tmp_path / "a.jpg")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    assert "cannot be read" in refusal(tmp_path / "gone.jpg")


def test_16_bits_a_channel_are_refused_where_they_would_clip(tmp_path: Path) -> None:
    Image.fromarray(np.full((30, 40), 40000, np.uint16)).save(tmp_path / "deep.png")
    assert "more than 8 bits per channel" in refusal(tmp_path / "deep.png")


@pytest.mark.parametrize("limit", [1000, 700])  # Pillow warns above the limit and refuses above twice the limit
def test_a_decompression_bomb_is_refused(limit: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.png").write_bytes(encoded(Image.fromarray(noise(50, 30))))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
    assert "the image is too large" in refusal(tmp_path / "a.png")


def test_an_image_too_long_and_thin_to_resize_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(encoded(Image.fromarray(np.zeros((1, 5000, 3), np.uint8))))
    assert "too long and thin" in refusal(tmp_path / "a.png")


def test_bytes_without_a_name_still_give_an_error_of_ours() -> None:
    with pytest.raises(DataError, match="<bytes>: the file is empty"):
        prepare_picture(b"", TORCHVISION)
    with pytest.raises(DataError, match=r"val/a\.JPEG: the file is empty"):
        prepare_picture(b"", TORCHVISION, name="val/a.JPEG")
