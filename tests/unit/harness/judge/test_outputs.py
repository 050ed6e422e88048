"""What kind of numbers outputs are: told from the numbers, and taken back to logits."""

import numpy as np
import pytest
from scipy.special import softmax

from alexbench.harness.judge.outputs import Kind, agreement_db, as_logits, kind_of


def logits(images: int = 32, *, scale: float = 3.0) -> np.ndarray:
    return np.random.default_rng(1).normal(scale=scale, size=(images, 1000))


MADE = {
    "logits": lambda values: values,
    "probabilities": lambda values: softmax(values, axis=1),
    "probabilities of probabilities": lambda values: softmax(softmax(values, axis=1), axis=1),
}


@pytest.mark.parametrize("kind", MADE)
@pytest.mark.parametrize("scale", [0.5, 3.0, 8.0])
def test_each_kind_is_told_from_float32_numbers(kind: Kind, scale: float) -> None:
    assert kind_of(MADE[kind](logits(scale=scale)).astype(np.float32)) == kind


def test_a_very_flat_softmax_is_not_taken_for_two() -> None:
    assert kind_of(softmax(logits(scale=0.1), axis=1).astype(np.float32)) == "probabilities"


@pytest.mark.parametrize("kind", MADE)
def test_the_order_of_the_classes_survives_the_way_back(kind: Kind) -> None:
    found = as_logits(MADE[kind](logits()).astype(np.float32), kind)
    assert (found.argmax(axis=1) == logits().argmax(axis=1)).all()


@pytest.mark.parametrize("kind", MADE)
def test_a_model_agrees_with_its_own_logits_and_not_with_anothers(kind: Kind) -> None:
    outputs = MADE[kind](logits(scale=6.0)).astype(np.float32)
    assert agreement_db(outputs, logits(scale=6.0) + 5.0, kind) > 60
    assert agreement_db(outputs, np.roll(logits(scale=6.0), 1, axis=1), kind) < 10
