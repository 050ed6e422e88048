"""However a command ends, and whatever its paths are called: nothing is lost, nothing is left, one line says why."""

import os
import signal
from pathlib import Path

import pytest

from alexbench.harness.records.record_files import read_run
from tests.end_to_end.conftest import Command, Ground

NARROW = ("--only", "accuracy", "--backend", "openvino", "--limit", "8")


def given(ground: Ground) -> tuple[str | Path, ...]:
    return ("--weights", ground.weights, "--data", ground.pictures, *NARROW)


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="this system has no SIGHUP")
def test_a_terminal_that_goes_interrupts_a_run(command: Command, ground: Ground, tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    with command.started("run", *given(ground), "--out", tmp_path / "runs") as started:
        started.until("openvino: accuracy on")
        workers = started.descendants()
        started.process.send_signal(signal.SIGHUP)
        ended = started.end()
    assert ended.code == 130, ended.err
    assert not any(worker.is_running() for worker in workers)
    (folder,) = (tmp_path / "runs").iterdir()
    assert read_run(folder).status == "interrupted"


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system kills otherwise")
def test_a_run_killed_while_it_loads_has_a_record_and_is_gone_on_with(
    command: Command, ground: Ground, tmp_path: Path
) -> None:
    pytest.importorskip("openvino")
    with command.started("run", *given(ground), "--out", tmp_path / "runs") as started:
        started.until("loading openvino")
        started.process.kill()
        started.process.wait()
    (folder,) = (tmp_path / "runs").iterdir()
    assert command("report", folder).code == 0
    assert command("history", tmp_path / "runs").code == 0
    assert command("run", "--resume", folder).code == 0
    assert not {".lock", ".scratch"} & {path.name for path in folder.iterdir()}


def test_an_error_while_preparing_leaves_no_folder(command: Command, ground: Ground, tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    ended = command(
        "run", "--weights", ground.weights, "--data", tmp_path / "none", *NARROW, "--out", tmp_path / "runs"
    )
    assert ended.code == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name != "posix", reason="paths are bytes on POSIX only")
def test_names_beyond_ascii_work_where_the_locale_knows_none(
    command: Command, ground: Ground, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("openvino")
    for name, value in {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}.items():
        monkeypatch.setenv(name, value)
    place = tmp_path / "données-Ж"
    place.mkdir()
    weights = place / "poids-é.safetensors"
    weights.symlink_to(ground.weights)
    ended = command.apart("run", "--weights", weights, "--data", ground.pictures, *NARROW, "--out", place / "courses")
    assert ended.code == 0, ended.err
    (folder,) = (place / "courses").iterdir()
    assert str(weights) in (folder / "run.json").read_text(encoding="utf-8")
    assert command.apart("report", folder).code == 0


@pytest.mark.skipif(os.name != "posix", reason="paths are bytes on POSIX only")
def test_a_path_that_is_not_utf8_is_refused_in_one_line(command: Command, tmp_path: Path) -> None:
    bad = Path(os.fsdecode(os.fsencode(tmp_path) + b"/bad-\xff"))
    try:
        bad.mkdir()
    except OSError:
        pytest.skip("this file system has UTF-8 names only")
    for arguments in (
        ("run", "--only", "performance", "--out", bad),
        ("report", bad),
        ("models", "export", "torchvision", "--to", "onnx", "--out", bad / "net.onnx"),
    ):
        ended = command(*arguments)
        assert ended.code == 2, ended.err
        assert "not UTF-8" in ended.last_line
        assert len(ended.err.strip().splitlines()) == 1
    bad.rmdir()
