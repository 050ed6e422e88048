"""A picture's file -> upright pixels, whole or not at all.

Pillow opens every picture (0.03 ms: it reads the header and decodes nothing) and says what it is. Plain JPEGs are then
decoded by libjpeg-turbo through simplejpeg, in three quarters of Pillow's time and to the same bits; all others by
Pillow: CMYK, a PNG under a .JPEG name, and whatever libjpeg so much as warns of. One warning is believed, that the data
end too early: Pillow keeps it to itself, and the rest of the picture is grey.

Pixels are (H, W, 4) uint8, R, G, B and a byte that means nothing: a pixel then moves as one word.
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

# Explicit, because Pillow knows 40 formats and one of them (EPS) starts another program.
_FORMATS: Final = ("JPEG", "PNG", "BMP", "WEBP")
_JPEG: Final = frozenset({"JPEG", "MPO"})

# What Pillow's readers raise on damaged files: they let pass whatever the parsing of a bad length or tag runs into.
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
"""What libjpeg-turbo's own tools take for hostile; a progressive JPEG has about ten."""
_SCANS_USUAL: Final = 40
_WORK_AT_MOST: Final = 1_000_000_000
"""Pixels times scans: about five seconds."""

_ENDS_EARLY: Final = re.compile("premature end of (?:JPEG file|data segment)", re.IGNORECASE)
"""What libjpeg (jerror.h) says of data that are not the whole picture's."""

_TO_UPRIGHT: Final[dict[int, Callable[[NDArray[np.uint32]], NDArray[np.uint32]]]] = {
    2: lambda words: words[:, ::-1],
    3: lambda words: words[::-1, ::-1],
    4: lambda words: words[::-1],
    5: lambda words: words.T,
    6: lambda words: words.T[:, ::-1],
    7: lambda words: words[::-1, ::-1].T,
    8: lambda words: words.T[::-1],
}
"""EXIF orientation -> what turns the stored picture upright."""

_BITS_KEPT: Final = {"BGR;15": (0xF8, 0xF8, 0xF8), "BGR;16": (0xF8, 0xFC, 0xF8)}
"""Pillow's name of a BMP's layout of 16 bits a pixel -> those of 8 that it has."""

# More than 8 bits a channel: Pillow's conversion to RGB clips all above 255 to white, silently.
_DEEP_MODES: Final = frozenset({"I", "F", "I;16", "I;16L", "I;16B", "I;16N"})


def decode_picture(data: bytes, said: str, *, decoder: Decoder, exif: bool) -> NDArray[np.uint8]:
    """The pixels of an encoded picture: (H, W, 4) uint8, C-contiguous, the fourth byte meaningless.

    ``decoder``: ``libjpeg`` as Pillow decodes JPEG, bit for bit; ``libjpeg-fast`` as TensorFlow's
    decode_jpeg(fancy_upscaling=False, dct_method="INTEGER_FAST"), bit for bit, CMYK included; ``opencv`` as
    cv2.imdecode with IMREAD_COLOR, bit for bit. They differ in CMYK, and OpenCV's in 16 bits a channel or a pixel; all
    else is Pillow's under each. ``exif``: whether to turn the picture upright, as OpenCV does.

    Grayscale, palette and transparent pictures become RGB as Pillow converts them.

    Raises:
        DataError: unreadable, damaged, truncated or too large; the message starts with ``said``.
    """
    if not data:
        raise DataError(f"{said}: the file is empty (0 bytes); restore it or take it out")
    # A switch of the whole process, which other code may have turned on: half a picture would turn silently grey.
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # odd EXIF, transparency in a palette: the pixels are right all the same
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image: Image.Image = Image.open(io.BytesIO(data), formats=_FORMATS)
            _check_scans(data, image, said)
            tiles = getattr(image, "tile", [])  # loading empties it
            raw = tiles[0].args if tiles else ()
            pixels = _by_libjpeg(data, image, decoder, strict=True)
            if pixels is None:
                image.load()
            if image.format in _JPEG and not _ends(data):
                raise DataError(f"{said}: damaged picture (a JPEG without an end); restore it or take it out")
            orientation = orientation_of(data, image.format, image.info.get("exif")) if exif else UPRIGHT
            if decoder == "opencv":
                image = _as_opencv(image, raw)
            if image.mode in _DEEP_MODES:
                raise DataError(f"{said}: more than 8 bits a channel ({image.mode}); convert it to 8 bits")
            if pixels is None and decoder == "libjpeg-fast":  # a warning alone, which TensorFlow ignores as Pillow does
                pixels = _by_libjpeg(data, image, decoder, strict=False)
            if pixels is None:
                pixels = np.asarray(image.convert("RGB").convert("RGBX"))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        limit = Image.MAX_IMAGE_PIXELS
        raise DataError(f"{said}: too large a picture (more than {limit} pixels); shrink it or take it out") from error
    except UnidentifiedImageError as error:
        raise DataError(f"{said}: not a JPEG, PNG, BMP or WebP picture; restore it or take it out") from error
    except MemoryError as error:
        raise DataError(f"{said}: not enough memory to decode it") from error
    except _DAMAGED as error:
        raise DataError(f"{said}: damaged picture ({_one_line(error)}); restore it or take it out") from error
    turn = _TO_UPRIGHT.get(orientation)
    return pixels if turn is None else from_words(turn(as_words(pixels)))


