"""How well outputs answer for their labels, finer than top-1: what the doctor ranks its hypotheses by."""

import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from alexbench.harness.records.paired_records import Difference

ROW_SPREAD: Final = 2.5
"""The standard deviation that each image's logits are scaled to; about that of a trained AlexNet's."""
CONFIDENCE: Final = 0.95
KINDS: Final = 2
"""By which one reading may be shown to be better than another: evidence, and right answers. Each has half the level."""


def evidence(logits: NDArray[Any], labels: NDArray[np.int64], among: NDArray[np.int64]) -> NDArray[np.float64]:
    """How much likelier (nats) each label is under its row of ``logits`` (N, outputs) than one of ``among``: (N,).

    Each row is scaled to a standard deviation of ROW_SPREAD first, so that a model is not judged by how sure it is of
    itself: with the mean forgotten, raw likelihoods are decided by a few images. ``among``: the labels of all
    images; the mean over them is taken off, so that labels that have nothing to do with the images have 0 on
    average, whatever the rows look like, flat ones too. Rows that are all equal, or not finite, say nothing: 0. A label
    that is not an output is as unlikely as the row's least likely one.
    """
    return evidence_of(spread(logits), labels, among)


def spread(logits: NDArray[Any]) -> NDArray[np.float64]:
    """Rows (N, outputs) about their mean, scaled to ROW_SPREAD; 0 where all are equal or one is not finite."""
    finite = np.isfinite(logits).all(axis=1, keepdims=True)
    values = np.where(finite, logits, 0.0).astype(np.float64)
    values -= values.mean(axis=1, keepdims=True)
    deviation = values.std(axis=1, keepdims=True)
    return np.asarray(ROW_SPREAD * values / np.where(deviation > 0, deviation, 1.0), dtype=np.float64)


def evidence_of(
    scores: NDArray[np.float64], labels: NDArray[np.int64], among: NDArray[np.int64]
) -> NDArray[np.float64]:
    """The label's score in each row of :func:`spread`'s answer, less the mean over the labels ``among``.

    Scores are log-likelihoods but for a constant of the row, which the difference does not have.
    """
    outputs = scores.shape[1]
    known = (labels >= 0) & (labels < outputs)
    chosen = np.take_along_axis(scores, np.where(known, labels, 0)[:, None], axis=1)[:, 0]
    shares = np.bincount(among[(among >= 0) & (among < outputs)], minlength=outputs) / len(among)
    return np.where(known, chosen, scores.min(axis=1)) - scores @ shares


def paired_difference(first: NDArray[np.float64], second: NDArray[np.float64], *, comparisons: int = 1) -> Difference:
    """The mean of ``first - second`` with Student's interval.

    ``comparisons``: of how many this is one; all their intervals hold together with CONFIDENCE (Bonferroni).
    """
    differences = first - second
    count = len(differences)
    mean = float(differences.mean())
    error = float(differences.std(ddof=1)) / math.sqrt(count) if count > 1 else math.inf
    half = float(student.ppf(1 - (1 - CONFIDENCE) / (2 * comparisons), max(count - 1, 1))) * error
    return Difference(mean, mean - half, mean + half, error, count)
