"""What kind of numbers a model's outputs are, told from the numbers alone: logits, or a softmax once or twice over."""

import math
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from alexbench.harness.judge.parity import deviation
from alexbench.harness.judge.top_k import log_softmax

Kind = Literal["logits", "probabilities", "probabilities of probabilities"]

_SUM_TOLERANCE: Final = 1e-3
"""float32 sums of a thousand probabilities stay within 1e-5; float16 within 1e-3."""
_LEAST: Final = {"probabilities": 1e-30, "probabilities of probabilities": 1e-8}
"""Below, float32 has no numbers; what a second softmax leaves of a probability is known to 6e-8."""


def kind_of(outputs: NDArray[Any]) -> Kind:
    """The kind of ``outputs`` (N, classes); every row must agree.

    Probabilities are not negative and add up to 1. In addition, a softmax of probabilities has no two values further
    apart than a factor e; and taking its logarithm back must give rows that are probabilities again.
    """
    values = outputs.astype(np.float64)
    if not _are_probabilities(values):
        return "logits"
    least, greatest = values.min(axis=1), values.max(axis=1)
    if (least > 0).all() and (greatest <= least * math.e * (1 + 1e-4)).all():
        within = _without_softmax(values)
        # Logits so flat that they pass for probabilities by chance would have to be so in every row.
        if (within >= -_SUM_TOLERANCE / values.shape[1]).all():
            return "probabilities of probabilities"
    return "probabilities"


def as_logits(outputs: NDArray[Any], kind: Kind) -> NDArray[np.float64]:
    """Logits, up to a constant a row, of outputs of that kind."""
    values = outputs.astype(np.float64)
    if kind == "logits":
        return values
    if kind == "probabilities of probabilities":
        values = _without_softmax(values)
    return np.log(np.maximum(values, _LEAST[kind]))


def as_compared(truth: NDArray[np.float64], kind: Kind) -> NDArray[np.float64]:
    """Float64 logits as :func:`as_logits` makes them of outputs of that kind: where those end, they end."""
    return truth if kind == "logits" else np.maximum(log_softmax(truth), math.log(_LEAST[kind]))


def agreement_db(outputs: NDArray[Any], truth: NDArray[np.float64], kind: Kind) -> float:
    """Signal to noise (dB) of ``outputs`` of that kind against logits ``truth``, both (N, classes).

    Logits are compared with logits, apart from a constant of each row; probabilities by their logarithms, down to what
    float32 can hold; what a second softmax left by the probabilities under it.
    """
    if kind == "logits":
        values = outputs.astype(np.float64)
        return _sqnr(values - values.mean(axis=1, keepdims=True), truth - truth.mean(axis=1, keepdims=True))
    if kind == "probabilities":
        return _sqnr(as_logits(outputs, kind), as_compared(truth, kind))
    return _sqnr(_without_softmax(outputs.astype(np.float64)), np.exp(log_softmax(truth)))


def _sqnr(found: NDArray[np.float64], truth: NDArray[np.float64]) -> float:
    return deviation(found, truth).sqnr_db


def _are_probabilities(values: NDArray[np.float64]) -> bool:
    return bool((values >= 0).all() and (np.abs(values.sum(axis=1) - 1) <= _SUM_TOLERANCE).all())


def _without_softmax(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The probabilities (adding up to 1) whose softmax ``values`` are."""
    logs = np.log(values)
    found: NDArray[np.float64] = logs + ((1 - logs.sum(axis=1, keepdims=True)) / values.shape[1])
    return found
