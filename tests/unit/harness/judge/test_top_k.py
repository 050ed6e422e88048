"""Top-k, and what counts as correct."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alexbench.harness.judge.top_k import correct, top_k


def test_the_best_come_first_with_their_scores() -> None:
    top, scores = top_k(np.array([[0.1, 0.9, 0.5, 0.7]], np.float32), 3)
    assert top.tolist() == [[1, 3, 2]]
    np.testing.assert_array_equal(scores, np.array([[0.9, 0.7, 0.5]], np.float32))
    assert (top.dtype, scores.dtype) == (np.int32, np.float32)


def test_ties_break_by_lowest_index() -> None:
    logits = np.zeros((1, 1000), np.float32)
    assert top_k(logits, 5)[0].tolist() == [[0, 1, 2, 3, 4]]
    logits[0, [999, 7, 400]] = 1.0
    assert top_k(logits, 5)[0].tolist() == [[7, 400, 999, 0, 1]]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_ties_break_alike_whatever_the_backend_returns(dtype: type) -> None:
    logits = np.array([[-0.0, 0.0, -1.0], [2.0, 2.0, 2.0]], dtype)
    assert top_k(logits, 3)[0].tolist() == [[0, 1, 2], [0, 1, 2]]


@given(st.lists(st.lists(st.integers(-3, 3), min_size=6, max_size=6), min_size=1, max_size=5), st.integers(1, 6))
def test_top_k_is_what_sorting_by_score_then_index_gives(rows: list[list[int]], k: int) -> None:
    top, scores = top_k(np.array(rows, np.float64), k)
    for row, indices, values in zip(rows, top.tolist(), scores.tolist(), strict=True):
        wanted = sorted(range(6), key=lambda index: (-row[index], index))[:k]
        assert indices == wanted
        assert values == [row[index] for index in wanted]


def test_correct_counts_first_places_and_places_at_all() -> None:
    top = np.array([[3, 1, 2], [1, 3, 2], [1, 2, 3], [0, 1, 2]], np.int32)
    assert correct(top, np.array([3, 3, 3, 3])) == (1, 3)
    assert correct(top, np.array([9, 9, 9, 9])) == (0, 0)
