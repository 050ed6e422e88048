"""OpenCV's INTER_CUBIC and INTER_AREA, without OpenCV: at most one grey level from it.

As in ``pillow_resize``, each side's weights are a sparse matrix of whole numbers, and sums of whole numbers are the
same in any order and on every machine. The weights are OpenCV's (modules/imgproc/src/resize.cpp): for INTER_CUBIC four
taps of 11 bits, half-pixel centres, the edge repeated, no antialias; for INTER_AREA the mean over what a pixel of the
result covers, and where a side is enlarged two taps a side, mostly one place alone, which are not bilinear's.

Values halfway between two grey levels are rounded up here, mostly to even there. But for these, INTER_CUBIC is OpenCV's
own code bit for bit (0.04 % of the values of noise differ); its builds for x86 leave it to Intel's IPP, whose weights
have more bits (4 %). Of INTER_AREA's 0.2 % differ, 500 x 375 to 341 x 256, but a quarter where two places make one.
All with OpenCV 4.10 and 5.0.
"""

from functools import lru_cache
from typing import Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from alexbench.datasets.decode import as_words, from_words, rgb
from alexbench.harness.models.preprocessing import Interpolation

_Kernel = Literal["cubic", "covered", "between"]
"""INTER_CUBIC; INTER_AREA where no side is enlarged, and where one is."""

_BITS: Final = {"cubic": 11, "covered": 15, "between": 11}
"""Of a weight. 11 is OpenCV's INTER_RESIZE_COEF_BITS; means over many places, which it computes in float, need more."""

_KEPT: Final = {"cubic": 11, "covered": 7, "between": 11}
"""Bits below a grey level after the first side, so that after the second one all fits into 31."""

_CUBIC: Final = np.float32(-0.75)
"""resize.cpp, interpolateCubic: the slope; Pillow's bicubic has -0.5."""

_SLIVER: Final = 1e-3
"""resize.cpp, computeResizeAreaTab: a place of which no more than this is covered does not count."""

_STRIP: Final = 64
"""As in ``pillow_resize``: rows or columns whose values stay in the processor's second-level cache."""


class _Weights(NamedTuple):
    """``matrix``: (count, places) int32, the share of each source place in ``places`` in each target."""

    matrix: csr_array
    places: NDArray[np.intp]


def resize_and_crop(
    pixels: NDArray[np.uint8],
    size: tuple[int, int],
    corner: tuple[int, int],
    side: int,
    interpolation: Interpolation,
) -> NDArray[np.uint8]:
    """Resized to ``size`` (x, y), then a crop of ``side`` from ``corner`` (x, y): (side, side, 3) uint8.

    ``pixels``: (H, W, 4) uint8, C-contiguous. ``interpolation``: ``opencv-bicubic`` or ``opencv-area``.
    """
    height, width, _ = pixels.shape
    kernel: _Kernel = "cubic"
    if interpolation == "opencv-area":
        kernel = "covered" if size[0] <= width and size[1] <= height else "between"
    across = _weights(width, size[0], corner[0], side, kernel)
    down = _weights(height, size[1], corner[1], side, kernel)
    bits, kept = _BITS[kernel], _KEPT[kernel]
    words = as_words(pixels)
    between = np.empty((len(down.places), side, 4), np.int16 if kernel == "covered" else np.int32)
    for start in range(0, len(between), _STRIP):
        strip = words[down.places[start : start + _STRIP]].take(across.places, axis=1)
        sums = across.matrix @ strip.T.copy().view(np.uint8).astype(np.int32)
        between[start : start + _STRIP] = _shifted(sums, bits - kept).reshape(side, -1, 4).swapaxes(0, 1)
    out = np.empty((side, side), np.uint32)
    for start in range(0, side, _STRIP):
        columns = between[:, start : start + _STRIP].reshape(len(between), -1).astype(np.int32)
        sums = _shifted(down.matrix @ columns, bits + kept)
        out[:, start : start + _STRIP] = np.clip(sums, 0, 255, out=sums).astype(np.uint8).view(np.uint32)
    return rgb(from_words(out))


def _shifted(sums: NDArray[np.int32], bits: int) -> NDArray[np.int32]:
    """Divided by 2**``bits`` in place, halves upwards."""
    if bits:
        sums += 1 << (bits - 1)
        sums >>= bits
    return sums


@lru_cache(maxsize=1024)
def _weights(before: int, after: int, start: int, count: int, kernel: _Kernel) -> _Weights:
    """For the places ``start`` .. ``start + count`` of a side resized from ``before`` to ``after``."""
    targets = np.arange(start, start + count)
    taps = {"cubic": _cubic, "covered": _covered, "between": _between}[kernel]
    places, weights = taps(targets, before, after)
    used, column = np.unique(np.clip(places, 0, before - 1), return_inverse=True)
    row = np.broadcast_to(np.arange(count)[:, None], places.shape)
    matrix = csr_array(  # which adds up what falls on one place, at the edge
        (weights.ravel(), (row.ravel(), column.ravel())), shape=(count, len(used)), dtype=np.int32
    )
    return _Weights(matrix, used)


def _cubic(targets: NDArray[np.intp], before: int, after: int) -> tuple[NDArray[np.intp], NDArray[np.int32]]:
    """(count, 4) source places and weights: interpolateCubic's."""
    source = ((targets + 0.5) * (1 / (after / before)) - 0.5).astype(np.float32)
    first = np.floor(source)
    t, one, a = source - first, np.float32(1), _CUBIC
    far, near = t + one, one - t
    outer = ((a * far - 5 * a) * far + 8 * a) * far - 4 * a
    inner = ((a + 2) * t - (a + 3)) * t * t + one
    other = ((a + 2) * near - (a + 3)) * near * near + one
    shares = np.stack([outer, inner, other, one - outer - inner - other], axis=1)
    return first.astype(np.intp)[:, None] + np.arange(-1, 3), _whole(shares, "cubic")


def _covered(targets: NDArray[np.intp], before: int, after: int) -> tuple[NDArray[np.intp], NDArray[np.int32]]:
    """(count, taps) source places and weights: of each place, how much of it the target covers.

    Of a target's weights the sums up to each place are rounded, so that all of them add up to one.
    """
    step = 1 / (after / before)
    low = targets[:, None] * step
    high = np.minimum(low + step, before)
    places = np.floor(low).astype(np.intp) + np.arange(int(np.ceil(step)) + 1)
    shares = np.minimum(high, places + 1) - np.maximum(low, places)
    shares[shares <= _SLIVER] = 0
    upto = np.cumsum(shares, axis=1)
    return places, np.diff(_whole(upto / upto[:, -1:], "covered"), axis=1, prepend=np.int32(0))


def _between(targets: NDArray[np.intp], before: int, after: int) -> tuple[NDArray[np.intp], NDArray[np.int32]]:
    """(count, 2) source places and weights: the first place alone but for targets that reach into the next."""
    inverse = after / before
    first = np.floor(targets * (1 / inverse)).astype(np.intp)
    reach = ((targets + 1) - (first + 1) * inverse).astype(np.float32)
    second = _whole(np.where(reach <= 0, np.float32(0), reach - np.floor(reach)), "between")
    shares = np.stack([(1 << _BITS["between"]) - second, second], axis=1)
    return first[:, None] + np.arange(2), shares.astype(np.int32)


def _whole(shares: NDArray[np.floating], kernel: _Kernel) -> NDArray[np.int32]:
    return np.asarray(np.rint(shares * (1 << _BITS[kernel])), dtype=np.int32)
