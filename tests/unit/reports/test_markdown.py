"""report.md: the same text for the same record, honest about what was measured, and unharmed by any character."""

import re

import pytest

from alexbench.harness.records.run_records import RunRecord
from alexbench.reports.leaderboard.output import markdown
from tests.support.records import (
    data,
    effective,
    error_row,
    missing_row,
    model,
    ok_row,
    parity,
    performance,
    reasons,
    run_record,
    synthetic_run,
)


def table_lines(text: str) -> list[list[list[str]]]:
    """The cells of each table's rows: heading, rule, then one list a row."""
    blocks = [block for block in text.split("\n\n") if block.startswith("|")]
    return [
        [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in block.splitlines()]
        for block in blocks
    ]


def row_of(text: str, start: str) -> dict[str, str]:
    heading, _, *rows = table_lines(text)[0]
    found = next(row for row in rows if any(cell.startswith(start) for cell in row))
    return dict(zip(heading, found, strict=True))


def test_the_same_record_gives_the_same_bytes() -> None:
    record = run_record(ok_row("a"), error_row("b"))
    assert markdown(record) == markdown(record)
    assert markdown(record).endswith("\n")
    assert not markdown(record).endswith("\n\n")


def test_synthetic_is_said_in_the_title_the_model_and_the_data() -> None:
    text = markdown(synthetic_run())
    title, *_ = text.splitlines()
    assert "SYNTHETIC" in title
    assert next(line for line in text.splitlines() if line.startswith("- **model**")).count("SYNTHETIC") == 1
    line = next(line for line in text.splitlines() if line.startswith("- **data**"))
    assert "SYNTHETIC" in line
    assert "say nothing about ImageNet" in line
    assert "no verdict: these images or weights are synthetic" in text


@pytest.mark.parametrize("one", [{"model": model(synthetic=True)}, {"data": data(synthetic=True)}])
def test_one_synthetic_half_is_enough_for_the_title(one: dict[str, object]) -> None:
    assert "SYNTHETIC" in markdown(run_record(**one)).splitlines()[0]


def test_a_real_run_is_nowhere_called_synthetic_and_says_how_to_compare() -> None:
    text = markdown(run_record())
    assert "synthetic" not in text.lower()
    assert "compare only on all 50,000 images and with verified weights" in text


def test_it_says_what_data_and_weights_these_are() -> None:
    text = markdown(run_record())
    assert "alexnet-owt-7be5be79.pth" in text
    assert "digest abababababab" in text
    assert "pixels efefefefefef" in text
    assert "1000 images, 1000 of 1000 classes" in text
    assert "61,100,840 parameters" in text
    assert "1.428 GFLOPs (2 x MACs)" in text


def test_the_table_is_well_formed_and_numbers_stand_to_the_right() -> None:
    tables = table_lines(markdown(run_record(ok_row("a"), error_row("b"), missing_row("c"))))
    assert [heading[0] for heading, *_ in tables] == ["#", *["system"] * 3]
    assert all({len(row) for row in rows} == {len(heading)} == {len(rule)} for heading, rule, *rows in tables)
    sides = dict(zip(*tables[0][:2], strict=True))
    assert sides["system"] == "---"
    assert sides["top-1 %"] == "---:"


def test_the_reference_has_a_row_and_is_marked_as_the_reference() -> None:
    row = row_of(markdown(run_record()), "reference")
    assert row["system"] == "reference (float64)"
    assert row["top-1 %"] == "36 of 64"
    assert row["checks"] == "reference"
    assert row["#"] == "-"


def test_the_best_is_bold_and_the_speed_up_is_shown() -> None:
    slow, quick = performance(75, p50_ms=20.0), performance(150, p50_ms=16.0)
    text = markdown(run_record(ok_row("slow", performance=slow), ok_row("quick", performance=quick)))
    assert row_of(text, "quick")["speed-up"] == "2.00x"
    assert row_of(text, "slow")["speed-up"] == "base"
    assert row_of(text, "quick")["p50 ms"] == "**16.00 (15.50\u201116.50)**"
    assert row_of(text, "quick")["FPS"] == "**150.0 (148.0\u2011152.0)**"
    assert text.count("**15") + text.count("**16") == 2


def test_rows_not_told_apart_are_marked() -> None:
    text = markdown(run_record(ok_row("a", performance=performance(100)), ok_row("b", performance=performance(101))))
    assert {row_of(text, "a")["#"], row_of(text, "b")["#"]} == {"1\u20112"}
    assert "Rank 1-2: first or second; the run cannot tell (95 %)." in text


def test_parity_is_in_the_leaderboard_and_has_a_table_of_its_own() -> None:
    text = markdown(run_record(ok_row("a", parity=parity(passed=False, flips=3, unexplained=2))))
    board, _, figures, *_ = table_lines(text)
    assert dict(zip(board[0], board[2], strict=True))["checks"] == "parity FAILED"
    assert "3 (2 unexplained)" in figures[2]


