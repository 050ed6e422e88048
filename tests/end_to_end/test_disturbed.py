"""A worker killed, a Ctrl-C: what can be saved is saved, and nothing is left behind."""

import os
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from alexbench.harness.records.record_files import read_run
from tests.end_to_end.conftest import COPIES, FEW_PARITY_IMAGES, MANY, PICTURES, Command, Ground, Started, only_run

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals and process groups of POSIX")


def worker_of(started: Started, backend: str) -> psutil.Process:
    """The worker whose standard error is that backend's log; of a fork server, the process that serves."""
    found = [
        process
        for process in started.descendants()
        if "alexbench.harness.worker_process" in process.cmdline()
        and f"{backend}.log" in {Path(file.path).name for file in process.open_files()}
    ]
    children = [process for process in found if process.parent() in found]
    for process in children or found:
        return process
    raise AssertionError(f"no worker of {backend} among {[process.cmdline() for process in started.descendants()]}")


def assert_gone(processes: list[psutil.Process], group: int) -> None:
    """None of these processes is left, nor any of the group; orphans get a moment."""
    end = time.monotonic() + 20
    left: list[psutil.Process] = []
    while time.monotonic() < end:
        left = [one for one in processes if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]
        left += [one for one in psutil.process_iter() if _group(one) == group and one not in left]
        if not left:
            return
        time.sleep(0.1)
    raise AssertionError(f"left behind: {left}")


def until_there(folder: Path, pattern: str) -> None:
    """Wait for a file."""
    end = time.monotonic() + 60
    while not list(folder.glob(pattern)):
        assert time.monotonic() < end, f"no {pattern} in {folder}"
        time.sleep(0.005)


def _group(process: psutil.Process) -> int | None:
    try:
        return None if process.status() == psutil.STATUS_ZOMBIE else os.getpgid(process.pid)
    except (ProcessLookupError, psutil.NoSuchProcess):
        return None


def test_a_worker_that_is_killed_is_a_row_in_error_and_the_others_complete(
    command: Command, ground: Ground, many: Path, tmp_path: Path
) -> None:
    arguments = ["--data", many, "--weights", ground.weights, "--only", "accuracy", "--out", tmp_path / "runs"]
    named = ["--backend", "onnxruntime", "--backend", "openvino"]
    with replace(command, before=FEW_PARITY_IMAGES).started("run", *arguments, *named) as started:
        started.until(f"onnxruntime: accuracy on {MANY} images")
        worker_of(started, "onnxruntime").kill()
        ended = started.end()
    assert ended.code == 1
    assert "Traceback" not in ended.err
    folder = only_run(tmp_path / "runs")
    record = read_run(folder)
    assert record.status == "complete"
    dead, alive = record.systems
    assert (dead.name, dead.status, dead.accuracy, dead.parity) == ("onnxruntime", "error", None, None)
    assert dead.error is not None
    assert "SIGKILL" in dead.error
    assert "during evaluate" in dead.error
    assert (alive.name, alive.status) == ("openvino", "ok")
    assert alive.accuracy is not None
    assert (alive.accuracy.images, alive.accuracy.top1_correct) == (MANY, COPIES * ground.top1)
    assert alive.parity is not None
    assert alive.parity.passed
    assert "SIGKILL" in (folder / "report.md").read_text(encoding="utf-8")
    assert not (folder / ".scratch").exists()


def test_when_float64_itself_is_killed_the_rest_stands_without_parity(
    command: Command, ground: Ground, tmp_path: Path
) -> None:
    arguments = ["--data", ground.pictures, "--weights", ground.weights, "--only", "accuracy"]
    with command.started("run", *arguments, "--backend", "onnxruntime", "--out", tmp_path / "runs") as started:
        started.until(f"float64 reference on {PICTURES} images")
        worker_of(started, "reference").kill()
        ended = started.end()
    assert ended.code == 1
    assert "Traceback" not in ended.err
    record = read_run(only_run(tmp_path / "runs"))
    assert record.status == "complete"
    assert record.reference is None
    (failed,) = (note for note in record.notes if note.code == "parity_failed")
    assert "worker reference was killed by SIGKILL" in failed.text
    (row,) = record.systems
    assert row.accuracy is not None
    assert row.accuracy.top1_correct == ground.top1


@pytest.mark.parametrize("by", ["Ctrl-C", "SIGTERM"])
def test_interrupted_while_measuring_is_130_and_leaves_a_record_and_no_process(
    command: Command, ground: Ground, many: Path, tmp_path: Path, by: str
) -> None:
    arguments = ["--data", many, "--weights", ground.weights, "--only", "accuracy", "--out", tmp_path / "runs"]
    named = ["--backend", "onnxruntime", "--backend", "openvino"]
    with command.started("run", *arguments, *named) as started:
        started.until(f"onnxruntime: accuracy on {MANY} images")
        below = started.descendants()
        assert len(below) >= 2
        if by == "Ctrl-C":
            os.killpg(started.process.pid, signal.SIGINT)  # as a terminal does
        else:
            started.process.terminate()  # as a cancelled job is told
        ended = started.end()
        assert_gone(below, started.process.pid)
    assert ended.code == 130
    assert ended.last_line == "alexbench: interrupted"
    assert "Traceback" not in ended.err
    folder = only_run(tmp_path / "runs")
    assert f"interrupted; continue with: alexbench run --resume {folder}" in ended.err
    record = read_run(folder)
    assert record.status == "interrupted"
    assert record.finished is not None
    assert not (folder / ".scratch").exists()
    again = command("report", folder)
    assert again.code == 0, again.err
    assert "INTERRUPTED" in (folder / "report.md").read_text(encoding="utf-8")


def test_ctrl_c_while_preparing_is_130_and_leaves_what_was_prepared(
    command: Command, ground: Ground, many: Path, tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    arguments = ["--data", many, "--weights", ground.weights, "--only", "accuracy", "--out", tmp_path / "runs"]
    with command.started("run", *arguments, "--backend", "onnxruntime", cache=cache) as started:
        started.until(f"preparing {MANY} images")
        until_there(cache / "prepared", "*.digests.npy.part")
        below = started.descendants()
        os.killpg(started.process.pid, signal.SIGINT)
        ended = started.end()
        assert_gone(below, started.process.pid)
    assert ended.code == 130
    assert ended.last_line == "alexbench: interrupted"
    assert "Traceback" not in ended.err
    assert not (tmp_path / "runs").exists()
    left = sorted(path.name.partition(".")[2] for path in (cache / "prepared").iterdir() if path.suffix != ".lock")
    assert left == ["digests.npy.part", "npy.part"]


@pytest.mark.skipif(sys.platform != "linux", reason="a parent's death is noticed everywhere; proved on Linux")
def test_workers_end_when_the_command_is_killed_outright(
    command: Command, ground: Ground, many: Path, tmp_path: Path
) -> None:
    arguments = ["--data", many, "--weights", ground.weights, "--only", "accuracy", "--out", tmp_path / "runs"]
    with command.started("run", *arguments, "--backend", "onnxruntime") as started:
        started.until(f"onnxruntime: accuracy on {MANY} images")
        below = started.descendants()
        assert below
        started.process.kill()
        started.end()
        assert_gone(below, started.process.pid)
