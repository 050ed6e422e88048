"""The command line: an error is one line with the wrong and the known names, without heavy imports."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from alexbench.backends.registry import backend_names
from alexbench.harness.measure.process import usable_cores
from alexbench.harness.models.card import card_names
from alexbench.harness.records.record_files import to_json
from alexbench.harness.records.run_records import SCHEMA_VERSION
from tests.support import in_process
from tests.support.in_process import Ended
from tests.support.records import error_row, ok_row, run_record

HEAVY = (
    "numpy",
    "pandas",
    "rich",
    "pyarrow",
    "PIL",
    "psutil",
    "torch",
    "onnx",
    "onnxruntime",
    "openvino",
    "tensorflow",
)
LIMIT_S = 120


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    return folder


def alexbench(elsewhere: Path, *arguments: str | Path, **variables: str) -> Ended:
    """The console script, from a folder that is not the repository's."""
    script = shutil.which("alexbench", path=sysconfig.get_path("scripts"))
    assert script is not None, "the console script is not installed"
    done = subprocess.run(
        [script, *map(str, arguments)],
        cwd=elsewhere,
        env={**os.environ, "ALEXBENCH_CACHE": str(elsewhere / "cache"), **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def refusal(elsewhere: Path, *arguments: str | Path) -> str:
    """The one line of a command that refuses, having written nothing."""
    before = sorted(elsewhere.rglob("*"))
    ended = in_process.alexbench(*arguments, folder=elsewhere, cache=elsewhere / "cache")
    assert ended.code == 2
    assert ended.out == ""
    lines = ended.err.splitlines()
    assert len(lines) == 1, ended.err
    assert lines[0].startswith("alexbench: ")
    assert sorted(elsewhere.rglob("*")) == before
    return lines[0]


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["--version"]])
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "alexbench.harness", *arguments],
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=True,
    )
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert "click" in imported  # the report was understood
    assert imported.isdisjoint(HEAVY)
    assert done.stdout


def test_help_names_every_command_and_every_flag_of_run(elsewhere: Path) -> None:
    ended = alexbench(elsewhere, "--help")
    assert ended.code == 0
    for command in ("run", "report", "backends", "models"):
        assert f"\n  {command} " in ended.out
    ended = alexbench(elsewhere, "run", "-h")
    for flag in (
        *("--model", "--weights", "--data", "--backend", "--device", "--precision", "--threads"),
        *("--batch-size", "--limit", "--seed", "--only", "--out", "--config"),
    ):
        assert f"  {flag} " in ended.out


def test_python_m_is_the_same_command(elsewhere: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "alexbench.harness", "--version"],
        cwd=elsewhere,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=True,
    )
    assert done.stdout == alexbench(elsewhere, "--version").out
    assert done.stdout.startswith("alexbench ")


def test_backends_lists_every_runtime_and_the_reference(elsewhere: Path) -> None:
    ended = alexbench(elsewhere, "backends")
    assert (ended.code, ended.err) == (0, "")
    for name in (*backend_names(), "reference"):
        assert any(line.split()[:1] == [name] for line in ended.out.splitlines())
    assert "\x1b" not in ended.out


def test_backends_as_json(elsewhere: Path) -> None:
    ended = alexbench(elsewhere, "backends", "--json")
    assert (ended.code, ended.err) == (0, "")
    entries = {entry["backend"]: entry for entry in json.loads(ended.out)}
    assert set(entries) == {*backend_names(), "reference"}
    for entry in entries.values():
        assert entry["available"] is (entry["problem"] is None)
        assert entry["layout"] in ("NCHW", "NHWC")
        assert isinstance(entry["versions"], dict)
    assert entries["reference"]["available"] is True


def test_models_lists_every_card_with_its_size(elsewhere: Path) -> None:
    ended = alexbench(elsewhere, "models")
    assert (ended.code, ended.err) == (0, "")
    for name in card_names():
        assert any(line.split()[:1] == [name] for line in ended.out.splitlines())
    assert "61,100,840" in ended.out
    assert "\x1b" not in ended.out


def test_models_as_json(elsewhere: Path) -> None:
    entries = {entry["model"]: entry for entry in json.loads(alexbench(elsewhere, "models", "--json").out)}
    assert list(entries) == list(card_names())
    assert entries["torchvision"]["gflops"] == pytest.approx(1.42837696)
    assert entries["tfcnn"]["outputs"] == 1001
    assert entries["bvlc"]["input"] == "3x227x227"
    assert {"source": "BVLC bvlc_alexnet readme", "top1": 57.1, "top5": 80.2} in (entries["bvlc"]["published"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "--backend", "tensorrt"], ["'tensorrt'", "litert, onnxruntime", "tensorflow, torch"]),
        (["run", "--backend", "reference"], ["'reference'", "every run computes"]),
        (["run", "--backend", "torch", "--backend", "torch"], ["twice", "torch"]),
        (["run", "--model", "alexnet"], ["model 'alexnet'", "bvlc, modelhub, modelhub-onnx, omz"]),
        (["run", "--model", "nowhere.toml"], ["nowhere.toml", "No such file"]),
        (["run", "--precision", "int4"], ["--precision 'int4'", "bf16, fp16, fp32, int8"]),
        (["run", "--only", "speed"], ["--only 'speed'", "accuracy, performance"]),
        (["run", "--threads", "0"], ["--threads 0", "1 or more"]),
        (["run", "--threads", "two"], ["--threads", "'two'"]),
        (["run", "--batch-size", "0"], ["--batch-size 0", "1 or more"]),
        (["run", "--limit", "-3"], ["--limit -3", "1 or more"]),
        (["run", "--seed", "-1", "--limit", "5"], ["seed", "-1"]),
        (["run", "--treads", "2"], ["--treads", "--threads"]),
        (["run", "pictures"], ["pictures"]),
        (["runn"], ["'runn'"]),
        (["report"], ["RUN..."]),
    ],
    ids=lambda value: (
        " ".join(value) if isinstance(value, list) and value[:1] in (["run"], ["runn"], ["report"]) else ""
    ),
)
def test_wrong_usage_is_one_line_that_names_it_and_the_known(
    elsewhere: Path, arguments: list[str], said: list[str]
) -> None:
    line = refusal(elsewhere, *arguments)
    for part in said:
        assert part in line


