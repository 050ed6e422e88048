"""Whether a runtime trains the same network: its losses step by step, next to float64's."""

import math
from collections.abc import Sequence
from typing import Final

LOSS_TOLERANCE: Final = 1e-4
"""The largest relative difference of a loss in the first steps. float32 gives about 1e-6 at the first step; each update
carries the rounding of the one before. A wrong layer, gradient or optimizer differs by more than 1e-2."""


def loss_error(losses: Sequence[float], reference: Sequence[float]) -> float:
    """The largest difference of a loss as a share of the reference's; infinite where one is missing or not finite."""
    if len(losses) != len(reference) or not all(map(math.isfinite, losses)):
        return math.inf
    return max((abs(mine - its) / abs(its) for mine, its in zip(losses, reference, strict=True)), default=math.inf)
