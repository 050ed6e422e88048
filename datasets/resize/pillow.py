"""Pillow's resize and crop, bit for bit, in 40 % of its time: only the pixels of the crop are computed.

Pillow resizes uint8 images (src/libImaging/Resample.c) along rows, rounds to uint8, and then along columns, with
weights that are multiples of 2**-22. Integer sums are the same in any order, so two products with sparse int32 matrices
give the same bits. The weights are read from Pillow itself, not recomputed. Pillow resizes images that are too large or
too tall.
"""

from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.sparse import csr_array

from alexbench.datasets.decode import as_words, from_words, rgb

_BITS: Final = 22  # Resample.c: PRECISION_BITS = 32 - 8 - 2
_HALF: Final = 1 << (_BITS - 1)

# Pillow resizes longer sides itself: strips and weights grow with the longer side, and few ImageNet images exceed it.
_LONGEST: Final = 1024

# A strip's int32 values stay in the L2 cache; 64 and 96 were best of 32 to 165 rows.
_STRIP: Final = 64

_SUPPORT: Final = {
    Image.Resampling.BOX: 0.5,
    Image.Resampling.BILINEAR: 1.0,
    Image.Resampling.HAMMING: 1.0,
    Image.Resampling.BICUBIC: 2.0,
    Image.Resampling.LANCZOS: 3.0,
}
"""How far each filter reaches, in source pixels, if an image is not shrunk (Resample.c)."""


class _Weights(NamedTuple):
    """``matrix``: (count, last - first) int32, the share of each source place ``first`` .. ``last`` in each target."""

    matrix: csr_array
    first: int
    last: int


def resize_and_crop(
    pixels: NDArray[np.uint8],
    size: tuple[int, int],
    corner: tuple[int, int],
    side: int,
    resampling: Image.Resampling,
) -> NDArray[np.uint8]:
    """The result of Pillow's resize(size, resampling) and a crop of ``side`` from ``corner``: (side, side, 3) uint8.

    ``pixels``: (H, W, 4) uint8, C-contiguous. ``size`` and ``corner``: (x, y). ``resampling``: any but NEAREST.
    """
    height, width, _ = pixels.shape
    left, top = corner
    if max(width, height) > _LONGEST or _columns_first(width, height, size):
        image = Image.frombuffer("RGBX", (width, height), pixels, "raw", "RGBX", 0, 1)
        cut = image.resize(size, resampling).crop((left, top, left + side, top + side))
        return rgb(np.asarray(cut))
    across = _weights(width, size[0], left, side, resampling)
    down = _weights(height, size[1], top, side, resampling)
    words = as_words(pixels)[down.first : down.last, across.first : across.last]
    between = np.empty((len(words), side), np.uint32)
    for start in range(0, len(words), _STRIP):
        strip = words[start : start + _STRIP]
        # A sparse matrix combines rows, so columns become rows. They move as words: bytes would take four times as
        # long.
        sums = across.matrix @ strip.T.copy().view(np.uint8).astype(np.int32)
        between[start : start + _STRIP] = _rounded(sums).view(np.uint32).T
    out = np.empty((side, side), np.uint32)
    for start in range(0, side, _STRIP):
        columns = between[:, start : start + _STRIP].copy()
        sums = down.matrix @ columns.view(np.uint8).astype(np.int32)
        out[:, start : start + _STRIP] = _rounded(sums).view(np.uint32)
    return rgb(from_words(out))


def _columns_first(width: int, height: int, size: tuple[int, int]) -> bool:
    """Whether Pillow, from 13.0 on, resizes columns before rows, so that pixels are rounded in another order.

    It does so for images more than twice as tall as wide. These are few, so the installed Pillow resizes them.
    """
    shorter = height - size[1]
    return shorter > 0 and shorter > 2 * (width - size[0])


def _rounded(sums: NDArray[np.int32]) -> NDArray[np.uint8]:
    """Rounds sums of weighted grey levels to the nearest grey level, as Resample.c's clip8 does."""
    sums += _HALF
    sums >>= _BITS
    # Weights of Lanczos and bicubic may be negative; the other filters need no clipping.
    return np.clip(sums, 0, 255, out=sums).astype(np.uint8)


@lru_cache(maxsize=1024)
def _weights(before: int, after: int, start: int, count: int, resampling: Image.Resampling) -> _Weights:
    """Pillow's weights for the places ``start`` .. ``start + count`` of a side resized from ``before`` to ``after``.

    Row r of an image holds 2**22 at every ``rows``-th place from r on and zeros between, further apart than the filter
    reaches. Resized in Pillow's 32-bit mode, it gives for each target the weight of the one place in reach, times 2**22
    and rounded like Resample.c's normalize_coeffs_8bpc.
    """
    reach = _SUPPORT[resampling] * max(before / after, 1.0)
    rows = 2 * int(np.ceil(reach)) + 2
    impulses = np.zeros((rows, before), np.int32)
    places = np.arange(before)
    impulses[places % rows, places] = 1 << _BITS
    resized = Image.fromarray(impulses).resize((after, rows), resampling)
    weights = np.asarray(resized)[:, start : start + count].T
    targets, row = np.nonzero(weights)
    # The place of that row that is nearest to the target's centre.
    centre = np.floor((start + targets + 0.5) * (before / after)).astype(np.intp)
    source = centre + (row - centre + rows // 2) % rows - rows // 2
    first, last = int(source.min()), int(source.max()) + 1
    matrix = csr_array((weights[targets, row], (targets, source - first)), shape=(count, last - first))
    return _Weights(matrix, first, last)
