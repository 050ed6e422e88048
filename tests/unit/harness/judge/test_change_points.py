"""Change points: found where a level changed and stayed, not where a single run was slow."""

import numpy as np
import pytest

from alexbench.harness.judge.change_points import SHORTEST, change_points


def noisy(*levels: tuple[float, int], noise: float = 0.015, seed: int = 1) -> list[float]:
    """So many points at each level, with relative noise."""
    stream = np.random.default_rng(seed)
    return [level * (1 + noise * float(stream.standard_normal())) for level, count in levels for _ in range(count)]


def test_a_step_is_found_where_it_is() -> None:
    (found,) = change_points(noisy((10, 12), (11, 9)))
    assert abs(found.index - 12) <= 1
    assert found.ratio == pytest.approx(1.1, abs=0.02)
    assert (found.points_before, found.points_after) == (found.index, 21 - found.index)
    assert found.p < 1e-3


def test_two_steps_are_two() -> None:
    found = change_points(noisy((10, 15), (12, 15), (9, 15)))
    assert [round(one.index / 15) for one in found] == [1, 2]
    assert found[0].after == found[1].before


@pytest.mark.parametrize("seed", range(5))
def test_noise_alone_is_no_change(seed: int) -> None:
    assert change_points(noisy((10, 40), seed=seed)) == []


def test_a_single_slow_run_is_no_change() -> None:
    values = noisy((10, 20))
    values[9] *= 1.5
    assert change_points(values) == []


def test_values_that_repeat_exactly_change_once() -> None:
    assert change_points([56.5] * 12) == []
    (found,) = change_points([56.5] * 8 + [57.1] * 4)
    assert (found.index, found.before, found.after) == (8, 56.5, 57.1)
    assert change_points([56.5] * 8 + [56.5001] * 4) == []
    assert change_points([0.0] * 12) == []


@pytest.mark.parametrize("count", range(2 * SHORTEST))
def test_too_few_points_say_nothing(count: int) -> None:
    assert change_points([1.0] * (count // 2) + [2.0] * (count - count // 2)) == []