def test_more_threads_than_cores_are_refused(elsewhere: Path) -> None:
    line = refusal(elsewhere, "run", "--threads", str(usable_cores() + 1))
    assert f"may use {usable_cores()} cores" in line


def test_real_images_want_real_weights_and_the_other_way_round(elsewhere: Path) -> None:
    line = refusal(elsewhere, "run", "--data", elsewhere)
    assert "--data without --weights" in line
    assert "--only performance" in line
    line = refusal(elsewhere, "run", "--weights", elsewhere / "a.pth")
    assert "--weights without --data" in line
    assert "--only performance" in line


def test_out_that_is_a_file_is_refused(elsewhere: Path) -> None:
    (elsewhere / "file").touch()
    assert "--out file is a file, not a folder" in refusal(elsewhere, "run", "--out", "file")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("threads = 0", "--threads 0: give 1 or more"),
        ('backend = "tensorrt"', "unknown backend 'tensorrt'; known: "),
        ("batchsize = 8", "unknown key 'batchsize'; did you mean 'batch_size'? Known: "),
        ('threads = "2"', "threads = '2', wanted a whole number"),
        ("threads = true", "threads = True, wanted a whole number"),
        ("limit = 2.5", "limit = 2.5, wanted a whole number"),
        ("backend = [1]", "backend = [1], wanted a name or a list of names"),
        ("data = 3", "data = 3, wanted a string"),
        ('only = "speed"', "only = 'speed', wanted accuracy or performance"),
        ("threads = ", "is not valid TOML"),
    ],
)
def test_a_configuration_file_that_is_wrong_is_refused(elsewhere: Path, text: str, said: str) -> None:
    (elsewhere / "run.toml").write_text(text + "\n", encoding="utf-8")
    assert said in refusal(elsewhere, "run", "--config", "run.toml")


def test_a_configuration_file_that_cannot_be_read_is_named(elsewhere: Path) -> None:
    assert "--config gone.toml: no such file" in refusal(elsewhere, "run", "--config", "gone.toml")
    (elsewhere / "bytes.toml").write_bytes(b"\xff\xfe")
    said = refusal(elsewhere, "run", "--config", "bytes.toml")
    assert "--config bytes.toml: text in UTF-16, not UTF-8; wanted TOML" in said


def test_a_flag_goes_before_the_configuration_file(elsewhere: Path) -> None:
    (elsewhere / "run.toml").write_text('threads = 1\nbackend = ["openvino"]\n', encoding="utf-8")
    assert "unknown backend 'tensorrt'" in refusal(
        elsewhere, "run", "--config", "run.toml", "--backend", "tensorrt", "--threads", "1"
    )


def test_report_makes_a_runs_reports_again(elsewhere: Path) -> None:
    folder = elsewhere / "a run"
    folder.mkdir()
    record = run_record(ok_row("onnxruntime"), error_row("openvino", "it was [late] | *very*"))
    (folder / "run.json").write_text(to_json(record), encoding="utf-8")
    ended = alexbench(elsewhere, "report", folder)
    assert (ended.code, ended.err) == (0, "")
    assert "[1] it was [late] | *very*" in ended.out
    assert f"wrote {folder / 'report.md'}" in ended.out.splitlines()
    assert f"wrote {folder / 'leaderboard.csv'}" in ended.out.splitlines()
    assert "\x1b" not in ended.out
    first = {path.name: path.read_bytes() for path in folder.iterdir()}
    alexbench(elsewhere, "report", folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == first
    assert sorted(first) == ["leaderboard.csv", "report.html", "report.md", "run.json"]


def test_report_on_what_is_no_run_is_refused(elsewhere: Path) -> None:
    assert "is not a run: it has no run.json" in refusal(elsewhere, "report", elsewhere)
    assert "no such folder: nowhere" in refusal(elsewhere, "report", "nowhere")
    (elsewhere / "run.json").write_text("{", encoding="utf-8")
    assert "run.json is damaged" in refusal(elsewhere, "report", elsewhere)
    assert "run.json" in refusal(elsewhere, "report", elsewhere / "run.json")


def test_reports_that_cannot_be_written_are_said_in_one_line(elsewhere: Path) -> None:
    (elsewhere / "run.json").write_text(to_json(run_record()), encoding="utf-8")
    (elsewhere / "report.md").mkdir()
    assert "report.md" in refusal(elsewhere, "report", elsewhere)


def test_report_refuses_a_newer_schema_by_name(elsewhere: Path) -> None:
    data = json.loads(to_json(run_record()))
    (elsewhere / "run.json").write_text(json.dumps({**data, "schema_version": 99}), encoding="utf-8")
    line = refusal(elsewhere, "report", elsewhere)
    assert f"schema 99, newer than the {SCHEMA_VERSION}" in line
    assert "upgrade alexbench" in line
