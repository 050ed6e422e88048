"""One picture -> uint8 pixels: decode, resize, crop, exactly as a model card's preprocessing says.

Three ways of bilinear interpolation are in use for AlexNet and they differ visibly: Pillow's (with antialias),
OpenCV's (half-pixel centres, two taps) and TensorFlow 1's (no half-pixel centres, two taps). Channel order and
arithmetic come later, in :func:`alexbench.harness.models.preprocessing.network_input`.
"""

import io
import os
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, UnidentifiedImageError

from alexbench.harness.errors import CardError, DataError
from alexbench.harness.models.preprocessing import Preprocessing

# Explicit, because Pillow knows 40 formats and one of them (EPS) starts another program.
_FORMATS = ("JPEG", "PNG", "BMP", "WEBP")

# What Pillow's readers raise on damaged files: they let pass whatever the parsing of a bad length or tag runs into.
_DAMAGED = (OSError, SyntaxError, ValueError, TypeError, LookupError, EOFError, OverflowError, struct.error, zlib.error)

_ORIENTATION_TAG = 0x0112
_TO_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

# More than 8 bits a channel: Pillow's conversion to RGB clips all above 255 to white, silently.
_DEEP_MODES = frozenset({"I", "F", "I;16", "I;16L", "I;16B", "I;16N"})


def prepare_picture(
    picture: bytes | str | os.PathLike[str], preprocessing: Preprocessing, *, name: str | None = None
) -> NDArray[np.uint8]:
    """The pixels of an encoded picture after the geometry of ``preprocessing``: (crop, crop, 3) uint8 RGB.

    Args:
        picture: the file's bytes, or its path.
        preprocessing: ``exif``, ``resize``, ``resize_to``, ``interpolation``, ``crop`` and ``crop_rounding`` count.
        name: how errors call the picture; by default its path.

    Grayscale, palette, CMYK and transparent pictures become RGB as Pillow converts them. The two interpolations without
    antialias are computed in float32 and rounded to the nearest grey level. For ``bilinear-tf1``, whose original hands
    float on, this costs at most half a grey level.

    Raises:
        DataError: unreadable, damaged, truncated or too large; the message names the picture.
        CardError: a crop larger than the resized picture.
    """
    if isinstance(picture, bytes):
        data, said = picture, name or "<bytes>"
    else:
        said = name or os.fspath(picture)
        try:
            data = Path(picture).read_bytes()
        except OSError as error:
            raise DataError(f"{said}: cannot be read ({error.strerror or error})") from error
    image = _decode(data, said, exif=preprocessing.exif)
    width, height = resized_size(image.width, image.height, preprocessing)
    side = preprocessing.crop
    if side > min(width, height):
        raise CardError(
            f"preprocessing {preprocessing.name}: a crop of {side} does not fit in {width} x {height}, the size after"
            " resizing; make resize_to at least the crop"
        )
    left, top = (crop_offset(size, preprocessing) for size in (width, height))
    if preprocessing.interpolation == "pillow-bilinear":
        if width * height > (Image.MAX_IMAGE_PIXELS or width * height):
            raise DataError(f"{said}: {image.width} x {image.height} is too long and thin, {width} x {height} resized")
        resized = image.resize((width, height), Image.Resampling.BILINEAR)
        return np.array(resized.crop((left, top, left + side, top + side)))
    half_pixel = preprocessing.interpolation == "bilinear-no-antialias"
    columns = _taps(image.width, width, left, side, half_pixel=half_pixel)
    rows = _taps(image.height, height, top, side, half_pixel=half_pixel)
    return _bilinear(np.asarray(image), rows, columns)


def resized_size(width: int, height: int, preprocessing: Preprocessing) -> tuple[int, int]:
    """(width, height) after resizing a picture of ``width`` x ``height``.

    ``shorter-side`` as torchvision's Resize: the longer side is int(resize_to x long / short). ``tf-cnn`` as
    tf_cnn_benchmarks' eval_image: int(side x ratio x 1.145), from left to right in float32, as TensorFlow computes it.
    """
    if preprocessing.resize == "squash":
        return preprocessing.resize_to, preprocessing.resize_to
    if preprocessing.resize == "shorter-side":
        longer = int(preprocessing.resize_to * max(width, height) / min(width, height))
        return (preprocessing.resize_to, longer) if width <= height else (longer, preprocessing.resize_to)
    crop, wide, high = np.float32(preprocessing.crop), np.float32(width), np.float32(height)
    ratio, factor = max(crop / high, crop / wide), np.float32(1.145)
    return int(wide * ratio * factor), int(high * ratio * factor)


def crop_offset(size: int, preprocessing: Preprocessing) -> int:
    """Where the centre crop starts on a side of ``size``: half the margin, rounded as the card says."""
    margin = size - preprocessing.crop
    return round(margin / 2.0) if preprocessing.crop_rounding == "round" else margin // 2


