"""Nearest neighbour as Pillow and OpenCV choose it: every output pixel is a pixel of the image, bit for bit.

Pillow takes the pixel under the target's centre: (place + 0.5) x before / after, truncated. OpenCV's INTER_NEAREST
takes the pixel under its upper left corner: place x before / after.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from alexbench.datasets.decode import as_words, from_words, rgb
from alexbench.harness.models.preprocessing import Interpolation


def resize_and_crop(
    pixels: NDArray[np.uint8],
    size: tuple[int, int],
    corner: tuple[int, int],
    side: int,
    interpolation: Interpolation,
) -> NDArray[np.uint8]:
    """Resized to ``size`` (x, y), then a crop of ``side`` from ``corner`` (x, y): (side, side, 3) uint8.

    ``pixels``: (H, W, 4) uint8, C-contiguous. ``interpolation``: ``pillow-nearest`` or ``opencv-nearest``.
    """
    height, width, _ = pixels.shape
    places = _pillows_places if interpolation == "pillow-nearest" else _opencvs_places
    rows, columns = places(height, size[1], corner[1], side), places(width, size[0], corner[0], side)
    return rgb(from_words(as_words(pixels)[rows[:, None], columns]))


def _pillows_places(before: int, after: int, start: int, count: int) -> NDArray[np.intp]:
    """Read from Pillow itself: it sums the step in float64, by target, so each place depends on those before it."""
    line = Image.fromarray(np.arange(before, dtype=np.int32)[None])
    return np.asarray(line.resize((after, 1), Image.Resampling.NEAREST))[0, start : start + count].astype(np.intp)


def _opencvs_places(before: int, after: int, start: int, count: int) -> NDArray[np.intp]:
    """Like resize.cpp's resizeNN: the step is 1 / (after / before), which is not always before / after in float64."""
    source = np.floor(np.arange(start, start + count) * (1 / (after / before))).astype(np.intp)
    return np.asarray(np.minimum(source, before - 1), dtype=np.intp)
