"""Machine, environment, conditions: three records, each with its own keys and JSON through and through."""

import json
import platform
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from alexbench.harness.measure import machine as module
from alexbench.harness.measure.machine import conditions, environment, machine


def test_machine_is_what_keys_a_baseline_and_nothing_of_the_moment() -> None:
    found = machine()
    assert set(found) == {"cpu", "logical_cores", "usable_cores", "memory_mib", "architecture", "os", "virtualised"}
    assert found == machine()
    assert found["cpu"]
    assert 1 <= found["usable_cores"] <= found["logical_cores"]
    assert found["memory_mib"] > 256
    assert json.loads(json.dumps(found)) == found


def test_environment_has_versions_variables_and_the_commit() -> None:
    found = environment(("pytest", "no-such-distribution"))
    assert set(found) == {"python", "packages", "variables", "git"}
    assert found["python"] == platform.python_version()
    assert found["packages"]["numpy"] == np.__version__
    assert found["packages"]["pytest"] == pytest.__version__
    assert "no-such-distribution" not in found["packages"]
    assert list(found["packages"]) == sorted(found["packages"])
    assert json.loads(json.dumps(found)) == found


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("OMP_NUM_THREADS", True),
        ("MKL_VERBOSE", True),
        ("TF_ENABLE_ONEDNN_OPTS", True),
        ("CUDA_VISIBLE_DEVICES", True),
        ("NVIDIA_TF32_OVERRIDE", True),
        ("LD_PRELOAD_X", False),
        ("AWS_SECRET_ACCESS_KEY", False),
        ("HOME", False),
    ],
)
def test_variables_that_change_runtimes_are_kept_and_no_others(
    name: str, monkeypatch: pytest.MonkeyPatch, *, kept: bool
) -> None:
    monkeypatch.setenv(name, "value")
    assert (environment(())["variables"].get(name) == "value") is kept


@pytest.mark.skipif(shutil.which("git") is None, reason="a bare machine may have no git")
def test_the_commit_is_that_of_the_working_directory_and_none_outside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    monkeypatch.chdir(tmp_path)
    assert environment(())["git"] is None
    for arguments in (
        ["init", "-q"],
        ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "m", "--allow-empty"],
    ):
        subprocess.run(["git", *arguments], check=True, cwd=tmp_path)
    commit = environment(())["git"]
    assert commit
    assert not commit.endswith("-dirty")


def test_without_git_there_is_no_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert environment(())["git"] is None


def test_conditions_are_of_the_moment() -> None:
    found = conditions()
    assert set(found) == {"load_average", "available_memory_mib"}
    assert len(found["load_average"]) == 3
    assert json.loads(json.dumps(found)) == found


@pytest.mark.parametrize(
    ("info", "virtual"), [({"flags": "fpu hypervisor avx"}, True), ({"flags": "fpu hypervisors"}, False), ({}, None)]
)
def test_a_hypervisor_is_told_by_its_flag(
    info: dict[str, str], virtual: bool | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_cpuinfo", lambda: info)
    assert machine()["virtualised"] is virtual
