"""OpenCV's resize of 8-bit images, bit for bit: INTER_LINEAR and INTER_AREA with its arithmetic, INTER_CUBIC by OpenCV.

The arithmetic is that of modules/imgproc/src/resize.cpp. INTER_LINEAR: integer weights of 11 bits, truncated twice on
the way (``VResizeLinear`` of uchar). INTER_AREA: if no side grows, float32 sums in the order of the source, or integer
sums if both factors are integers; if a side grows, INTER_LINEAR with other weights. Only the pixels of the crop are
computed. INTER_CUBIC is Intel's IPP in OpenCV's x86 builds. Its arithmetic is not published, so OpenCV computes it
(docs/decisions/0016-opencv.md).
"""

from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from alexbench.datasets.decode import rgb
from alexbench.harness.errors import BackendUnavailableError
from alexbench.harness.models.preprocessing import Interpolation

_ONE: Final = np.float32(2048)
"""The weight 1: resize.cpp's INTER_RESIZE_COEF_SCALE, 2 to the power of INTER_RESIZE_COEF_BITS, 11."""

_SLIVER: Final = 1e-3
"""Like computeResizeAreaTab: a place covered by no more than this does not count."""

Floats = NDArray[np.float32]


class _Taps(NamedTuple):
    """For each target its two source places and their weights of 11 bits, (count,) each."""

    first: NDArray[np.intp]
    second: NDArray[np.intp]
    of_first: NDArray[np.int32]
    of_second: NDArray[np.int32]


class _Shares(NamedTuple):
    """For each target, the source places that it covers, in order, and the share of each: (count, n).

    Places that do not count have the share 0.
    """

    places: NDArray[np.intp]
    shares: Floats


def resize_and_crop(
    pixels: NDArray[np.uint8],
    size: tuple[int, int],
    corner: tuple[int, int],
    side: int,
    interpolation: Interpolation,
) -> NDArray[np.uint8]:
    """Resized to ``size`` (x, y), then a crop of ``side`` from ``corner`` (x, y): (side, side, 3) uint8.

    ``pixels``: (H, W, 4) uint8, C-contiguous. ``interpolation``: ``opencv-bilinear``, ``opencv-area`` or
    ``opencv-bicubic``.

    Raises:
        BackendUnavailableError: ``opencv-bicubic`` without OpenCV installed.
    """
    height, width, _ = pixels.shape
    if interpolation == "opencv-bicubic":
        left, top = corner
        return np.ascontiguousarray(_by_opencv(pixels, size)[top : top + side, left : left + side])
    of_area = interpolation == "opencv-area"
    if of_area and size[0] <= width and size[1] <= height:
        return rgb(_means(pixels, size, corner, side))
    columns = _taps(width, size[0], corner[0], side, of_area=of_area)
    rows = _taps(height, size[1], corner[1], side, of_area=of_area)
    return rgb(_linear(pixels, rows, columns))


def opencv_version() -> str | None:
    """The version of the installed OpenCV; None if it is not installed. OpenCV is not imported."""
    from importlib import metadata

    for name in ("opencv-python-headless", "opencv-python", "opencv-contrib-python-headless", "opencv-contrib-python"):
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return None