def _check_scans(data: bytes, image: Image.Image, said: str) -> None:
    """Refuse a JPEG whose scans take minutes: each goes over the whole picture, in a few bytes of the file.

    0xFF in a scan's data is followed by 0: the two bytes are the mark of a scan wherever they stand but in a profile.
    """
    scans = data.count(b"\xff\xda") if image.format in _JPEG else 0
    if scans > _SCANS_AT_MOST or (scans > _SCANS_USUAL and scans * image.width * image.height > _WORK_AT_MOST):
        raise DataError(
            f"{said}: a JPEG of {scans:,} scans, {image.width} x {image.height}, which would take minutes; save it anew"
        )


def as_words(pixels: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """(H, W, 4) uint8, C-contiguous, as (H, W) words: to be moved, not to be reckoned with."""
    return pixels.view(np.uint32)[..., 0]


def from_words(words: NDArray[np.uint32]) -> NDArray[np.uint8]:
    """The inverse of :func:`as_words`, in one piece."""
    return np.ascontiguousarray(words)[..., None].view(np.uint8)


def rgb(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(H, W, 4) uint8 -> (H, W, 3) in one piece. By channels: a fifth of the time of ``[..., :3].copy()``."""
    out = np.empty((*pixels.shape[:2], 3), np.uint8)
    for channel in range(3):
        out[..., channel] = pixels[..., channel]
    return out


def _by_libjpeg(data: bytes, image: Image.Image, decoder: Decoder, *, strict: bool) -> NDArray[np.uint8] | None:
    """Decoded by libjpeg-turbo, or None where that would not be ``decoder``'s bits, or fails, or (``strict``) warns.

    Raises:
        ValueError: ``strict``, and the data end before the picture does.
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
        return None  # Pillow has the last word, and the words
    if space == "CMYK" and not fast:
        return None  # decoded to hear what libjpeg says of it; its RGB is Pillow's
    if pixels.shape != (image.height, image.width, 4):
        return None
    return _tensorflows_rgb(pixels, inverted="adobe" in image.info) if space == "CMYK" else pixels


def _tensorflows_rgb(cmyk: NDArray[np.uint8], *, inverted: bool) -> NDArray[np.uint8]:
    """TensorFlow's CMYK -> RGB (core/lib/jpeg/jpeg_mem.cc): the product over 255, cut; Adobe's files are inverted."""
    wide = cmyk.astype(np.uint16) if inverted else 255 - cmyk.astype(np.uint16)
    wide *= wide[..., 3:].copy()
    return (wide // 255).astype(np.uint8)


def _opencvs_rgb(cmyk: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """OpenCV's CMYK -> RGB (modules/imgcodecs/src/utils.cpp): K less its share of what each ink leaves out, cut."""
    inks, black = cmyk[..., :3].astype(np.int32), cmyk[..., 3:].astype(np.int32)
    return (black - ((255 - inks) * black >> 8)).astype(np.uint8)


def _as_opencv(image: Image.Image, raw: Any) -> Image.Image:
    """What OpenCV makes of CMYK and of 16 bits: a grey level's upper eight, a pixel's own of each colour and zeros."""
    if image.mode == "CMYK":
        stored = np.asarray(image)
        return Image.fromarray(_opencvs_rgb(255 - stored if "CMYK;I" in raw else stored))
    if image.format == "PNG" and image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    mask = _BITS_KEPT.get(raw[0]) if image.format == "BMP" and raw else None
    return image if mask is None else Image.fromarray(np.asarray(image.convert("RGB")) & np.array(mask, np.uint8))


def _ends(jpeg: bytes) -> bool:
    """Whether an end-of-image marker follows the first scan.

    Where a broken download left zeros, the decoder takes them for grey and may be content. Half a picture with an end
    that some tool put behind it is not found here but by libjpeg's warning.
    """
    place = 2
    while place + 4 <= len(jpeg) and jpeg[place] == 0xFF:
        marker = jpeg[place + 1]
        if marker == 0xDA:  # start of scan; the data of a scan never contain the end marker
            return jpeg.find(b"\xff\xd9", place) >= 0
        # 0xFF again is padding; every other segment up to here says its length.
        place += 1 if marker == 0xFF else 2 + int.from_bytes(jpeg[place + 2 : place + 4], "big")
    return True  # not laid out as we know it: the decoder's word must do


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
