"""Holding a backend's logits against float64: is it still the same function?

Tolerances are on max abs error over sigma and on SQNR, not on relative error or ULP: a logit near zero gave 1.8 million
ULP among correct fp32 runtimes. sigma is the standard deviation of the float64 logits.
"""

from dataclasses import dataclass
from math import log10
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Tolerance:
    """What a precision may deviate: max abs error over sigma at most, signal to noise at least (dB)."""

    max_abs_over_sigma: float
    sqnr_db: float


TOLERANCES: Final = {"fp32": Tolerance(1e-4, 100.0), "bf16": Tolerance(0.1, 35.0)}
"""By precision. Measured for AlexNet: fp32 1.4e-5 to 3.7e-5 and 117 to 125 dB, bf16 45 dB.

On the synthetic default (64 pictures) bf16 came to 0.04 (OpenVINO) and 0.15 (PyTorch, which so exceeds the bound)."""

EXACT_DB: Final = 400.0
"""SQNR of an exact match, for JSON has no infinity; float64 itself ends at 320 dB."""
FARTHEST: Final = 1e9
"""Error over sigma where sigma is 0, for the same reason."""


@dataclass(frozen=True, slots=True)
class Deviation:
    """How far ``found`` logits are from float64 ones. ``cosine`` is the least over pictures, about their mean logit."""

    max_abs_over_sigma: float
    sqnr_db: float
    cosine: float

    def within(self, tolerance: Tolerance) -> bool:
        """Whether both bounds hold; NaN is never within."""
        return self.max_abs_over_sigma <= tolerance.max_abs_over_sigma and self.sqnr_db >= tolerance.sqnr_db


def deviation(found: NDArray[Any], truth: NDArray[np.float64]) -> Deviation:
    """Compare logits (N, outputs) with float64 logits of the same pictures.

    SQNR is 10 log10(variance of the truth / mean square error): about the mean, so that a constant offset that all
    logits share does not flatter it. An exact match has EXACT_DB.
    """
    error = found.astype(np.float64) - truth
    sigma = float(truth.std())
    noise = float(np.mean(error**2))
    sqnr = EXACT_DB if noise == 0 else 10 * log10(sigma**2 / noise) if sigma > 0 else 0.0
    centred_found = found - found.mean(axis=1, keepdims=True, dtype=np.float64)
    centred_truth = truth - truth.mean(axis=1, keepdims=True)
    norms = np.linalg.norm(centred_found, axis=1) * np.linalg.norm(centred_truth, axis=1)
    cosines = np.sum(centred_found * centred_truth, axis=1) / np.where(norms > 0, norms, 1.0)
    largest = float(np.abs(error).max())
    # Logits that are all equal have no sigma to measure by: equal to them or as far off as can be.
    over_sigma = largest / sigma if sigma > 0 else 0.0 if largest == 0 else FARTHEST
    return Deviation(over_sigma, sqnr, float(cosines.min()))


def is_explained(truth: NDArray[np.float64], first: int, second: int, *, sigma: float, tolerance: Tolerance) -> bool:
    """Whether a disagreement between outputs ``first`` and ``second`` on one picture is rounding.

    It is when float64's own margin between the two, in ``truth`` (outputs,), is at most twice the precision's
    tolerance times sigma; never by the difference observed on that picture, which would explain every flip.
    """
    return abs(float(truth[first] - truth[second])) <= 2 * tolerance.max_abs_over_sigma * sigma
