"""Evidence: the likelihood of labels that does not depend on how sure a model is of itself."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from alexbench.harness.judge.evidence import ROW_SPREAD, evidence, paired_difference, spread

LABELS = np.arange(20) % 10


def logits(seed: int, *, right: float = 0.0) -> np.ndarray:
    made = np.random.default_rng(seed).normal(size=(20, 10))
    made[np.arange(20), LABELS] += right
    return made


def test_a_model_that_knows_its_labels_has_more_evidence_than_one_that_guesses() -> None:
    assert evidence(logits(1, right=3), LABELS).mean() > evidence(logits(1), LABELS).mean() + 1


@given(scale=st.floats(1e-3, 1e3), offset=st.floats(-100, 100))
def test_scaling_and_shifting_all_logits_changes_nothing(scale: float, offset: float) -> None:
    assert evidence(scale * logits(2) + offset, LABELS) == pytest.approx(evidence(logits(2), LABELS), abs=1e-6)


def test_rows_are_scaled_to_the_spread_and_are_log_probabilities() -> None:
    chances = spread(logits(3))
    assert chances.std(axis=1) == pytest.approx(np.full(20, ROW_SPREAD))
    assert np.exp(chances).sum(axis=1) == pytest.approx(np.ones(20))


def test_a_row_that_is_all_equal_or_not_finite_is_a_guess() -> None:
    rows = np.stack([np.full(10, 7.0), np.array([np.nan] + [1.0] * 9), np.array([np.inf] + [1.0] * 9)])
    assert evidence(rows, np.array([0, 1, 2])) == pytest.approx(np.full(3, -np.log(10)))


def test_a_label_that_is_no_output_is_as_unlikely_as_the_least_likely_one() -> None:
    found = evidence(logits(4)[:1], np.array([10]))
    assert found[0] == pytest.approx(spread(logits(4)[:1]).min())


def test_the_paired_interval_is_students() -> None:
    first, second = evidence(logits(5), LABELS), evidence(logits(6), LABELS)
    found = paired_difference(first, second)
    interval = stats.ttest_rel(first, second).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))
    assert found.lead == pytest.approx(stats.ttest_rel(first, second).statistic)
    wide = paired_difference(first, second, comparisons=100)
    interval = stats.ttest_rel(first, second).confidence_interval(1 - 0.05 / 100)
    assert (wide.low, wide.high) == pytest.approx((interval.low, interval.high))


def test_two_readings_that_are_the_same_neither_lead_nor_follow() -> None:
    same = paired_difference(evidence(logits(7), LABELS), evidence(logits(7), LABELS))
    assert (same.mean, same.lead, same.above, same.below) == (0, 0, False, False)
