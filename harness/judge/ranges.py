"""What a quantized file's activation ranges say of the images that it was calibrated with.

A range is what the calibration images reached (or a little less). So a file's ranges are compared with what the
doctor's images reach at the same places, read in every known way. Where images clip at random, the share of images that
clip tells how many it was calibrated with: the largest of N + 1 alike is the new one once in N + 1.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from alexbench.harness.records.quantization_records import LOSS_DB, RangeCause

ENDS: Final = 0.25
"""By how much of its width the input's range may end elsewhere: one image of little contrast is off by 0.15."""
ALIKE: Final = 0.3
"""Root mean square of the logarithms of ranges over what images reach, at which a reading explains them: one
calibration image comes to 0.25, noise for photographs to 0.7."""
SAME: Final = 0.03
"""The same, for the very images of the calibration. Chosen, not measured."""
CLEARLY: Final = 2.0
"""How many times further off another reading must be."""
WIDE: Final = 1.3
"""A range this many times what all images reach is not theirs. Noise came to 2.1, healthy files to 1.08 at most."""
OUTSIDE: Final = 0.9
"""A range below this share of what each image reaches is not of such an image."""
FEW: Final = 0.1
"""The mean share of images that a range of 9 calibration images clips."""
FEWEST: Final = 10
FAINT: Final = 0.75
"""Images of less contrast than this are not such as these: one image has 0.85 at least. Chosen, not measured."""
_TINY: Final = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class Reached:
    """What images reach in one reading: ``lowest``, ``highest`` (images, ranges)."""

    lowest: NDArray[np.float32]
    highest: NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class FileRanges:
    """The ranges of a file, (ranges,) each. ``places``: of each, see :class:`ActivationRange`."""

    low: NDArray[np.float64]
    high: NDArray[np.float64]
    places: Sequence[str]

    @property
    def inner(self) -> NDArray[np.int64]:
        """Those between products, each pair of ends once: pooling and reshaping hand a range on."""
        ends: dict[tuple[float, float], int] = {}
        for place, kind in enumerate(self.places):
            if kind == "inner":
                ends.setdefault((self.low[place], self.high[place]), place)
        return np.array(list(ends.values()), dtype=np.int64)

    @property
    def relu(self) -> NDArray[np.bool_]:
        """Those that may stand for a ReLU."""
        inner = np.array([kind == "inner" for kind in self.places], dtype=np.bool_)
        return np.asarray(inner & (self.low == 0), dtype=np.bool_)

    @property
    def input(self) -> NDArray[np.int64]:
        """Those before the first product."""
        return np.flatnonzero(np.array([kind == "input" for kind in self.places]))


@dataclass(frozen=True, slots=True)
class Cause:
    """Why the ranges are as they are. ``reading``: of those given, the one that explains them. ``images``: about."""

    cause: RangeCause
    reading: int = 0
    images: float | None = None


def images_cut(given: FileRanges, reached: Reached) -> NDArray[np.float64]:
    """The share of images that each range clips, (ranges,); what a ReLU cuts below 0 does not count."""
    slack = 1e-4 * (given.high - given.low)
    below = (reached.lowest < given.low - slack) & ~given.relu
    found: NDArray[np.float64] = (below | (reached.highest > given.high + slack)).mean(axis=0)
    return found


def widths(given: FileRanges, reached: Reached) -> NDArray[np.float64]:
    """The upper end of each range over what all images reach, (ranges,)."""
    return np.asarray(given.high / np.maximum(reached.highest.max(axis=0), _TINY), np.float64)


def input_fits(given: FileRanges, reached: Reached) -> bool:
    """Whether the range of the input ends about where the images do."""
    at = given.input
    low, high = np.minimum(reached.lowest.min(axis=0)[at], 0), np.maximum(reached.highest.max(axis=0)[at], 0)
    apart = np.maximum(np.abs(given.low[at] - low), np.abs(given.high[at] - high))
    return bool((apart <= ENDS * np.maximum(high - low, given.high[at] - given.low[at])).all())


def input_scale(given: FileRanges, reached: Reached) -> tuple[float, float]:
    """Factor and summand that turn what images reach at the input into its range in the file."""
    at = given.input[0]
    low, high = float(reached.lowest[:, at].min()), float(reached.highest[:, at].max())
    factor = float(given.high[at] - given.low[at]) / max(high - low, _TINY)
    return factor, float(given.low[at]) - factor * low


def distance(given: FileRanges, reached: Reached) -> float:
    """Root mean square of the logarithms of inner ranges over what all images reach."""
    found = np.log(np.maximum(widths(given, reached)[given.inner], _TINY))
    return float(np.sqrt(np.mean(found**2))) if len(found) else 0.0


def cause_of(
    given: FileRanges, whole: Reached, readings: Sequence[Reached], same_formula: Sequence[int], loss_db: float
) -> Cause | None:
    """What explains ranges that lose ``loss_db`` against those of the images; None where they lose no more than chance.

    ``readings``: of the same few images, the first is the right one, which ``whole`` has of all images.
    ``same_formula``: of each, which normalisation it has; those that differ in the order of channels alone have the
    same.
    """
    if loss_db < LOSS_DB:
        return None
    fitting = [place for place, one in enumerate(readings) if input_fits(given, one)]
    far = {place: distance(given, readings[place]) for place in fitting}
    if 0 not in fitting:
        return _normalisation(far, same_formula)
    best = min(far, key=lambda place: far[place])
    if far[0] > max(CLEARLY * far[best], ALIKE / 2) and far[best] <= ALIKE:
        return Cause("channels" if same_formula[best] == same_formula[0] else "normalisation", best)
    return _of_images(given, whole)


def of_calibration(
    given: FileRanges, readings: Sequence[Reached], same_formula: Sequence[int]
) -> tuple[bool, Cause | None]:
    """Whether the ranges are those of the very images in one of the ``readings``; and what is wrong then."""
    far = [distance(given, one) if input_fits(given, one) else np.inf for one in readings]
    best = int(np.argmin(far))
    images = len(readings[0].highest)
    if far[best] > SAME:
        return False, None
    if best and far[0] > CLEARLY * far[best]:
        return True, Cause("channels" if same_formula[best] == same_formula[0] else "normalisation", best)
    return True, Cause("few_images", images=images) if images < FEWEST else None


def _normalisation(far: dict[int, float], same_formula: Sequence[int]) -> Cause:
    """The reading that explains the ranges, if only one normalisation does."""
    if not far:
        return Cause("unknown")
    best = min(far, key=lambda place: far[place])
    others = [one for place, one in far.items() if same_formula[place] != same_formula[best]]
    if far[best] > ALIKE or min(others, default=np.inf) < CLEARLY * far[best]:
        return Cause("unknown")
    return Cause("normalisation", best)


def _of_images(given: FileRanges, reached: Reached) -> Cause:
    """Few images, or others than these: by where the ranges end among what single images reach."""
    at = given.inner
    wide = widths(given, reached)[at] > WIDE
    narrow = given.high[at] < OUTSIDE * reached.highest.min(axis=0)[at]
    cut = float(images_cut(given, reached)[at].mean())
    if not wide.any() and not narrow.any() and cut >= FEW:
        return Cause("few_images", images=max(1 / cut - 1, 1.0))
    if (wide | narrow).mean() >= 0.5:
        return Cause("other_images")
    return Cause("unknown")
