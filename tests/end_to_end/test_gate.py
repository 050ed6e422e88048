"""The gate as a team runs it: an environment against another, a run against a baseline, and nonsense."""

import json
import shutil
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.end_to_end.conftest import Command, Ended, Ground, only_run
from tests.support.off_by_weight import interpreter
from tests.support.slowed import slowed

ONE = ("--backend", "onnxruntime", "--only", "accuracy")


def ab(command: Command, ground: Ground, head: str, out: Path, *flags: str | Path) -> Ended:
    given = ("--data", ground.pictures, "--weights", ground.weights, "--out", out)
    return command("ab", "--head", head, *given, *flags)


@pytest.fixture(scope="module")
def run(answered: Path) -> Path:
    return answered


@pytest.fixture(scope="module")
def baseline(command: Command, run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("kept") / "baseline.json"
    ended = command("baseline", "save", run, "--to", path)
    assert ended.code == 0, ended.err
    assert f"wrote {path}" in ended.out
    return path


def test_an_environment_passes_against_itself_and_reports_it_everywhere(
    command: Command, ground: Ground, tmp_path: Path
) -> None:
    markdown, junit = tmp_path / "gate.md", tmp_path / "gate.xml"
    files = ("--markdown", markdown, "--junit", junit)
    ended = ab(command, ground, sys.executable, tmp_path / "runs", *ONE, *files, "--json")
    assert ended.code == 0, ended.err
    report = json.loads(ended.out)
    assert (report["verdict"], report["exit_code"], report["changed"]) == ("PASS", 0, [])
    assert {(one["row"], one["metric"]) for one in report["judged"]} >= {("", "macs"), ("onnxruntime", "top1")}
    assert markdown.read_text(encoding="utf-8").startswith("<!-- alexbench-gate -->")
    assert ET.parse(junit).getroot().get("failures") == "0"
    rows = [row["name"] for row in json.loads((only_run(tmp_path / "runs") / "run.json").read_text())["systems"]]
    assert rows == ["onnxruntime@base", "onnxruntime@head"]


def test_a_head_that_computes_something_else_fails(command: Command, ground: Ground, tmp_path: Path) -> None:
    head = interpreter(tmp_path, "onnxruntime", "conv1", 100.0, 1)
    ended = ab(command, ground, head, tmp_path / "runs", *ONE)
    assert ended.code == 1, ended.out + ended.err
    first, *_, last = ended.out.splitlines()
    assert first.startswith("FAIL: ")
    assert last == "Exit code 1: the gate failed"
    assert "max error" in ended.out


@pytest.mark.nightly
def test_a_slower_head_fails_after_fresh_processes_confirmed_it(
    command: Command, ground: Ground, tmp_path: Path
) -> None:
    head = slowed(tmp_path, "onnxruntime", 3.0)
    briefly = ("--threads", "1", "--batch-size", "2", "--budget", "2s")
    flags = ("--backend", "onnxruntime", "--only", "performance", *briefly, "--junit", tmp_path / "g.xml")
    ended = ab(command, ground, head, tmp_path / "runs", *flags)
    # A machine that cannot tell a backend from itself may say INVALID; that it passes may not be.
    assert ended.code in (1, 3), ended.out + ended.err
    assert "measuring again with fresh processes" in ended.err
    if ended.code == 1:
        assert "with fresh processes" in ended.out
        assert int(ET.parse(tmp_path / "g.xml").getroot().get("failures", "0")) >= 1
    assert len(list((tmp_path / "runs").iterdir())) >= 2


def test_a_run_is_gated_against_a_committed_file(command: Command, run: Path, baseline: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    shutil.copytree(run, again)
    for given in (baseline, baseline.parent):  # a file, and a folder of them
        ended = command("gate", again, "--baseline", given)
        assert ended.code == 0, ended.err
    kept = tmp_path / "baselines"
    assert command("baseline", "save", run, "--to", kept / "").code == 0
    assert command("gate", again, "--baseline", kept).code == 0
    ended = command("baseline", "show", baseline, "--json")
    assert json.loads(ended.out)[0]["history"][0]["reason"] == "the first"
    assert "the first" in command("baseline", "show", baseline).out
    assert command("baseline", "compare", baseline, again).code == 0


def test_two_runs_are_compared_in_everything(command: Command, run: Path, tmp_path: Path) -> None:
    again, junit = tmp_path / "again", tmp_path / "compare.xml"
    shutil.copytree(run, again)
    ended = command("compare", run, again, "--margin", "20", "--junit", junit)
    assert ended.code == 0, ended.err
    assert "Parity, speed, memory and load" in ended.out
    assert ET.parse(junit).getroot().tag == "testsuites"
    rest = json.loads(command("compare", run, again, "--margin", "20", "--json").out)["rest"]
    assert rest["verdict"] == "PASS"


def test_what_is_not_the_same_is_shown_and_not_gated(
    command: Command, run: Path, baseline: Path, tmp_path: Path
) -> None:
    for number, (part, key) in enumerate((("model", "weights_digest"), ("data", "pixels_digest"))):
        other = tmp_path / f"{number}"
        shutil.copytree(run, other)
        record = json.loads((other / "run.json").read_text(encoding="utf-8"))
        record[part][key] = "another"
        (other / "run.json").write_text(json.dumps(record), encoding="utf-8")
        if part == "data":
            ended = command("gate", other, "--baseline", baseline)
            assert ended.code == 2  # the table says which pixels they were
            assert "samples.parquet does not belong to this run" in ended.last_line
            (other / "samples.parquet").unlink()
        ended = command("gate", other, "--baseline", baseline)
        assert ended.code == 3, ended.err
        assert "another" in ended.out
        assert ended.out.startswith("INVALID: ")


def test_on_another_machine_answers_are_gated_all_the_same(
    command: Command, run: Path, baseline: Path, tmp_path: Path
) -> None:
    shutil.copytree(run, tmp_path / "other")
    record = json.loads((tmp_path / "other" / "run.json").read_text(encoding="utf-8"))
    record["machine"]["cpu"] = "another"
    (tmp_path / "other" / "run.json").write_text(json.dumps(record), encoding="utf-8")
    ended = command("gate", tmp_path / "other", "--baseline", baseline)
    assert ended.code == 0, ended.err
    assert ended.out.startswith("PASS: ")


def test_what_makes_no_sense_is_one_line_and_exit_code_2(
    command: Command, ground: Ground, run: Path, baseline: Path, tmp_path: Path
) -> None:
    edited, policy = tmp_path / "edited.json", tmp_path / "gate.toml"
    right, wrong = (f'"top1_correct": {count}' for count in (ground.top1, ground.top1 + 1))
    edited.write_text(baseline.read_text(encoding="utf-8").replace(right, wrong))
    policy.write_text("[speed]\ntolerance = 5\n", encoding="utf-8")
    bare = tmp_path / "bare"
    bare.write_text(f'#!/bin/sh\nexec {sys.executable} -S -E -P "$@"\n', encoding="utf-8")
    bare.chmod(0o755)
    pictures = ("--data", ground.pictures, "--weights", ground.weights)
    for arguments, said in (
        (("gate", run), "name --baseline"),
        (("gate", run, "--baseline", run), "against itself"),
        (("gate", run, "--baseline", edited), "was edited or damaged"),
        (("gate", run, "--baseline", tmp_path / "none.json"), "none.json"),
        (("gate", run, "--baseline", baseline, "--policy", policy), "unknown key 'speed"),
        (("gate", tmp_path, "--baseline", baseline), "is not a run"),
        (("gate", run, "--baseline", baseline, "--junit", tmp_path), "is a folder"),
        (("baseline", "save", run, "--to", baseline), "say why it is replaced: --reason"),
        (("baseline", "show", tmp_path / "nothing"), "nothing"),
        (("ab", "--head", tmp_path / "nopython", *ONE, *pictures), "name a Python interpreter"),
        (("ab", "--head", bare, *ONE, *pictures), "alexbench is not installed there"),
        (("ab", *ONE), "--head"),
    ):
        ended = command(*arguments)
        assert ended.code == 2, (arguments, ended.out, ended.err)
        assert said in ended.last_line, (arguments, ended.last_line)
        assert ended.last_line.startswith("alexbench: ")
        assert "Traceback" not in ended.err
