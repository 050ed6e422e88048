"""A comparison as people read it: on a terminal, in a pipe, in Markdown."""

import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alexbench.harness.comparison.compare import compare
from alexbench.harness.records.paired_records import PairedReport
from alexbench.reports.comparison.answer import answer
from alexbench.reports.comparison.output import comparison_markdown, print_comparison
from alexbench.reports.comparison.tables import sentences, tables
from alexbench.reports.table import Table
from tests.support.records import model
from tests.support.runs import SIGMA, Asked, answers, write_run
from tests.support.terminals import Terminal


@pytest.fixture
def report(tmp_path: Path) -> PairedReport:
    """Three mismatches of 1,000: one explained, one not, one not computed in float64."""
    rows = {"onnxruntime": answers(1000, wrong=[7, 8, 9]), "torch": answers(1000)}
    reference = {
        7: Asked((7, 107, 1, 2, 3), (9.0, 9.0 - 1e-4 * SIGMA, 1.0, 0.9, 0.8)),
        8: Asked((8, 108, 1, 2, 3), (9.0, 9.0 - 0.5 * SIGMA, 1.0, 0.9, 0.8)),
    }
    return compare([str(write_run(tmp_path / "run", rows, reference=reference))]).report


def report_of(folder: Path, images: int, *, wrong: int = 0, **of_run: Any) -> PairedReport:
    rows = {"x": answers(images, wrong=range(wrong)), "torch": answers(images)}
    return compare([str(write_run(folder / "run", rows, **of_run))]).report


def table_named(report: PairedReport, start: str, flips: int | None = None) -> Table:
    return next(table for table in tables(report, flips=flips) if table.title.startswith(start))


def printed(report: PairedReport, flips: int = 10) -> str:
    stream = io.StringIO()
    print_comparison(report, flips=flips, stream=stream)
    return stream.getvalue()


def test_figures_have_two_decimals_and_intervals_go_from_low_to_high(report: PairedReport) -> None:
    table = table_named(report, "Top-1 on the same 1,000 images, margin 0.50 points")
    assert table.headings == [
        "row",
        "%",
        "95 % interval",
        "lost",
        "gained",
        "difference (95 %)",
        "p",
        "of base",
        "verdict",
    ]
    base, row = table.rows
    assert base == ("torch 1.2.3 fp32", "100.00", "99.62 to 100.00", "-", "-", "-", "-", "-", "base")
    assert row[0] == "onnxruntime 1.2.3 fp32"
    assert row[1:3] == ("99.70", "99.13 to 99.90")
    assert row[3:5] == ("3", "0")
    assert re.fullmatch(r"-0\.30 \(-0\.\d\d to \+0\.\d\d\)", row[5])
    assert row[6:] == ("0.250", "99.70 % (kept)", "undecided")


def test_nothing_has_no_sign(tmp_path: Path) -> None:
    row = table_named(report_of(tmp_path, 1000), "Top-1").rows[1]
    assert row[5] == "0.00 (-0.38 to +0.38)"
    assert row[8] == "equivalent"


def test_a_tiny_p_keeps_its_size(tmp_path: Path) -> None:
    row = table_named(report_of(tmp_path, 1000, wrong=40), "Top-1").rows[1]
    assert row[6] == "2e-12"
    assert row[7] == "96.00 % (NOT kept)"
    assert row[8] == "different"


def test_mismatches_are_counted_by_what_is_known_of_them(report: PairedReport) -> None:
    (row,) = table_named(report, "Top-1 mismatches").rows
    assert row == ("torch", "onnxruntime", "3", "0.30", "1", "1", "1")


def test_a_mismatch_is_two_lines_and_the_unexplained_come_first(report: PairedReport) -> None:
    table = table_named(report, "Images with a top-1 mismatch, onnxruntime and torch: 3")
    assert table.headings == ["image", "row", "1", "2", "3", "4", "5", "margin"]
    first, second, *_ = table.rows
    assert (*first[:3], first[7]) == ("val_00008.JPEG", "torch", "hen 9", "5.0e-01 sigma")
    assert (second[0], second[1], second[7]) == ("label: hen", "onnxruntime", "UNEXPLAINED")
    assert [row[7] for row in table.rows[2:]] == ["-", "not examined", "1.0e-04 sigma", "explained"]


