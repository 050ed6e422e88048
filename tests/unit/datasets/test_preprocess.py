"""Pixels: decoded, turned, resized and cropped exactly as the card says, or a picture named as unusable."""

import importlib.util
import io
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageFile, ImageOps

from alexbench.datasets.preprocess import crop_offset, prepare_picture, resized_size
from alexbench.harness.errors import CardError, DataError
from alexbench.harness.models.preprocessing import Interpolation, Preprocessing

TORCHVISION = Preprocessing(
    name="torchvision-like",
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
OPENCV = replace(
    TORCHVISION,
    name="omz-like",
    exif=True,
    resize="squash",
    interpolation="opencv-bilinear",
    crop=227,
    crop_rounding="floor",
)
TF_CNN = replace(
    OPENCV, name="tfcnn-like", exif=False, resize="tf-cnn", resize_to=0, interpolation="tensorflow1-bilinear"
)
CARDS = pytest.mark.parametrize("card", [TORCHVISION, OPENCV, TF_CNN], ids=lambda card: str(card.interpolation))

# (width, height): odd and even, portrait and landscape, enlarged and shrunk, 1:1 and long.
SIZES = [(500, 375), (333, 500), (64, 48), (257, 256), (256, 256), (259, 911), (1, 1), (3, 70), (1201, 803)]


def noise(width: int, height: int, channels: int = 3) -> NDArray[np.uint8]:
    """Noise shows every mistake of interpolation at full height."""
    return np.random.RandomState(width * 10007 + height).randint(0, 256, (height, width, channels)).astype(np.uint8)


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    speed = {"compress_level": 1} if kind == "PNG" else {}
    image.save(buffer, kind, **speed, **options)
    return buffer.getvalue()


def greys(pixels: NDArray[np.uint8], expected: NDArray[Any]) -> float:
    """The largest difference in grey levels."""
    return float(np.abs(pixels.astype(np.float64) - expected.astype(np.float64)).max())


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
    # Margins 0, 1, 2, 3, 5, 117: halves go to the even neighbour under Python's round.
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


def test_a_crop_that_does_not_fit_is_the_cards_fault() -> None:
    with pytest.raises(CardError, match=r"a crop of 224 does not fit in 100 x 100.*resize_to"):
        prepare_picture(encoded(Image.fromarray(noise(9, 9))), replace(TORCHVISION, resize_to=100))


# The three interpolations, against those who invented them.


@pytest.mark.parametrize("size", SIZES)
def test_pillow_bilinear_is_pillows_resize_then_crop(size: tuple[int, int]) -> None:
    image = Image.fromarray(noise(*size))
    width, height = resized_size(*size, TORCHVISION)
    left, top = round((width - 224) / 2.0), round((height - 224) / 2.0)
    expected = image.resize((width, height), Image.Resampling.BILINEAR).crop((left, top, left + 224, top + 224))
    assert np.array_equal(prepare_picture(encoded(image), TORCHVISION), np.asarray(expected))


@pytest.mark.parametrize("size", SIZES)
def test_no_antialias_is_opencvs_inter_linear_within_one_grey_level(size: tuple[int, int]) -> None:
    original = noise(*size)
    expected = cv2.resize(original, (256, 256), interpolation=cv2.INTER_LINEAR)[14:241, 14:241]
    pixels = prepare_picture(encoded(Image.fromarray(original)), OPENCV)
    assert greys(pixels, expected) <= 1  # OpenCV computes in fixed point with 11 bits
    assert float(np.mean(pixels.astype(int) - expected)) == pytest.approx(0, abs=0.15)


@pytest.mark.skipif(importlib.util.find_spec("tensorflow") is None, reason="tensorflow is not installed")
def test_tf1_is_tensorflows_resize_images_rounded(tmp_path: Path) -> None:
    for place, size in enumerate(SIZES):
        np.save(tmp_path / f"{place}.npy", noise(*size))
    # In a process of its own: no test imports a runtime.
    script = """
import sys, numpy as np, tensorflow as tf
for place, size in enumerate(sys.argv[2:]):
    name = f"{sys.argv[1]}/{place}.npy"
    width, height = map(int, size.split("x"))
    picture = tf.constant(np.load(name))
    np.save(name, tf.compat.v1.image.resize_images(picture, [height, width], align_corners=False).numpy())
"""
    sizes = [resized_size(*size, TF_CNN) for size in SIZES]
    said = [f"{width}x{height}" for width, height in sizes]
    ran = subprocess.run(
        [sys.executable, "-P", "-c", script, str(tmp_path), *said], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    for place, (size, (width, height)) in enumerate(zip(SIZES, sizes, strict=True)):
        left, top = (width - 227) // 2, (height - 227) // 2
        expected = np.load(tmp_path / f"{place}.npy")[top : top + 227, left : left + 227]
        pixels = prepare_picture(encoded(Image.fromarray(noise(*size))), TF_CNN)
        assert greys(pixels, expected) <= 0.501, size


def test_the_two_without_antialias_on_a_ramp() -> None:
    """4 grey levels enlarged to 8, worked out by hand: half-pixel centres and clamped edges, or neither."""
    ramp = encoded(Image.fromarray(np.broadcast_to(np.array([0, 80, 160, 240], np.uint8), (4, 4))))
    card = replace(OPENCV, resize_to=8, crop=8)
    row = prepare_picture(ramp, card)[3, :, 0].tolist()
    assert row == [0, 20, 60, 100, 140, 180, 220, 240]
    row = prepare_picture(ramp, replace(card, interpolation="tensorflow1-bilinear"))[3, :, 0].tolist()
    assert row == [0, 40, 80, 120, 160, 200, 240, 240]


def test_the_three_interpolations_differ_visibly() -> None:
    picture = encoded(Image.fromarray(noise(500, 375)))
    kinds: tuple[Interpolation, ...] = ("pillow-bilinear", "opencv-bilinear", "tensorflow1-bilinear")
    a, b, c = (prepare_picture(picture, replace(TORCHVISION, interpolation=kind)).astype(int) for kind in kinds)
    assert min(np.abs(a - b).mean(), np.abs(b - c).mean(), np.abs(a - c).mean()) > 3


# Decoding: what real copies of ImageNet hold.


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_exif_orientation_is_applied_if_the_card_says_so(orientation: int, kind: str) -> None:
    image = Image.fromarray(np.kron(noise(6, 4), np.ones((40, 50, 1), np.uint8)))
    exif = Image.Exif()
    exif[0x0112] = orientation
    turned = encoded(image, kind, exif=exif)
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(turned)))
    ignored = Image.open(io.BytesIO(turned))
    for card in (TORCHVISION, OPENCV, TF_CNN):
        applied = prepare_picture(turned, replace(card, exif=True))
        assert np.array_equal(applied, prepare_picture(encoded(upright), card))
        as_stored = prepare_picture(turned, replace(card, exif=False))
        assert np.array_equal(as_stored, prepare_picture(encoded(ignored), card))
        assert np.array_equal(applied, as_stored) == (orientation == 1)