def _decode(data: bytes, said: str, *, exif: bool) -> Image.Image:
    """An upright (if ``exif``) RGB image, whole or not at all."""
    if not data:
        raise DataError(f"{said}: the file is empty (0 bytes); restore it or take it out")
    # A switch of the whole process, which other code may have turned on: half a picture would turn silently grey.
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # odd EXIF, transparency in a palette: the pixels are right all the same
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image: Image.Image = Image.open(io.BytesIO(data), formats=_FORMATS)
            image.load()
            if image.format in ("JPEG", "MPO") and not _ends(data):
                raise DataError(f"{said}: damaged picture (a JPEG without an end); restore it or take it out")
            if exif:
                turn = _TO_UPRIGHT.get(_orientation(image))
                image = image if turn is None else image.transpose(turn)
            if image.mode in _DEEP_MODES:
                raise DataError(f"{said}: more than 8 bits a channel ({image.mode}); convert it to 8 bits")
            return image.convert("RGB")
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        limit = Image.MAX_IMAGE_PIXELS
        raise DataError(f"{said}: too large a picture (more than {limit} pixels); shrink it or take it out") from error
    except UnidentifiedImageError as error:
        raise DataError(f"{said}: not a JPEG, PNG, BMP or WebP picture; restore it or take it out") from error
    except MemoryError as error:
        raise DataError(f"{said}: not enough memory to decode it") from error
    except _DAMAGED as error:
        raise DataError(f"{said}: damaged picture ({_one_line(error)}); restore it or take it out") from error


def _ends(jpeg: bytes) -> bool:
    """Whether an end-of-image marker follows the first scan.

    Where a broken download left zeros, the decoder takes them for grey and is content. An end that some tool put behind
    half a picture cannot be told from a real one.
    """
    place = 2
    while place + 4 <= len(jpeg) and jpeg[place] == 0xFF:
        marker = jpeg[place + 1]
        if marker == 0xDA:  # start of scan; the data of a scan never contain the end marker
            return jpeg.find(b"\xff\xd9", place) >= 0
        # 0xFF again is padding; every other segment up to here says its length.
        place += 1 if marker == 0xFF else 2 + int.from_bytes(jpeg[place + 2 : place + 4], "big")
    return True  # not laid out as we know it: the decoder's word must do


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 where there is none or it cannot be read (OpenCV and Pillow's viewers do the same)."""
    try:
        value = image.getexif().get(_ORIENTATION_TAG, 1)
    except _DAMAGED:
        return 1
    return value if isinstance(value, int) else 1


_Taps = tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]


def _taps(before: int, after: int, start: int, count: int, *, half_pixel: bool) -> _Taps:
    """For ``count`` places from ``start`` of ``after``: the two source places of ``before`` and the second's weight.

    Half-pixel centres as OpenCV: (place + 0.5) x before / after - 0.5; else place x before / after as TensorFlow 1.
    Beyond the edge the edge counts.
    """
    scale, places = np.float32(before / after), np.arange(start, start + count, dtype=np.float32)
    half = np.float32(0.5)
    source = (places + half) * scale - half if half_pixel else places * scale
    source = np.clip(source, np.float32(0), np.float32(before - 1))
    first = np.floor(source).astype(np.intp)
    return first, np.minimum(first + 1, before - 1), source - first.astype(np.float32)


def _bilinear(pixels: NDArray[np.uint8], rows: _Taps, columns: _Taps) -> NDArray[np.uint8]:
    """Two taps along each side of ``pixels`` (H, W, 3), at the given places only; rounded to the nearest, ties to even.

    Multiplication and addition are separate NumPy operations in float32, so the bits are the same on every machine.
    """
    upper, lower, down = rows
    left, right, along = columns
    # Only the columns that some tap reads, and rows first: a row is gathered as one block of memory.
    low = int(left[0])
    band = pixels[:, low : int(right[-1]) + 1]
    blended = _blend(band[upper], band[lower], down[:, None, None])
    weight = np.repeat(along, 3).reshape(1, -1, 3)  # written out three times: a third of the time of broadcasting it
    blended = _blend(blended.take(left - low, axis=1), blended.take(right - low, axis=1), weight)
    return np.rint(blended, out=blended).astype(np.uint8)


def _blend(
    first: NDArray[np.uint8] | NDArray[np.float32],
    second: NDArray[np.uint8] | NDArray[np.float32],
    weight: NDArray[np.float32],
) -> NDArray[np.float32]:
    base = first.astype(np.float32, copy=False)
    change = np.subtract(second, base, dtype=np.float32)
    change *= weight
    change += base
    return change


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
