"""Bilinear interpolation from two source places along each side, without antialias, as two libraries do it.

TensorFlow 1's resize_images has no half-pixel centres and repeats the edge; scikit-image's order 1 has half-pixel
centres and, as ModelHub's caffe.io calls it, a constant beyond the edge. Both are computed in float32 and rounded to
the nearest grey level: at most half a level from the libraries, which return floats. OpenCV's is in ``opencv_resize``.
"""

import numpy as np
from numpy.typing import NDArray

from alexbench.datasets.decode import rgb
from alexbench.harness.models.preprocessing import Interpolation

_Taps = tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]
"""The first source place, the second, and the second's weight, for each target."""


def resize_and_crop(
    pixels: NDArray[np.uint8],
    size: tuple[int, int],
    corner: tuple[int, int],
    side: int,
    interpolation: Interpolation,
) -> NDArray[np.uint8]:
    """Resized to ``size`` (x, y), then a crop of ``side`` from ``corner`` (x, y): (side, side, 3) uint8.

    ``pixels``: (H, W, 4) uint8, C-contiguous. ``interpolation``: ``tensorflow1-bilinear`` or ``scikit-image-bilinear``.
    Only the pixels of the crop are computed.
    """
    height, width, _ = pixels.shape
    if interpolation == "scikit-image-bilinear":
        columns = _open_taps(width, size[0], corner[0], side)
        rows = _open_taps(height, size[1], corner[1], side)
        if size[0] >= width or size[1] >= height:  # if both are shrunk, no tap is beyond the border
            pixels, rows, columns = _bordered(pixels, rows, columns)
    else:
        columns = _closed_taps(width, size[0], corner[0], side)
        rows = _closed_taps(height, size[1], corner[1], side)
    return _bilinear(pixels, rows, columns)


def _closed_taps(before: int, after: int, start: int, count: int) -> _Taps:
    """Taps for ``count`` places from ``start`` of ``after``: place x before / after. Edges repeat."""
    source = np.arange(start, start + count, dtype=np.float32) * np.float32(before / after)
    source = np.clip(source, np.float32(0), np.float32(before - 1))
    first = np.floor(source).astype(np.intp)
    return first, np.minimum(first + 1, before - 1), source - first.astype(np.float32)


def _open_taps(before: int, after: int, start: int, count: int) -> _Taps:
    """The same with half-pixel centres, in float64 like scikit-image. Places -1 and ``before`` are the border."""
    source = (np.arange(start, start + count) + 0.5) * (before / after) - 0.5
    first = np.floor(source).astype(np.intp)
    return first, first + 1, (source - first).astype(np.float32)


def _bordered(pixels: NDArray[np.uint8], rows: _Taps, columns: _Taps) -> tuple[NDArray[np.uint8], _Taps, _Taps]:
    """Adds one place on each side, with the constant beyond the border, and moves the taps accordingly.

    caffe.io.resize_image scales an image to 0..1 by its own minimum and maximum, and back afterwards. scikit-image puts
    0 beyond the border in between. So the constant is the minimum of the image over all places and channels.
    """
    height, width, _ = pixels.shape
    larger = np.full((height + 2, width + 2, 4), pixels[..., :3].min(), np.uint8)
    larger[1:-1, 1:-1] = pixels
    down, across = ((first + 1, second + 1, weight) for first, second, weight in (rows, columns))
    return larger, down, across


def _bilinear(pixels: NDArray[np.uint8], rows: _Taps, columns: _Taps) -> NDArray[np.uint8]:
    """Two taps along each side of ``pixels`` (H, W, 4), at the given places only; rounded to the nearest, ties to even.

    Multiplication and addition are separate NumPy operations in float32, so the bits are the same on every machine.
    """
    upper, lower, down = rows
    left, right, along = columns
    # Only the columns that a tap reads, and rows first: a row is gathered as one block of memory.
    low = int(left[0])
    band = pixels[:, low : int(right[-1]) + 1]
    blended = _blend(band[upper], band[lower], down[:, None, None])
    weight = np.repeat(along, 4).reshape(1, -1, 4)  # written out, because it takes a third of the time of broadcasting
    blended = _blend(blended.take(left - low, axis=1), blended.take(right - low, axis=1), weight)
    return rgb(np.rint(blended, out=blended).astype(np.uint8))


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
