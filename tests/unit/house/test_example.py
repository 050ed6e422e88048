"""The example in docs/ and LEADERBOARD.md are what the records beside them give, and README shows what stands there."""

from pathlib import Path

import pytest

from alexbench.harness.records.file_names import RUN_FILE
from alexbench.harness.records.record_files import read_run
from alexbench.reports.leaderboard.many_runs import many_runs
from alexbench.reports.leaderboard.output import markdown
from tests.support.tools import ROOT

RUNS = sorted(path.parent for path in (ROOT / "docs" / "example").glob(f"*/{RUN_FILE}"))
EXAMPLE = [folder for folder in RUNS if (folder / "report.md").exists()]


def lines_of(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def test_the_leaderboard_is_that_of_the_example_runs() -> None:
    assert RUNS
    records = [read_run(folder) for folder in RUNS]
    assert (ROOT / "LEADERBOARD.md").read_text(encoding="utf-8") == many_runs(records)


@pytest.mark.parametrize("folder", EXAMPLE, ids=lambda path: path.name)
def test_the_example_report_is_that_of_its_record(folder: Path) -> None:
    record = read_run(folder)
    assert (folder / "report.md").read_text(encoding="utf-8") == markdown(record)
    assert "SYNTHETIC" in lines_of(folder / "report.md")[0]
    assert "SYNTHETIC" in (folder / "report.html").read_text(encoding="utf-8")
    assert record.status == "complete"
    assert not record.invalid


def test_the_leaderboard_in_the_readme_stands_in_the_example() -> None:
    lines = lines_of(ROOT / "README.md")
    tables = [block.splitlines() for block in "\n".join(lines).split("\n\n") if ", batch 1 |" in block]
    assert tables
    there = {line for folder in EXAMPLE for line in lines_of(folder / "report.md")}
    shown = [line for table in tables for line in table] + [line for line in lines if line.startswith("- **Control")]
    assert len(shown) >= 5
    assert [line for line in shown if line not in there] == []
