"""A run killed and gone on with, and a run cut into parts: the same answers, byte for byte."""

import json
import shutil
import signal
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from alexbench.harness.records.reasons import Reason
from alexbench.harness.records.record_files import read_run
from alexbench.harness.records.run_records import RunRecord
from tests.end_to_end.conftest import FEW_PARITY_IMAGES, MANY, Command, Ended, Ground, Started, only_run
from tests.end_to_end.test_disturbed import worker_of
from tests.support.records import artifact

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX"),
    pytest.mark.usefixtures("few_parity_images"),
]

NAMED = ("--backend", "onnxruntime", "--system", "torch threads=1", "--only", "accuracy", "--batch-size", "8")


@pytest.fixture(scope="module")
def arguments(many: Path, ground: Ground) -> list[str | Path]:
    return ["run", "--data", many, "--weights", ground.weights, *NAMED]


@pytest.fixture(scope="module")
def whole(command: Command, arguments: list[str | Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run that nobody disturbed."""
    out = tmp_path_factory.mktemp("whole")
    ended = command(*arguments, "--out", out)
    assert ended.code == 0, ended.err
    return only_run(out)


def in_the_middle(started: Started, folder: Path, backend: str) -> None:
    """Wait until some batches of a backend are kept, and not all."""
    started.until(f"{backend}: accuracy on {MANY} images")
    end = time.monotonic() + 60
    while time.monotonic() < end:
        for file in folder.glob(f"*/unfinished/{backend}-batches.npy"):
            try:
                done = int((np.load(file)["done"] != 0).sum())
            except (EOFError, ValueError):  # it is only just being made
                continue
            assert done < MANY // 8, "too late"
            if done >= 2:
                return
        time.sleep(0.005)
    raise AssertionError("no batch was kept")


def assert_same_answers(folder: Path, whole: Path) -> None:
    for name in ("predictions.parquet", "samples.parquet"):
        assert (folder / name).read_bytes() == (whole / name).read_bytes(), name
    here, there = read_run(folder), read_run(whole)
    assert [row.name for row in here.systems] == [row.name for row in there.systems]
    assert [counts(here, place) for place in range(2)] == [counts(there, place) for place in range(2)]
    assert here.data == there.data
    assert here.comparisons == there.comparisons
    assert here.pairs == there.pairs


def counts(record: RunRecord, place: int) -> tuple[int, int, int]:
    accuracy = record.systems[place].accuracy
    assert accuracy is not None
    return accuracy.images, accuracy.top1_correct, accuracy.top5_correct


@pytest.mark.parametrize("ending", [signal.SIGKILL, pytest.param(signal.SIGINT, marks=pytest.mark.nightly)])
def test_a_run_that_was_ended_goes_on_where_it_was(
    command: Command, arguments: list[str | Path], whole: Path, tmp_path: Path, ending: signal.Signals
) -> None:
    with replace(command, before=FEW_PARITY_IMAGES).started(*arguments, "--out", tmp_path) as started:
        in_the_middle(started, tmp_path, "torch")
        started.process.send_signal(ending)
        started.end()
    folder = only_run(tmp_path)
    assert read_run(folder).status == ("running" if ending == signal.SIGKILL else "interrupted")
    ended = command("run", "--resume", folder)
    assert ended.code == 0, ended.err
    assert f"onnxruntime: {MANY} images were answered before the interruption" in ended.err
    lines = ended.err.splitlines()
    kept = next(line for line in lines if line.startswith("torch: ") and "were answered before" in line)
    assert 16 <= int(kept.split()[1]) < MANY
    assert_same_answers(folder, whole)
    for name in ("reference.parquet", "flips.parquet"):
        assert (folder / name).read_bytes() == (whole / name).read_bytes(), name
    assert read_run(folder).status == "complete"
    assert sorted(one.name for one in folder.iterdir()) == sorted(one.name for one in whole.iterdir())


def test_a_worker_that_was_killed_is_made_good(
    command: Command, arguments: list[str | Path], whole: Path, tmp_path: Path
) -> None:
    with replace(command, before=FEW_PARITY_IMAGES).started(*arguments, "--out", tmp_path) as started:
        in_the_middle(started, tmp_path, "onnxruntime")
        worker_of(started, "onnxruntime").kill()
        assert started.end().code == 1
    folder = only_run(tmp_path)
    ended = command("run", "--resume", folder)
    assert ended.code == 0, ended.err
    assert f"torch: {MANY} images were answered before the interruption" in ended.err
    assert_same_answers(folder, whole)


def test_a_complete_run_has_nothing_left_to_do(command: Command, whole: Path) -> None:
    before = (whole / "run.json").read_bytes()
    ended = command("run", "--resume", whole)
    assert ended.code == 0
    assert "nothing is left to do" in ended.err
    assert (whole / "run.json").read_bytes() == before


def test_other_images_are_not_gone_on_with(command: Command, ground: Ground, many: Path, tmp_path: Path) -> None:
    pictures = shutil.copytree(many, tmp_path / "pictures")
    with replace(command, before=FEW_PARITY_IMAGES).started(
        "run", "--data", pictures, "--weights", ground.weights, *NAMED, "--out", tmp_path / "runs"
    ) as started:
        in_the_middle(started, tmp_path / "runs", "onnxruntime")
        started.process.send_signal(signal.SIGINT)
        started.end()
    folder = only_run(tmp_path / "runs")
    changed, *_, other = sorted(pictures.glob("*/*"))  # adjacent files are copies of each other
    changed.write_bytes(other.read_bytes())
    ended = command("run", "--resume", folder)
    assert ended.code == 2
    assert "the images are not those of the run" in ended.last_line
    assert "start a new one" in ended.last_line


@pytest.mark.parametrize("flags", [("--limit", "3"), ("--backend", "torch")])
def test_resume_takes_no_other_flag(command: Command, whole: Path, flags: tuple[str, str]) -> None:
    ended = command("run", "--resume", whole, *flags)
    assert ended.code == 2
    assert "--resume takes no flag but --trust and --details" in ended.last_line


@pytest.fixture(scope="module")
def parts(command: Command, arguments: list[str | Path], tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three parts, each run alone; the first with the whole set's prepared pixels out of reach."""
    folders = []
    for number in (1, 2, 3):
        out = tmp_path_factory.mktemp(f"part{number}")
        cache = tmp_path_factory.mktemp("cache") if number == 1 else None
        ended = command(*arguments, "--shard", f"{number}/3", "--out", out, cache=cache)
        assert ended.code == 0, ended.err
        folders.append(only_run(out))
    return folders


def merged(command: Command, folders: list[Path], out: Path) -> Ended:
    return command("merge", *folders, "--out", out)


def test_parts_are_whole_batches_of_one_grid(parts: list[Path]) -> None:
    ranges = []
    for folder in parts:
        part = read_run(folder).data.part
        assert part is not None
        ranges.append((part.first, part.last))
    assert ranges == [(0, 32), (32, 64), (64, 96)]


def test_parts_joined_in_any_order_are_the_whole_run(
    command: Command, parts: list[Path], whole: Path, tmp_path: Path
) -> None:
    ended = command("merge", parts[2], parts[0], parts[1], "--out", tmp_path)
    assert ended.code == 0, ended.err
    folder = only_run(tmp_path)
    assert_same_answers(folder, whole)
    record = read_run(folder)
    assert all(row.parity is not None and row.parity.passed for row in record.systems)
    assert all(row.performance is None for row in record.systems)
    assert Reason("joined", count=3) in record.notes
    examined = [pd.read_parquet(part / "reference.parquet") for part in parts]
    pd.testing.assert_frame_equal(pd.read_parquet(folder / "reference.parquet"), pd.concat(examined, ignore_index=True))
    assert pd.read_parquet(folder / "flips.parquet").empty
    assert (folder / "thumbnails.json").read_bytes() == (whole / "thumbnails.json").read_bytes()


def test_parts_of_before_mismatches_were_written_are_joined_without(
    command: Command, parts: list[Path], tmp_path: Path
) -> None:
    copies = changed_copy(parts, tmp_path)
    for name in ("flips.parquet", "thumbnails.json"):
        (copies[1] / name).unlink()
    ended = merged(command, copies, tmp_path / "runs")
    assert ended.code == 0, ended.err
    folder = only_run(tmp_path / "runs")
    names = {one.name for one in folder.iterdir()}
    assert "predictions.parquet" in names
    assert not {"reference.parquet", "flips.parquet", "thumbnails.json"} & names
    assert read_run(folder).notes[-1] == Reason("no_thumbnails")


def test_mismatches_that_are_not_the_runs_are_not_joined(command: Command, parts: list[Path], tmp_path: Path) -> None:
    copies = changed_copy(parts, tmp_path)
    file = copies[1] / "reference.parquet"
    pd.read_parquet(file).iloc[:2].to_parquet(file)
    ended = merged(command, copies, tmp_path / "runs")
    assert ended.code == 2
    assert ended.last_line.startswith(f"alexbench: {file} does not belong to this run: ")


def test_a_part_that_is_missing_or_there_twice_is_named(command: Command, parts: list[Path], tmp_path: Path) -> None:
    ended = merged(command, parts[:2], tmp_path / "runs")
    assert ended.code == 2
    assert "part 3 of 3 missing; run --shard 3/3" in ended.last_line
    ended = merged(command, [*parts, parts[0]], tmp_path / "runs")
    assert ended.code == 2
    assert "are both part 1 of 3" in ended.last_line
    assert not (tmp_path / "runs").exists()


def test_a_whole_run_is_no_part(command: Command, whole: Path, tmp_path: Path) -> None:
    ended = merged(command, [whole], tmp_path / "runs")
    assert ended.code == 2
    assert "is not a part of a data set" in ended.last_line


def changed_copy(parts: list[Path], folder: Path) -> list[Path]:
    """Copies of the parts, the second of which is to be changed."""
    return [shutil.copytree(part, folder / str(number)) for number, part in enumerate(parts)]


def test_parts_of_another_preprocessing_are_not_joined(command: Command, parts: list[Path], tmp_path: Path) -> None:
    copies = changed_copy(parts, tmp_path)
    record = json.loads((copies[1] / "run.json").read_text())
    record["model"]["recipe_digest"] = "00" * 32
    (copies[1] / "run.json").write_text(json.dumps(record))
    ended = merged(command, copies, tmp_path / "runs")
    assert ended.code == 2
    assert "are not parts of one run: preprocessing or decoders" in ended.last_line


def test_parts_of_another_file_are_not_joined(command: Command, parts: list[Path], tmp_path: Path) -> None:
    copies = changed_copy(parts, tmp_path)
    for number, folder in enumerate(copies):
        record = json.loads((folder / "run.json").read_text())
        record["systems"][0]["artifact"] = asdict(artifact(sha256=f"{number:064d}"))
        (folder / "run.json").write_text(json.dumps(record))
    ended = merged(command, copies, tmp_path / "runs")
    assert ended.code == 2
    assert "are not parts of one run: onnxruntime file 000000000000" in ended.last_line


@pytest.mark.parametrize("change", ["another part's", "cut off", "another answer"])
def test_answers_that_are_not_the_runs_are_not_joined(
    command: Command, parts: list[Path], tmp_path: Path, change: str
) -> None:
    copies = changed_copy(parts, tmp_path)
    file = copies[1] / "predictions.parquet"
    if change == "another part's":
        shutil.copyfile(copies[2] / file.name, file)
    else:
        frame = pd.read_parquet(file)
        if change == "cut off":
            frame = frame.iloc[:2]
        else:
            place = frame.index[frame["top1"] == frame["label"]][0]
            frame.loc[place, "top1"] = (frame.loc[place, "label"] + 1) % 1000
        frame.to_parquet(file)
    ended = merged(command, copies, tmp_path / "runs")
    assert ended.code == 2
    assert ended.last_line.startswith(f"alexbench: {file} does not belong to this run: ")
    assert not (tmp_path / "runs").exists()
