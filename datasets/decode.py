"""An image's file -> upright pixels, whole or not at all.

Pillow opens every image and names its format (0.03 ms: it reads the header and decodes nothing). libjpeg-turbo, through
simplejpeg, then decodes plain JPEGs to the same bits in three quarters of Pillow's time. Pillow decodes all others:
CMYK, a PNG with a .JPEG name, and every file that libjpeg warns about. One warning is an error: that the data end too
early. Pillow does not report it and makes the rest of the image grey.

Pixels are (H, W, 4) uint8: R, G, B and an unused byte, so that a pixel moves as one word.
"""

import io
import re
import struct
import warnings
import zlib
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image, ImageFile, UnidentifiedImageError

from alexbench.datasets.exif import UPRIGHT, orientation_of
from alexbench.harness.errors import DataError
from alexbench.harness.models.preprocessing import Decoder

# The list is explicit because Pillow knows 40 formats, and one of them (EPS) starts another program.
_FORMATS: Final = ("JPEG", "PNG", "BMP", "WEBP")
_JPEG: Final = frozenset({"JPEG", "MPO"})

# What Pillow's readers raise on damaged files: they do not catch the errors that a bad length or tag causes.
_DAMAGED: Final = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    EOFError,
    OverflowError,
    struct.error,
    zlib.error,
)

_SCANS_AT_MOST: Final = 500
"""The number that libjpeg-turbo's own tools treat as hostile; a progressive JPEG has about ten."""
_SCANS_USUAL: Final = 40
_WORK_AT_MOST: Final = 1_000_000_000
"""Pixels times scans: about five seconds."""

_ENDS_EARLY: Final = re.compile("premature end of (?:JPEG file|data segment)", re.IGNORECASE)
"""libjpeg's message (jerror.h) for data that end before the image does."""

_TO_UPRIGHT: Final[dict[int, Callable[[NDArray[np.uint32]], NDArray[np.uint32]]]] = {
    2: lambda words: words[:, ::-1],
    3: lambda words: words[::-1, ::-1],
    4: lambda words: words[::-1],
    5: lambda words: words.T,
    6: lambda words: words.T[:, ::-1],
    7: lambda words: words[::-1, ::-1].T,
    8: lambda words: words.T[::-1],
}
"""EXIF orientation -> what turns the stored image upright."""

_BITS_KEPT: Final = {"BGR;15": (0xF8, 0xF8, 0xF8), "BGR;16": (0xF8, 0xFC, 0xF8)}
"""Pillow's name for a BMP's layout with 16 bits per pixel -> the bits per channel."""

# Modes with more than 8 bits per channel: Pillow's conversion to RGB silently clips everything above 255 to white.
_DEEP_MODES: Final = frozenset({"I", "F", "I;16", "I;16L", "I;16B", "I;16N"})


def decode_picture(data: bytes, said: str, *, decoder: Decoder, exif: bool) -> NDArray[np.uint8]:
    """The pixels of an encoded image: (H, W, 4) uint8, C-contiguous; the fourth byte is unused.

    ``decoder``: ``libjpeg`` decodes as Pillow does; ``libjpeg-fast`` as TensorFlow's decode_jpeg(fancy_upscaling=False,
    dct_method="INTEGER_FAST"), CMYK included; ``opencv`` as cv2.imdecode with IMREAD_COLOR. Each is equal bit for bit.
    They differ in CMYK; OpenCV also differs with 16 bits per channel or per pixel. Pillow decodes everything else in
    each of them. ``exif``: whether to turn the image upright, as OpenCV does.

    Grayscale, palette and transparent images become RGB as Pillow converts them.

    Raises:
        DataError: unreadable, damaged, truncated or too large; the message starts with ``said``.
    """
    if not data:
        raise DataError(f"{said}: the file is empty (0 bytes); restore it or take it out")
    # Other code may have turned this process-wide switch on, and then half an image would silently become grey.
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # odd EXIF, or transparency in a palette: the pixels are still right
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image: Image.Image = Image.open(io.BytesIO(data), formats=_FORMATS)
            _check_scans(data, image, said)
            tiles = getattr(image, "tile", [])  # loading empties it
            raw = tiles[0].args if tiles else ()
            pixels = _by_libjpeg(data, image, decoder, strict=True)
            if pixels is None:
                image.load()
            if image.format in _JPEG and not _ends(data):
                raise DataError(f"{said}: damaged image (a JPEG without an end); restore it or take it out")
            orientation = orientation_of(data, image.format, image.info.get("exif")) if exif else UPRIGHT
            if decoder == "opencv":
                image = _as_opencv(image, raw)
            if image.mode in _DEEP_MODES:
                raise DataError(f"{said}: more than 8 bits per channel ({image.mode}); convert it to 8 bits")
            if pixels is None and decoder == "libjpeg-fast":  # only a warning, which TensorFlow and Pillow both ignore
                pixels = _by_libjpeg(data, image, decoder, strict=False)
            if pixels is None:
                pixels = np.asarray(image.convert("RGB").convert("RGBX"))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        limit = Image.MAX_IMAGE_PIXELS
        raise DataError(
            f"{said}: the image is too large (more than {limit} pixels); shrink it or take it out"
        ) from error
    except UnidentifiedImageError as error:
        raise DataError(f"{said}: not a JPEG, PNG, BMP or WebP image; restore it or take it out") from error
    except MemoryError as error:
        raise DataError(f"{said}: not enough memory to decode it") from error
    except _DAMAGED as error:
        raise DataError(f"{said}: damaged image ({_one_line(error)}); restore it or take it out") from error
    turn = _TO_UPRIGHT.get(orientation)
    return pixels if turn is None else from_words(turn(as_words(pixels)))


