"""What a run can tell apart: small cases by hand, how often like rows are called apart, and when to look."""

import math
from collections.abc import Mapping, Sequence
from itertools import chain

import numpy as np
import pytest
from scipy.stats import t as student

from alexbench.harness.judge import resolution
from alexbench.harness.judge.resolution import (
    ALPHA,
    PRIOR_FREEDOM,
    PRIOR_SD,
    Apart,
    Process,
    Spread,
    level_at,
    looks_of,
    tell_apart,
)
from alexbench.harness.records.speed_records import Difference

SD = PRIOR_SD["latency"]
REPLICATES = (0.3, -0.1, 0.2)
"""What the machine did in each replicate, to all rows alike."""


def processes(
    rows: Mapping[str, Sequence[float]], *, duplicate: Sequence[float] = (), drift: float = 0.0
) -> list[Process]:
    """Log times of each row, replicate by replicate; ``duplicate``: of the first row's A/A duplicate."""
    made = [Process(row, at, log, drift) for row, logs in rows.items() for at, log in enumerate(logs)]
    return made + [Process(next(iter(rows)), at, log, duplicate=True) for at, log in enumerate(duplicate)]


def steady(level: float, count: int = 3) -> list[float]:
    """A row that is always ``level`` slower than what the machine did."""
    return [level + machine for machine in REPLICATES[:count]]


def pair(found: Apart, one: str, other: str) -> Difference:
    return next(each for each in found.differences if (each.one, each.other) == (one, other))


def half(deviation: float, freedom: float, counts: tuple[int, int] = (3, 3), pairs: int = 1) -> float:
    """Half of a Bonferroni interval of a difference of logarithms."""
    error = deviation * math.sqrt(1 / counts[0] + 1 / counts[1])
    return float(student.ppf(1 - ALPHA / 2 / pairs, freedom)) * error


def test_two_rows_without_any_noise_are_as_far_apart_as_the_prior_lets_them_be() -> None:
    found = tell_apart(processes({"a": steady(0.1), "b": steady(0.0)}), of="latency")
    # Two rows in three replicates leave 2 degrees of freedom, of a variance of nothing; the prior adds 4 of its own.
    width = half(math.sqrt(4 * SD**2 / 6), 6)
    one = pair(found, "a", "b")
    assert one.apart
    assert (one.ratio, one.low, one.high) == pytest.approx(
        (math.exp(0.1), math.exp(0.1 - width), math.exp(0.1 + width)), rel=1e-9
    )
    assert found.resolution is not None
    assert found.resolution.ratio == pytest.approx(math.exp(width))
    assert found.resolution.measured == pytest.approx(0, abs=1e-9)
    assert (found.resolution.freedom, found.resolution.processes) == (pytest.approx(2), 3)
    assert found.resolution.prior


def test_a_row_has_its_time_in_the_average_replicate_whatever_replicates_did() -> None:
    found = tell_apart(processes({"a": steady(1.0), "b": steady(0.5)}), of="latency")
    assert found.times["a"].value == pytest.approx(1 + sum(REPLICATES) / 3)
    assert found.times["a"].low < found.times["a"].value < found.times["a"].high
    without = tell_apart(processes({"a": [1.0] * 3, "b": [0.5] * 3}), of="latency")
    assert (pair(found, "a", "b").low, pair(found, "a", "b").high) == pytest.approx(
        (pair(without, "a", "b").low, pair(without, "a", "b").high)
    )


def test_the_variance_is_of_what_is_left_of_rows_and_replicates() -> None:
    # a - b is 0.09, 0.12 and 0.15: what is left of each is half of -0.03, 0 and 0.03.
    found = tell_apart(processes({"a": [0.09, 0.12, 0.15], "b": [0.0, 0.0, 0.0]}), of="latency")
    assert found.resolution is not None
    assert found.resolution.measured == pytest.approx(math.sqrt(4 * 0.015**2 / 2))
    assert found.resolution.measured == pytest.approx(0.03 / math.sqrt(2)), "half the variance of the differences"
    assert not found.resolution.prior, "the run differs by more than the prior"


def test_a_prior_counts_only_where_the_run_does_not_differ_more() -> None:
    below, above = Spread(0.9 * SD**2, 3), Spread(1.1 * SD**2, 3)
    assert below.with_prior(SD) == Spread(
        pytest.approx((3 * 0.9 + PRIOR_FREEDOM) / (3 + PRIOR_FREEDOM) * SD**2), 3 + PRIOR_FREEDOM
    )
    assert above.with_prior(SD) is above
    assert Spread(0, 0).with_prior(SD) == Spread(pytest.approx(SD**2), PRIOR_FREEDOM), "all that is known"


