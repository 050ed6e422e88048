"""Reports of a run: whole or not at all, and the same bytes each time."""

from pathlib import Path

import pandas as pd
import pytest

from alexbench.reports import report_files as write
from alexbench.reports.report_files import write_reports
from tests.support.records import error_row, ok_row, run_record


def test_reports_are_written_and_named(tmp_path: Path) -> None:
    paths = write_reports(tmp_path, run_record())
    assert [path.name for path in paths] == ["report.md", "report.html", "leaderboard.csv"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["leaderboard.csv", "report.html", "report.md"]
    assert list(pd.read_csv(tmp_path / "leaderboard.csv")["backend"]) == ["onnxruntime"]


def test_made_again_they_are_the_same_bytes(tmp_path: Path) -> None:
    record = run_record(ok_row("a"), error_row("b", "naïve — ünïcode"))
    first = [path.read_bytes() for path in write_reports(tmp_path, record)]
    assert [path.read_bytes() for path in write_reports(tmp_path, record)] == first
    assert b"\r" not in b"".join(first)


def test_a_report_that_cannot_be_made_leaves_the_older_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_reports(tmp_path, run_record())
    before = (tmp_path / "report.md").read_bytes()

    def broken(_: object) -> str:
        raise RuntimeError("no")

    monkeypatch.setattr(write, "markdown", broken)
    with pytest.raises(RuntimeError):
        write_reports(tmp_path, run_record(ok_row("other")))
    assert (tmp_path / "report.md").read_bytes() == before