def test_a_row_in_error_appears_with_what_happened() -> None:
    text = markdown(run_record(ok_row("a"), error_row("openvino", "worker openvino was killed by SIGKILL")))
    assert row_of(text, "openvino")["checks"] == "ERROR"
    assert row_of(text, "openvino")["system"] == r"openvino \[1\]"
    assert r"- \[1\] worker openvino was killed by SIGKILL" in text


def test_a_runtime_that_is_not_installed_appears_with_the_fix() -> None:
    text = markdown(run_record(ok_row("a"), missing_row("torch")))
    assert row_of(text, "torch")["checks"] == "not installed"
    # Brackets are escaped for Markdown; a renderer shows them plainly.
    assert "pip install 'alexbench[torch]'" in text.replace("\\", "")


def test_no_steady_state_is_said() -> None:
    text = markdown(run_record(ok_row("a", performance=performance(steady=False))))
    assert "no steady state." in text
    assert row_of(text, "a")["#"] == "1"


def test_a_thread_count_that_was_not_measured_is_said() -> None:
    row = ok_row("a", effective=effective(threads=("2", "requested")))
    assert r"- \[1\] thread count only requested, not measured." in markdown(run_record(row))


@pytest.mark.parametrize(
    "hostile", ["a|b", "<b>x</b>", "`x`", "*x*", "~~x~~", "[x](y)", "&lt;", "two\nlines", "two\rlines", "\\"]
)
def test_no_text_of_others_changes_the_page(hostile: str) -> None:
    plain = run_record(ok_row("a"), error_row("b", "harmless"), model=model(weights="harmless"))
    changed = run_record(ok_row("a"), error_row("b", hostile), model=model(weights=hostile, card=hostile))
    text = markdown(changed)
    assert len(text.splitlines()) == len(markdown(plain).splitlines())
    assert len(table_lines(text)) == len(table_lines(markdown(plain)))
    for line in (text.splitlines()[0], text.partition(r"- \[1\] ")[2].splitlines()[0]):
        for character in "|<>`*[]&~":
            assert not re.search(rf"(?<!\\)(\\\\)*{re.escape(character)}", line)


def test_a_hostile_version_cannot_break_the_table() -> None:
    tables = table_lines(markdown(run_record(ok_row("a", effective=effective("1|2")))))
    assert len(tables) == 4
    assert all({len(row) for row in rows} == {len(heading)} for heading, _, *rows in tables)


@pytest.mark.parametrize(
    ("record", "absent"),
    [
        (run_record(ok_row("a", performance=None)), ("FPS", "p50", "GFLOP/s", "against")),
        (
            run_record(ok_row("a", accuracy=None, parity=None), reference=None),
            ("top-1", "top-5", "parity", "reference"),
        ),
        (run_record(error_row("a"), reference=None), ("FPS", "top-1", "load s")),
        (run_record(status="interrupted", systems=(), reference=None), ("FPS", "top-1")),
    ],
    ids=["accuracy only", "speed only", "nothing went well", "no row"],
)
def test_columns_that_nobody_filled_are_left_out(record: RunRecord, absent: tuple[str, ...]) -> None:
    text = markdown(record)
    heading = [one for table in table_lines(text) for one in table[0]]
    for column in absent:
        assert not any(one.startswith(column) for one in heading)


def test_an_interrupted_run_reports_it() -> None:
    assert "this run is INTERRUPTED" in markdown(run_record(status="interrupted"))
    assert "INTERRUPTED" not in markdown(run_record())


def test_a_figure_is_not_broken_at_the_end_of_a_line() -> None:
    row = row_of(markdown(run_record(ok_row("a"))), "a")
    assert row["p50 ms"] == "15.00 (14.50\u201115.50)"
    text = markdown(run_record(ok_row("a-1", parity=parity(max_abs_over_sigma=2e-6))))
    assert "| a-1 1.2.3 |" in text  # a name is left as it is
    assert "| 2.0e\u20116 |" in text


def test_a_hostile_title_or_heading_cannot_change_the_page() -> None:
    rows = [
        ok_row(
            name,
            effective=effective(precision=(precision, "measured")),
            performance=performance(layers_ms={"<b>|": 1.0}),
        )
        for name, precision in (("a", "*fp32*"), ("b", "<i>"))
    ]
    text = markdown(run_record(*rows))
    assert "| \\*fp32\\* |" in text
    assert "| system | \\<b\\>\\| | sum |" in text
    assert "| \\<i\\> |" in text


def test_why_a_run_is_invalid_is_the_first_sentence() -> None:
    text = markdown(run_record(ok_row("a"), invalid=reasons("the machine slept"), notes=reasons("40 images")))
    assert text.splitlines()[2].startswith("Not ranked: the machine slept.")
    assert "## Remarks\n\n- 40 images\n" in text


def test_notes_are_remarks() -> None:
    notes = reasons("40 images, not ImageNet's 50,000")
    assert "- 40 images, not ImageNet's 50,000" in markdown(run_record(notes=notes))
