"""The columns of a leaderboard: each is described once, and what shows or exports it follows from that."""

import io
import json
import math
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

from alexbench.harness.records.run_records import RunRecord, SystemRecord
from alexbench.reports.columns import BOARD, BY_NAME, COLUMNS, DETAILS, EFFICIENCY, LATENCY, NOISE, PARITY, Column
from alexbench.reports.export.flat_table import KINDS, csv_text, flat, parquet_bytes
from alexbench.reports.export.leaderboards_json import leaderboards_json
from alexbench.reports.history.series import METRICS
from alexbench.reports.html.board import board, plain
from alexbench.reports.html.page import html
from alexbench.reports.leaderboard.explanations import explanations
from alexbench.reports.leaderboard.output import markdown
from alexbench.reports.leaderboard.tables import detail_tables, tables
from alexbench.reports.rows import rows_of
from alexbench.reports.table import Cell, Table, number
from tests.support.records import artifact, effective, missing_row, ok_row, parity, performance, run_record

SHOWN = (*BOARD, *DETAILS, *PARITY, *EFFICIENCY, *LATENCY, *NOISE)


def test_a_column_has_a_name_of_its_own() -> None:
    assert not [name for name, count in Counter(column.name for column in COLUMNS).items() if count > 1]
    assert list(BY_NAME) == list(KINDS)[: len(COLUMNS)]


@pytest.mark.parametrize("column", [one for one in COLUMNS if one.span], ids=lambda one: one.name)
def test_an_interval_is_of_two_columns_of_its_unit(column: Column) -> None:
    assert {BY_NAME[column.low].unit, BY_NAME[column.high].unit} == {column.unit}


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
    place = found.table.headings.index("FPS")
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
    assert keys == list(dict.fromkeys(keys)) == ["details", "parity", "latency"]


def stored(name: str, **changes: object) -> SystemRecord:
    return ok_row(name, effective=effective(stored=(name, "reported")), **changes)


def in_megabytes(record: RunRecord) -> dict[str, object]:
    return {str(row["backend"]): row["model_mb"] for row in flat(record).to_dict("records")}


def test_the_size_of_a_model_is_that_of_its_parameters_as_they_are_stored() -> None:
    sizes = in_megabytes(run_record(*map(stored, ("fp32", "fp16", "int8"))))
    assert sizes == {"fp32": 244.40336, "fp16": 122.20168, "int8": 61.10084}


@pytest.mark.parametrize(
    "row",
    [
        ok_row("a"),
        stored("a kind that nobody knows"),
        stored("fp32, int8"),
        stored("fp32", artifact=artifact()),
        missing_row("a"),
    ],
    ids=["older", "unknown", "of two kinds", "the user's file", "not installed"],
)
def test_a_size_that_the_record_does_not_tell_is_not_made_up(row: SystemRecord) -> None:
    assert pd.isna(list(in_megabytes(run_record(row)).values())).all()


def test_a_column_is_in_every_file_table_legend_and_history_by_its_description_alone(tmp_path: Path) -> None:
    """What adding one takes: a line in reports/columns.py, and its name in the table there that shows it."""
    record = run_record(stored("fp32"), stored("fp16"))
    assert KINDS["model_mb"] is float
    assert list(pd.read_csv(io.StringIO(csv_text(flat(record))))["model_mb"]) == [244.40336, 122.20168]
    assert pd.read_parquet(io.BytesIO(parquet_bytes(flat(record))))["model_mb"].dtype == "float64"
    listed = json.loads(leaderboards_json([(tmp_path, record)]))
    assert [row["model_mb"] for row in listed[0]["rows"]] == [244.40336, 122.20168]
    page = html(tmp_path, record)
    assert '<td data-key="244.40336" class="number">244.4</td>' in page
    for text in (markdown(record), page):
        assert "model MB" in text
        assert "model MB: size of the parameters as stored" in text
    assert (METRICS["model_mb"].unit, METRICS["model_mb"].better) == ("MB", "lower")
