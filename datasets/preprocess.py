"""One picture -> uint8 pixels: decode, resize, crop, exactly as a model card's preprocessing says.

Decoding is in ``decode``, Pillow's resizing (with antialias) in ``pillow_resize``, that of OpenCV, TensorFlow 1 and
scikit-image (two taps, no antialias) in ``two_taps``. Channel order and arithmetic come later, in
:func:`alexbench.harness.models.preprocessing.network_input`.
"""

import functools
import os
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from alexbench.datasets import pillow_resize, two_taps
from alexbench.datasets.decode import decode_picture
from alexbench.harness.errors import CardError, DataError
from alexbench.harness.models.preprocessing import Interpolation, Preprocessing

_KEPT_BYTES: Final = 31 * 2**20  # glibc takes no hint above 32 MiB

_PILLOWS: Final[dict[Interpolation, Image.Resampling]] = {
    "pillow-bilinear": Image.Resampling.BILINEAR,
    "pillow-lanczos": Image.Resampling.LANCZOS,
}


def prepare_picture(
    picture: bytes | str | os.PathLike[str], preprocessing: Preprocessing, *, name: str | None = None
) -> NDArray[np.uint8]:
    """The pixels of an encoded picture after the geometry of ``preprocessing``: (crop, crop, 3) uint8 RGB.

    Args:
        picture: the file's bytes, or its path.
        preprocessing: ``decode``, ``exif``, ``resize``, ``resize_to``, ``interpolation``, ``crop``, ``crop_rounding``
            count.
        name: how errors call the picture; by default its path.

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
    _keep_memory()
    pixels = decode_picture(data, said, decoder=preprocessing.decode, exif=preprocessing.exif)
    before = pixels.shape[1], pixels.shape[0]
    size = resized_size(*before, preprocessing)
    side = preprocessing.crop
    if side > min(size):
        raise CardError(
            f"preprocessing {preprocessing.name}: a crop of {side} does not fit in {size[0]} x {size[1]}, the size"
            " after resizing; make resize_to at least the crop"
        )
    corner = crop_offset(size[0], preprocessing), crop_offset(size[1], preprocessing)
    resampling = _PILLOWS.get(preprocessing.interpolation)
    if resampling is not None:
        if size[0] * size[1] > (Image.MAX_IMAGE_PIXELS or size[0] * size[1]):
            raise DataError(f"{said}: {before[0]} x {before[1]} is too long and thin, {size[0]} x {size[1]} resized")
        return pillow_resize.resize_and_crop(pixels, size, corner, side, resampling)
    return two_taps.resize_and_crop(pixels, size, corner, side, preprocessing.interpolation)


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


@functools.cache
def _keep_memory() -> None:
    """Have glibc keep freed memory up to twice that size for the next picture; elsewhere this does nothing.

    A block taken from the system and given back tells it so (malloc's dynamic mmap threshold); not a page of it is
    touched. Without it each picture's pixels are mapped, zeroed page by page and unmapped: 400 to 1000 page faults,
    which take as long as decoding.
    """
    np.empty(_KEPT_BYTES, np.uint8)
