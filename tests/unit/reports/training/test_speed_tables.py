"""A benchmark of training is shown with its convention, its intervals, and published figures as context only."""

import io
from dataclasses import replace

import pytest

from alexbench.harness.records.training_speed_records import TrainingRow
from alexbench.reports.table import Table
from alexbench.reports.training.speed_output import markdown, print_speed
from alexbench.reports.training.speed_tables import answer, tables
from tests.support.training_speeds import row, speed, throughput

TWO = speed(row("torch", 14.5), row("tensorflow", 11.0))


def column(table: Table, heading: str) -> list[str]:
    return [str(cell) for cell in next(one for one in table.shown if one.heading == heading).cells]


def test_the_answer_is_the_fastest_and_whether_the_losses_agree() -> None:
    said = answer(TWO)
    assert said[0] == (
        "torch trains 14.5 (13.5 to 15.5) images/s, batches in memory, and 13.5 (12.5 to 14.5) end to end."
    )
    assert said[1] == "tensorflow: 11.0 (10.0 to 12.0) images/s."
    assert said[2] == "Losses agree with float64 over the first 3 steps, to 2.0e-06 (relative)."


def test_intervals_that_overlap_show_no_winner() -> None:
    assert "the intervals overlap" in answer(speed(row("torch", 14.5), row("tensorflow", 14.0)))[1]


def test_losses_beyond_the_tolerance_are_in_the_answer_and_in_the_table() -> None:
    wrong = speed(row("torch", 14.5), row("tensorflow", 11.0, error=0.01))
    assert answer(wrong)[-1] == "Losses differ from float64 by more than the tolerance: tensorflow."
    assert column(tables(wrong)[0], "losses") == ["agree, 2e-06", "DIFFER, 1e-02"]


def test_gflops_are_three_forward_passes_of_two_operations_a_mac() -> None:
    assert TWO.flops_per_image == 3 * 1_428_376_960
    assert column(tables(TWO)[0], "GFLOP/s") == ["62.1", "47.1"]
    assert any("forward once, backward twice" in one for one in tables(TWO)[0].caption)


def test_a_runtime_without_a_figure_says_why() -> None:
    failed = TrainingRow("tensorflow", "", "cpu", 2, error="tensorflow is not installed")
    table = tables(speed(row("torch", 14.5), failed))[0]
    assert table.notes == ["¹ tensorflow is not installed"] or "tensorflow is not installed" in table.notes[0]
    assert answer(speed(failed)) == ["No runtime could be timed."]


def test_published_figures_stand_with_their_hardware_and_are_not_compared() -> None:
    table = next(one for one in tables(TWO) if one.key == "training-published")
    assert column(table, "images/s") == ["1833.9"]
    assert column(table, "hardware") == ["8 x BI-V100"]
    assert "compared with no row" in table.caption[0]
    assert "1833" not in "".join(column(tables(TWO)[0], "images/s, compute"))


def test_scaling_shows_the_efficiency() -> None:
    table = next(one for one in tables(TWO) if one.key == "training-scaling")
    assert column(table, "efficiency") == ["100 %", "88 %", "100 %", "88 %"]


@pytest.mark.parametrize("synthetic", [True, False])
def test_synthetic_images_are_labelled(synthetic: bool) -> None:
    text = markdown(replace(TWO, synthetic=synthetic))
    assert ("SYNTHETIC" in text) == synthetic
    assert text.startswith("# AlexBench: training torchvision")


@pytest.mark.parametrize("width", [80, 120])
def test_the_terminal_shows_all_tables(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    stream = io.StringIO()
    print_speed(replace(TWO, rows=(*TWO.rows, row("other", 5.0, end_to_end=throughput(4)))), stream)
    text = stream.getvalue()
    assert all(len(line) <= width for line in text.splitlines())
    assert "float64" in text
    assert "1833.9" in text