def _by_opencv(pixels: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    try:
        import cv2
    except ImportError as error:
        raise BackendUnavailableError(
            "interpolation opencv-bicubic needs OpenCV, which is not installed: pip install 'alexbench[opencv]'"
        ) from error
    return np.asarray(cv2.resize(rgb(pixels), size, interpolation=cv2.INTER_CUBIC), dtype=np.uint8)


def _linear(pixels: NDArray[np.uint8], rows: _Taps, columns: _Taps) -> NDArray[np.uint8]:
    """Two taps along each side: selects the rows needed, then resizes columns, then rows; (side, side, 4) uint8."""
    used, place = np.unique(np.concatenate([rows.first, rows.second]), return_inverse=True)
    low, high = int(columns.first.min()), int(columns.second.max()) + 1
    band = pixels[used, low:high].astype(np.int32)
    across = band.take(columns.first - low, axis=1)
    across *= columns.of_first[:, None]
    other = band.take(columns.second - low, axis=1)
    other *= columns.of_second[:, None]
    across += other
    across >>= 4
    half = len(rows.first)
    upper, lower = across[place[:half]], across[place[half:]]
    upper *= rows.of_first[:, None, None]
    lower *= rows.of_second[:, None, None]
    upper >>= 16
    lower >>= 16
    upper += lower
    upper += 2
    upper >>= 2
    return upper.astype(np.uint8)


@lru_cache(maxsize=1024)
def _taps(before: int, after: int, start: int, count: int, *, of_area: bool) -> _Taps:
    """Taps for the places ``start`` .. ``start + count`` of a side resized from ``before`` to ``after``; edges repeat.

    INTER_LINEAR has half-pixel centres. INTER_AREA takes the first place only, unless a target reaches into the next.
    """
    targets, inverse = np.arange(start, start + count), after / before
    step = 1 / inverse
    if of_area:
        first = np.floor(targets * step).astype(np.intp)
        reach = ((targets + 1) - (first + 1) * inverse).astype(np.float32)
        part = np.where(reach <= 0, np.float32(0), reach - np.floor(reach))
    else:
        source = ((targets + 0.5) * step - 0.5).astype(np.float32)
        first = np.floor(source).astype(np.intp)
        part = source - first.astype(np.float32)
    return _Taps(
        first=np.clip(first, 0, before - 1),
        second=np.clip(first + 1, 0, before - 1),
        of_first=np.rint((np.float32(1) - part) * _ONE).astype(np.int32),
        of_second=np.rint(part * _ONE).astype(np.int32),
    )


def _means(pixels: NDArray[np.uint8], size: tuple[int, int], corner: tuple[int, int], side: int) -> NDArray[np.uint8]:
    """INTER_AREA if no side grows: (side, side, 4) uint8."""
    height, width, _ = pixels.shape
    factors = [1 / (after / before) for after, before in zip(size, (width, height), strict=True)]
    whole = [round(factor) for factor in factors]
    if all(abs(factor - near) < np.finfo(np.float64).eps for factor, near in zip(factors, whole, strict=True)):
        return _whole_means(pixels, whole, corner, side)
    across = _shares(width, size[0], corner[0], side)
    down = _shares(height, size[1], corner[1], side)
    low, high = int(down.places.min()), int(down.places.max()) + 1
    band = pixels[low:high]
    narrow: Floats = np.zeros((high - low, side, 4), np.float32)
    for place, share in zip(across.places.T, across.shares.T, strict=True):
        narrow += band[:, place] * share[:, None]
    out: Floats = np.zeros((side, side, 4), np.float32)
    for place, share in zip(down.places.T, down.shares.T, strict=True):
        out += narrow[place - low] * share[:, None, None]
    return np.rint(out, out=out).clip(0, 255).astype(np.uint8)


def _whole_means(
    pixels: NDArray[np.uint8], factors: list[int], corner: tuple[int, int], side: int
) -> NDArray[np.uint8]:
    """Means over ``factors`` (x, y) places, from integer sums.

    Means of four places round half up, others half to even.
    """
    (x, y), (left, top) = factors, corner
    part = pixels[top * y : (top + side) * y, left * x : (left + side) * x]
    sums = part.reshape(side, y, side, x, 4).sum(axis=(1, 3), dtype=np.int32)
    if (x, y) == (2, 2):
        return np.asarray(sums + 2 >> 2, np.uint8)
    return np.asarray(np.rint(sums.astype(np.float32) * np.float32(1 / (x * y))), np.uint8)


@lru_cache(maxsize=1024)
def _shares(before: int, after: int, start: int, count: int) -> _Shares:
    """Like computeResizeAreaTab, for the places ``start`` .. ``start + count`` of a side resized from ``before``."""
    step = 1 / (after / before)
    low = np.arange(start, start + count) * step
    high = low + step
    cell = np.minimum(step, before - low)
    last = np.minimum(np.floor(high), before - 1)
    first = np.minimum(np.ceil(low), last)
    places = first.astype(np.intp)[:, None] + np.arange(-1, int(np.ceil(step)) + 1)
    shares = np.zeros(places.shape)
    shares[(places >= first[:, None]) & (places < last[:, None])] = 1
    before_first = np.where(first - low > _SLIVER, first - low, 0)
    shares[:, 0] = before_first
    behind = np.where(high - last > _SLIVER, np.minimum(np.minimum(high - last, 1), cell), 0)
    rows = np.arange(count)
    shares[rows, (last - first).astype(np.intp) + 1] = behind
    return _Shares(np.clip(places, 0, before - 1), (shares / cell[:, None]).astype(np.float32))
