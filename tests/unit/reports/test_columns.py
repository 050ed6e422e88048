"""The columns of a leaderboard: each is described once, and what shows or exports it follows from that."""

import math
from collections import Counter

import pytest

from alexbench.reports.cells import detail_tables, tables
from alexbench.reports.columns import BOARD, BY_NAME, COLUMNS, DETAILS, EFFICIENCY, LATENCY, NOISE, PARITY
from alexbench.reports.explanations import explanations
from alexbench.reports.flat import KINDS
from alexbench.reports.history import METRICS
from alexbench.reports.html.board import board, plain
from alexbench.reports.rows import rows_of
from alexbench.reports.table import Cell, Table, number
from tests.support.records import missing_row, ok_row, parity, performance, run_record

SHOWN = (*BOARD, *DETAILS, *PARITY, *EFFICIENCY, *LATENCY, *NOISE)


def test_a_column_has_a_name_of_its_own() -> None:
    assert not [name for name, count in Counter(column.name for column in COLUMNS).items() if count > 1]
    assert list(BY_NAME) == list(KINDS)[: len(COLUMNS)]


@pytest.mark.parametrize("column", [one for one in COLUMNS if one.span], ids=lambda one: one.name)
def test_an_interval_is_of_two_columns_of_its_unit(column: object) -> None:
    known = BY_NAME[column.name]  # type: ignore[attr-defined]
    assert {BY_NAME[known.low].unit, BY_NAME[known.high].unit} == {known.unit}


def test_what_a_table_shows_has_a_heading_and_what_a_history_has_a_unit() -> None:
    assert all(column.heading for column in SHOWN)
    assert all(column.unit for column in COLUMNS if column.trend is not None)
    assert list(METRICS) == [column.name for column in COLUMNS if column.trend is not None]


def test_values_are_of_the_kind_of_their_column() -> None:
    rows = ok_row("a", rss_mib=540.4, parity=parity(effective_bits=20.0)), missing_row("b")
    for row in rows_of(run_record(*rows)):
        for column in COLUMNS:
            value = column.of(row)
            assert value is None or isinstance(value, column.kind), column.name


def test_a_legend_has_the_sentence_of_each_column_that_is_shown_and_of_no_other() -> None:
    record = run_record(ok_row("a"))
    shown = tables(record)
    said = explanations(record, shown)
    there = {column.explanation for table in shown for column in table.shown} - {""}
    assert there <= set(said)
    assert not {column.explanation for column in SHOWN} - there & set(said)


def cells_of(table: Table, name: str) -> list[Cell]:
    (found,) = (column for column in table.shown if column.name == name)
    return list(found.cells)


def test_a_page_sorts_by_the_value_and_not_by_what_is_shown_of_it() -> None:
    rows = [ok_row(name, performance=performance(100.0 + place / 1000)) for place, name in enumerate("ab")]
    found = board(run_record(*rows, reference=None))
    place = found.table.headings.index("FPS, batch 32")
    assert [line.cells[place].text for line in found.lines] == ["100.0", "100.0"]
    assert [float(line.cells[place].key) for line in found.lines] == [100.001, 100.0]


def test_what_has_no_value_has_no_key_and_what_is_infinite_is_a_number_of_scripts() -> None:
    assert [Cell("-").key, number(math.nan, 2).key, number(None, 2).text] == ["", "", "-"]
    assert [number(math.inf, 0).key, number(-math.inf, 0).key] == ["Infinity", "-Infinity"]


def test_a_row_whose_memory_is_known_in_part_sorts_last() -> None:
    record = run_record(ok_row("a", peak_rss_mib=612.0), ok_row("b", rss_mib=500.0))
    (details,) = (table for table in detail_tables(record) if table.key == "details")
    known = {str(cell): cell.key for cell in cells_of(details, "rss_mib")}
    assert known == {"- (612)": "", "500 (612)": "500.0"}


def test_an_aside_has_a_dash_on_the_page_and_a_hyphen_in_a_line_and_names_are_left_alone() -> None:
    cell = Cell("a\N{EN DASH}b", asides=("(1\N{EN DASH}2)",))
    assert str(cell) == "a\N{EN DASH}b (1-2)"


def test_tables_of_a_page_are_known_by_keys_and_no_two_alike() -> None:
    keys = [plain(table).table.key for table in detail_tables(run_record(ok_row("a"), ok_row("b")))]
    assert keys == list(dict.fromkeys(keys)) == ["details", "parity", "efficiency", "latency"]
