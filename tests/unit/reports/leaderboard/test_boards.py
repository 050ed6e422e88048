"""Leaderboards: the best in bold, speed-up and accuracy, and numbered notes for what qualifies a row."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from alexbench.harness.judge.paired_tests import paired_test
from alexbench.harness.records.paired_records import RowPair
from alexbench.harness.records.run_records import RunRecord, SystemRecord
from alexbench.harness.records.speed_records import Difference
from alexbench.reports.leaderboard.boards import leaderboard
from alexbench.reports.leaderboard.tables import tables
from alexbench.reports.rows import base_name
from tests.support.records import (
    accuracy,
    artifact,
    effective,
    error_row,
    noise,
    ok_row,
    older_run,
    parity,
    performance,
    reasons,
)
from tests.support.records import run_record as plain_record


def pair(other: str, *, lost: int = 0, gained: int = 0, base: str = "torch") -> RowPair:
    """A thousand images, 565 of which the base has right."""
    right = np.arange(1000) < 565
    changed = right.copy()
    changed[:lost], changed[600 : 600 + gained] = False, True
    return RowPair(base, other, paired_test("top1", right, changed), paired_test("top5", right, right))


def run_record(*rows: SystemRecord, **changes: Any) -> RunRecord:
    pairs = tuple(pair(row.name) for row in rows if row.name != "torch" and row.accuracy is not None)
    return plain_record(*rows, **{"pairs": pairs, **changes})


def cells_of(record: RunRecord, heading: str) -> dict[str, str]:
    """Backend -> its cell."""
    board = leaderboard(record)
    cells = board.columns[board.headings.index(heading)]
    names = board.columns[board.headings.index("system")]
    return {name.split()[0]: cell for name, cell in zip(names, cells, strict=True)}


def test_speed_up_and_the_paired_difference_have_a_column_each() -> None:
    record = run_record(*(ok_row(name, performance=performance(r)) for name, r in (("torch", 100), ("openvino", 124))))
    assert cells_of(record, "speed-up") == {"openvino": "1.24x", "torch": "base", "reference": "-"}
    assert cells_of(record, "top-1 diff") == {"openvino": "+0.00 (-0.38 to +0.38)", "torch": "base", "reference": "-"}


def test_a_loss_has_its_sign_and_its_interval() -> None:
    rows = ok_row("torch"), ok_row("openvino")
    cell = cells_of(run_record(*rows, pairs=(pair("openvino", lost=12, gained=2),)), "top-1 diff")["openvino"]
    assert cell == "-1.00 (-1.91 to -0.31)"


@pytest.mark.parametrize("missing", ["speed-up", "top-1 diff"])
def test_what_was_not_measured_has_no_column(missing: str) -> None:
    changes: dict[str, Any] = {"performance": None} if missing == "speed-up" else {"accuracy": None, "parity": None}
    found = leaderboard(run_record(ok_row("torch", **changes), ok_row("openvino", **changes), reference=None)).headings
    assert {"speed-up", "top-1 diff"} - set(found) == {missing}


def test_a_noisy_row_has_a_speed_up_and_an_invalid_run_has_none() -> None:
    noisy = performance(280, noise=noise("throttled"))
    assert cells_of(run_record(ok_row("torch"), ok_row("b", performance=noisy)), "speed-up")["b"] == "2.00x"
    assert "speed-up" not in leaderboard(run_record(ok_row("torch"), ok_row("b"), invalid=reasons("asleep"))).headings


def test_a_single_row_is_compared_with_nothing() -> None:
    assert not {"speed-up", "top-1 diff"} & set(leaderboard(run_record(ok_row("torch"))).headings)


def test_torch_is_the_base_and_where_it_failed_the_first_row_that_did_not() -> None:
    assert base_name(plain_record(ok_row("b"), ok_row("torch"))) == "torch"
    assert base_name(plain_record(error_row("a"), ok_row("b"), error_row("torch"))) == "b"
    assert base_name(plain_record(ok_row("b"), ok_row("torch"), pairs=(pair("torch", base="b"),))) == "b"
    assert base_name(plain_record(ok_row("b"), ok_row("torch"), base="b")) == "b"
    assert base_name(plain_record(error_row("a"))) is None


def test_what_cannot_be_told_from_the_best_is_bold_too_and_nothing_is_where_all_are_best() -> None:
    rows = [ok_row(name, performance=performance(rate)) for name, rate in (("a", 150), ("b", 151), ("c", 100))]
    board = leaderboard(plain_record(*rows))
    place = next(place for place, heading in enumerate(board.headings) if heading.startswith("FPS"))
    assert board.bold[place] == [True, True, False, False]
    assert not any(map(any, leaderboard(plain_record(*rows[:2])).bold))


def test_without_speed_the_best_top_1_is_bold() -> None:
    rows = ok_row("a", performance=None), ok_row("b", performance=None, accuracy=accuracy(570))
    board = leaderboard(plain_record(*rows))
    assert board.bold[board.headings.index("top-1 %")] == [True, False, False]


def test_rows_share_a_note_and_each_has_its_own() -> None:
    counted = effective(threads=("2", "requested"))
    rows = (
        ok_row("a", effective=counted, performance=performance(300)),
        ok_row("b", effective=counted, parity=parity(passed=False), performance=performance(200)),
        error_row("c", "it died"),
    )
    board = leaderboard(plain_record(*rows))
    assert [row[1] for row in board.rows] == ["a 1.2.3 [1]", "b 1.2.3 [2, 1]", "c [3]", "reference (float64)"]
    assert board.notes == [
        "[1] thread count only requested, not measured.",
        "[2] beyond its tolerance of float64: error 2e-06 sigma (at most 0.0001), 121 dB (at least 100); not ranked.",
        "[3] it died",
    ]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "ok"),
        ({"parity": parity(passed=False)}, "parity FAILED"),
        ({"parity": parity(passed=False), "artifact": artifact()}, "parity differs"),
        ({"performance": performance(noise=noise("throttled"))}, "ok, noisy"),
        ({"parity": parity(passed=False), "performance": performance(noise=noise("drift"))}, "parity FAILED, noisy"),
        ({"accuracy": None, "parity": None, "performance": performance(noise=noise("drift"))}, "noisy"),
        ({"accuracy": None, "parity": None, "performance": performance(noise=noise())}, "quiet"),
        ({"accuracy": None, "parity": None}, "-"),
        ({"status": "pending"}, "not measured"),
        ({"status": "unsupported"}, "not supported"),
    ],
)
def test_checks_are_ok_or_say_what_failed(changes: dict[str, Any], said: str) -> None:
    board = leaderboard(plain_record(ok_row("a", **changes)))
    assert board.columns[board.headings.index("checks")][0] == said


@pytest.mark.parametrize("flips", [0, 1000])
def test_no_mismatch_and_a_thousand_are_counted(flips: int) -> None:
    record = plain_record(ok_row("a", parity=parity(flips=flips)), ok_row("b"))
    (shown,) = (table for table in tables(record) if table.title == "Parity with float64")
    assert shown.columns[shown.headings.index("mismatches")] == [str(flips), "0"]


def test_bold_is_what_no_row_is_faster_than_beyond_doubt_of_each_column() -> None:
    """Wide intervals alone make nobody the best: a row that is slower beyond doubt is not bold, overlap or not."""
    rows = [
        ok_row(name, performance=performance(rate, spread=30, p50_ms=ms, processes=3))
        for name, rate, ms in (("onnxruntime", 140.0, 14.0), ("openvino", 138.0, 14.2), ("torch", 120.0, 16.8))
    ]
    board = leaderboard(plain_record(*rows))
    names = board.columns[board.headings.index("system")]
    for heading in ("p50 ms", "FPS"):
        bold = dict(zip(names, board.bold[board.headings.index(heading)], strict=True))
        assert [name.split()[0] for name in names if bold[name]] == ["onnxruntime", "openvino"], heading


def test_the_best_latency_may_be_another_rows_than_the_best_rate() -> None:
    rows = ok_row("a", performance=performance(200, p50_ms=20.0)), ok_row("b", performance=performance(100, p50_ms=10))
    board = leaderboard(plain_record(*rows))
    bold = {heading: best[:2] for heading, best in zip(board.headings, board.bold, strict=True)}
    assert bold["FPS"] == [True, False]
    assert bold["p50 ms"] == [False, True]


def test_rows_that_are_tied_are_marked_and_those_that_are_not_are_not() -> None:
    rows = [ok_row(name, performance=performance(rate)) for name, rate in (("a", 151), ("b", 150), ("c", 100))]
    board = leaderboard(plain_record(*rows))
    assert board.columns[board.headings.index("#")] == ["1-2", "1-2", "3", "-"]


def test_a_row_may_stand_between_two_that_are_apart() -> None:
    """b cannot be told from a, nor c from b; a and c can, by the record, and a tie is not passed on."""
    ranks = {"a": 1, "b": 1, "c": 2}
    rows = [replace(ok_row(name, performance=performance(100)), rank=rank) for name, rank in ranks.items()]
    apart = Difference("images/s", one="c", other="a", ratio=1.1, low=1.05, high=1.15, apart=True)
    board = leaderboard(replace(plain_record(*rows), differences=(apart,)))
    assert board.columns[board.headings.index("#")] == ["1-2", "1-3", "2-3", "-"]


def test_a_record_without_ranks_has_nothing_bold_and_no_ranks() -> None:
    rows = [ok_row(name, performance=performance(rate)) for name, rate in (("a", 150), ("b", 100))]
    board = leaderboard(older_run(*rows))
    assert "#" not in board.headings
    assert not any(map(any, board.bold))
    assert board.columns[board.headings.index("system")][:2] == ["a 1.2.3", "b 1.2.3"]
