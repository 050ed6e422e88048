"""Another environment's interpreter: asked what it has, and refused in one line when it cannot serve."""

import sys
from pathlib import Path

import pytest

from alexbench.harness import __version__
from alexbench.harness.errors import BackendUnavailableError, UsageError
from alexbench.harness.inputs.interpreters import environments
from alexbench.harness.systems import System
from tests.support.worker_driver import shim


def ask(python: str, folder: Path, backend: str = "onnxruntime") -> dict[str, object]:
    return environments([("row", System(backend, 1), python)], {backend: ("numpy",)}, folder / "log")["row"]


def refusal(python: str, folder: Path) -> str:
    with pytest.raises(UsageError) as refused:
        ask(python, folder)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def without_alexbench(folder: Path) -> str:
    """An interpreter that finds the standard library and nothing else."""
    path = folder / "bare-python"
    path.write_text(f'#!/bin/sh\nexec {sys.executable} -I -S "$@"\n', encoding="utf-8")
    path.chmod(0o755)
    return str(path)


def test_this_environments_own_interpreter_says_what_it_has(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    found = ask(sys.executable, tmp_path)
    assert found["interpreter"] == sys.executable
    packages = found["packages"]
    assert isinstance(packages, dict)
    assert "numpy" in packages


def test_one_that_is_not_there_is_named(tmp_path: Path) -> None:
    said = refusal(str(tmp_path / "none"), tmp_path)
    assert said.startswith(f"--python onnxruntime={tmp_path}/none: ")
    assert "does not start: No such file or directory" in said


def test_one_without_alexbench_is_told_what_to_install(tmp_path: Path) -> None:
    python = without_alexbench(tmp_path)
    said = refusal(python, tmp_path)
    assert said == (
        f"--python onnxruntime={python}: alexbench is not installed there; {python} -m pip install"
        f" alexbench=={__version__}, or the same checkout"
    )


def test_one_with_another_protocol_is_told_so(tmp_path: Path) -> None:
    said = refusal(shim("newer protocol", tmp_path), tmp_path)
    assert "speaks protocol 99" in said
    assert "install the same alexbench in both environments" in said


def test_one_that_lacks_the_runtime_is_told_so(tmp_path: Path) -> None:
    python = tmp_path / "python"
    # Metadata of distributions is found on sys.path: this one has ours and NumPy's alone.
    python.write_text(
        f'#!/bin/sh\nexec {sys.executable} -c "\n'
        "import importlib.metadata as m, runpy, sys\n"
        "real = m.version\n"
        "def version(name):\n"
        "    if name.startswith('onnx'): raise m.PackageNotFoundError(name)\n"
        "    return real(name)\n"
        "m.version = version\n"
        "runpy.run_module('alexbench.harness.worker_process', run_name='__main__')\n"
        '" "$@"\n',
        encoding="utf-8",
    )
    python.chmod(0o755)
    with pytest.raises(BackendUnavailableError, match=r"onnxruntime is not installed: pip install .* \(in that env"):
        ask(str(python), tmp_path)


def test_a_program_that_is_not_python_is_told_so(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\nexit 0\n", encoding="utf-8")
    program.chmod(0o755)
    assert "not a Python interpreter" in refusal(str(program), tmp_path)
