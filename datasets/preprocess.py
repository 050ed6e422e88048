"""One image -> uint8 pixels: decode, resize, crop, exactly as a model card's preprocessing says.

Decoding is in ``decode``, Pillow's resizing (with antialias) in ``pillow_resize``, OpenCV's in ``opencv_resize``, the
bilinear one of TensorFlow 1 and scikit-image (no antialias) in ``two_taps``, and nearest neighbour in ``nearest``.
Channel order and arithmetic come later, in :func:`alexbench.harness.models.preprocessing.network_input`.
"""

import functools
import os
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from alexbench.datasets.decode import decode_picture
from alexbench.datasets.resize import nearest, two_taps
from alexbench.datasets.resize import opencv as opencv_resize
from alexbench.datasets.resize import pillow as pillow_resize
from alexbench.harness.errors import CardError, DataError
from alexbench.harness.files.input_files import IMAGE_BYTES_AT_MOST, read_file
from alexbench.harness.models.preprocessing import Interpolation, Preprocessing

_KEPT_BYTES: Final = 31 * 2**20  # glibc ignores hints above 32 MiB

_PILLOWS: Final[dict[Interpolation, Image.Resampling]] = {
    "pillow-bilinear": Image.Resampling.BILINEAR,
    "pillow-bicubic": Image.Resampling.BICUBIC,
    "pillow-lanczos": Image.Resampling.LANCZOS,
    "pillow-box": Image.Resampling.BOX,
    "pillow-hamming": Image.Resampling.HAMMING,
}
_OTHERS: Final = {
    "pillow-nearest": nearest.resize_and_crop,
    "opencv-nearest": nearest.resize_and_crop,
    "opencv-bilinear": opencv_resize.resize_and_crop,
    "opencv-bicubic": opencv_resize.resize_and_crop,
    "opencv-area": opencv_resize.resize_and_crop,
    "scikit-image-bilinear": two_taps.resize_and_crop,
    "tensorflow1-bilinear": two_taps.resize_and_crop,
}


def prepare_picture(
    image: bytes | str | os.PathLike[str], preprocessing: Preprocessing, *, name: str | None = None
) -> NDArray[np.uint8]:
    """The pixels of an encoded image after the geometry of ``preprocessing``: (crop, crop, 3) uint8 RGB.

    Equivalent to :func:`load_pixels`, then :func:`resize_and_crop_picture`.

    Args:
        image: an image file's bytes, or its path.
        preprocessing: all of it counts, except ``channels`` and the arithmetic.
        name: the name of the image in errors; by default its path.

    Raises:
        DataError: unreadable, damaged, truncated or too large; the message names the image. CardError: a crop larger
            than the resized image.
    """
    said = _said(image, name)
    return resize_and_crop_picture(load_pixels(image, preprocessing, name=said), preprocessing, name=said)


def load_pixels(
    image: bytes | str | os.PathLike[str], preprocessing: Preprocessing, *, name: str | None = None
) -> NDArray[np.uint8]:
    """The first half of :func:`prepare_picture`: decodes an image to (H, W, 4) uint8, as ``decode_picture`` does.

    Only ``decode`` and ``exif`` of ``preprocessing`` count.

    Raises:
        DataError: unreadable, damaged, truncated or too large; the message names the image.
    """
    said = _said(image, name)
    if isinstance(image, bytes):
        data = image
    else:
        try:
            data = read_file(Path(image), said, DataError, most=IMAGE_BYTES_AT_MOST)
        except OSError as error:
            raise DataError(f"{said}: cannot be read ({error.strerror or error})") from error
    _keep_memory()
    return decode_picture(data, said, decoder=preprocessing.decode, exif=preprocessing.exif)


def resize_and_crop_picture(pixels: NDArray[np.uint8], preprocessing: Preprocessing, *, name: str) -> NDArray[np.uint8]:
    """The second half of :func:`prepare_picture`: decoded pixels resized and cropped, (crop, crop, 3) uint8 RGB.

    ``pixels``: (H, W, 4) uint8, C-contiguous, as :func:`load_pixels` gives them; they are not modified, so one image
    can be prepared in many ways. ``decode`` and ``exif`` of ``preprocessing`` no longer count. ``name``: the name of
    the image in errors.

    Raises:
        BackendUnavailableError: the library that computes this interpolation is not installed.
        DataError: the image is so long and thin that it is too large when resized.
        CardError: a crop larger than the resized image.
    """
    before = pixels.shape[1], pixels.shape[0]
    size = resized_size(*before, preprocessing)
    side = preprocessing.crop
    if side > min(size):
        raise CardError(
            f"preprocessing {preprocessing.name}: a crop of {side} does not fit in {size[0]} x {size[1]}, the size"
            " after resizing; make resize_to at least the crop"
        )
    corner = crop_offset(size[0], preprocessing), crop_offset(size[1], preprocessing)
    kind = preprocessing.interpolation
    if (kind.startswith("pillow") or kind == "opencv-bicubic") and size[0] * size[1] > (
        Image.MAX_IMAGE_PIXELS or size[0] * size[1]
    ):
        raise DataError(f"{name}: {before[0]} x {before[1]} is too long and thin, {size[0]} x {size[1]} resized")
    if kind in _PILLOWS:
        return pillow_resize.resize_and_crop(pixels, size, corner, side, _PILLOWS[kind])
    return _OTHERS[kind](pixels, size, corner, side, kind)


def can_resize(interpolation: Interpolation) -> bool:
    """Whether this installation can compute ``interpolation``: OpenCV's bicubic needs OpenCV."""
    return interpolation != "opencv-bicubic" or opencv_resize.opencv_version() is not None


def _said(picture: bytes | str | os.PathLike[str], name: str | None) -> str:
    return name or ("<bytes>" if isinstance(picture, bytes) else os.fspath(picture))


def resized_size(width: int, height: int, preprocessing: Preprocessing) -> tuple[int, int]:
    """(width, height) after resizing an image of ``width`` x ``height``.

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
    """Where the crop starts on a side of ``size``: half the margin, rounded as the card defines, or the corner."""
    if preprocessing.crop_position == "corner":
        return 0
    margin = size - preprocessing.crop
    return round(margin / 2.0) if preprocessing.crop_rounding == "round" else margin // 2


@functools.cache
def _keep_memory() -> None:
    """Make glibc keep freed memory, up to twice that size, for the next image; elsewhere this does nothing.

    It allocates a block and frees it, which raises malloc's dynamic mmap threshold; no page of it is touched. Without
    it, each image's pixels are mapped, zeroed page by page and unmapped: 400 to 1000 page faults, which take as long as
    decoding.
    """
    np.empty(_KEPT_BYTES, np.uint8)
