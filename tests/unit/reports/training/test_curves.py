"""The curves of a training run: as a page, in Markdown and on a terminal."""

import io
import math
from dataclasses import replace

import pytest

from alexbench.harness.records.training_curves import EpochPoint, TrainingCurves
from alexbench.reports.html.training_page import curves_page
from alexbench.reports.training.curves import answer, curves_markdown, epoch_table, print_curves, sparkline

LOSSES = tuple((step, 7.0 * math.exp(-step / 500)) for step in range(1, 1501))
EPOCHS = tuple(
    EpochPoint(epoch, epoch * 50, 0.01, 7.0 - epoch / 10, 60.0 * epoch, 20.0, top1=3.0 * epoch)
    for epoch in range(1, 31)
)
CURVES = TrainingCurves("torch, recipe torchvision", "2026-torch", True, LOSSES, EPOCHS, chance=5.0, skipped=2)


def test_the_answer_has_both_ends_and_chance() -> None:
    assert answer(CURVES) == [
        "Loss 6.986 at step 1, 0.349 at step 1,500.",
        "Held-out top-1 90.0 % after epoch 30; chance is 5.0 %.",
        "2 images could not be decoded and were skipped.",
    ]
    assert answer(replace(CURVES, losses=(), epochs=())) == ["No step was trained."]


def test_a_falling_loss_falls_in_its_line() -> None:
    line = sparkline(LOSSES)
    assert (len(line), line[0], line[-1]) == (60, "█", "▁")
    assert sparkline([(1, math.nan)]) == ""
    assert sparkline([(1, 2.0)]) == "▁"


def test_long_runs_show_the_first_and_the_last_epoch() -> None:
    table = epoch_table(CURVES)
    epochs = [cell.text for cell in table.shown[0].cells]
    assert (len(epochs), epochs[0], epochs[-1]) == (12, "1", "30")


def test_the_page_draws_both_curves_and_is_labelled_synthetic() -> None:
    page = curves_page([CURVES])
    assert page.count("<figure") == 2
    assert "on SYNTHETIC images" in page
    assert "chance, 5.0 %" in page
    assert "<script" not in page
    assert page == curves_page([CURVES])
    assert "SYNTHETIC" not in curves_page([replace(CURVES, synthetic=False)])


def test_two_runs_are_told_apart_and_hostile_names_are_text() -> None:
    page = curves_page([CURVES, replace(CURVES, title="<b>tensorflow</b>")])
    assert "&lt;b&gt;tensorflow" in page
    assert "<b>tensorflow" not in page
    assert page.count('class="legend"') == 2


@pytest.mark.parametrize("losses", [(), ((1, 6.9),), ((1, math.nan), (2, 3.0))])
def test_short_and_broken_runs_are_shown(losses: tuple[tuple[int, float], ...]) -> None:
    short = replace(CURVES, losses=losses, epochs=())
    assert curves_page([short])
    assert curves_markdown(short)


def test_markdown_and_terminal_have_the_run_and_the_epochs(monkeypatch: pytest.MonkeyPatch) -> None:
    text = curves_markdown(CURVES)
    assert "Run 2026-torch" in text
    assert "(SYNTHETIC images)" in text
    monkeypatch.setenv("COLUMNS", "80")
    stream = io.StringIO()
    print_curves(CURVES, stream)
    assert "loss  █" in stream.getvalue()
    assert all(len(line) <= 80 for line in stream.getvalue().splitlines())
