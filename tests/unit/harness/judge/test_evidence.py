"""Evidence: the likelihood of labels that does not depend on how sure a model is of itself."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.special import log_softmax

from alexbench.harness.judge.evidence import ROW_SPREAD, evidence, paired_difference, spread

LABELS = np.arange(20) % 10


def logits(seed: int, *, right: float = 0.0) -> np.ndarray:
    made = np.random.default_rng(seed).normal(size=(20, 10))
    made[np.arange(20), LABELS] += right
    return made


def test_a_model_that_knows_its_labels_has_more_evidence_than_one_that_guesses() -> None:
    assert evidence(logits(1, right=3), LABELS, LABELS).mean() > evidence(logits(1), LABELS, LABELS).mean() + 1


@given(scale=st.floats(1e-3, 1e3), offset=st.floats(-100, 100))
def test_scaling_and_shifting_all_logits_changes_nothing(scale: float, offset: float) -> None:
    found = evidence(scale * logits(2) + offset, LABELS, LABELS)
    assert found == pytest.approx(evidence(logits(2), LABELS, LABELS), abs=1e-6)


def test_rows_are_scaled_to_the_spread() -> None:
    assert spread(logits(3)).std(axis=1) == pytest.approx(np.full(20, ROW_SPREAD))


def test_it_is_a_difference_of_log_likelihoods() -> None:
    chances = log_softmax(spread(logits(3)), axis=1)
    mean = chances[:, LABELS].mean(axis=1)
    assert evidence(logits(3), LABELS, LABELS) == pytest.approx(chances[np.arange(20), LABELS] - mean)


@pytest.mark.parametrize("power", [1.0, 3.0, 9.0])
def test_labels_that_have_nothing_to_do_with_the_images_have_none_however_flat_the_rows(power: float) -> None:
    generator = np.random.default_rng(8)
    peaked = np.sign(made := generator.normal(size=(4000, 30))) * np.abs(made) ** power
    peaked[:, 3] += 5  # a class that every image is taken for
    labels = generator.choice([3, 5, 7], size=4000, p=[0.8, 0.1, 0.1])
    found = evidence(peaked, labels, labels)
    assert abs(found.mean()) < 4 * found.std() / np.sqrt(4000)


def test_a_row_that_is_all_equal_or_not_finite_says_nothing() -> None:
    rows = np.stack([np.full(10, 7.0), np.array([np.nan] + [1.0] * 9), np.array([np.inf] + [1.0] * 9)])
    assert (evidence(rows, np.array([0, 1, 2]), LABELS) == 0).all()


def test_a_label_that_is_no_output_is_as_unlikely_as_the_least_likely_one() -> None:
    none, least = np.array([10]), logits(4)[:1].argmin(axis=1)
    assert evidence(logits(4)[:1], none, LABELS) == pytest.approx(evidence(logits(4)[:1], least, LABELS))


def test_the_paired_interval_is_students() -> None:
    first, second = evidence(logits(5), LABELS, LABELS), evidence(logits(6), LABELS, LABELS)
    found = paired_difference(first, second)
    interval = stats.ttest_rel(first, second).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))
    assert found.lead == pytest.approx(stats.ttest_rel(first, second).statistic)
    wide = paired_difference(first, second, comparisons=100)
    interval = stats.ttest_rel(first, second).confidence_interval(1 - 0.05 / 100)
    assert (wide.low, wide.high) == pytest.approx((interval.low, interval.high))


def test_two_readings_that_are_the_same_neither_lead_nor_follow() -> None:
    known = evidence(logits(7), LABELS, LABELS)
    same = paired_difference(known, known)
    assert (same.mean, same.lead, same.above, same.below) == (0, 0, False, False)
