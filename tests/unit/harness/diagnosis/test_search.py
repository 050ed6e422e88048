"""The doctor's search and what it confirms, with images that are made up: what each reading has right is known."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray

from alexbench.harness.diagnosis.doctor import confirm
from alexbench.harness.diagnosis.search import Search
from alexbench.harness.models.card import Card, load_card
from alexbench.harness.probing.reading import Reading
from alexbench.harness.records.diagnosis_records import Finding

IMAGES = 100
CARD = load_card("torchvision")
RIGHT = Reading(replace(CARD.preprocessing, name=""))
SQUASHED = replace(RIGHT, fed=replace(RIGHT.fed, resize="squash"))


@dataclass(frozen=True)
class ModelUnderTest:
    """As much of one as a search asks for."""

    given: Reading
    card: Card = CARD
    native: bool = False


@dataclass(frozen=True)
class Trials:
    """Images for which labels say next to nothing; ``share``: of them that a reading has right, 0..1."""

    share: Callable[[Reading], float]
    seed: int
    mean: Callable[[Reading], float] = lambda _: 0.0

    def __len__(self) -> int:
        return IMAGES

    def _generator(self, reading: Reading) -> np.random.Generator:
        return np.random.default_rng([self.seed, *repr(reading).encode()])

    def evidence(self, reading: Reading, images: int) -> NDArray[np.float64]:
        return self.mean(reading) + self._generator(reading).normal(size=IMAGES)[:images]

    def hits(self, reading: Reading, images: int) -> NDArray[np.bool_]:
        return (self._generator(reading).random(IMAGES) < self.share(reading))[:images]


def searched(given: Reading, trials: Trials) -> tuple[Reading, list[Finding], list[Finding]]:
    search = Search(cast("Any", trials), cast("Any", ModelUnderTest(given)), lambda _: None, given)
    search.run()
    return search.at, *confirm(search, IMAGES)


def test_what_is_answered_rightly_decides_where_labels_are_hardly_likelier() -> None:
    at, findings, leanings = searched(SQUASHED, Trials(lambda one: 1.0 if one == RIGHT else 0.6, 1))
    assert at == RIGHT
    assert [one.change.factor for one in findings] == ["resize"]
    assert not leanings
    worth, top1 = findings[0].worth, findings[0].top1
    assert worth is not None
    assert not worth.above
    assert top1 is not None
    assert top1.gained > 30
    assert top1.lost == 0


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_readings_that_are_alike_are_no_findings(share: float) -> None:
    for seed in range(4):
        at, findings, _ = searched(RIGHT, Trials(lambda _: share, seed))
        assert (at, findings) == (RIGHT, [])


def test_what_labels_like_more_and_is_right_less_often_is_no_finding() -> None:
    def liked(one: Reading) -> float:
        return 2.0 if one == SQUASHED else 0.0

    at, findings, _ = searched(RIGHT, Trials(lambda one: 0.3 if one == SQUASHED else 0.9, 3, liked))
    assert (at, findings) == (RIGHT, [])


def test_a_normalisation_that_undoes_something_else_in_part_is_not_taken_for_it() -> None:
    def share(one: Reading) -> float:
        return 0.4 if one.fed.std != RIGHT.fed.std else 0.02

    assert searched(RIGHT, Trials(share, 4))[:2] == (RIGHT, [])
