"""Unusable input: exit 2, one line that names it and the fix, and nothing half written."""

import os
import shutil
import subprocess
from pathlib import Path

import pandas as pd
import pytest

from alexbench.harness.records.record_files import read_run
from tests.end_to_end.conftest import PICTURES, Command, Ended, Ground, only_run, unless


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "runs"


def refused(ended: Ended, out: Path) -> str:
    """The one line."""
    assert ended.code == 2, ended.err
    assert ended.out == ""
    assert "Traceback" not in ended.err
    said = [line for line in ended.err.splitlines() if line.startswith("alexbench: ")]
    assert said == [ended.last_line]
    assert not out.exists() or list(out.iterdir()) == []
    return ended.last_line


def run(command: Command, ground: Ground, out: Path, *more: str | Path, data: Path | None = None) -> Ended:
    given = ["--data", data or ground.pictures, "--weights", ground.weights, "--only", "accuracy", "--out", out]
    return command("run", *unless(given, more), *more)


def test_an_empty_folder_is_named(command: Command, ground: Ground, out: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    line = refused(run(command, ground, out, data=empty), out)
    assert f"{empty}: no image in it" in line
    assert "class folders" in line


def test_a_missing_folder_is_named(command: Command, ground: Ground, out: Path, tmp_path: Path) -> None:
    line = refused(run(command, ground, out, data=tmp_path / "nowhere"), out)
    assert f"{tmp_path / 'nowhere'}: no such folder" in line


def test_folders_with_unknown_class_names_are_named(
    command: Command, ground: Ground, out: Path, tmp_path: Path
) -> None:
    for name in ("cat", "dog"):
        (tmp_path / "set" / name).mkdir(parents=True)
        (tmp_path / "set" / name / "a.jpg").touch()
    line = refused(run(command, ground, out, data=tmp_path / "set"), out)
    assert "2 (cat, dog) of 2 folders are neither WordNet ids" in line


def test_an_unreadable_image_is_named(command: Command, ground: Ground, out: Path, tmp_path: Path) -> None:
    data = tmp_path / "set"
    shutil.copytree(ground.pictures, data)
    bad = data / sorted(ground.labels)[7]
    bad.write_bytes(bad.read_bytes()[:3000])
    before = {path.name for path in (ground.cache / "prepared").glob("*.npy*")}
    line = refused(run(command, ground, out, data=data), out)
    assert str(bad) in line
    assert "restore it or take it out" in line
    assert {path.name for path in (ground.cache / "prepared").glob("*.npy*")} == before


def test_unreadable_images_are_skipped_on_request_and_reported_next_to_every_accuracy(
    command: Command, ground: Ground, out: Path, tmp_path: Path
) -> None:
    data = tmp_path / "set"
    shutil.copytree(ground.pictures, data)
    bad = sorted(ground.labels)[7]
    (data / bad).write_bytes(b"no picture")
    given = ["--data", data, "--weights", ground.weights, "--only", "accuracy", "--out", out]
    ended = command("run", *given, "--on-bad-image", "skip", "--backend", "onnxruntime")
    assert ended.code == 0, ended.err
    assert f"skipped: {data / bad}: not a JPEG" in ended.err
    folder = only_run(out)
    record = read_run(folder)
    assert [one.name for one in record.data.skipped] == [bad]
    (row,) = record.systems
    assert row.accuracy is not None
    assert row.accuracy.images == record.data.images == len(ground.labels) - 1
    predictions = pd.read_parquet(folder / "predictions.parquet")
    assert sorted(predictions["sample"]) == sorted(set(ground.labels) - {bad})
    samples = pd.read_parquet(folder / "samples.parquet")
    assert samples[samples["skipped"].notna()]["sample"].tolist() == [bad]
    report = (folder / "report.md").read_text(encoding="utf-8")
    assert report.count("(1 skipped)") == 4  # the leaderboard and the table Accuracy: top-1 and top-5
    assert f"1 of {PICTURES} images could not be read and were skipped" in report
    assert "(1 skipped)" in ended.out


def test_a_cache_that_cannot_be_written_is_named(command: Command, ground: Ground, out: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    given = ["--data", ground.pictures, "--weights", ground.weights, "--only", "accuracy", "--out", out]
    line = refused(command("run", *given, cache=tmp_path / "file" / "cache"), out)
    assert "ALEXBENCH_CACHE" in line


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="mounting needs root")
def test_a_full_disk_is_refused_before_the_work_and_what_was_there_stays(
    command: Command, ground: Ground, out: Path, tmp_path: Path
) -> None:
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", small], check=False).returncode:
        pytest.skip("this container may not mount")
    try:
        (small / "prepared").mkdir()
        (small / "prepared" / "earlier").write_bytes(b"kept")
        ended = command("datasets", "prepare", ground.pictures, cache=small)
        assert ended.code == 2
        assert "the prepared set needs 0.02 GiB and 0.02 GiB are free; free some" in ended.last_line
        assert [one.name for one in (small / "prepared").iterdir() if one.suffix != ".lock"] == ["earlier"]
    finally:
        subprocess.run(["umount", small], check=True)


def test_a_missing_weights_file_is_named(command: Command, ground: Ground, out: Path, tmp_path: Path) -> None:
    missing = tmp_path / "gone.safetensors"
    line = refused(run(command, ground, out, "--weights", missing), out)
    assert str(missing) in line
    assert ".pth" in line
    assert ".safetensors" in line


def test_a_damaged_weights_file_is_named(command: Command, ground: Ground, out: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.safetensors"
    with ground.weights.open("rb") as whole:
        damaged.write_bytes(whole.read(100_000))
    assert str(damaged) in refused(run(command, ground, out, "--weights", damaged), out)


def test_weights_of_another_network_are_told_apart_array_by_array(command: Command, ground: Ground, out: Path) -> None:
    line = refused(run(command, ground, out, "--model", "bvlc"), out)
    assert str(ground.weights) in line
    assert "does not fit network bvlc" in line
    assert "conv1.weight has shape (64, 3, 11, 11), wanted (96, 3, 11, 11)" in line
    assert "conv2.weight has shape (192, 64, 5, 5), wanted (256, 48, 5, 5)" in line


@pytest.mark.skipif(shutil.which("nvidia-smi") is not None, reason="there is a GPU, which then runs it")
def test_a_device_that_is_not_there_is_refused_and_what_would_run_is_said(
    command: Command, ground: Ground, out: Path
) -> None:
    line = refused(run(command, ground, out, "--backend", "onnxruntime", "--device", "cuda"), out)
    assert "onnxruntime" in line
    assert "cuda" in line
    assert "CPUExecutionProvider would have run" in line


def test_a_card_of_ones_own_that_is_no_card_is_named(
    command: Command, ground: Ground, out: Path, tmp_path: Path
) -> None:
    card = tmp_path / "mine.toml"
    card.write_text('name = "mine"\nnetwrok = "owt"\n', encoding="utf-8")
    line = refused(run(command, ground, out, "--model", card), out)
    assert str(card) in line
    assert "'netwrok'" in line
    assert "network" in line
