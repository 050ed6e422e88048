"""Holding a backend's logits against float64: is it still the same function?

Tolerances are on max abs error over sigma and on SQNR, not on relative error or ULP: a logit near zero gave 1.8 million
ULP among correct fp32 runtimes. sigma is the standard deviation of the float64 logits.
"""

from dataclasses import dataclass
from math import log10
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from alexbench.harness.judge.top_k import log_softmax, top_k
from alexbench.harness.records.precisions import QUANTISED, Arithmetic


@dataclass(frozen=True, slots=True)
class Tolerance:
    """What a precision may deviate: max abs error over sigma at most, signal to noise at least (dB).

    ``noise``: the error over sigma that explains a mismatch, if it is not the largest allowed error.
    """

    max_abs_over_sigma: float
    sqnr_db: float
    noise: float | None = None

    @property
    def explains(self) -> float:
        """The error over sigma by which rounding may turn an answer."""
        return self.max_abs_over_sigma if self.noise is None else self.noise


_HALF: Final = Tolerance(0.05, 44.0)
_FEW_BITS: Final = Tolerance(5.0, 12.0, noise=1.0)
TOLERANCES: Final = {
    "fp64": Tolerance(1e-4, 100.0),
    "fp32": Tolerance(1e-4, 100.0),
    "tf32": _HALF,
    "fp16": _HALF,
    "int16": _HALF,
    "bf16": Tolerance(0.25, 31.0, noise=0.15),
    "int8": Tolerance(5.0, 20.0, noise=0.5),
    "fp8": _FEW_BITS,
    "int4": _FEW_BITS,
    "int2": _FEW_BITS,
}
"""By precision. For AlexNet (docs/reference/accuracy.md): fp32 1.4e-5 to 3.7e-5 and 117 to 125 dB. bf16: exact products
and sums between roundings of inputs, weights and each layer's outputs came to 0.11 to 0.14 sigma and 32.8 to 35.1 dB on
the synthetic images and weights of three cards, so a runtime cannot do better that stores its layers so.

fp16: eleven files of four runtimes came to 0.0028 to 0.018 sigma and 65 to 50.5 dB on `owt`, the worst with sums in
fp16 as well; 11 bits cost 6 dB more on `bvlc` than on `owt`. For quantised files the bounds are expected: in 8 bits
good ones came to 24 to 38 dB, one whose kernels saturate to 12.9; in 4 bits rounded layers to 14 to 21 dB. What is
beyond the calibrated range is cut off (1.9 sigma in a good file of 29.5 dB), so that their largest error says little;
noise of 20 dB is 0.1 sigma, and below 0.5 in one of a million values."""

QUANTISED_ROUNDING: Final = 0.01
"""Sigma: a last bit of fp32 moves a value to the next of 256 steps now and then; ONNX Runtime's and OpenVINO's static
files gave the same bits in every batch, dynamic ones 0.2 to 0.3 sigma (docs/reference/accuracy.md)."""

DECIBELS_A_BIT: Final = 6.0206
"""20 log10(2): a significand one bit longer halves the error."""
FLOAT64_BITS: Final = 53.0

_CLASSES: Final[tuple[tuple[float, Arithmetic], ...]] = (
    (17.0, "fp32"),
    (13.1, "no known precision"),
    (8.1, "11 bits"),
    (5.0, "8 bits"),
    (3.3, "no known precision"),
)
"""Effective bits from which on -> as what an error that large is known; below the last, another function (20 dB).

Measured with the inputs and weights of each layer rounded, on three networks (docs/reference/accuracy.md), with
synthetic and random weights: fp32 18.3 to 20.7 effective bits, 16 bits 14.1 to 15.7, 11 bits 9.4 to 11.7, fp16 with
sums in fp16 8.4, 8 bits and bf16 5.5 to 7.8, 4 bits 2.4 to 4.3. Borders lie between."""

_CLAIMS: Final[dict[str, Arithmetic]] = {
    "fp64": "fp32",
    "fp32": "fp32",
    "bf16": "8 bits",
    "fp16": "11 bits",
    "tf32": "11 bits",
}

EXACT_DB: Final = 400.0
"""SQNR of an exact match, for JSON has no infinity; float64 itself ends at 320 dB."""
FARTHEST: Final = 1e9
"""Error over sigma where sigma is 0, for the same reason."""


def tolerance_of(precision: str) -> Tolerance:
    """What a row may deviate that is rounded to ``precision``; fp32's where nobody knows it."""
    return TOLERANCES.get(precision, TOLERANCES["fp32"])


