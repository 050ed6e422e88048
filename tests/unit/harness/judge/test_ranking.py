"""Ranks: rows of one group that may be ranked, ties where rows cannot be told apart, and top-1 without speed."""

from collections.abc import Mapping, Sequence

import pytest

from alexbench.harness.judge.ranking import may_rank, ranked
from alexbench.harness.judge.resolution import Process
from alexbench.harness.records.run_records import SystemRecord
from alexbench.harness.records.speed_records import Group
from tests.support.records import accuracy, effective, error_row, ok_row, parity


def times(levels: Mapping[str, float], *, spread: float = 0.0) -> list[Process]:
    """Log times of three replicates of each row; ``spread``: how far they are from each other, out of step."""
    steps = (-1, 0, 1)
    return [
        Process(name, at, level + spread * steps[(at + place) % 3])
        for place, (name, level) in enumerate(levels.items())
        for at in range(3)
    ]


def ranks(rows: Sequence[SystemRecord], levels: Mapping[str, float], *, spread: float = 0.0) -> dict[str, int | None]:
    found, _, _ = ranked(rows, {"images/s": times(levels, spread=spread)})
    return {row.name: row.rank for row in found}


def test_faster_rows_have_smaller_ranks() -> None:
    rows = [ok_row(name) for name in "abc"]
    assert ranks(rows, {"a": 0.2, "b": 0.0, "c": 0.1}) == {"a": 3, "b": 1, "c": 2}


def test_rows_that_cannot_be_told_apart_share_a_rank() -> None:
    rows = [ok_row(name) for name in "abc"]
    assert ranks(rows, {"a": 0.0, "b": 0.001, "c": 0.5}) == {"a": 1, "b": 1, "c": 3}
    assert ranks(rows, {"a": 0.0, "b": 0.1, "c": 0.2}, spread=0.2) == {"a": 1, "b": 1, "c": 1}


def test_a_row_in_the_middle_may_be_tied_with_both_that_are_apart() -> None:
    rows = [ok_row(name) for name in "abc"]
    assert ranks(rows, {"a": 0.0, "b": 0.025, "c": 0.05}) == {"a": 1, "b": 1, "c": 2}


def test_ranks_are_of_images_and_what_latency_tells_is_kept_too() -> None:
    rows = [ok_row(name) for name in "ab"]
    found, differences, resolutions = ranked(
        rows, {"latency": times({"a": 0.0, "b": 0.5}), "images/s": times({"a": 0.5, "b": 0.0})}, looks=2, spent=0.03
    )
    assert [row.rank for row in found] == [2, 1]
    assert {(each.of, each.ratio > 1, each.apart) for each in differences} == {
        ("latency", False, True),
        ("images/s", True, True),
    }
    assert [(one.of, one.looks, one.spent) for one in resolutions] == [("latency", 2, 0.03), ("images/s", 2, 0.03)]


def test_each_group_has_a_first_row_and_no_pair_with_another() -> None:
    rows = [ok_row("a"), ok_row("b"), ok_row("c", effective=effective(precision=("bf16", "measured")))]
    found, differences, _ = ranked(rows, {"images/s": times({"a": 0.0, "b": 0.3, "c": 0.9})})
    assert [row.rank for row in found] == [1, 2, 1]
    assert found[0].group == found[1].group != found[2].group
    assert [(each.one, each.other) for each in differences] == [("a", "b")]


@pytest.mark.parametrize(
    "row",
    [
        ok_row("bad", parity=parity(passed=False)),
        ok_row("bad", accuracy=accuracy(0, 0)),
        error_row("bad"),
    ],
    ids=["another function", "guesses", "failed"],
)
def test_a_row_that_may_not_be_ranked_has_no_rank_and_is_in_no_pair(row: SystemRecord) -> None:
    assert not may_rank(row)
    found, differences, _ = ranked([ok_row("a"), row, ok_row("b")], {"images/s": times({"a": 0.5, "bad": 0, "b": 0.3})})
    assert [one.rank for one in found] == [2, None, 1]
    assert {name for each in differences for name in (each.one, each.other)} == {"a", "b"}


def test_a_row_without_speed_has_no_rank_where_others_have_it() -> None:
    assert ranks([ok_row("a"), ok_row("b")], {"a": 0.0}) == {"a": 1, "b": None}


def test_without_speed_the_rank_is_of_images_answered_rightly() -> None:
    right = {"a": 560, "b": 565, "c": 565, "d": 0}
    rows = [ok_row(name, accuracy=accuracy(correct), performance=None) for name, correct in right.items()]
    found, differences, resolutions = ranked(rows, {})
    assert {row.name: row.rank for row in found} == {"a": 3, "b": 1, "c": 1, "d": None}
    assert (differences, resolutions) == ((), ())


def test_without_speed_and_accuracy_nobody_is_ranked() -> None:
    assert [row.rank for row in ranked([ok_row("a", accuracy=None, performance=None)], {})[0]] == [None]


def test_a_group_is_all_that_rows_must_share() -> None:
    plain = ok_row(effective=effective()).group
    assert plain == Group("cpu", "fp32", "2", "1")
    others = [
        effective(device=("cuda", "reported")),
        effective(precision=("bf16", "measured")),
        effective(threads=("1", "measured")),
        effective(streams=("2", "reported")),
        effective(stored=("int8, fp32", "measured")),
    ]
    groups = [ok_row(effective=one).group for one in others]
    assert len({*groups, plain}) == 6
    assert groups[2] is not None
    assert groups[2].threads == "1"
    assert groups[4] is not None
    assert groups[4].stored == "int8"
    assert ok_row(effective=effective(stored=("fp32", "measured"))).group == plain


def test_a_row_that_computes_as_another_precision_is_in_a_group_of_its_own() -> None:
    unmasked = parity(effective_bits=8.1, max_abs_over_sigma=2e-3)
    assert unmasked.unmasked is not None
    assert ok_row(parity=unmasked).group != ok_row(parity=parity()).group
