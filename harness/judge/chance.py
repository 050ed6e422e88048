"""Whether a top-1 is better than guessing: a model that answers at random, or always the same, knows nothing.

A guess is taken to answer as often with each class as the row did, without looking at the images. Records know how
many were right and how likely a guess is; that is enough for the exact binomial tails here.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from alexbench.harness.records.run_records import Chance

LEVEL: Final = 0.01
"""How seldom a guess is as good as what is called better."""
MISSED: Final = 0.05
"""How seldom a model that is right by TOLD more of the way is as bad as what is called no better."""
TOLD: Final = 0.1
"""A share of the way from guessing to all right: 10 % with a thousand classes. Any AlexNet with weights is better."""


def by_guessing(answers: NDArray[Any], labels: NDArray[Any], outputs: int) -> float:
    """How likely (0..1) an answer of this kind is right by luck; ``answers`` and ``labels`` (N,), outputs of the model.

    The mean over all pairings of answers with labels, at least 1 / ``outputs``. Where all images have one label a
    guess cannot be told from knowledge by it: 1 / ``outputs``.
    """
    least = 1 / outputs
    if len(np.unique(labels)) < 2:
        return least
    names, given = np.unique(answers, return_counts=True)
    wanted = dict(zip(*np.unique(labels, return_counts=True), strict=True))
    pairs = sum(int(count) * int(wanted.get(name, 0)) for name, count in zip(names, given, strict=True))
    return max(least, pairs / len(labels) ** 2)


def chance(correct: int, images: int, luck: float) -> Chance:
    """Whether ``correct`` of ``images`` are more than guesses that are right with probability ``luck``.

    ``too few``: neither a guess nor a model that knows a little would be surprising.
    """
    if float(binom.sf(correct - 1, images, luck)) <= LEVEL:
        return "better"
    if float(binom.cdf(correct, images, luck + TOLD * (1 - luck))) <= MISSED:
        return "no better"
    return "too few"
