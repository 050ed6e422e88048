"""The template of docs/examples: installed as its own distribution, checked by the kit, and run once."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from alexbench.harness.records.record_files import read_run
from tests.end_to_end.conftest import Command, Ground, only_run

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "alexbench-myruntime"
CHEAP = "close or weights or pixels_of or refusal_leaves or kind_of_layer or load_may or finite or prints or ends_by"
"""Checks that take no network at full size: NumPy needs minutes for those."""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for PYTHONPATH. Nothing is fetched."""
    folder = tmp_path_factory.mktemp("installed")
    copy = tmp_path_factory.mktemp("copy") / EXAMPLE.name
    shutil.copytree(EXAMPLE, copy)
    offline = ["--no-index", "--no-build-isolation", "--no-deps", "--quiet", "--disable-pip-version-check"]
    asked = [sys.executable, "-m", "pip", "install", *offline, "--target", str(folder), str(copy)]
    subprocess.run(asked, check=True, timeout=120)
    return folder


def test_the_template_is_listed_checked_and_run(
    command: Command, ground: Ground, installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(installed))
    listed = {one["backend"]: one for one in json.loads(command.apart("backends", "--json").out)}
    assert listed["myruntime"]["available"]
    checks = ["-q", "-p", "no:cacheprovider", "-k", CHEAP, "-c", os.devnull, "--rootdir", str(EXAMPLE)]
    asked = [sys.executable, "-m", "pytest", *checks, str(EXAMPLE / "tests")]
    ran = subprocess.run(asked, capture_output=True, text=True, timeout=300, check=False, cwd=tmp_path)
    assert ran.returncode == 0, ran.stdout[-2000:]
    given = ("--data", ground.pictures, "--weights", ground.weights, "--limit", "4", "--only", "accuracy")
    ended = command.apart("run", "--backend", "myruntime", *given, "--out", tmp_path / "runs")
    assert ended.code == 0, ended.err
    (row,) = read_run(only_run(tmp_path / "runs")).systems
    assert row.accuracy is not None
    assert row.parity is not None
    assert row.parity.passed