def test_a_duplicate_counts_for_the_spread_and_not_for_its_rows_time() -> None:
    rows = {"a": steady(0.1), "b": steady(0.0)}
    alone = tell_apart(processes(rows), of="latency")
    off = [machine + shift for machine, shift in zip(steady(5.0), (0.0, 0.06, -0.06), strict=True)]
    found = tell_apart(processes(rows, duplicate=off), of="latency")
    assert pair(found, "a", "b").ratio == pytest.approx(pair(alone, "a", "b").ratio)
    assert set(found.times) == {"a", "b"}
    assert found.resolution is not None
    assert found.resolution.freedom == pytest.approx(4)
    assert found.resolution.measured == pytest.approx(0.06 * math.sqrt(2 / 3 / 2)), "0.06 ** 2 * 4/3 over 4"
    assert pair(found, "a", "b").high > pair(alone, "a", "b").high


def test_pairs_fall_in_the_order_of_holm() -> None:
    assert resolution._holm([0.04, 0.001, 0.02], 0.05) == [True, True, True]
    assert resolution._holm([0.04, 0.001, 0.03], 0.05) == [False, True, False], "0.03 is above 0.05 / 2"
    assert resolution._holm([0.02, 0.02, 0.02], 0.05) == [False] * 3, "the smallest is above 0.05 / 3"
    assert resolution._holm([], 0.05) == []


def test_the_resolution_is_the_largest_half_width_of_all_pairs_together() -> None:
    found = tell_apart(processes({"a": steady(0.0), "b": steady(0.2), "c": steady(0.4)}), of="latency")
    # A pair has 8/3 of 4 degrees of freedom itself; the third row's 4/3 count half, and the prior's 4.
    freedom = 8 / 3 + 2 / 3 + 4
    width = half(SD * math.sqrt(4 / freedom), freedom, pairs=3)
    assert [math.log(each.high / each.ratio) for each in found.differences] == pytest.approx([width] * 3)
    assert found.resolution is not None
    assert math.log(found.resolution.ratio) == pytest.approx(width)
    uneven = tell_apart(processes({"a": steady(0.0), "b": steady(0.2), "c": [0.0, 0.3, 0.5]}), of="latency")
    assert uneven.resolution is not None
    assert uneven.resolution.ratio == pytest.approx(max(each.high / each.ratio for each in uneven.differences))


def test_a_pair_nearer_than_the_resolution_may_be_apart_by_holm() -> None:
    rows = {"a": steady(0.0), "b": steady(0.025), "c": steady(9.0)}
    found = tell_apart(processes(rows), of="latency")
    assert found.resolution is not None
    near = pair(found, "b", "c"), pair(found, "a", "c"), pair(found, "a", "b")
    assert [each.apart for each in near] == [True] * 3
    assert math.log(found.resolution.ratio) > 0.025
    assert near[2].low < 1 < near[2].high, "its interval is Bonferroni's"
    assert not pair(tell_apart(processes({**rows, "c": steady(0.0)}), of="latency"), "a", "b").apart


def test_only_rows_of_one_family_are_pairs_and_all_rows_say_how_processes_differ() -> None:
    rows = {"a": steady(0.0), "b": steady(0.1), "c": [0.0, 0.3, -0.3]}
    found = tell_apart(processes(rows), of="latency", families=[["a", "b"], ["c", "gone"]])
    assert [(each.one, each.other) for each in found.differences] == [("a", "b")]
    assert found.resolution is not None
    assert found.resolution.measured is not None
    assert found.resolution.measured > 0.1


def test_rows_that_drift_have_wider_intervals() -> None:
    rows = {"a": steady(0.1), "b": steady(0.0)}
    calm, drifting = (tell_apart(processes(rows, drift=drift), of="latency") for drift in (0.0, 0.06))
    assert calm.resolution is not None
    assert drifting.resolution is not None
    assert drifting.resolution.ratio > calm.resolution.ratio
    assert drifting.times["a"].high > calm.times["a"].high
    assert pair(drifting, "a", "b").ratio == pytest.approx(pair(calm, "a", "b").ratio)
    error = math.sqrt(4 * SD**2 / 6 * 2 / 3 + 2 * 0.06**2 / 12)
    assert math.log(drifting.resolution.ratio) == pytest.approx(float(student.ppf(0.975, 6)) * error)


def test_one_row_alone_says_what_two_like_it_would_have_to_differ_by() -> None:
    found = tell_apart(processes({"a": [0.0, 0.1, 0.2]}, duplicate=[0.02, 0.1, 0.18]), of="images/s")
    assert found.differences == ()
    assert found.resolution is not None
    deviation = 0.02 / math.sqrt(2)  # of a - a', which is -0.02, 0 and 0.02
    assert found.resolution.measured == pytest.approx(deviation)
    pooled = math.sqrt((2 * deviation**2 + 4 * PRIOR_SD["images/s"] ** 2) / 6)
    assert math.log(found.resolution.ratio) == pytest.approx(half(pooled, 6))


