"""The cells of both tables: every row as wide as the headings, and short enough for a terminal."""

from dataclasses import replace

import pytest

from alexbench.harness.records import Comparison, RunRecord, SkippedRecord
from alexbench.reports.cells import Table, tables
from tests.support.records import (
    artifact,
    error_row,
    missing_row,
    ok_row,
    parity,
    performance,
    run_record,
    synthetic_run,
)

WIDEST_LINE = 120


def row_of(table: Table, start: str) -> dict[str, str]:
    place = table.headings.index("backend")
    (found,) = (row for row in table.rows if row[place].startswith(start))
    return dict(zip(table.headings, found, strict=True))


@pytest.mark.parametrize(
    "record",
    [
        run_record(),
        synthetic_run(ok_row("onnxruntime"), ok_row("openvino"), ok_row("tensorflow"), ok_row("torch")),
        run_record(ok_row("a"), error_row("b", "x" * 500), missing_row("c")),
        run_record(ok_row("a", performance=None), reference=None),
        run_record(ok_row("a", accuracy=None, parity=None), reference=None),
    ],
    ids=["one", "four", "errors", "accuracy only", "speed only"],
)
def test_every_row_has_a_cell_for_every_heading_and_none_sprawls(record: RunRecord) -> None:
    for table in tables(record):
        assert len(table.numeric) == len(table.headings)
        assert {len(row) for row in table.rows} == {len(table.headings)}
        assert all(cell and "\n" not in cell for row in table.rows for cell in row)
        columns = zip(table.headings, *table.rows, strict=True)
        assert sum(max(map(len, column)) + 2 for column in columns) <= WIDEST_LINE


def test_the_batch_of_fps_is_in_its_heading() -> None:
    record = run_record(ok_row(performance=performance(batch_size=8)), configuration={"batch_size": 8, "device": "cpu"})
    assert "FPS, batch 8" in tables(record)[0].headings


def test_the_reference_stands_last_in_the_leaderboard_and_only_where_there_is_one() -> None:
    board, details = tables(run_record())
    assert board.rows[-1][board.headings.index("backend")] == "reference (float64)"
    for table in (details, *tables(run_record(reference=None))):
        assert all("reference" not in cell for row in table.rows for cell in row)


def test_figures_are_shown_with_their_intervals() -> None:
    board, details = tables(run_record())
    (name,) = (row[1] for row in board.rows[:-1])
    row = row_of(board, name)
    assert row["p50 ms, batch 1"] == "15.00 (14.50-15.50)"
    assert row["FPS, batch 32"] == "140.0 (138-142)"
    assert row["top-1 %"] == "56.50"
    assert details.rows[0][details.headings.index("peak MiB")] == "612"


def test_parity_is_a_word_in_the_leaderboard_and_figures_in_the_details() -> None:
    board, details = tables(run_record(ok_row("a")))
    assert row_of(board, "a ")["parity"] == "ok"
    shown = row_of(details, "a")
    assert (shown["error / sigma"], shown["SQNR dB"], shown["flips"]) == ("2.0e-06", "121", "0")


def test_failed_parity_names_the_flips_beyond_rounding() -> None:
    board, details = tables(run_record(ok_row("a", parity=parity(passed=False, flips=3, unexplained=2))))
    assert row_of(board, "a ")["parity"] == "FAILED"
    assert row_of(details, "a")["flips"] == "3 (2 unexplained)"


def test_a_row_that_broke_after_parity_reads_error_and_not_ok() -> None:
    board, _ = tables(run_record(replace(ok_row("a", performance=None), status="error", error="a was killed")))
    assert row_of(board, "a ")["parity"] == "ERROR"


def test_skipped_pictures_stand_beside_every_accuracy() -> None:
    record = run_record(ok_row("a"), ok_row("b"))
    skipped = (SkippedRecord("x.JPEG", "not a picture"), SkippedRecord("y.JPEG", "empty"))
    record = replace(record, data=replace(record.data, skipped=skipped))
    main, *_ = tables(record)
    for heading in ("top-1 %", "top-5 %"):
        cells = main.columns[main.headings.index(heading)][:2]
        assert all(cell.endswith(" (2 skipped)") for cell in cells)


def compared(backend: str, ours: float, metric: str = "top1") -> Comparison:
    return Comparison(backend, "a paper", metric, ours, ours - 1, ours + 1, 56.52, "reproduced")  # type: ignore[arg-type]


def test_published_figures_stand_beside_ours_and_equal_rows_share_a_line() -> None:
    record = run_record(
        ok_row("a"),
        ok_row("b"),
        ok_row("c"),
        comparisons=(compared("a", 56.5), compared("b", 56.5), compared("c", 56.0)),
    )
    *_, published = tables(record)
    assert published.title == "Published figures"
    assert [row[1:] for row in published.rows] == [
        ("top-1", "56.52", "56.50 (55.50-57.50)", "-0.02", "a, b", "reproduced"),
        ("top-1", "56.52", "56.00 (55.00-57.00)", "-0.52", "c", "reproduced"),
    ]


def test_all_rows_alike_are_all() -> None:
    record = run_record(ok_row("a"), ok_row("b"), comparisons=(compared("a", 56.5), compared("b", 56.5)))
    assert tables(record)[-1].rows[0][5] == "all"


def test_synthetic_accuracies_have_no_difference_to_published_ones() -> None:
    record = synthetic_run(ok_row("a"), comparisons=(compared("a", 57.0),))
    assert "difference" not in tables(record)[-1].headings


def test_an_artifact_is_named_and_may_differ() -> None:
    record = run_record(ok_row("a", artifact=artifact("models/int8.onnx"), parity=parity(passed=False)), ok_row("b"))
    main, *_ = tables(record)
    row = row_of(main, "a ")
    assert row["backend"].endswith("(int8.onnx)")
    assert row["parity"] == "differs"
    assert row["#"] == "-"
