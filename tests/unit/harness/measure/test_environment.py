"""The environment: versions, variables that change runtimes and no secrets, git state; of this and another process."""

import json
import os
import platform
import shutil
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from alexbench.harness.measure import environment as module
from alexbench.harness.measure.environment import GitState, GitStates, environment
from alexbench.harness.worker.client import WorkerProcess
from alexbench.harness.worker.protocol.lifecycle import ReadEnvironment

NEEDS_GIT = pytest.mark.skipif(shutil.which("git") is None, reason="a bare machine may have no git")


def test_environment_has_python_versions_variables_and_git_state() -> None:
    found = environment(("pytest", "no-such-distribution"))
    assert found.python == platform.python_version()
    assert found.implementation == platform.python_implementation()
    assert found.executable == sys.executable
    assert found.packages["numpy"] == np.__version__
    assert found.packages["pytest"] == pytest.__version__
    assert "no-such-distribution" not in found.packages
    assert list(found.packages) == sorted(found.packages)
    assert json.loads(json.dumps(asdict(found))) == asdict(found)


def distribution(folder: Path, name: str, version: str) -> None:
    info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", encoding="utf-8")


def test_what_a_runtime_brings_along_is_listed_where_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("nvidia-cublas-cu12", "intel-openmp", "onnxruntime", "unrelated"):
        distribution(tmp_path, name, "12.8.4")
    (tmp_path / "broken-1.dist-info").mkdir()
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    assert module._versions((*module.ACCOMPANYING_DISTRIBUTIONS, "onnxruntime")) == {
        "intel-openmp": "12.8.4",
        "nvidia-cublas-cu12": "12.8.4",
        "onnxruntime": "12.8.4",
    }


def test_the_blas_that_numpy_multiplies_with_is_named() -> None:
    libraries = environment(()).blas
    if sys.platform == "linux":  # Apple's Accelerate is none that threadpoolctl knows
        assert any(library.library in {"openblas", "mkl", "blis", "flexiblas"} for library in libraries)


ASK = """
import os
from alexbench.harness.measure.environment import environment
before = dict(os.environ)
variables = environment(()).variables
assert dict(os.environ) == before
print(sorted(name for name in variables if name.startswith("KMP_")))
"""


@pytest.mark.parametrize(("given", "found"), [(None, []), ("FALSE", ["KMP_DUPLICATE_LIB_OK"])])
def test_asking_changes_no_variable(given: str | None, found: list[str]) -> None:
    variables = {name: value for name, value in os.environ.items() if not name.startswith("KMP_")}
    if given is not None:
        variables["KMP_DUPLICATE_LIB_OK"] = given
    done = subprocess.run(
        [sys.executable, "-c", ASK], env=variables, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == str(found)


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("OMP_NUM_THREADS", True),
        ("MKL_VERBOSE", True),
        ("KMP_BLOCKTIME", True),
        ("GOMP_CPU_AFFINITY", True),
        ("TBB_ENABLE_SANITIZERS", True),
        ("ONEDNN_MAX_CPU_ISA", True),
        ("OPENVINO_LOG_LEVEL", True),
        ("TORCH_ALLOW_TF32_CUBLAS_OVERRIDE", True),
        ("PYTORCH_CUDA_ALLOC_CONF", True),
        ("TF_ENABLE_ONEDNN_OPTS", True),
        ("TF_CPP_MIN_LOG_LEVEL", True),
        ("CUDA_VISIBLE_DEVICES", True),
        ("NVIDIA_TF32_OVERRIDE", True),
        ("MALLOC_ARENA_MAX", True),
        ("LD_LIBRARY_PATH_X", False),
        ("LD_PRELOAD_X", False),
        ("AWS_SECRET_ACCESS_KEY", False),
        ("TF_VAR_database", False),
        ("TF_TOKEN_app_terraform_io", False),
        ("TORCH_HUB_TOKEN", False),
        ("ORT_API_KEY", False),
        ("NVIDIA_API_KEY", False),
        ("HOME", False),
    ],
)
def test_variables_that_change_runtimes_are_kept_and_no_others_nor_secrets(
    name: str, monkeypatch: pytest.MonkeyPatch, *, kept: bool
) -> None:
    monkeypatch.setenv(name, "value")
    assert (environment(()).variables.get(name) == "value") is kept


@pytest.mark.parametrize("name", ["LD_PRELOAD", "LD_LIBRARY_PATH"])
def test_libraries_put_in_front_are_kept(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "")
    assert environment(()).variables[name] == ""


def git(folder: Path, *arguments: str) -> str:
    who = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false", "-c", "tag.gpgsign=false")
    done = subprocess.run(["git", *who, *arguments], check=True, cwd=folder, capture_output=True, text=True, timeout=60)
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository of one commit, tagged v1, with one file; none lies around it."""
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "-q")
    (folder / "file").write_text("one", encoding="utf-8")
    git(folder, "add", "file")
    git(folder, "commit", "-qm", "m")
    git(folder, "tag", "v1")
    return folder


@NEEDS_GIT
def test_the_repository_one_stands_in_is_told_with_its_state(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_OWN_TREE", repository.parent)  # as from a wheel
    (repository / "below").mkdir()
    monkeypatch.chdir(repository / "below")
    commit = git(repository, "rev-parse", "HEAD")
    clean = GitState(commit, dirty=False, describe="v1")
    assert environment(()).git == GitStates(None, clean)
    (repository / "new").write_text("two", encoding="utf-8")
    assert environment(()).git.working_directory == clean  # a run's own folder is not a change
    (repository / "file").write_text("two", encoding="utf-8")
    dirty = GitState(commit, dirty=True, describe="v1-dirty")
    assert environment(()).git.working_directory == dirty


@NEEDS_GIT
def test_an_editable_checkout_is_told_and_not_twice(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (repository / "pyproject.toml").touch()
    monkeypatch.setattr(module, "_OWN_TREE", repository)
    monkeypatch.chdir(repository.parent)
    states = environment(()).git
    assert states.alexbench is not None
    assert states.alexbench.commit == git(repository, "rev-parse", "HEAD")
    assert states.working_directory is None
    monkeypatch.chdir(repository)
    assert environment(()).git == states


@NEEDS_GIT
def test_a_wheel_within_someones_repository_has_no_commit_of_its_own(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packages = repository / ".nox" / "site-packages"
    packages.mkdir(parents=True)
    monkeypatch.setattr(module, "_OWN_TREE", packages)
    assert environment(()).git.alexbench is None


@NEEDS_GIT
def test_a_hooks_variables_do_not_name_another_repository(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = repository.parent / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.setenv("GIT_DIR", str(repository / ".git"))
    monkeypatch.chdir(elsewhere)
    assert environment(()).git.working_directory is None


@NEEDS_GIT
def test_a_repository_without_a_commit_has_no_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git(tmp_path, "init", "-q")
    monkeypatch.chdir(tmp_path)
    assert environment(()).git.working_directory is None


def test_without_git_there_is_no_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert environment(()).git == GitStates(None, None)


def test_a_worker_tells_the_environment_of_its_own_interpreter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_WAIT_POLICY", "PASSIVE")
    with WorkerProcess("another", log=tmp_path / "log") as worker:
        monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
        found = worker.ask(ReadEnvironment(("pytest",)))
    assert found.python == platform.python_version()
    assert found.packages["pytest"] == pytest.__version__
    assert found.variables["OMP_WAIT_POLICY"] == "PASSIVE"