def test_one_row_without_a_duplicate_has_the_prior_alone() -> None:
    found = tell_apart(processes({"a": [0.0, 0.1, 0.2]}), of="latency")
    assert found.resolution is not None
    assert (found.resolution.measured, found.resolution.freedom, found.resolution.prior) == (None, 0, True)
    assert found.resolution.deviation == pytest.approx(SD)


def test_one_process_of_each_says_nothing_of_how_they_differ_and_the_prior_decides() -> None:
    found = tell_apart(processes({"a": [0.0], "b": [0.05], "c": [0.5]}, duplicate=[0.3]), of="latency")
    assert found.resolution is not None
    assert (found.resolution.measured, found.resolution.processes) == (None, 1)
    assert math.log(found.resolution.ratio) == pytest.approx(half(SD, PRIOR_FREEDOM, (1, 1), pairs=3))
    assert [each.apart for each in found.differences] == [False, True, True]


def test_rows_of_unequal_numbers_of_replicates_share_those_that_they_have() -> None:
    rows = {"a": steady(0.2), "b": steady(0.1), "c": steady(0.0, 2)}
    found = tell_apart(processes(rows), of="latency")
    assert {name: one.value for name, one in found.times.items()} == pytest.approx(
        {name: level + sum(REPLICATES) / 3 for name, level in (("a", 0.2), ("b", 0.1), ("c", 0.0))}
    )
    assert found.resolution is not None
    assert found.resolution.processes == 2
    widths = {(each.one, each.other): each.high / each.ratio for each in found.differences}
    assert widths["a", "c"] == pytest.approx(widths["b", "c"])
    assert widths["a", "c"] > widths["a", "b"]


def test_of_nothing_nothing_is_told() -> None:
    assert tell_apart([], of="latency") == Apart({}, (), None)
    assert tell_apart([Process("a", 0, 1.0, duplicate=True)], of="latency") == Apart({}, (), None)


def test_what_cannot_be_is_infinitely_far_and_no_overflow() -> None:
    found = tell_apart(processes({"a": [0.0, 1e6, -1e6], "b": [0.0, -1e6, 1e6]}), of="latency")
    assert found.resolution is not None
    assert math.isfinite(found.resolution.ratio)
    assert not found.differences[0].apart


def draws(count: int, deviations: Sequence[float], replicates: int = 3) -> float:
    """How often rows that are alike are called apart, of which processes deviate by so many times the prior."""
    random = np.random.default_rng(20261130)
    size = (count, replicates, len(deviations) + 1)
    scales = SD * np.array([*deviations, deviations[0]])
    logs = random.normal(size=size) * scales + 3 * SD * random.normal(size=(count, replicates, 1))
    wrong = 0
    for one in logs:
        rows = {f"{place}": one[:, place].tolist() for place in range(len(deviations))}
        wrong += any(each.apart for each in tell_apart(processes(rows, duplicate=one[:, -1]), of="latency").differences)
    return wrong / count


@pytest.mark.parametrize("deviations", [(1, 1), (1, 3), (1, 1, 1, 1), (1, 1, 1, 3)], ids=str)
def test_rows_that_are_alike_are_rarely_called_apart(deviations: tuple[float, ...]) -> None:
    assert draws(2000, deviations) <= 0.065


def test_looks_are_few_ascend_and_end_with_the_last_replicate() -> None:
    for replicates in range(3, 31):
        looks = looks_of(replicates)
        assert 1 <= len(looks) <= 4
        assert list(looks) == sorted(set(looks))
        assert looks[0] >= 3
        assert looks[-1] == replicates
    assert (looks_of(3), looks_of(5), looks_of(10)) == ((3,), (3, 5), (4, 6, 8, 10))


@pytest.mark.parametrize("replicates", [3, 4, 6, 10, 30])
def test_the_chance_of_an_error_is_spent_once_over_all_looks(replicates: int) -> None:
    looks = looks_of(replicates)
    for stopped in range(len(looks)):  # by time, at any of them
        spent = [level_at(look, looks, last=look == stopped) for look in range(stopped + 1)]
        assert sum(spent) == pytest.approx(ALPHA)
        assert all(one > 0 for one in spent)
    planned = list(chain([0.0], np.cumsum([level_at(look, looks, last=False) for look in range(len(looks))])))
    assert planned[-1] == pytest.approx(ALPHA)
    assert np.diff(planned).tolist() == sorted(np.diff(planned)), "little early, most of it at the end"