def _check_scans(data: bytes, image: Image.Image, said: str) -> None:
    """Refuse a JPEG whose scans would take minutes: a scan of a few bytes covers the whole image.

    In a scan's data, 0 follows each 0xFF. So these two bytes mark a scan everywhere except in a profile.
    """
    scans = data.count(b"\xff\xda") if image.format in _JPEG else 0
    if scans > _SCANS_AT_MOST or (scans > _SCANS_USUAL and scans * image.width * image.height > _WORK_AT_MOST):
        raise DataError(
            f"{said}: a JPEG of {scans:,} scans, {image.width} x {image.height}, which would take minutes; save it"
            " again"
        )


def as_words(pixels: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """(H, W, 4) uint8, C-contiguous, as (H, W) words: for moving pixels, not for arithmetic."""
    return pixels.view(np.uint32)[..., 0]


def from_words(words: NDArray[np.uint32]) -> NDArray[np.uint8]:
    """The inverse of :func:`as_words`; the result is contiguous."""
    return np.ascontiguousarray(words)[..., None].view(np.uint8)


def rgb(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(H, W, 4) uint8 -> (H, W, 3), contiguous.

    A copy by channels takes a fifth of the time of ``[..., :3].copy()``.
    """
    out = np.empty((*pixels.shape[:2], 3), np.uint8)
    for channel in range(3):
        out[..., channel] = pixels[..., channel]
    return out


def _by_libjpeg(data: bytes, image: Image.Image, decoder: Decoder, *, strict: bool) -> NDArray[np.uint8] | None:
    """Decoded by libjpeg-turbo; None if that fails, gives other bits than ``decoder``, or (``strict``) warns.

    Raises:
        ValueError: with ``strict``, if the data end before the image does.
    """
    fast = decoder == "libjpeg-fast"
    if image.format not in _JPEG or image.mode not in ("RGB", "L", "CMYK"):
        return None
    space = "CMYK" if image.mode == "CMYK" else "RGBX"
    try:
        pixels: NDArray[np.uint8] = simplejpeg.decode_jpeg(
            data, colorspace=space, fastdct=fast, fastupsample=fast, strict=strict
        )
    except (ValueError, MemoryError) as error:
        early = _ENDS_EARLY.search(str(error)) if strict else None
        if early is not None:
            raise ValueError(early.group().replace("Premature", "premature")) from error
        return None  # Pillow decides, and its message is shown
    if space == "CMYK" and not fast:
        return None  # decoded for libjpeg's warnings; Pillow makes its RGB
    if pixels.shape != (image.height, image.width, 4):
        return None
    return _tensorflows_rgb(pixels, inverted="adobe" in image.info) if space == "CMYK" else pixels


def _tensorflows_rgb(cmyk: NDArray[np.uint8], *, inverted: bool) -> NDArray[np.uint8]:
    """TensorFlow's CMYK -> RGB (core/lib/jpeg/jpeg_mem.cc): product / 255, truncated; Adobe's files are inverted."""
    wide = cmyk.astype(np.uint16) if inverted else 255 - cmyk.astype(np.uint16)
    wide *= wide[..., 3:].copy()
    return (wide // 255).astype(np.uint8)


def _opencvs_rgb(cmyk: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """OpenCV's CMYK -> RGB (modules/imgcodecs/src/utils.cpp): K minus its share of what each ink omits, truncated."""
    inks, black = cmyk[..., :3].astype(np.int32), cmyk[..., 3:].astype(np.int32)
    return (black - ((255 - inks) * black >> 8)).astype(np.uint8)


def _as_opencv(image: Image.Image, raw: Any) -> Image.Image:
    """OpenCV's CMYK and 16 bits: the upper 8 bits of a grey level, or a pixel's bits of each colour and zeros."""
    if image.mode == "CMYK":
        stored = np.asarray(image)
        return Image.fromarray(_opencvs_rgb(255 - stored if "CMYK;I" in raw else stored))
    if image.format == "PNG" and image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    mask = _BITS_KEPT.get(raw[0]) if image.format == "BMP" and raw else None
    return image if mask is None else Image.fromarray(np.asarray(image.convert("RGB")) & np.array(mask, np.uint8))


def _ends(jpeg: bytes) -> bool:
    """Whether an end-of-image marker follows the first scan.

    The decoder may read the zeros of a broken download as grey, without an error. This check does not find half an
    image to which a tool added an end marker; libjpeg's warning does.
    """
    place = 2
    while place + 4 <= len(jpeg) and jpeg[place] == 0xFF:
        marker = jpeg[place + 1]
        if marker == 0xDA:  # start of scan; the data of a scan never contain the end marker
            return jpeg.find(b"\xff\xd9", place) >= 0
        # 0xFF again is padding; every other segment up to here has its length.
        place += 1 if marker == 0xFF else 2 + int.from_bytes(jpeg[place + 2 : place + 4], "big")
    return True  # an unknown structure: trust the decoder


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
