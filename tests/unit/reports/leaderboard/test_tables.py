"""The cells of the tables: every row as wide as the headings, and short enough for a terminal."""

from dataclasses import replace
from typing import Any

import pytest

from alexbench.harness.records.reasons import Reason
from alexbench.harness.records.run_records import Comparison, RunRecord, SkippedRecord
from alexbench.reports.leaderboard.tables import Table, tables
from tests.support.records import (
    accuracy,
    artifact,
    ceiling,
    effective,
    error_row,
    missing_row,
    noise,
    ok_row,
    parity,
    performance,
    reasons,
    run_record,
    synthetic_run,
)

WIDEST_LINE = 170
"""A narrower terminal breaks it between words."""


def titled(record: RunRecord, title: str) -> Table:
    (found,) = (table for table in tables(record) if table.title == title)
    return found


def row_of(table: Table, start: str) -> dict[str, str]:
    place = table.headings.index("system")
    (found,) = (row for row in table.rows if row[place].startswith(start))
    return dict(zip(table.headings, found, strict=True))


@pytest.mark.parametrize(
    "record",
    [
        run_record(),
        synthetic_run(ok_row("onnxruntime"), ok_row("openvino"), ok_row("tensorflow"), ok_row("torch")),
        run_record(ok_row("a"), error_row("b", "x" * 500), missing_row("c")),
        run_record(ok_row("a", performance=None), reference=None),
        run_record(
            ok_row("onnxruntime", performance=None, accuracy=accuracy(interval=True), parity=parity(effective_bits=20)),
            ok_row("torch", accuracy=accuracy(interval=True), parity=parity(effective_bits=11, passed=False)),
        ),
        run_record(ok_row("a", accuracy=None, parity=None), reference=None),
        run_record(status="running", systems=(), reference=None),
    ],
    ids=["one", "four", "errors", "accuracy only", "unmasked", "speed only", "just begun"],
)
def test_every_row_has_a_cell_for_every_heading_and_none_sprawls(record: RunRecord) -> None:
    for table in tables(record):
        assert len(table.numeric) == len(table.headings)
        assert {len(row) for row in table.rows} == {len(table.headings)}
        assert all(cell and "\n" not in cell for row in table.rows for cell in row)
        columns = zip(table.headings, *table.rows, strict=True)
        assert sum(max(map(len, column)) + 2 for column in columns) <= WIDEST_LINE


def test_the_batch_of_fps_is_in_the_caption() -> None:
    record = run_record(ok_row(performance=performance(batch_size=8)), configuration={"batch_size": 8, "device": "cpu"})
    assert "at batch 8" in tables(record)[0].caption[0]


def test_the_reference_stands_last_in_the_leaderboard_and_only_where_there_is_one() -> None:
    board, *others = tables(run_record())
    assert board.rows[-1][board.headings.index("system")] == "reference (float64)"
    for table in (*others, *tables(run_record(reference=None))):
        assert all("reference" not in cell for row in table.rows for cell in row)


def test_figures_are_shown_with_their_intervals() -> None:
    record = run_record()
    board = titled(record, "Leaderboard")
    (name,) = (row[1] for row in board.rows[:-1])
    row = row_of(board, name)
    assert row["p50 ms"] == "15.00 (14.50-15.50)"
    assert row["FPS"] == "140.0 (138.0-142.0)"
    assert row["top-1 %"] == "56.50"
    details = titled(record, "Details")
    assert details.rows[0][details.headings.index("MiB (peak)")] == "- (612)"


def test_memory_is_what_it_takes_when_warm_and_the_most_until_then() -> None:
    record = run_record(ok_row("a", rss_mib=540.4, peak_rss_mib=611.6), ok_row("b", rss_mib=540.4, peak_rss_mib=None))
    details = titled(record, "Details")
    assert [row_of(details, name)["MiB (peak)"] for name in "ab"] == ["540 (612)", "540"]


def test_parity_is_a_word_in_the_leaderboard_and_figures_in_a_table_of_its_own() -> None:
    record = run_record(ok_row("a"))
    assert row_of(titled(record, "Leaderboard"), "a ")["checks"] == "ok"
    shown = row_of(titled(record, "Parity with float64"), "a")
    assert (shown["error / sigma"], shown["SQNR dB"], shown["mismatches"]) == ("2.0e-6", "121", "0")
    assert "bits" not in shown  # nor what else older records do not have


