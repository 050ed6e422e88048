"""The user's own files as rows of a run: exported by the command itself, and run as they are."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from alexbench.harness.records.record_files import read_run
from tests.end_to_end.conftest import Command, Ended, Ground, only_run


@pytest.fixture(scope="module")
def onnx_file(command: Command, ground: Ground, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    file = tmp_path_factory.mktemp("exported") / "mine.onnx"
    ended = command("models", "export", "torchvision", "--to", "onnx", "--weights", ground.weights, "--out", file)
    assert ended.code == 0, ended.err
    yield file
    shutil.rmtree(file.parent)


def run(command: Command, ground: Ground, out: Path, *more: str | Path) -> Ended:
    return command("run", "--data", ground.pictures, "--only", "accuracy", "--out", out, *more)


def refused(command: Command, ground: Ground, out: Path, artifact: str, *more: str | Path) -> Ended:
    given = ("--data", ground.pictures, "--only", "accuracy", "--out", out, "--artifact", artifact)
    return command("run", *given, *more)


def test_an_onnx_file_runs_on_two_runtimes_and_is_compared_with_its_weights(
    command: Command, ground: Ground, onnx_file: Path, tmp_path: Path
) -> None:
    named = ["--artifact", f"onnxruntime={onnx_file}", "--artifact", f"openvino={onnx_file}"]
    more = ["--backend", "onnxruntime", "--backend", "openvino", "--weights", ground.weights]
    ended = run(command, ground, tmp_path, *named, *more)
    assert ended.code == 0, ended.err
    record = read_run(only_run(tmp_path))
    for row in record.systems:
        assert row.accuracy is not None
        assert (row.accuracy.top1_correct, row.accuracy.top5_correct) == (ground.top1, ground.top5)
        assert row.parity is not None
        assert row.parity.passed
        assert row.artifact is not None
        assert row.artifact.format.startswith("ONNX")
        assert (row.artifact.scores, row.artifact.layout, row.artifact.normalisation) == ("logits", "NCHW", "")
    assert "(mine.onnx)" in ended.out


def test_the_network_and_files_of_one_runtime_are_rows_of_one_run(
    command: Command, ground: Ground, onnx_file: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "another copy.onnx"
    shutil.copyfile(onnx_file, copy)
    rows = ["--system", "onnxruntime", "--system", f"onnxruntime artifact={onnx_file}", "--weights", ground.weights]
    twice = refused(command, ground, tmp_path, f"onnxruntime={copy}", *rows)
    assert (twice.code, len(twice.err.splitlines())) == (2, 1), twice.err
    assert "are the same file" in twice.err
    with copy.open("ab") as file:  # a field that ONNX does not know: other bytes, the same network
        file.write(b"\xaa\x3e\x01x")
    ended = run(command, ground, tmp_path / "runs", *rows, "--artifact", f"onnxruntime={copy}")
    assert ended.code == 0, ended.err
    folder = only_run(tmp_path / "runs")
    record = read_run(folder)
    assert [row.name for row in record.systems] == [
        "onnxruntime another copy.onnx", "onnxruntime", "onnxruntime mine.onnx"
    ]  # fmt: skip
    assert len({row.system.key for row in record.systems}) == 3
    assert all(row.accuracy is not None and row.accuracy.top1_correct == ground.top1 for row in record.systems)
    assert all(row.parity is not None and row.parity.passed for row in record.systems)
    assert len(list((folder / "logs").glob("onnxruntime*.log"))) == 3


def test_a_file_alone_needs_no_weights_and_gets_no_parity(
    command: Command, ground: Ground, onnx_file: Path, tmp_path: Path
) -> None:
    ended = run(command, ground, tmp_path, "--artifact", f"onnxruntime={onnx_file}")
    assert ended.code == 0, ended.err
    record = read_run(only_run(tmp_path))
    (row,) = record.systems
    assert row.accuracy is not None
    assert row.accuracy.top1_correct == ground.top1
    assert row.parity is None
    assert record.model.weights_digest == ""
    assert "files_alone" in [note.code for note in record.notes]


def test_a_file_for_another_card_is_refused_in_a_line(
    command: Command, ground: Ground, onnx_file: Path, tmp_path: Path
) -> None:
    ended = refused(command, ground, tmp_path / "runs", f"onnxruntime={onnx_file}", "--model", "bvlc")
    assert ended.code == 2
    assert str(onnx_file) in ended.last_line
    assert "227" in ended.last_line
    assert not (tmp_path / "runs").exists()


def test_a_file_that_is_not_there_or_no_model_is_named(command: Command, ground: Ground, tmp_path: Path) -> None:
    ended = refused(command, ground, tmp_path / "runs", f"onnxruntime={tmp_path / 'gone.onnx'}")
    assert ended.code == 2
    assert f"{tmp_path / 'gone.onnx'}" in ended.last_line
    (tmp_path / "text.onnx").write_text("no model")
    ended = refused(command, ground, tmp_path / "runs", f"onnxruntime={tmp_path / 'text.onnx'}")
    assert ended.code == 2
    assert f"{tmp_path / 'text.onnx'}" in ended.last_line


def test_predict_takes_a_file_too(command: Command, ground: Ground, onnx_file: Path) -> None:
    picture = min(ground.ranking)
    ended = command("predict", ground.pictures / picture, "--artifact", f"onnxruntime={onnx_file}", "--json")
    assert ended.code == 0, ended.err
    assert "SYNTHETIC" not in ended.err
    assert f'"index": {ground.ranking[picture][0]}' in ended.out
