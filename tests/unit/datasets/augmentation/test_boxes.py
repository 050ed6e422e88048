"""Boxes are those of the libraries that define them, for draws that tests/studies/augmentation_boxes.py recorded."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alexbench.datasets.augmentation.boxes import Box, distorted_bounding_box, random_resized_crop
from alexbench.datasets.augmentation.draws import CounterDraws, Draws, epoch_order

RECORDED = json.loads((Path(__file__).parents[3] / "fixtures" / "augmentation" / "boxes.json").read_text())
Boxes = Callable[[int, int, Draws], Box]


class Replayed:
    """Draws that a library made."""

    def __init__(self, draws: list[float]) -> None:
        self._draws: Iterator[float] = iter(draws)

    def uniform(self, low: float, high: float) -> float:
        return next(self._draws)

    def below(self, bound: int) -> int:
        return int(next(self._draws))

    @property
    def left(self) -> list[float]:
        return list(self._draws)


@pytest.mark.parametrize(
    ("library", "boxes"), [("torchvision", random_resized_crop), ("tensorflow", distorted_bounding_box)]
)
def test_each_box_is_the_librarys_for_its_draws(library: str, boxes: Boxes) -> None:
    recorded: list[dict[str, Any]] = RECORDED[library]
    assert len(recorded) == 280
    for one in recorded:
        draws = Replayed(one["draws"])
        assert list(boxes(*one["size"], draws)) == one["box"], one
        assert draws.left == []


@pytest.mark.parametrize(
    ("boxes", "areas", "ratios"),
    [(random_resized_crop, (0.08, 1.0), (3 / 4, 4 / 3)), (distorted_bounding_box, (0.1, 1.0), (0.75, 1.33))],
)
def test_our_own_draws_give_boxes_within_the_published_bounds(
    boxes: Boxes, areas: tuple[float, float], ratios: tuple[float, float]
) -> None:
    found = [boxes(500, 375, CounterDraws(seed=1, epoch=0, position=place)) for place in range(500)]
    area = np.array([box.width * box.height / (500 * 375) for box in found])
    ratio = np.array([box.width / box.height for box in found])
    assert areas[0] - 0.005 <= area.min()
    assert area.max() <= areas[1]
    assert ratios[0] - 0.02 <= ratio.min()
    assert ratio.max() <= ratios[1] + 0.02
    assert all(0 <= box.top <= 375 - box.height and 0 <= box.left <= 500 - box.width for box in found)
    recorded = RECORDED["torchvision" if boxes is random_resized_crop else "tensorflow"]
    theirs = np.array([one["box"][2] * one["box"][3] for one in recorded if one["size"] == [500, 375]]) / (500 * 375)
    assert abs(area.mean() - theirs.mean()) < 3 * theirs.std() / np.sqrt(len(theirs))


def test_draws_depend_on_seed_epoch_and_position_and_on_nothing_else() -> None:
    keys = [(seed, epoch, position) for seed in (1, 2) for epoch in (0, 1) for position in (0, 1)]
    found = {key: CounterDraws(seed=key[0], epoch=key[1], position=key[2]).uniform(0.0, 1.0) for key in keys}
    assert len(set(found.values())) == len(keys)
    again = CounterDraws(seed=2, epoch=1, position=1)
    assert again.uniform(0.0, 1.0) == found[2, 1, 1]
    assert {again.below(3) for _ in range(50)} == {0, 1, 2}


def test_the_streams_are_the_same_words_on_every_machine() -> None:
    draws = CounterDraws(seed=1, epoch=2, position=3)
    assert [draws.below(1000) for _ in range(4)] == [404, 429, 207, 776]
    assert epoch_order(8, seed=1, epoch=0).tolist() == [3, 5, 2, 7, 0, 6, 1, 4]
