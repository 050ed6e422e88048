"""Decoding: what real copies of ImageNet hold, upright and in RGB; the same bits and the same words as Pillow's."""

import io
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageOps

from alexbench.datasets import decode
from alexbench.datasets.decode import decode_picture
from alexbench.datasets.preprocess import prepare_picture
from alexbench.harness.errors import DataError
from alexbench.harness.models.preprocessing import Decoder
from tests.unit.datasets.encoded import ARITHMETIC_JPEG, OPENCV, TORCHVISION, encoded, jpeg, noise

DECODERS = pytest.mark.parametrize("decoder", ["libjpeg", "libjpeg-fast", "opencv"])
ODD_SIZES = [(1, 1), (1, 7), (7, 1), (17, 3), (16, 16), (33, 31), (499, 375), (375, 499)]


def decoded(data: bytes, *, exif: bool = False, decoder: Decoder = "libjpeg") -> NDArray[np.uint8]:
    pixels = decode_picture(data, "it", decoder=decoder, exif=exif)
    assert pixels.dtype == np.uint8
    assert pixels.flags.c_contiguous
    assert pixels.shape[2] == 4
    return pixels[..., :3]


def pillows(data: bytes) -> NDArray[np.uint8]:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def opencvs(data: bytes) -> NDArray[np.uint8]:
    return np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[..., ::-1], dtype=np.uint8)


def by_libjpeg(data: bytes) -> bool:
    """Whether simplejpeg, not Pillow, decodes it."""
    return decode._by_libjpeg(data, Image.open(io.BytesIO(data)), "libjpeg", strict=True) is not None


