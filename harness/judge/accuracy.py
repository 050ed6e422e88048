"""Top-k and its statistics. Ties break by lowest class index, everywhere."""

from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

Z_95 = 1.959963984540054
"""The 97.5th percentile of the standard normal distribution."""


def top_k(logits: NDArray[Any], k: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """The ``k`` best outputs of each row of ``logits`` (N, outputs): indices (N, k) int32 and scores (N, k) float32.

    Best first; equal scores in order of their index. ``logits`` must be finite.
    """
    order = np.argsort(-logits, axis=1, kind="stable")[:, :k]
    return order.astype(np.int32), np.take_along_axis(logits, order, axis=1).astype(np.float32)


def log_softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """The logarithms of the probabilities, (N, outputs)."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)), dtype=np.float64)


def correct(top: NDArray[np.int32], labels: NDArray[np.int64]) -> tuple[int, int]:
    """How many rows of ``top`` (N, k) have their label first, and how many have it at all."""
    hits = top == labels[:, None]
    return int(hits[:, 0].sum()), int(hits.any(axis=1).sum())


def wilson_interval(successes: int, trials: int) -> tuple[float, float]:
    """The Wilson score interval of a proportion at 95 %, as fractions (Wilson 1927)."""
    share = successes / trials
    denominator = 1 + Z_95**2 / trials
    centre = (share + Z_95**2 / (2 * trials)) / denominator
    half = Z_95 / denominator * sqrt(share * (1 - share) / trials + Z_95**2 / (4 * trials**2))
    return max(0.0, centre - half), min(1.0, centre + half)
