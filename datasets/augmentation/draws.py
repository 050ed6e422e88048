"""Random draws by counter: the draws for an image depend on the seed, the epoch and its position, and on nothing else.

So training that resumes in the middle of an epoch gets the same batches, in any number of processes.
"""

from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

ORDER: Final = 0
"""Purpose of a stream: the order of an epoch's images."""
AUGMENTATION: Final = 1
"""Purpose of a stream: the crop and the mirroring of one image."""


class Draws(Protocol):
    """Where random numbers come from. Tests give the draws of the library that defines an augmentation."""

    def uniform(self, low: float, high: float) -> float:
        """A number from ``low`` to ``high``."""
        ...

    def below(self, bound: int) -> int:
        """A whole number from 0 to ``bound`` - 1."""
        ...


class CounterDraws:
    """Draws for the image at ``position`` in an epoch, from raw words of Philox 4x64, which NumPy promises to keep."""

    def __init__(self, *, seed: int, epoch: int, position: int) -> None:
        self._bits = _philox(seed, epoch, position, AUGMENTATION)

    def uniform(self, low: float, high: float) -> float:
        """53 random bits as a share of ``high`` - ``low``."""
        return low + (high - low) * (int(self._bits.random_raw()) >> 11) * 2.0**-53

    def below(self, bound: int) -> int:
        """The top 32 bits times ``bound``, as the synthetic images draw."""
        return (int(self._bits.random_raw()) >> 32) * bound >> 32


def epoch_order(images: int, *, seed: int, epoch: int) -> NDArray[np.int64]:
    """The positions 0 .. ``images`` - 1 in the order of an epoch, (images,)."""
    keys = _philox(seed, epoch, 0, ORDER).random_raw(images)
    return np.argsort(keys, kind="stable").astype(np.int64, copy=False)


def _philox(seed: int, epoch: int, position: int, purpose: int) -> np.random.Philox:
    # The counter's first word counts the draws; the others say what they are for.
    return np.random.Philox(
        key=np.array([seed, epoch], dtype=np.uint64), counter=np.array([0, position, purpose, 0], dtype=np.uint64)
    )