@pytest.mark.parametrize("value", [0, 9, 255])
def test_an_orientation_that_is_none_turns_nothing(value: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = value
    image = Image.fromarray(noise(40, 30))
    assert np.array_equal(prepare_picture(encoded(image, exif=exif), OPENCV), prepare_picture(encoded(image), OPENCV))


def test_damaged_exif_turns_nothing() -> None:
    image = Image.fromarray(noise(40, 30))
    odd = encoded(image, "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff no directory there")
    assert np.array_equal(prepare_picture(odd, OPENCV), prepare_picture(encoded(image, "JPEG"), OPENCV))


@pytest.mark.parametrize(
    ("mode", "kind"),
    [
        *[("L", "JPEG"), ("CMYK", "JPEG")],
        *[("L", "PNG"), ("1", "PNG"), ("LA", "PNG"), ("P", "PNG"), ("RGBA", "PNG")],
        *[("P", "BMP"), ("RGB", "BMP"), ("RGB", "WEBP"), ("RGBA", "WEBP")],
    ],
)
@CARDS
def test_every_colour_mode_becomes_rgb_as_pillow_does(card: Preprocessing, mode: str, kind: str) -> None:
    image = (
        Image.fromarray(noise(90, 70, 4), "RGBA") if mode == "RGBA" else Image.fromarray(noise(90, 70)).convert(mode)
    )
    picture = encoded(image, kind)
    decoded = Image.open(io.BytesIO(picture)).convert("RGB")
    assert np.array_equal(prepare_picture(picture, card), prepare_picture(encoded(decoded), card))


def test_a_palette_with_transparency_is_no_reason_to_warn() -> None:
    image = Image.fromarray(noise(40, 30)).convert("P")
    transparency = bytes(range(256))
    pixels = prepare_picture(encoded(image, transparency=transparency), TORCHVISION)
    assert np.array_equal(pixels, prepare_picture(encoded(image.convert("RGB")), TORCHVISION))


def test_grayscale_gives_three_equal_channels() -> None:
    pixels = prepare_picture(encoded(Image.fromarray(noise(90, 70)[..., 0]), "JPEG"), TORCHVISION)
    assert np.array_equal(pixels[..., 0], pixels[..., 1])
    assert np.array_equal(pixels[..., 0], pixels[..., 2])


def test_a_progressive_jpeg_is_read() -> None:
    image = Image.fromarray(noise(90, 70))
    assert np.array_equal(
        prepare_picture(encoded(image, "JPEG", progressive=True), TORCHVISION),
        prepare_picture(encoded(image, "JPEG"), TORCHVISION),
    )


def test_a_png_under_a_jpeg_name_is_read(tmp_path: Path) -> None:
    file = tmp_path / "n02105855_2933.JPEG"  # there is one such in ILSVRC2012
    file.write_bytes(encoded(Image.fromarray(noise(40, 30))))
    assert np.array_equal(prepare_picture(file, TORCHVISION), prepare_picture(file.read_bytes(), TORCHVISION))


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
def test_a_truncated_picture_is_an_error_and_never_grey(
    kind: str, kept: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)  # as other code in the process may have done
    whole = encoded(Image.fromarray(noise(400, 300)), kind)
    file = tmp_path / "cut.JPEG"
    file.write_bytes(whole[: int(len(whole) * kept)])
    assert "damaged picture" in refusal(file) or "not a JPEG" in refusal(file)


def test_a_jpeg_whose_end_is_zeros_is_damaged(tmp_path: Path) -> None:
    image = Image.fromarray(noise(400, 300))
    exif = b"Exif\0\0" + encoded(image.resize((40, 30)), "JPEG")  # a thumbnail, which has an end of its own
    whole = encoded(image, "JPEG", exif=exif)
    prepare_picture(whole, TORCHVISION)
    # Space was reserved, then the download broke off.
    (tmp_path / "a.jpg").write_bytes(whole[: len(whole) // 2].ljust(len(whole), b"\0"))
    assert "damaged picture" in refusal(tmp_path / "a.jpg")


def test_bytes_after_the_end_of_a_jpeg_do_no_harm() -> None:
    whole = encoded(Image.fromarray(noise(90, 70)), "JPEG")
    assert np.array_equal(prepare_picture(whole + b"\xff\xda more", TORCHVISION), prepare_picture(whole, TORCHVISION))


def test_a_png_with_wrong_bytes_is_damaged(tmp_path: Path) -> None:
    whole = bytearray(encoded(Image.fromarray(noise(400, 300))))
    whole[5000:5100] = bytes(100)
    (tmp_path / "a.png").write_bytes(whole)
    assert "damaged picture" in refusal(tmp_path / "a.png")


def test_an_empty_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    assert "the file is empty (0 bytes)" in refusal(tmp_path / "a.png")


def test_something_else_under_a_pictures_name_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_text("<html>404 not found</html>")
    assert "not a JPEG, PNG, BMP or WebP picture" in refusal(tmp_path / "a.jpg")


def test_postscript_is_not_even_tried(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\n")
    assert "not a JPEG" in refusal(tmp_path / "a.jpg")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    assert "cannot be read" in refusal(tmp_path / "gone.jpg")


def test_16_bits_a_channel_are_refused_where_they_would_clip(tmp_path: Path) -> None:
    Image.fromarray(np.full((30, 40), 40000, np.uint16)).save(tmp_path / "deep.png")
    assert "more than 8 bits a channel" in refusal(tmp_path / "deep.png")


@pytest.mark.parametrize("limit", [1000, 700])  # Pillow warns above the limit and refuses above twice the limit
def test_a_decompression_bomb_is_refused(limit: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.png").write_bytes(encoded(Image.fromarray(noise(50, 30))))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
    assert "too large a picture" in refusal(tmp_path / "a.png")


def test_a_picture_too_long_and_thin_to_resize_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(encoded(Image.fromarray(np.zeros((1, 5000, 3), np.uint8))))
    assert "too long and thin" in refusal(tmp_path / "a.png")


def test_bytes_without_a_name_still_give_an_error_of_ours() -> None:
    with pytest.raises(DataError, match="<bytes>: the file is empty"):
        prepare_picture(b"", TORCHVISION)
    with pytest.raises(DataError, match=r"val/a\.JPEG: the file is empty"):
        prepare_picture(b"", TORCHVISION, name="val/a.JPEG")
