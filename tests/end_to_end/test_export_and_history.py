"""Exports and the history as a person asks for them: on the records of small runs."""

import io
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pandas as pd
import pytest

from alexbench.harness.records.file_names import RUN_FILE
from alexbench.harness.records.record_files import to_json
from alexbench.harness.records.run_records import RunRecord
from tests.support import in_process
from tests.support.records import error_row, ok_row, performance, run_record

LIMIT_S = 240


def run_folder(parent: Path, record: RunRecord, name: str = "run") -> Path:
    folder = parent / name
    folder.mkdir()
    (folder / RUN_FILE).write_text(to_json(record), encoding="utf-8")
    return folder


def here(folder: Path, *arguments: str | Path) -> in_process.Ended:
    return in_process.alexbench(*arguments, folder=folder, cache=folder / "cache")


def alexbench(*arguments: str | Path, **variables: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-P", "-m", "alexbench.harness", *map(str, arguments)]
    environment = {name: value for name, value in os.environ.items() if name != "GITHUB_STEP_SUMMARY"} | variables
    return subprocess.run(command, capture_output=True, timeout=LIMIT_S, check=False, env=environment)


def test_a_run_is_exported_to_standard_output_and_to_files(tmp_path: Path) -> None:
    run = run_folder(tmp_path, run_record(ok_row(), error_row()))
    done = alexbench("export", run, "--to", "csv")
    assert (done.returncode, done.stderr) == (0, b"")
    assert list(pd.read_csv(io.BytesIO(done.stdout))["backend"]) == ["onnxruntime", "openvino"]
    out = tmp_path / "run.parquet"
    ended = here(tmp_path, "export", run, "--to", "parquet", "--out", out)
    assert (ended.code, ended.out) == (0, "")
    assert list(pd.read_parquet(out)["status"]) == ["ok", "error"]
    assert ET.fromstring(here(tmp_path, "export", run, "--to", "junit").out).get("errors") == "1"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--to", "xlsx"), "unknown format 'xlsx'; known: csv, json, junit, parquet, pytest-benchmark, step-summary"),
        (("--to", "pytest-benchmark"), "has no timings to export"),
        (("--to", "csv", "--out", "."), "--out . is a folder; name a file"),
        (("--to", "csv", "--out", "none/there.csv"), "--out none/there.csv: the folder none does not exist"),
    ],
)
def test_what_cannot_be_exported_is_one_line(arguments: tuple[str, ...], said: str, tmp_path: Path) -> None:
    run = run_folder(tmp_path, run_record(ok_row(performance=None)))
    ended = here(tmp_path, "export", run, *arguments)
    assert ended.code == 2
    assert said in ended.err
    assert len(ended.err.splitlines()) == 1


def test_a_report_is_added_to_the_step_summary_where_there_is_one(tmp_path: Path) -> None:
    run, summary = run_folder(tmp_path, run_record()), tmp_path / "summary.md"
    assert alexbench("report", run, GITHUB_STEP_SUMMARY=str(summary)).returncode == 0
    assert "# AlexBench: torchvision" in summary.read_text(encoding="utf-8")
    done = alexbench("report", run, GITHUB_STEP_SUMMARY=str(tmp_path))
    assert done.returncode == 0
    assert f"{tmp_path} cannot be written" in done.stderr.decode()


def test_a_history_is_told_drawn_and_machine_readable(tmp_path: Path) -> None:
    for day in range(1, 4):
        record = run_record(ok_row(performance=performance(p50_ms=10.0 + day)))
        run_folder(tmp_path, replace(record, started=f"2026-11-0{day}T00:00:00+00:00"), f"run-{day}")
    plot = tmp_path / "trend.svg"
    ended = here(tmp_path, "history", tmp_path, "--metric", "latency_p50_ms", "--plot", plot)
    assert ended.code == 0, ended.err
    assert "+8.3 %" in ended.out
    assert ET.parse(plot).getroot().tag.endswith("svg")
    found = json.loads(here(tmp_path, "history", tmp_path, "--json").out)
    assert [series["metric"]["name"] for series in found["series"]] == ["top1", "latency_p50_ms", "images_per_second"]
    assert len(pd.read_csv(io.StringIO(here(tmp_path, "history", tmp_path, "--csv").out))) == 9


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "holds no run"),
        (("--plot", "trend.pdf"), "name a file that ends in .svg or .png"),
        (("--json", "--csv"), "give one of them"),
        (
            ("--metric", "fps"),
            "unknown metric 'fps'; did you mean 'images_per_second'? Known: achieved_gflops_per_second",
        ),
    ],
)
def test_a_history_that_cannot_be_is_one_line(arguments: tuple[str, ...], said: str, tmp_path: Path) -> None:
    ended = here(tmp_path, "history", tmp_path, *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert said in ended.err
    assert len(ended.err.splitlines()) == 1
