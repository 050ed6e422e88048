"""What makes an error against float64: rounding to few bits, one layer's weights in another scale, or neither.

By its size alone nobody can tell rounding from slightly wrong weights. By its structure one can: the reference is
computed once more with the rounding, and its error is like the one found or has nothing to do with it; and an error
that a scaled layer makes lies in one direction, which the reference gives too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
Name = TypeVar("Name")
Rounded = Literal["all", "products", "weights"]
"""What is rounded: weights, biases, inputs and outputs of each product; its weights and inputs, as TF32 and bf16 units
do; or only weights and biases, as they are stored."""

ROUNDING: Final = 0.4
"""Correlation with a simulated rounding's error, from which on an error is that rounding.

Measured on `owt`, 8 photographs: PyTorch in bf16 and fp16, OpenVINO in bf16, weights stored in either, TF32 simulated:
0.67 to 1.00. Weights scaled, permuted, zeroed, with noise or with one of them off, and weights in int8: at most 0.15.
"""
SCALED: Final = 1e-2
"""Share of an error's power that a scaled layer leaves unexplained at most; measured: 1e-11 to 2e-7 (1 to 1.02)."""


@dataclass(frozen=True, slots=True)
class Cause:
    """What the error is. ``layer`` and ``scale``: of the layer whose weights are scaled, where one explains all of it.

    Else ``rounded``: what is rounded to how many ``bits`` where it is most like it; ``correlation``: how much.
    """

    rounded: Rounded = "all"
    bits: int = 0
    correlation: float = 0.0
    layer: str | None = None
    scale: float = 1.0

    @property
    def is_rounding(self) -> bool:
        """Whether it is that rounding beyond doubt."""
        return self.correlation >= ROUNDING


def about_rows(scores: NDArray[Any]) -> Values:
    """Scores (N, outputs) about each row's mean: a constant that an image's logits share says nothing."""
    values = scores.astype(np.float64)
    return np.asarray(values - values.mean(axis=1, keepdims=True), dtype=np.float64)


def resemblance(error: Values, simulated: Mapping[Name, Values], besides: Sequence[Values]) -> tuple[Name, float]:
    """The simulated error that ``error`` resembles most, all (N, outputs), and the correlation (-1..1).

    ``besides``: directions that are taken out of both first: what any scale does, which rounding does a little too.
    """
    taken = np.linalg.qr(np.stack([one.ravel() for one in besides], axis=1))[0]
    left = _without(error, taken)
    found = {name: _correlation(left, _without(one, taken)) for name, one in simulated.items()}
    best = max(found, key=lambda name: found[name])
    return best, found[best]


def along(error: Values, direction: Values) -> tuple[float, float]:
    """How far ``error`` goes in ``direction``, and the share of its power (0..1) that this leaves unexplained."""
    power = float(np.vdot(direction, direction))
    if power == 0:
        return 0.0, 1.0
    factor = float(np.vdot(error, direction)) / power
    left = error - factor * direction
    return factor, float(np.vdot(left, left) / max(float(np.vdot(error, error)), np.finfo(np.float64).tiny))


def _without(values: Values, taken: Values) -> Values:
    flat = values.ravel()
    return np.asarray(flat - taken @ (taken.T @ flat), dtype=np.float64)


def _correlation(first: Values, second: Values) -> float:
    power = float(np.vdot(first, first) * np.vdot(second, second))
    return float(np.vdot(first, second)) / power**0.5 if power > 0 else 0.0