def test_no_more_mismatches_are_listed_than_asked_for(report: PairedReport) -> None:
    assert len(table_named(report, "Images with a top-1 mismatch, onnxruntime and torch: 2 of 3", flips=2).rows) == 4
    assert not [table for table in tables(report, flips=0) if table.title.startswith("Images")]
    assert "val_00009" not in printed(report, flips=1)
    assert "val\\_00009" in comparison_markdown(report)


def test_unexplained_mismatches_of_fp32_rows_are_the_first_thing_said(report: PairedReport) -> None:
    assert sentences(report)[0] == (
        "onnxruntime and torch: 1 unexplained top-1 mismatch, not rounding: both rows report fp32, and float64 has the"
        " two answers over 0.0002 sigma apart."
    )


def test_what_was_not_asked_is_said_with_its_count(report: PairedReport) -> None:
    assert (
        "Mismatches not examined, as no run has float64 answers for these images: onnxruntime and torch: 1 of 3."
        in (sentences(report))
    )


def test_undecided_is_said_with_the_number_that_would_decide(tmp_path: Path) -> None:
    lines = sentences(report_of(tmp_path, 40))
    assert lines[0].startswith("Undecided, top-1 and top-5 of x (base: torch):")
    assert "598 images would show equivalence" in lines[0]
    assert "at least 6 images that only one of the two has right; 0 were found." in lines[0]
    assert lines[1].startswith("x (base: torch): no top-1 mismatch in 40 images")
    assert lines[1].endswith("below 7.50 %.")


def test_where_no_number_shows_equivalence_that_is_said(tmp_path: Path) -> None:
    line = sentences(report_of(tmp_path, 1000, wrong=5))[0]
    assert "about 1,200 images would show a difference" in line
    assert "No number of images would show equivalence" in line


def test_rows_that_have_no_mismatch_share_a_sentence(tmp_path: Path) -> None:
    rows = dict.fromkeys(("x", "y", "torch"), answers(1000))
    lines = sentences(compare([str(write_run(tmp_path / "run", rows))]).report)
    assert lines == [
        "x, y (base: torch): no top-1 mismatch in 1,000 images; at 95 % confidence the rate is below 0.30 %."
    ]


def test_two_runs_are_called_a_and_b(tmp_path: Path) -> None:
    first = write_run(tmp_path / "old", {"torch": answers(1000)})
    second = write_run(tmp_path / "new", {"torch": answers(1000, wrong=[1])})
    text = printed(compare([str(first), str(second)]).report)
    assert f"   run A  {first}" in text
    assert f"   run B  {second}" in text
    assert "Images with a top-1 mismatch, B torch and A torch: 1" in text


def test_a_pipe_gets_plain_text_a_row_a_line(report: PairedReport) -> None:
    text = printed(report)
    assert "\x1b" not in text
    assert "…" not in text
    line = next(line for line in text.splitlines() if line.startswith("onnxruntime 1.2.3"))
    assert line.rstrip().endswith("undecided")


def test_on_80_columns_nothing_is_cut_off(report: PairedReport, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    stream = Terminal()
    print_comparison(report, flips=2, stream=stream)
    lines = re.sub(r"\x1b\[[0-9;]*m", "", stream.getvalue()).splitlines()
    assert max(map(len, lines)) <= 80
    assert "…" not in stream.getvalue()


def test_markdown_is_the_same_for_the_same_report_and_says_how_to_read_it(report: PairedReport) -> None:
    text = comparison_markdown(report)
    assert text == comparison_markdown(report)
    assert text.startswith("# AlexBench: a comparison\n")
    assert "## How to read it" in text
    assert "| torch 1.2.3 fp32 | 100.00 | 99.62 to 100.00 |" in text
    assert "val\\_00007.JPEG" in text


def test_synthetic_is_in_the_title_and_above_the_tables(tmp_path: Path) -> None:
    report = report_of(tmp_path, 1000, model=model(synthetic=True))
    assert comparison_markdown(report).startswith("# AlexBench: a comparison on SYNTHETIC data\n")
    assert "SYNTHETIC images or weights" in printed(report)
    assert answer(report)[-1].startswith("Synthetic data")


def test_a_base_that_is_always_wrong_has_no_share_of_it(tmp_path: Path) -> None:
    rows = {"torch": answers(100, missed=range(100)), "x": answers(100, missed=range(100))}
    report = compare([str(write_run(tmp_path / "run", rows, labels=np.arange(100)))]).report
    table = table_named(report, "Top-1")
    assert "of base" not in table.headings
    assert table.rows[1][1:3] == ("0.00", "0.00 to 3.69")
