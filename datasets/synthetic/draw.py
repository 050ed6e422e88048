"""One image of the synthetic set: a patchwork of gratings, drawn with integers only.

A class is a patchwork of cells; a cell has a colour, a coarse grating and a fine one, each with its own direction,
frequency and phase. So the class depends on what preprocessing mistakes damage:

- cells cover the whole image, so a wrong aspect or crop moves them away from where the classifier expects them;
- fine gratings have 60 to 175 cycles along the shorter side, around the Nyquist limit of an image resized to 256 (128
  cycles), so every interpolation kernel, with or without antialias, leaves a different contrast or alias;
- the five classes of a family differ in the fine gratings' contrast against the coarse ones' and in a few cells, so a
  kernel that blurs or sharpens turns a class into the adjacent one, and top-5 is well above top-1;
- a class has one size and, for some classes, an EXIF orientation or grayscale files, in training and held-out alike.

In a held-out image, a few or many cells are replaced by foreign ones; a training image has none.

Every number comes from PCG64's raw 64-bit output (a stream that NumPy's NEP 19 keeps fixed) and integer arithmetic. So
the pixels are the same on every machine and with every NumPy version.
"""

import math
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

Int64: TypeAlias = npt.NDArray[np.int64]
Split: TypeAlias = Literal["train", "val"]

CLASSES: Final = 1000
FAMILIES: Final = 200
"""Class c belongs to family c % FAMILIES: members of a family are 200 apart, so a label that is off by one is in
another family."""

SEED: Final = 7
"""The first word of every stream's key."""

SIZES: Final = (
    *((500, 375),) * 9,
    *((375, 500),) * 4,
    *((500, 333),) * 4,
    *((333, 500),) * 2,
    *((640, 480),) * 2,
    (500, 400),
    (400, 300),
    (800, 600),
    (1024, 768),
    (300, 225),
)
"""(width, height) to draw from, in about ImageNet's proportions: mostly 500 wide, a quarter portrait, few large
or small."""

CELLS_PER_SHORT_SIDE: Final = 6
"""Cells along the shorter side: 43 pixels after a resize to 256, which is small compared with the shift of a wrong
crop."""

COARSE_CYCLES: Final = (12, 40)
FINE_CYCLES: Final = (60, 175)
"""Cycles of a cell's two gratings along the shorter side, from and to: see the module's docstring."""

COARSE_AMPLITUDE: Final = 40
FINE_AMPLITUDE: Final = 55
"""Largest amplitude of the gratings in grey levels; a cell has from half of it to all of it."""

CONTRASTS: Final = (760, 870, 1000, 1145, 1315)
"""Per mille of the fine gratings' amplitude, by a class's place in its family. Adjacent classes are 15 % apart, about
the difference between bicubic and bilinear. With 25 %, `bvlc` lost only 2 to 4 points to bicubic."""

COLOUR_SPREAD: Final = 40
"""A cell's colour is MID_GREY plus or minus this much in each channel."""

MID_GREY: Final = 120

FAMILY_SHARE: Final = 970
"""Per mille of a class's cells that its family shares. Measured: with 600, top-5 is 9 points above top-1."""

FOREIGN_CELLS: Final = (100, 820)
"""Per mille of a held-out image's cells that are foreign, from and to: the only setting of the set's difficulty."""

BRIGHTNESS_SPREAD: Final = 10
"""A held-out image is lighter or darker by up to this many grey levels."""

EXIF_SHARE: Final = 90
"""Per mille of the classes whose files carry an EXIF orientation."""

EXIF_ORIENTATIONS: Final = (6, 8, 6, 8, 3)
"""EXIF orientations to draw from: quarter turns, as from an upright camera, and a half turn."""

GRAYSCALE_SHARE: Final = 60
"""Per mille of the classes whose files have one channel."""

TURN: Final = 1024
"""Phase steps in one turn."""

_SINE: Final = np.array([round(256 * math.sin(2 * math.pi * step / TURN)) for step in range(TURN)], dtype=np.int32)
"""256 x sine. No entry lies within 7e-4 of a rounding boundary: libm's last bit cannot change one."""

# Columns of a patchwork, an int64 array (rows, columns, 11): two gratings of four numbers and a colour.
_COARSE, _FINE, _COLOUR = slice(0, 4), slice(4, 8), slice(8, 11)
_FINE_AMPLITUDE = 7

# Second word of a stream's key: what the stream is for.
_FAMILY, _CLASS, _TRAITS, _TRAIN, _VAL = range(5)


@dataclass(frozen=True, slots=True)
class Traits:
    """What all images of a class share, other than their cells."""

    width: int
    height: int
    orientation: int
    """EXIF orientation, 1 (no tag is written) to 8."""
    grayscale: bool


@dataclass(frozen=True, slots=True)
class Picture:
    """A drawn image as stored: `pixels` uint8, (height, width, 3) RGB or (height, width) when grayscale."""

    pixels: npt.NDArray[np.uint8]
    orientation: int
    """EXIF orientation to store with it, 1 to 8; 1 means no tag."""


class Stream:
    """Integers from PCG64's raw output under a key of integers."""

    def __init__(self, *key: int) -> None:
        self._bits = np.random.PCG64([SEED, *key])

    def below(self, bound: int, *shape: int) -> Int64:
        """int64 array of `shape`, each from 0 to bound - 1 (bound at most 2**31): the top 32 bits times bound."""
        raw = self._bits.random_raw(math.prod(shape)) >> np.uint64(32)
        return ((raw.astype(np.int64) * bound) >> 32).reshape(shape)

    def one(self, bound: int) -> int:
        """One integer from 0 to bound - 1."""
        return int(self.below(bound, 1)[0])


