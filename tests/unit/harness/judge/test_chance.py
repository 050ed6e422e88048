"""Top-1 against guessing: exact, by the labels and answers that there are, and silent where images are too few."""

import numpy as np
import pytest

from alexbench.harness.judge.chance import by_guessing, chance
from alexbench.harness.records.run_records import Accuracy


@pytest.mark.parametrize(
    ("correct", "images", "said"),
    [
        (0, 1, "too few"),
        (1, 1, "better"),
        (0, 12, "too few"),
        (0, 28, "too few"),
        (0, 29, "no better"),
        (1, 12, "too few"),
        (2, 12, "better"),
        (0, 512, "no better"),
        (1, 1000, "no better"),
        (2, 1000, "no better"),
        (5, 1000, "better"),
        (280, 512, "better"),
        (50, 50_000, "no better"),
        (80, 50_000, "better"),
    ],
)
def test_of_a_thousand_classes(correct: int, images: int, said: str) -> None:
    assert chance(correct, images, 1 / 1000) == said


def test_answers_that_do_not_look_at_the_image_are_a_guess() -> None:
    labels = np.repeat([0, 1], [90, 10])
    constant = np.zeros(100, int)
    luck = by_guessing(constant, labels, 2)
    assert luck == pytest.approx(0.9)
    assert chance(int((constant == labels).sum()), 100, luck) != "better"
    assert chance(100, 100, by_guessing(labels, labels, 2)) == "better"


def test_a_shuffled_answer_is_a_guess_and_the_right_one_is_not() -> None:
    random = np.random.default_rng(2)
    labels = random.integers(0, 10, 500)
    answers = np.where(random.random(500) < 0.6, labels, random.integers(0, 10, 500))
    assert chance(int((answers == labels).sum()), 500, by_guessing(answers, labels, 10)) == "better"
    shuffled = random.permutation(answers)
    assert chance(int((shuffled == labels).sum()), 500, by_guessing(shuffled, labels, 10)) == "no better"


def test_images_of_one_class_are_no_reason_to_call_a_model_a_guess() -> None:
    labels = np.full(40, 7)
    answers = np.where(np.arange(40) < 24, 7, 3)
    luck = by_guessing(answers, labels, 1000)
    assert luck == 1 / 1000
    assert chance(24, 40, luck) == "better"


def test_older_records_are_judged_where_nothing_was_right() -> None:
    assert Accuracy(512, 0, 0, 1.0).against_guessing == "no better"
    assert Accuracy(12, 0, 0, 1.0).against_guessing == "too few"
    assert Accuracy(512, 300, 400, 1.0).against_guessing is None
    assert Accuracy(512, 0, 0, 1.0, chance="better").against_guessing == "better"
