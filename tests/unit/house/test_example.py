"""The example in docs/ and LEADERBOARD.md are what their records give, and README.md shows the same speeds."""

import re
from pathlib import Path

import pytest

from alexbench.harness.records.file_names import RUN_FILE
from alexbench.harness.records.record_files import read_run
from alexbench.reports.columns import BY_NAME
from alexbench.reports.leaderboard.many_runs import many_runs
from alexbench.reports.leaderboard.output import markdown
from alexbench.reports.rows import rows_of
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


def test_the_example_of_int8_is_that_of_its_record_and_the_guide_shows_its_prices() -> None:
    (folder,) = (path.parent for path in (ROOT / "docs" / "example-int8").glob(f"*/{RUN_FILE}"))
    record = read_run(folder)
    assert (folder / "report.md").read_text(encoding="utf-8") == markdown(record)
    assert (record.status, record.invalid) == ("complete", ())
    lines = lines_of(ROOT / "docs" / "guides" / "precision.md")
    start = next(place for place, line in enumerate(lines) if line.startswith("| system | vs fp32 row |"))
    shown = lines[start : lines.index("", start)]
    assert len(shown) > 4
    assert set(shown) <= set(lines_of(folder / "report.md"))


def test_the_speeds_in_the_readme_are_those_of_the_example() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (record,) = map(read_run, EXAMPLE)
    (words,) = re.findall(r"!\[(Leaderboard[^\]]*)\]", text)
    rows = [row for row in rows_of(record) if BY_NAME["images_per_second"].number(row) is not None]
    speeds = [f"{BY_NAME['images_per_second'].number(row):.0f}" for row in rows]
    assert len(speeds) == 4
    assert sorted(re.findall(r"\b(\d+)\b", words)) == sorted(speeds)
    assert set(re.findall(r"\((\d+) FPS\)", text)) <= set(speeds)


def test_the_leaderboard_in_the_guide_is_that_of_the_example() -> None:
    lines = lines_of(ROOT / "docs" / "guides" / "reading-a-report.md")
    start = next(place for place, line in enumerate(lines) if line.startswith("| # | system |"))
    shown = lines[start : lines.index("", start)]
    (report,) = (lines_of(folder / "report.md") for folder in EXAMPLE)
    assert len(shown) == 7
    assert set(shown) <= set(report)
