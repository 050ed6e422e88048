"""Which images are calibrated with: a balanced draw, never among the scored ones."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alexbench.harness.quantization.calibration import balanced_draw, overlap


@given(
    labels=st.lists(st.integers(0, 9), min_size=1, max_size=80),
    count=st.integers(1, 80),
    seed=st.integers(0, 2**32),
    data=st.data(),
)
def test_a_draw_is_of_good_images_as_many_of_each_class_as_can_be(
    labels: list[int], count: int, seed: int, data: st.DataObject
) -> None:
    good = np.array(data.draw(st.lists(st.booleans(), min_size=len(labels), max_size=len(labels))))
    given_labels = np.array(labels, np.int64)
    drawn = balanced_draw(given_labels, good, count, seed)
    assert good[drawn].all()
    assert len(set(drawn.tolist())) == len(drawn) == min(count, int(good.sum()))
    assert drawn.tolist() == sorted(drawn.tolist())
    there, taken = Counter(given_labels[good].tolist()), Counter(given_labels[drawn].tolist())
    most = max(taken.values(), default=0)
    # A class with fewer than the fullest one less one has given all that it has.
    assert all(taken[one] >= most - 1 or taken[one] == there[one] for one in there)


def test_a_draw_depends_on_the_seed_alone() -> None:
    labels, good = np.repeat(np.arange(50), 4), np.ones(200, dtype=np.bool_)
    first, again, other = (balanced_draw(labels, good, 60, seed) for seed in (1, 1, 2))
    assert first.tolist() == again.tolist()
    assert first.tolist() != other.tolist()


@pytest.mark.parametrize("shared", [0, 1, 3])
def test_overlap_is_found_by_the_digests_of_pixels(shared: int) -> None:
    digests = np.random.default_rng(1).integers(0, 256, (8, 32), dtype=np.uint8)
    calibration = np.concatenate([digests[:shared], digests[5:]])
    assert overlap(calibration, digests[:5]).tolist() == [True] * shared + [False] * 3