def test_parity_names_the_precision_that_its_bits_say() -> None:
    record = run_record(ok_row("a", parity=parity(effective_bits=20.1)))
    shown = row_of(titled(record, "Parity with float64"), "a")
    assert (shown["bits"], shown["as in"], shown["KL nats"], shown["top-5 kept"]) == ("20.1", "fp32", "1.3e-4", "0.980")


def test_an_unmasked_row_is_named_where_parity_stands() -> None:
    rows = [ok_row("a", parity=parity(effective_bits=bits, passed=bits > 16)) for bits in (20.0, 11.7, 7.4, 4.5, 2.0)]
    shown = [row_of(titled(run_record(row), "Leaderboard"), "a ")["checks"] for row in rows]
    assert shown == ["ok", "parity FAILED: 11 bits", "parity FAILED: 8 bits", "parity FAILED", "parity FAILED"]


def test_accuracies_have_their_intervals_where_there_are_any() -> None:
    record = run_record(ok_row("a", accuracy=accuracy(interval=True)), ok_row("b"))
    board, accuracies = titled(record, "Leaderboard"), titled(record, "Accuracy")
    assert [row_of(board, name)["top-1 %"] for name in ("a ", "b ")] == ["56.50", "56.50"]
    assert accuracies.rows[0][:3] == ("a", "56.50 (53.4-59.5)", "79.10 (76.5-81.5)")
    assert len(accuracies.rows) == 1
    assert "Accuracy" not in [table.title for table in tables(run_record(ok_row("a")))]


def test_failed_parity_names_the_mismatches_beyond_rounding() -> None:
    record = run_record(ok_row("a", parity=parity(passed=False, flips=3, unexplained=2)))
    assert row_of(titled(record, "Leaderboard"), "a ")["checks"] == "parity FAILED"
    assert row_of(titled(record, "Parity with float64"), "a")["mismatches"] == "3 (2 unexplained)"


def test_rows_that_said_nothing_of_themselves_are_not_in_the_details() -> None:
    details = titled(run_record(ok_row("a"), error_row("b"), missing_row("c")), "Details")
    assert [row[0] for row in details.rows] == ["a"]


def test_a_run_of_one_group_has_one_leaderboard_with_the_unranked_rows_below() -> None:
    record = run_record(ok_row("a"), error_row("z"), ok_row("b", performance=performance(200)))
    assert tables(record)[0].title == "Leaderboard"
    board = titled(record, "Leaderboard")
    assert [row[:2] for row in board.rows] == [
        ("1", "b 1.2.3"),
        ("2", "a 1.2.3"),
        ("-", "z [1]"),
        ("-", "reference (float64)"),
    ]


def two_groups(**changes: Any) -> RunRecord:
    bf16 = effective(precision=("bf16", "measured"))
    return run_record(
        ok_row("a", performance=performance(100, p50_ms=20)),
        ok_row("b", performance=performance(80, p50_ms=25)),
        ok_row("c", performance=performance(200, p50_ms=10), effective=bf16),
        ok_row("d", performance=performance(190, p50_ms=12), effective=bf16),
        ok_row("wrong", performance=performance(300), parity=parity(passed=False)),
        error_row("z"),
        **changes,
    )


def bold(table: Table) -> set[str]:
    """The cells that are set so."""
    return {
        cell
        for cells, best in zip(table.columns, table.bold, strict=True)
        for cell, one in zip(cells, best, strict=True)
        if one
    }


def test_rows_that_ran_unlike_stand_in_one_leaderboard_each_group_with_its_own_ranks_and_its_own_best() -> None:
    (board,) = (table for table in tables(two_groups()) if table.title.startswith("Leaderboard"))
    assert "alike" in board.title
    assert board.headings[:3] == ["#", "system", "ran as"]
    assert [row[:3] for row in board.rows] == [
        ("1", "c 1.2.3", "bf16"),  # the group of the fastest row that is ranked comes first
        ("2", "d 1.2.3", "bf16"),
        ("1", "a 1.2.3", "fp32"),
        ("2", "b 1.2.3", "fp32"),
        ("-", "wrong 1.2.3 [1]", "fp32"),
        ("-", "z [2]", "-"),
        ("-", "reference (float64)", "-"),
    ]
    assert bold(board) == {
        "20.00 (19.50-20.50)",
        "100.0 (98.0-102.0)",
        "10.00 (9.50-10.50)",
        "200.0 (198.0-202.0)",
    }


def test_all_tables_list_the_rows_in_the_leaderboards_order() -> None:
    wanted = ["c", "d", "a", "b", "wrong"]
    for title in ("Details", "Parity with float64", "Latency, batch 1"):
        assert [row[0] for row in titled(two_groups(), title).rows] == wanted


