"""The functions of a notebook are the commands': the same figures, on a run that is kept."""

from pathlib import Path

import pytest

from alexbench.harness import Run, compare, gate, open_run
from alexbench.harness.analysis import run
from alexbench.harness.errors import RecordError, UsageError
from alexbench.reports.export.flat_table import csv_text

ROOT = Path(__file__).parents[3]
(KEPT,) = (ROOT / "docs" / "example").glob("*-torchvision")


@pytest.fixture(scope="module")
def kept() -> Run:
    return open_run(str(KEPT))


def test_the_leaderboard_is_that_of_the_file(kept: Run) -> None:
    board = kept.leaderboard()
    assert len(board) == len(kept.record.systems)
    assert csv_text(board).splitlines()[0] == (KEPT / "leaderboard.csv").read_text(encoding="utf-8").splitlines()[0]
    assert kept.exit_code == 0


def test_predictions_are_those_of_the_run_or_said_to_be_missing(kept: Run, tmp_path: Path) -> None:
    if (KEPT / "predictions.parquet").is_file():
        assert {"label", "top1"} <= set(kept.predictions().columns)
    with pytest.raises(RecordError, match=r"has no predictions\.parquet"):
        Run(tmp_path, kept.record).predictions()


def test_a_notebook_shows_the_leaderboard(kept: Run) -> None:
    shown = kept._repr_html_()
    assert all(row.name in shown for row in kept.record.systems)
    assert shown.count("<tr>") > len(kept.record.systems)


def test_rows_of_one_run_are_compared(kept: Run) -> None:
    assert len(compare(kept).pairs) == len(kept.record.systems) - 1


def test_a_gate_of_a_run_against_itself_is_refused(kept: Run) -> None:
    with pytest.raises(UsageError, match="gated against itself"):
        gate(kept, kept, follow_up=False)


def test_a_wrong_flag_is_the_commands_error() -> None:
    with pytest.raises(UsageError, match="unknown backend"):
        run(systems=["tensorrt"])