def class_traits(class_index: int) -> Traits:
    """Size, EXIF orientation and grayscale of a class; ValueError when `class_index` is not 0 to 999."""
    if not 0 <= class_index < CLASSES:
        raise ValueError(f"class index {class_index} is not one of 0 to {CLASSES - 1}")
    stream = Stream(_TRAITS, class_index)
    width, height = SIZES[Stream(_TRAITS, CLASSES + class_index % FAMILIES).one(len(SIZES))]
    orientation = EXIF_ORIENTATIONS[stream.one(len(EXIF_ORIENTATIONS))]
    return Traits(
        width=width,
        height=height,
        orientation=orientation if stream.one(1000) < EXIF_SHARE else 1,
        grayscale=stream.one(1000) < GRAYSCALE_SHARE,
    )


def draw(class_index: int, split: Split, number: int) -> Picture:
    """Image `number` (from 0) of a class in a split; the same arguments always give the same bits."""
    traits = class_traits(class_index)
    short = min(traits.width, traits.height)
    rows = round(CELLS_PER_SHORT_SIDE * traits.height / short)
    columns = round(CELLS_PER_SHORT_SIDE * traits.width / short)
    own = Stream(_CLASS, class_index)
    cells = _mixed(
        _patchwork(own, rows, columns, short),
        _patchwork(Stream(_FAMILY, class_index % FAMILIES), rows, columns, short),
        own.below(1000, rows, columns) < FAMILY_SHARE,
    )
    brightness = MID_GREY
    stream = Stream(_TRAIN if split == "train" else _VAL, class_index, number)
    if split == "val":
        low, high = FOREIGN_CELLS
        foreign = stream.below(1000, rows, columns) < low + stream.one(high - low + 1)
        brightness += stream.one(2 * BRIGHTNESS_SPREAD + 1) - BRIGHTNESS_SPREAD
        cells = _mixed(cells, _patchwork(stream, rows, columns, short), foreign)
    cells[:, :, _FINE_AMPLITUDE] = cells[:, :, _FINE_AMPLITUDE] * CONTRASTS[class_index // FAMILIES] // 1000
    pixels = _painted(cells, traits.width, traits.height, brightness)
    return Picture(pixels[:, :, 1].copy() if traits.grayscale else pixels, traits.orientation)


def _patchwork(stream: Stream, rows: int, columns: int, short: int) -> Int64:
    """Random cells, int64 (rows, columns, 11)."""
    coarse = _gratings(stream, rows, columns, short, cycles=COARSE_CYCLES, amplitude=COARSE_AMPLITUDE)
    fine = _gratings(stream, rows, columns, short, cycles=FINE_CYCLES, amplitude=FINE_AMPLITUDE)
    colour = stream.below(2 * COLOUR_SPREAD + 1, rows, columns, 3) - COLOUR_SPREAD
    return np.concatenate([coarse, fine, colour], axis=-1)


def _gratings(stream: Stream, rows: int, columns: int, short: int, *, cycles: tuple[int, int], amplitude: int) -> Int64:
    """Draw a grating for every cell, int64 (rows, columns, 4): phase steps a pixel in x and in y, phase, amplitude."""
    direction = stream.below(TURN, rows, columns)
    # The sine table's 256 is taken out of TURN.
    scale = (cycles[0] + stream.below(cycles[1] - cycles[0], rows, columns)) * (TURN // 256)
    step_x = scale * _SINE[(direction + TURN // 4) % TURN] // short
    step_y = scale * _SINE[direction] // short
    phase = stream.below(TURN, rows, columns)
    strength = amplitude * (128 + stream.below(129, rows, columns)) // 256
    return np.stack([step_x, step_y, phase, strength], axis=-1)


def _mixed(cells: Int64, others: Int64, where: npt.NDArray[np.bool_]) -> Int64:
    """`cells`, with those at `where` (rows, columns) taken from `others`."""
    return np.where(where[:, :, None], others, cells)


def _painted(cells: Int64, width: int, height: int, brightness: int) -> npt.NDArray[np.uint8]:
    """Paint the cells as pixels, uint8 (height, width, 3)."""
    rows, columns, _ = cells.shape
    tops = [height * row // rows for row in range(rows + 1)]
    lefts = [width * column // columns for column in range(columns + 1)]
    xs = np.arange(width, dtype=np.int32)
    ys = np.arange(height, dtype=np.int32)[:, None]
    pixels = np.empty((height, width, 3), dtype=np.uint8)
    for row in range(rows):
        for column in range(columns):
            down, across = slice(tops[row], tops[row + 1]), slice(lefts[column], lefts[column + 1])
            cell = cells[row, column]
            grey = _wave(cell[_COARSE], xs[across], ys[down]) + _wave(cell[_FINE], xs[across], ys[down])
            for channel, level in enumerate((cell[_COLOUR] + brightness).tolist()):
                pixels[down, across, channel] = np.clip(grey + np.int16(level), 0, 255)
    return pixels


def _wave(grating: Int64, xs: npt.NDArray[np.int32], ys: npt.NDArray[np.int32]) -> npt.NDArray[np.int16]:
    """Grey levels of a grating, int16 (len(ys), len(xs)), at columns `xs` (w,) and rows `ys` (h, 1)."""
    step_x, step_y, phase, amplitude = grating.tolist()
    wave = (_SINE * amplitude >> 8).astype(np.int16)
    levels: npt.NDArray[np.int16] = wave[ys * step_y + (xs * step_x + phase) & (TURN - 1)]
    return levels
