"""alexbench report: several runs, one leaderboard, JSON, plots, and folders that are not runs."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from alexbench.harness.cli import cli
from alexbench.harness.errors import AlexBenchError, RecordError, UsageError
from alexbench.harness.records.record_files import to_json
from alexbench.harness.records.run_records import RunRecord
from alexbench.harness.records.training_speed_records import TRAINING_SPEED
from tests.support.records import error_row, ok_row, run_record
from tests.support.training_speeds import row, speed


def report(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, ["report", *map(str, arguments)])


def refused(*arguments: str | Path) -> AlexBenchError:
    error = report(*arguments).exception
    assert isinstance(error, AlexBenchError)
    return error


@pytest.fixture
def runs(tmp_path: Path) -> list[Path]:
    """Two runs of one set."""
    folders = [tmp_path / name for name in ("first", "second")]
    records = run_record(ok_row("a"), ok_row("b")), run_record(ok_row("a"), started="2026-11-22T00:00:00+00:00")
    for folder, record in zip(folders, records, strict=True):
        write(folder, record)
    return folders


def write(folder: Path, record: RunRecord) -> None:
    folder.mkdir()
    (folder / "run.json").write_text(to_json(record), encoding="utf-8")


def test_the_last_lines_say_where_the_reports_are(runs: list[Path]) -> None:
    ended = report(*runs)
    assert ended.exit_code == 0
    for folder in runs:
        assert f"wrote {folder / 'report.md'}" in ended.output
    assert ended.output.splitlines()[-1].startswith("wrote ")


def test_one_leaderboard_of_all_leaves_the_runs_as_they_are(runs: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "LEADERBOARD.md"
    ended = report(*runs, "--leaderboard", out)
    assert (ended.exit_code, ended.output.splitlines()[-1]) == (0, f"wrote {out}")
    assert "Leaderboard of many runs" in ended.output
    first = out.read_bytes()
    assert b"**Run A** 2026-11-22" in first
    report(*reversed(runs), runs[0], "--leaderboard", out)  # named twice is once
    assert out.read_bytes() == first
    assert [[path.name for path in folder.iterdir()] for folder in runs] == [["run.json"]] * 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["LEADERBOARD.md", "first", "second"]


def test_a_benchmark_of_training_is_a_section_of_its_own(runs: list[Path], tmp_path: Path) -> None:
    folder, out = tmp_path / "trained", tmp_path / "LEADERBOARD.md"
    folder.mkdir()
    (folder / TRAINING_SPEED).write_text(json.dumps(asdict(speed(row("torch", 14.5)))), encoding="utf-8")
    ended = report(folder)
    assert ended.exit_code == 0
    assert ended.output.splitlines()[0].startswith("torch trains 14.5")
    assert ended.output.splitlines()[-1] == f"wrote {folder / 'training-speed.md'}"
    assert report(*runs, folder, "--leaderboard", out).exit_code == 0
    text = out.read_text(encoding="utf-8")
    assert text.index("## Leaderboard") < text.index("## Training torchvision on SYNTHETIC data")
    assert "1833.9" in text.split("## Training torchvision")[1]
    assert json.loads(report(folder, "--json").stdout)[0]["training"]["rows"][0]["name"] == "torch"
    assert report(folder, "--leaderboard", out).exit_code == 0


def test_json_has_an_entry_for_each_run_and_the_paths_go_to_standard_error(runs: list[Path]) -> None:
    ended = report(*runs, "--json")
    entries = json.loads(ended.stdout)
    assert [entry["run"] for entry in entries] == [str(folder) for folder in runs]
    assert [[row["backend"] for row in entry["rows"]] for entry in entries] == [["a", "b"], ["a"]]
    assert entries[0]["rows"][0]["images_per_second"] == 140.0
    assert entries[0]["rows"][0]["error"] is None
    assert "wrote" in ended.stderr


def test_plots_are_drawn_where_they_are_asked_for(runs: list[Path]) -> None:
    report(runs[0])
    assert not (runs[0] / "leaderboard.png").exists()
    ended = report(runs[0], "--pictures")
    assert f"wrote {runs[0] / 'leaderboard.png'}" in ended.output
    assert (runs[0] / "leaderboard.svg").exists()


def test_plots_of_a_truncated_table_are_refused(runs: list[Path]) -> None:
    (runs[0] / "timings.parquet").write_bytes(b"PAR1\x00\x00")
    assert "timings.parquet is damaged" in str(refused(runs[0], "--pictures"))


def test_plots_and_one_leaderboard_are_one_or_the_other(runs: list[Path], tmp_path: Path) -> None:
    ended = report(*runs, "--pictures", "--leaderboard", tmp_path / "x.md")
    assert ended.exit_code == 2
    assert "give one of them" in ended.output


@pytest.mark.parametrize("text", ["{", "", '{"schema_version": 4}', "[]", '{"schema_version": "4"}'])
def test_a_truncated_record_among_several_is_named_and_the_others_are_reported(
    runs: list[Path], tmp_path: Path, text: str
) -> None:
    (runs[1] / "run.json").write_text(text, encoding="utf-8")
    error = refused(*runs, "--leaderboard", tmp_path / "x.md")
    assert isinstance(error, RecordError)
    assert f"{runs[1] / 'run.json'} is damaged" in str(error)
    assert (tmp_path / "x.md").exists()
    assert isinstance(refused(*runs), RecordError)
    assert (runs[0] / "report.md").exists()
    assert not (runs[1] / "report.md").exists()
    assert isinstance(refused(runs[1], "--leaderboard", tmp_path / "none.md"), RecordError)
    assert not (tmp_path / "none.md").exists()


def test_a_folder_that_is_no_run_and_a_newer_one_are_refused(runs: list[Path], tmp_path: Path) -> None:
    assert "is not a run" in str(refused(runs[0], tmp_path))
    newer = {**json.loads((runs[1] / "run.json").read_text(encoding="utf-8")), "schema_version": 99}
    (runs[1] / "run.json").write_text(json.dumps(newer), encoding="utf-8")
    assert "schema 99, newer than" in str(refused(*runs))


def test_a_leaderboard_that_cannot_be_written_is_refused(runs: list[Path], tmp_path: Path) -> None:
    assert isinstance(refused(*runs, "--leaderboard", tmp_path), UsageError)
    assert "does not exist; make it" in str(refused(*runs, "--leaderboard", tmp_path / "gone" / "x.md"))


def test_a_run_in_which_nothing_went_well_is_reported(tmp_path: Path) -> None:
    write(tmp_path / "failed", run_record(error_row("a", "it *died*"), reference=None))
    ended = report(tmp_path / "failed")
    assert ended.exit_code == 0
    assert "[1] it *died*" in ended.output
