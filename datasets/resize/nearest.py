"""The nearest neighbour as Pillow and as OpenCV choose it: every pixel is one of the picture's, bit for bit.

Pillow takes the one under the centre of the target, (place + 0.5) x before / after cut to a whole number, OpenCV's
INTER_NEAREST the one under its upper left corner, place x before / after.
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
    """Read out of Pillow: it adds the step up in float64, target by target, so that far places depend on all before."""
    line = Image.fromarray(np.arange(before, dtype=np.int32)[None])
    return np.asarray(line.resize((after, 1), Image.Resampling.NEAREST))[0, start : start + count].astype(np.intp)


def _opencvs_places(before: int, after: int, start: int, count: int) -> NDArray[np.intp]:
    """As resize.cpp's resizeNN: the step is 1 / (after / before), which is not always before / after in float64."""
    source = np.floor(np.arange(start, start + count) * (1 / (after / before))).astype(np.intp)
    return np.asarray(np.minimum(source, before - 1), dtype=np.intp)
