"""The first chart: who is fastest, in the order of the ranks, or nothing where it would compare nothing."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from alexbench.reports.html.bars import Bars, bars
from alexbench.reports.html.figure import Missing
from alexbench.reports.html.page import html
from tests.support.records import (
    accuracy,
    effective,
    error_row,
    missing_row,
    ok_row,
    older_run,
    performance,
    run_record,
)

FAST = ok_row("a", performance=performance(150, p50_ms=12))
SLOW = ok_row("b", performance=performance(100, p50_ms=20))


def test_bars_have_the_leaderboards_order_ranks_and_values() -> None:
    found = bars(run_record(SLOW, FAST, error_row("c")))
    assert isinstance(found, Bars)
    assert [panel.heading for panel in found.panels] == ["FPS, batch 32", "p50, batch 1"]
    shown = [(row.rank, row.name.split()[0], [bar.value for bar in row.bars]) for row in found.rows]
    assert shown == [("1", "a", ["150.0", "12.00"]), ("2", "b", ["100.0", "20.00"])]
    assert found.without == ("c",)
    assert "150.0 FPS" in found.said


def test_a_bar_ends_at_its_value_and_its_whisker_at_its_interval() -> None:
    found = bars(run_record(FAST, SLOW))
    assert isinstance(found, Bars)
    lengths = [float(re.findall(r'width="([0-9.]+)%" height="18', row.bars[0].drawing)[0]) for row in found.rows]
    assert lengths[1] / lengths[0] == pytest.approx(100 / 150, rel=1e-3)
    (low, high), *_ = re.findall(
        r'class="whisker" x1="([0-9.]+)%" y1="[0-9.]+" x2="([0-9.]+)%"', found.rows[0].bars[0].drawing
    )
    assert float(low) < lengths[0] < float(high) <= 100


def test_a_row_without_a_rank_is_grey_and_reports_it() -> None:
    record = older_run(FAST, SLOW)
    found = bars(record)
    assert isinstance(found, Bars)
    assert {row.rank for row in found.rows} == {""}
    assert all("bar-unranked" in bar.drawing for row in found.rows for bar in row.bars)
    assert "No system is ranked." in html(Path("nowhere"), record)
    both = run_record(FAST, SLOW)
    one_of_two = replace(both, systems=(both.systems[0], replace(both.systems[1], rank=None)))
    assert html(Path("nowhere"), one_of_two).count(">not ranked<") == 1


def test_rows_that_ran_unlike_stand_in_groups() -> None:
    bf16 = ok_row("c", performance=performance(90), effective=effective(precision=("bf16", "reported")), parity=None)
    found = bars(run_record(FAST, bf16))
    assert isinstance(found, Bars)
    assert [bool(row.group) for row in found.rows] == [True, True]
    same = bars(run_record(FAST, SLOW))
    assert isinstance(same, Bars)
    assert [row.group for row in same.rows] == ["", ""]


def test_without_speed_the_bars_are_of_top1() -> None:
    rows = [ok_row(name, performance=None, accuracy=accuracy(right)) for name, right in (("a", 565), ("b", 500))]
    found = bars(run_record(*rows))
    assert isinstance(found, Bars)
    assert [panel.heading for panel in found.panels] == ["top-1"]
    assert [row.bars[0].value for row in found.rows] == ["56.50", "50.00"]


@pytest.mark.parametrize(
    "rows",
    [
        (FAST,),
        (FAST, missing_row("b")),
        (ok_row("a", performance=None), ok_row("b", performance=None)),
        (error_row("a"),),
    ],
    ids=["one system", "one that ran", "the same top-1", "none"],
)
def test_bars_that_compare_nothing_are_left_out(rows: tuple[object, ...]) -> None:
    assert isinstance(bars(run_record(*rows)), Missing)  # type: ignore[arg-type]
