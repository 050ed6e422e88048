"""Outputs that nothing may be scored by: a broken model has no accuracy, and its symptom has a name.

Looked for in every batch, so cheap where all is well: pixels are compared only where outputs are equal to the bit.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

TOLD_APART: Final = 1.0
"""Images differ when their pixels do by more than so many of 255 levels on average: of two encodings of one image,
a network in few bits may well think exactly the same."""
TELLING: Final = 16
"""Distinct values in an image's scores, from which on no other image has the same by right. A softmax in 8 bits that
is sure says 1 and 999 zeros, and the next image of that class may get the same."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What went in and what came out: ``pixels`` (N, H, W, 3) uint8, ``logits`` (N, outputs), the first one's place."""

    first: int
    pixels: NDArray[np.uint8]
    logits: NDArray[Any]


def symptom(batch: Batch, before: Batch | None) -> str | None:
    """What is wrong with a batch, in one line, None for nothing; ``before``: the one computed just before it.

    ``before.logits`` must be a copy: a backend may hand out the same memory every time.
    """
    return (
        not_finite(batch.logits, first=batch.first)
        or same_for_every_class(batch.logits, first=batch.first)
        or same_for_every_picture(batch)
        or (None if before is None else same_as_before(batch, before))
    )


def not_finite(logits: NDArray[Any], *, first: int = 0) -> str | None:
    """Whether there are NaN or infinities; ``first``: the place of the first image."""
    finite = np.isfinite(logits)
    if finite.all():
        return None
    bad = np.flatnonzero(~finite.all(axis=1))
    kind = "NaN" if np.isnan(logits[bad[0]]).any() else "infinity"
    return (
        f"logits of image {first + int(bad[0])} are not finite ({kind}; {len(bad)} of {len(logits)} images of this"
        " batch); commonly an overflow in few bits, or weights or pixels misread"
    )


def same_for_every_class(logits: NDArray[Any], *, first: int = 0) -> str | None:
    """Whether an image's logits are all equal; a whole batch of zeros is called dead."""
    if logits.shape[1] < 2:
        return None
    bad = np.flatnonzero((logits == logits[:, :1]).all(axis=1))
    if not len(bad):
        return None
    place = first + int(bad[0])
    if not logits.any():
        return (
            f"dead batch: all logits of image {place} and the {len(logits) - 1} after it are 0; commonly an output"
            " buffer that was never written, or read before the device was done"
        )
    return (
        f"no answer: logits of image {place} are the same for every class ({len(bad)} of {len(logits)} images of"
        " this batch); commonly a last layer without its weights"
    )


def same_for_every_picture(batch: Batch) -> str | None:
    """Whether images that differ all have the same logits."""
    logits = batch.logits
    if len(logits) < 2 or not np.array_equal(logits[1:], logits[:-1]) or not _telling(logits[:1]):
        return None
    others = _differing(batch.pixels[1:], np.broadcast_to(batch.pixels[0], batch.pixels[1:].shape))
    if not len(others):
        return None
    return (
        f"constant output: images {batch.first} and {batch.first + 1 + int(others[0])} differ and have the same"
        f" logits, as have all {len(logits)} of this batch; commonly an input that never arrives, or activations that"
        " all died"
    )


def same_as_before(batch: Batch, before: Batch) -> str | None:
    """Whether a batch has the outputs of the one before, as far as both go, although the images differ."""
    common = min(len(batch.logits), len(before.logits))
    if not np.array_equal(batch.logits[:common], before.logits[:common]) or not _telling(batch.logits[:common]):
        return None
    others = _differing(batch.pixels[:common], before.pixels[:common])
    if not len(others):
        return None
    return (
        f"stale output: logits of image {batch.first + int(others[0])} are those of image"
        f" {before.first + int(others[0])}, which differs, and so on for {len(others)} of this batch's"
        f" {len(batch.logits)}; commonly a buffer that is read before it is written"
    )


def _telling(logits: NDArray[Any]) -> bool:
    """Whether any of these images' scores are so many different ones that they cannot be another's by chance."""
    return any(len(np.unique(row)) >= TELLING for row in logits)


def _differing(some: NDArray[np.uint8], others: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Which images (N, H, W, 3) of the two differ by more than TOLD_APART."""
    apart = [
        float(np.abs(one.astype(np.int16) - other).mean()) > TOLD_APART for one, other in zip(some, others, strict=True)
    ]
    return np.flatnonzero(apart).astype(np.int64)