def with_orientation(value: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = value
    return exif


# The fast binding against Pillow.


@pytest.mark.parametrize("size", ODD_SIZES)
@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0", "4:1:1", "4:4:0"])
@pytest.mark.parametrize("quality", [25, 92])
def test_every_subsampling_is_decoded_fast_and_as_pillow_decodes_it(
    size: tuple[int, int], subsampling: str, quality: int
) -> None:
    if subsampling == "4:4:0":  # unknown to Pillow's encoder
        import simplejpeg

        data = simplejpeg.encode_jpeg(noise(*size), quality, colorsubsampling="440")
    else:
        data = jpeg(*size, subsampling=subsampling, quality=quality)
    assert by_libjpeg(data)
    assert np.array_equal(decoded(data), pillows(data))


@pytest.mark.parametrize("size", ODD_SIZES)
@pytest.mark.parametrize(
    "options",
    [
        *({"mode": "L"}, {"mode": "L", "progressive": True}, {"progressive": True}, {"optimize": True}),
        *({"restart_marker_rows": 1}, {"restart_marker_blocks": 1}, {"keep_rgb": True}, {"icc_profile": b"not one"}),
    ],
    ids=str,
)
def test_every_plain_kind_is_decoded_fast_and_as_pillow_decodes_it(
    size: tuple[int, int], options: dict[str, Any]
) -> None:
    data = jpeg(*size, quality=50, **options)
    assert by_libjpeg(data)
    assert np.array_equal(decoded(data), pillows(data))


def test_arithmetic_coding_is_read_as_pillow_reads_it() -> None:
    assert np.array_equal(decoded(ARITHMETIC_JPEG), pillows(ARITHMETIC_JPEG))


@pytest.mark.parametrize(
    ("mode", "kind", "plain"),
    [("RGB", "JPEG", True), ("L", "JPEG", True), ("CMYK", "JPEG", False)]
    + [(mode, kind, False) for mode in ("RGB", "L") for kind in ("PNG", "BMP", "WEBP")],
)
def test_what_is_no_plain_jpeg_is_left_to_pillow(mode: str, kind: str, plain: bool) -> None:
    data = encoded(Image.fromarray(noise(40, 30)).convert(mode), kind)
    assert by_libjpeg(data) == plain
    assert np.array_equal(decoded(data), pillows(data))


BASES = [
    *(jpeg(40, 30), jpeg(33, 17, progressive=True), jpeg(24, 24, "L"), jpeg(19, 40, "CMYK"), ARITHMETIC_JPEG),
    *(jpeg(31, 20, restart_marker_rows=1), jpeg(20, 31, exif=with_orientation(6)), jpeg(9, 9, comment=b"a comment")),
]


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A JPEG cut off, with bytes changed, or with bytes put in."""
    data = bytearray(draw(st.sampled_from(BASES)))
    for _ in range(draw(st.integers(0, 3))):
        data[draw(st.integers(0, len(data) - 1))] = draw(st.integers(0, 255))
    if draw(st.booleans()):
        place = draw(st.integers(0, len(data)))
        data[place : place + draw(st.integers(0, 9))] = draw(st.binary(max_size=9))
    return bytes(data[: draw(st.integers(0, len(data)))] if draw(st.booleans()) else data)


def outcome(data: bytes, decoder: Decoder = "libjpeg") -> tuple[str, bytes | tuple[int, ...]]:
    try:
        pixels = decoded(data, exif=True, decoder=decoder)
    except DataError as error:
        return str(error), b""
    return str(pixels.shape), pixels.tobytes()


@given(damaged())
def test_damage_comes_to_the_same_with_the_fast_binding_and_without(data: bytes) -> None:
    with_it, fast = outcome(data), outcome(data, "libjpeg-fast")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(decode, "_by_libjpeg", lambda *_, **__: None)
        # Pillow reports nothing, or something else, for data that end early.
        assert "(premature end of " in with_it[0] or outcome(data) == with_it
    assert fast[0] == with_it[0]  # its pixels are others, what it refuses is not


KINDS_OF_JPEG: dict[str, bytes] = {
    "baseline": jpeg(160, 120),
    "progressive": jpeg(160, 120, progressive=True),
    "gray": jpeg(160, 120, "L"),
    "cmyk": jpeg(160, 120, "CMYK"),
    "restart markers": jpeg(160, 120, restart_marker_rows=4),
    "several": encoded(
        Image.fromarray(noise(160, 120)), "MPO", save_all=True, append_images=[Image.new("RGB", (9, 9))]
    ),
}


@DECODERS
@pytest.mark.parametrize("kind", KINDS_OF_JPEG)
@pytest.mark.parametrize("exif", [False, True])
def test_half_an_image_with_an_end_put_behind_it_is_damaged(decoder: Decoder, kind: str, exif: bool) -> None:
    whole = KINDS_OF_JPEG[kind]
    scan = whole.index(b"\xff\xda")
    decoded(whole, decoder=decoder, exif=exif)
    for share in (0.2, 0.5, 0.9):
        data = whole[: scan + int((len(whole) - scan) * share)] + b"\xff\xd9"
        if kind == "several":  # cut in the first of them
            data = whole[: scan + int((whole.index(b"\xff\xd9", scan) - scan) * share)] + b"\xff\xd9"
        assert Image.open(io.BytesIO(data)).load() is not None  # nothing said
        with pytest.raises(DataError) as refused:
            decoded(data, decoder=decoder, exif=exif)
        said = "it: damaged image (premature end of data segment); restore it or take it out"
        assert str(refused.value) == said


@DECODERS
def test_an_image_whose_second_half_is_zeros_is_damaged(decoder: Decoder) -> None:
    # Zeros are short codes for much image, so this takes an image with much in it to come.
    whole = encoded(Image.effect_mandelbrot((640, 480), (-3, -2.5, 2, 2.5), 100).convert("RGB"), "JPEG", quality=40)
    half = len(whole) // 2
    with pytest.raises(DataError, match="premature end of data segment"):
        decoded(whole[:half] + bytes(len(whole) - half - 2) + whole[-2:], decoder=decoder)


@DECODERS
@pytest.mark.parametrize("kind", ["baseline", "progressive", "gray", "cmyk", "restart markers"])
def test_bytes_too_many_before_a_marker_are_no_damage(decoder: Decoder, kind: str) -> None:
    # ImageNet has such images; every decoder shows them whole.
    whole = KINDS_OF_JPEG[kind]
    data = whole[:-2] + b"\0\0\0abc" + whole[-2:]
    assert np.array_equal(decoded(data, decoder=decoder), decoded(whole, decoder=decoder))
    # simplejpeg gives up over a warning before the scan, so all decoders are Pillow's then.
    place = whole.index(b"\xff\xda")
    data = whole[:place] + b"\0\0\0abc" + whole[place:]
    expected = opencvs(whole) if decoder == "opencv" else pillows(whole)
    assert np.array_equal(decoded(data, decoder=decoder), expected)


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_the_fast_transform_gives_other_pixels_and_not_by_much(mode: str) -> None:
    data = encoded(Image.fromarray(np.kron(noise(50, 40), np.ones((10, 10, 1), np.uint8))).convert(mode), "JPEG")
    exact, fast = (decoded(data, decoder=decoder).astype(int) for decoder in ("libjpeg", "libjpeg-fast"))
    assert 0 < np.abs(exact - fast).mean() < 10


# What real copies of ImageNet hold.


@DECODERS
@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_exif_orientation_is_applied_if_asked_for(decoder: Decoder, orientation: int, kind: str) -> None:
    data = encoded(Image.fromarray(noise(50, 40)), kind, exif=with_orientation(orientation))
    stored = decoded(data, decoder=decoder)
    assert stored.shape == (40, 50, 3)
    image = Image.fromarray(stored)
    image.getexif()[0x0112] = orientation
    upright = np.asarray(ImageOps.exif_transpose(image))
    assert np.array_equal(decoded(data, exif=True, decoder=decoder), upright)
    assert np.array_equal(upright, stored) == (orientation == 1)


def test_the_card_says_whether_exif_counts() -> None:
    data = encoded(Image.fromarray(noise(50, 40)), exif=with_orientation(6))
    turned = encoded(Image.fromarray(np.rot90(noise(50, 40), -1)))
    assert np.array_equal(prepare_picture(data, OPENCV), prepare_picture(turned, OPENCV))
    assert not np.array_equal(prepare_picture(data, TORCHVISION), prepare_picture(turned, TORCHVISION))


@pytest.mark.parametrize("value", [0, 9, 255])
def test_an_orientation_that_is_none_turns_nothing(value: int) -> None:
    data = jpeg(40, 30, exif=with_orientation(value))
    assert np.array_equal(decoded(data, exif=True), decoded(data))


def test_damaged_exif_turns_nothing() -> None:
    odd = jpeg(40, 30, exif=b"Exif\0\0II*\0\xff\xff\xff\xff no directory there")
    assert np.array_equal(decoded(odd, exif=True), decoded(jpeg(40, 30)))


@pytest.mark.parametrize(
    ("mode", "kind"),
    [
        *[("L", "PNG"), ("1", "PNG"), ("LA", "PNG"), ("P", "PNG"), ("RGBA", "PNG")],
        *[("P", "BMP"), ("RGB", "BMP"), ("RGB", "WEBP"), ("RGBA", "WEBP")],
    ],
)
@DECODERS
def test_every_colour_mode_becomes_rgb_as_pillow_does(decoder: Decoder, mode: str, kind: str) -> None:
    image = (
        Image.fromarray(noise(90, 70, 4), "RGBA") if mode == "RGBA" else Image.fromarray(noise(90, 70)).convert(mode)
    )
    data = encoded(image, kind)
    assert np.array_equal(decoded(data, decoder=decoder), pillows(data))


def test_a_palette_with_transparency_is_no_reason_to_warn() -> None:
    image = Image.fromarray(noise(40, 30)).convert("P")
    assert np.array_equal(
        decoded(encoded(image, transparency=bytes(range(256)))), decoded(encoded(image.convert("RGB")))
    )


def test_grayscale_gives_three_equal_channels() -> None:
    pixels = decoded(jpeg(90, 70, "L"))
    assert np.array_equal(pixels[..., 0], pixels[..., 1])
    assert np.array_equal(pixels[..., 0], pixels[..., 2])


def test_a_progressive_jpeg_is_the_baseline_one() -> None:
    assert np.array_equal(decoded(jpeg(90, 70, progressive=True)), decoded(jpeg(90, 70)))


def test_a_jpeg_of_several_images_is_its_first() -> None:
    first, second = (Image.fromarray(noise(*size)) for size in ((40, 30), (20, 20)))
    several = encoded(first, "MPO", save_all=True, append_images=[second])
    assert Image.open(io.BytesIO(several)).format == "MPO"
    assert np.array_equal(decoded(several), pillows(several))
