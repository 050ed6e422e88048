"""A program runs only when the user says that it is trusted, whoever names it: a flag, a file of flags, or a record."""

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from alexbench.harness.records.record_files import read_run
from tests.end_to_end import programs
from tests.end_to_end.conftest import Command, Ended, Ground, only_run, record_of


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``good.pt2`` and ``hostile.pt2``."""
    made = tmp_path_factory.mktemp("programs")
    subprocess.run([sys.executable, programs.__file__, made], check=True, timeout=300, capture_output=True)
    return made


def assert_asked(ended: Ended, program: Path) -> None:
    assert ended.code == 2, ended.err
    assert ended.last_line.endswith(f"--trust {program}")
    assert "Traceback" not in ended.err


@pytest.mark.parametrize("name", ["hostile.pt2", "good.pt2"])
def test_a_program_is_not_read_before_it_is_trusted(
    command: Command, ground: Ground, many: Path, folder: Path, tmp_path: Path, name: str
) -> None:
    program, picture = folder / name, ground.pictures / min(ground.ranking)
    assert_asked(command("predict", picture, "--artifact", f"torch={program}"), program)
    given = ("--data", ground.pictures, "--only", "accuracy", "--out", tmp_path / "runs")
    assert_asked(command("run", *given, "--artifact", f"torch={program}"), program)
    assert_asked(command("doctor", "--data", many, "--artifact", f"torch={program}"), program)
    assert not (tmp_path / "runs").exists()
    assert not (folder / "EXECUTED").exists()


@pytest.fixture(scope="module")
def ran(command: Command, ground: Ground, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Ended, Path]:
    """A run of a program that a configuration file names and trusts."""
    out, program = tmp_path_factory.mktemp("trusted"), folder / "good.pt2"
    settings = out / "run.toml"
    settings.write_text(f'artifact = "torch={program}"\ntrust = ["{program}"]\n', encoding="utf-8")
    given = ("--data", ground.pictures, "--only", "accuracy", "--threads", "1", "--out", out / "runs")
    ended = command("run", *given, "--config", settings)
    assert ended.code == 0, ended.err
    return ended, only_run(out / "runs")


def test_what_is_trusted_is_run_and_recorded(ran: tuple[Ended, Path], folder: Path) -> None:
    ended, program = ran[0], folder / "good.pt2"
    record = read_run(ran[1])
    found = record.systems[0].artifact
    assert found is not None
    assert (found.trusted, found.sha256) == (True, hashlib.sha256(program.read_bytes()).hexdigest())
    assert [one["artifact"]["trusted"] for one in record.configuration["systems"]] == [True]
    assert found.confined
    assert found.confined in ended.out


def test_a_second_check_refuses_code_in_a_trusted_file(command: Command, ground: Ground, folder: Path) -> None:
    program, picture = folder / "hostile.pt2", ground.pictures / min(ground.ranking)
    ended = command("predict", picture, "--artifact", f"torch={program}", "--trust", program)
    assert ended.code == 2
    assert "contains code" in ended.last_line
    assert not (folder / "EXECUTED").exists()


def test_trust_names_a_file_of_the_run(command: Command, ground: Ground, folder: Path, tmp_path: Path) -> None:
    given = ("--data", ground.pictures, "--only", "accuracy", "--out", tmp_path / "runs")
    named = ("--artifact", f"torch={folder / 'good.pt2'}", "--trust", folder / "other")
    ended = command("run", *given, *named)
    assert ended.code == 2
    assert "no --artifact names this file" in ended.last_line


@pytest.fixture(scope="module")
def interrupted(ran: tuple[Ended, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a trusted program, as if it had been interrupted."""
    run = shutil.copytree(ran[1], tmp_path_factory.mktemp("interrupted") / "run")
    data = record_of(run) | {"status": "interrupted"}
    (run / "run.json").write_text(json.dumps(data), encoding="utf-8")
    return run


def test_a_record_does_not_decide_what_is_trusted(
    command: Command, folder: Path, interrupted: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(interrupted, run)
    program = folder / "good.pt2"
    assert_asked(command("run", "--resume", run), program)
    ended = command("run", "--resume", run, "--trust", folder / "hostile.pt2")
    assert ended.code == 2
    assert "does not run this program" in ended.last_line
    ended = command("run", "--resume", run, "--trust", program)
    assert ended.code == 0, ended.err
    assert read_run(run).status == "complete"


def test_an_interpreter_that_a_record_names_is_a_program_too(
    command: Command, interrupted: Path, tmp_path: Path
) -> None:
    run, marker, python = tmp_path / "run", tmp_path / "EXECUTED", tmp_path / "python"
    shutil.copytree(interrupted, run)
    python.write_text(f"#!/bin/sh\ntouch {marker}\n", encoding="utf-8")
    python.chmod(0o755)
    data = record_of(run)
    data["configuration"] |= {"systems": [{"backend": "torch", "threads": 1}], "pythons": {"torch": str(python)}}
    (run / "run.json").write_text(json.dumps(data), encoding="utf-8")
    for arguments in (("run", "--resume", run), ("compare", run, "--layers")):
        ended = command(*arguments)
        assert ended.code == 2, ended.err
        assert not marker.exists()
    assert_asked(command("run", "--resume", run), python)
