"""``alexbench models export`` as a person uses it: a file that runs, or one line and nothing left."""

import hashlib
import json
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from alexbench.harness.console.progress import PlainDisplay
from alexbench.harness.errors import ExportError
from alexbench.harness.exporting import model_export as export_module
from alexbench.harness.exporting.model_export import export
from alexbench.harness.judge.parity import Tolerance
from alexbench.harness.models.weights import map_weights, weights_digest
from tests.end_to_end.conftest import Command, Ended, Ground


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """An empty folder that goes with the test: files of 244 MB lie there."""
    folder = tmp_path / "exports"
    folder.mkdir()
    yield folder
    shutil.rmtree(folder)


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def assert_one_line(ended: Ended, code: int, text: str) -> None:
    assert ended.code == code, ended.err
    assert ended.out == ""
    assert ended.last_line.startswith("alexbench: ")
    assert text in ended.last_line
    assert "Traceback" not in ended.err


def test_an_onnx_file_is_there_checked_and_as_it_is_described(command: Command, ground: Ground, place: Path) -> None:
    onnx = pytest.importorskip("onnx")
    target = place / "net.onnx"
    arguments = ("models", "export", "torchvision", "--to", "onnx", "--weights", ground.weights, "--out", target)
    ended = command(*arguments, "--json")
    assert ended.code == 0, ended.err
    said = json.loads(ended.out)
    assert names(place) == ["net.onnx"]
    assert said["files"] == [
        {
            "path": str(target),
            "bytes": target.stat().st_size,
            "sha256": hashlib.sha256(target.read_bytes()).hexdigest(),
        }
    ]
    assert said["inputs"] == {"pixels": "float32 (N, 3, 224, 224)"}
    assert said["outputs"] == {"logits": "float32 (N, 1000)"}
    assert said["deviation"]["max_abs_over_sigma"] < 1e-4
    kept = {one.key: one.value for one in onnx.load(target).metadata_props}
    assert kept == {f"alexbench.{key}": value for key, value in said["notes"].items()}
    assert kept["alexbench.weights"] == ground.weights.name
    assert kept["alexbench.weights_digest"] == weights_digest(map_weights(ground.weights))

    again = command(*arguments)
    assert_one_line(again, 2, f"{target} already exists; name another with --out, or replace it with --force")
    assert names(place) == ["net.onnx"]


def test_the_arrays_alone_are_weights_again(command: Command, ground: Ground, place: Path) -> None:
    target = place / "net.safetensors"
    ended = command(
        "models", "export", "torchvision", "--to", "safetensors", "--weights", ground.weights, "--out", target
    )
    assert ended.code == 0, ended.err
    assert "the same arrays, bit for bit" in ended.out
    given, found = load_file(ground.weights), load_file(target)
    assert given.keys() == found.keys()
    assert all(np.array_equal(given[name], found[name]) for name in given)
    (place / "fresh").touch()
    assert target.stat().st_mode == (place / "fresh").stat().st_mode
    arguments = ("models", "export", "torchvision", "--to", "safetensors", "--weights", target, "--out", target)
    ended = command(*arguments, "--force")
    assert ended.code == 0, ended.err
    assert names(place) == ["fresh", "net.safetensors"]


def test_ctrl_c_leaves_nothing(command: Command, ground: Ground, place: Path) -> None:
    pytest.importorskip("onnx")
    arguments = ("models", "export", "torchvision", "--to", "onnx", "--weights", ground.weights)
    with command.started(*arguments, "--out", place / "net.onnx") as started:
        started.until("writing onnx")
        workers = started.descendants()
        started.process.send_signal(signal.SIGINT)
        ended = started.end()
    assert ended.code == 130
    assert list(place.iterdir()) == []
    assert workers
    assert not any(worker.is_running() for worker in workers)


def test_a_file_that_is_another_function_is_not_kept(
    ground: Ground, place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("onnx")
    monkeypatch.setattr(export_module, "TOLERANCES", {"fp32": Tolerance(0.0, 300.0)})
    with pytest.raises(ExportError, match=r"is another function: .*; it was not kept$"):
        export(
            "torchvision",
            to="onnx",
            via=None,
            weights=str(ground.weights),
            weights_layout=None,
            out=str(place / "net.onnx"),
            force=False,
            cache=ground.cache,
            display=PlainDisplay(),
        )
    assert list(place.iterdir()) == []
    capsys.readouterr()


def test_weights_of_another_network_are_refused(command: Command, ground: Ground, place: Path) -> None:
    target = place / "net.onnx"
    ended = command("models", "export", "bvlc", "--to", "onnx", "--weights", ground.weights, "--out", target)
    assert_one_line(ended, 2, "does not fit network bvlc")
    assert list(place.iterdir()) == []