def test_a_noisy_row_is_ranked_and_called_noisy() -> None:
    record = run_record(
        ok_row("a", performance=performance(noise=noise())),
        ok_row("b", performance=performance(900, noise=noise("throttled"))),
    )
    board = titled(record, "Leaderboard")
    assert (row_of(board, "a ")["checks"], row_of(board, "b ")["checks"]) == ("ok", "ok, noisy")
    assert (row_of(board, "a ")["#"], row_of(board, "b ")["#"]) == ("2", "1")
    assert row_of(board, "b ")["FPS"] == "900.0 (898.0-902.0)"


def test_where_all_are_quiet_the_noise_checks_alone_report_it() -> None:
    record = run_record(ok_row("a", performance=performance(noise=noise())))
    assert row_of(titled(record, "Leaderboard"), "a ")["checks"] == "ok"
    assert row_of(titled(record, "Noise checks"), "a")["verdict"] == "quiet"


def test_a_row_without_noise_checks_is_not_called_quiet() -> None:
    record = run_record(ok_row("a"), ok_row("b", performance=performance(steady=False)))
    board = titled(record, "Leaderboard")
    assert (row_of(board, "a ")["checks"], row_of(board, "b ")["checks"]) == ("ok", "ok, noisy")
    assert "Noise checks" not in [table.title for table in tables(record)]


def test_an_invalid_measurement_is_called_so_over_its_rows() -> None:
    record = run_record(ok_row("a"), ok_row("b"), invalid=reasons("the machine slept"))
    board = titled(record, "Leaderboard: INVALID, no row is ranked")
    assert "#" not in board.headings
    assert not bold(board)


def test_mfu_is_a_share_of_the_ceiling_or_says_that_the_peak_was_not_found() -> None:
    rows = ok_row("a", performance=performance(100)), ok_row("b", performance=performance(300))
    shown = titled(run_record(rows[0], ceiling=ceiling(200.0)), "Efficiency, batch 32")
    assert row_of(shown, "a")["mfu"] == "0.71"
    assert row_of(titled(run_record(rows[0]), "Leaderboard"), "a ")["GFLOP/s"] == "142.8"
    both = titled(run_record(*rows, ceiling=ceiling(200.0)), "Efficiency, batch 32")
    assert {row_of(both, name)["mfu"] for name in "ab"} == {"peak not found"}
    assert "Efficiency, batch 32" not in [table.title for table in tables(run_record(*rows))]


def test_a_row_that_broke_after_parity_reads_error_and_not_ok() -> None:
    board, *_ = tables(run_record(replace(ok_row("a", performance=None), status="error", error="a was killed")))
    assert row_of(board, "a ")["checks"] == "ERROR"


def test_skipped_images_stand_next_to_every_accuracy() -> None:
    record = run_record(ok_row("a"), ok_row("b"))
    skipped = (SkippedRecord("x.JPEG", "not an image"), SkippedRecord("y.JPEG", "empty"))
    record = replace(record, data=replace(record.data, skipped=skipped))
    main, *_ = tables(record)
    for heading in ("top-1 %", "top-5 %"):
        cells = main.columns[main.headings.index(heading)][:2]
        assert all(cell.endswith(" (2 skipped)") for cell in cells)


def compared(backend: str, ours: float, metric: str = "top1") -> Comparison:
    verdict = Reason("reproduced", limit=0.1)
    return Comparison(backend, "a paper", metric, ours, ours - 1, ours + 1, 56.52, verdict)  # type: ignore[arg-type]


def test_published_figures_stand_next_to_ours_and_equal_rows_share_a_line() -> None:
    record = run_record(
        ok_row("a"),
        ok_row("b"),
        ok_row("c"),
        comparisons=(compared("a", 56.5), compared("b", 56.5), compared("c", 56.0)),
    )
    *_, published = tables(record)
    assert published.title == "Published figures"
    said = "reproduced (within 0.10 points)"
    assert [row[1:] for row in published.rows] == [
        ("top-1", "56.52", "56.50 (55.50-57.50)", "-0.02", "a, b", said),
        ("top-1", "56.52", "56.00 (55.00-57.00)", "-0.52", "c", said),
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
    assert row["system"] == "a 1.2.3 (int8.onnx) [1, 2]"
    assert row["checks"] == "parity differs"
    assert main.notes[0].startswith("[1] ran models/int8.onnx as it is")
    assert row["#"] == "-"