def batch_dependence(
    alone: NDArray[Any], together: NDArray[Any], *, computed: str, beside: NDArray[Any] | None = None
) -> float | None:
    """By how many standard deviations of the scores an image's scores change with the rest of its batch.

    ``alone`` and ``together`` (N, outputs) are of the same images, ``beside`` all scores of the batch (``together``).
    None for no more than rounding in ``computed`` explains: another batch may be summed in another order. Whole numbers
    are summed exactly, what lies between them is not: QUANTISED_ROUNDING.
    """
    with np.errstate(invalid="ignore"):  # what is not finite is refused elsewhere
        sigma = float((together if beside is None else beside).std(dtype=np.float64))
        largest = float(np.abs(alone.astype(np.float64) - together).max())
    bound = QUANTISED_ROUNDING if computed in QUANTISED else tolerance_of(computed).max_abs_over_sigma
    return largest / sigma if sigma > 0 and largest > bound * sigma else None


@dataclass(frozen=True, slots=True)
class Deviation:
    """How far ``found`` logits are from float64 ones. ``cosine`` is the least over images, about their mean logit.

    ``kl``: the mean divergence of the softmaxes, float64 || found, nats. ``top5_overlap``: the mean share of float64's
    top 5 that are among the found ones, 0..1.
    """

    max_abs_over_sigma: float
    sqnr_db: float
    cosine: float
    kl: float = 0.0
    top5_overlap: float = 1.0

    @property
    def effective_bits(self) -> float:
        """The bits of a significand with such a rounding error: SQNR / 6.02 dB, at most float64's own 53."""
        return min(self.sqnr_db / DECIBELS_A_BIT, FLOAT64_BITS)

    def within(self, tolerance: Tolerance) -> bool:
        """Whether both bounds hold; NaN is never within."""
        return self.max_abs_over_sigma <= tolerance.max_abs_over_sigma and self.sqnr_db >= tolerance.sqnr_db


def deviation(found: NDArray[Any], truth: NDArray[np.float64]) -> Deviation:
    """Compare logits (N, outputs) with float64 logits of the same images.

    SQNR is 10 log10(variance of float64 / mean square error): about the mean, so that a constant offset that all
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
    return Deviation(over_sigma, sqnr, float(cosines.min()), kl_divergence(found, truth), top5_overlap(found, truth))


def kl_divergence(found: NDArray[Any], truth: NDArray[np.float64]) -> float:
    """Mean over images of the divergence of the softmaxes of logits (N, outputs), float64 || found, in nats."""
    wanted, got = log_softmax(truth), log_softmax(found.astype(np.float64))
    # Never negative but by rounding, which at fp32's 1e-12 is in sight.
    return float(np.maximum(0.0, np.mean(np.sum(np.exp(wanted) * (wanted - got), axis=1))))


def top5_overlap(found: NDArray[Any], truth: NDArray[np.float64]) -> float:
    """Mean over images of the share of ``truth``'s top 5 (of all, where outputs are fewer) in ``found``'s."""
    wanted, got = top_k(truth, 5)[0], top_k(found, 5)[0]
    return float(np.mean((wanted[:, :, None] == got[:, None, :]).any(axis=2)))


def computed_as(effective_bits: float) -> Arithmetic:
    """The precision whose rounding makes such an error, by error alone."""
    for least, name in _CLASSES:
        if effective_bits >= least:
            return name
    return "another function"


def as_claimed(claims: str, found: Arithmetic, *, within: bool = False) -> bool | None:
    """Whether a row that ``claims`` a precision (``fp32``) was ``found`` (by :func:`computed_as`) to compute in it.

    None if unknown: the error is not that of a precision, or that of quantised rows depends on their calibration.
    ``within``: of its own tolerance, so that it computes in no less than it claims; more is still told.
    """
    expected = _CLAIMS.get(claims)
    if within and expected == "11 bits" and found == "8 bits":
        return True
    if found in ("no known precision", "another function") or expected is None:
        return None
    return found == expected


def is_explained(truth: NDArray[np.float64], first: int, second: int, *, sigma: float, tolerance: Tolerance) -> bool:
    """Whether a disagreement between outputs ``first`` and ``second`` on one image is rounding.

    It is when float64's own margin between the two, in ``truth`` (outputs,), is at most twice the precision's
    tolerance times sigma; never by the difference observed on that image, which would explain every mismatch.
    """
    return abs(float(truth[first] - truth[second])) <= 2 * tolerance.explains * sigma
