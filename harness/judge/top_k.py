"""Top-k and what is right of it. Ties break by lowest class index, everywhere."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


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
