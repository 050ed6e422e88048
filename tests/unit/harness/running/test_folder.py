"""A run's folder: named by time and card, never shared, and every file in it whole."""

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from alexbench.harness.errors import UsageError
from alexbench.harness.measure.rounds import Block, Measured, Task
from alexbench.harness.records.record_files import read_run
from alexbench.harness.running import folder as run_folder
from tests.support.records import run_record

NOON = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)
TOP = np.dtype([("classes", np.int32, 5), ("scores", np.float32, 5)])


def answers(*classes: list[int]) -> np.ndarray:
    top = np.zeros(len(classes), TOP)
    top["classes"] = classes
    top["scores"] = [[5, 4, 3, 2, 1]] * len(classes)
    return top


def test_it_is_named_by_utc_time_and_card_whatever_the_zone(tmp_path: Path) -> None:
    elsewhere = NOON.astimezone(timezone(timedelta(hours=5)))
    folder = run_folder.create(tmp_path / "a" / "b", "torchvision", elsewhere)
    assert folder == tmp_path / "a" / "b" / "20261121T120000Z-torchvision"
    assert sorted(path.name for path in folder.iterdir()) == ["logs"]


def test_two_runs_of_one_second_do_not_share_a_folder(tmp_path: Path) -> None:
    names = [run_folder.create(tmp_path, "bvlc", NOON).name for _ in range(3)]
    assert names == ["20261121T120000Z-bvlc", "20261121T120000Z-bvlc-2", "20261121T120000Z-bvlc-3"]


def test_out_that_is_a_file_is_refused_with_the_fix(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="is a file, not a folder; name another"):
        run_folder.create(tmp_path / "file", "bvlc", NOON)


def test_out_below_a_file_is_refused_with_the_fix(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="name a folder that can be written"):
        run_folder.create(tmp_path / "file" / "below", "bvlc", NOON)


def test_a_record_is_written_whole(tmp_path: Path) -> None:
    run_folder.write_record(tmp_path, run_record(status="running"))
    run_folder.write_record(tmp_path, run_record())
    assert read_run(tmp_path) == run_record()
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]


def test_predictions_are_classes_and_background_is_minus_1(tmp_path: Path) -> None:
    top, names = answers([0, 1, 2, 3, 1000], [5, 6, 7, 8, 9]), ["0/x.png", "999/y.png"]
    frame = run_folder.predictions("a", top, names, np.array([0, 999]), np.array([True, True]), label_offset=1)
    run_folder.write_predictions(tmp_path, [frame])
    frame = pd.read_parquet(tmp_path / "predictions.parquet")
    assert frame["backend"].tolist() == ["a", "a"]
    assert frame["sample"].tolist() == ["0/x.png", "999/y.png"]
    assert frame["label"].tolist() == [0, 999]
    assert frame[["top1", "top2", "top5"]].to_numpy().tolist() == [[-1, 0, 999], [4, 5, 8]]
    assert frame["score1"].tolist() == [5.0, 5.0]


def test_skipped_images_are_not_predictions_but_samples(tmp_path: Path) -> None:
    top, names = answers([0, 1, 2, 3, 4], [5, 6, 7, 8, 9]), ["x.png", "y.png"]
    frame = run_folder.predictions("a", top, names, np.array([1, 2]), np.array([False, True]))
    assert frame["sample"].tolist() == ["y.png"]
    assert frame["top1"].tolist() == [5]
    digests = np.arange(2 * 2 * 32, dtype=np.uint8).reshape(2, 2, 32)
    run_folder.write_samples(tmp_path, names, np.array([1, 2]), digests, {0: "no image"})
    samples = pd.read_parquet(tmp_path / "samples.parquet")
    assert samples["sample"].tolist() == names
    assert samples["pixels_sha256"].tolist() == [bytes(range(32, 64)).hex(), bytes(range(96, 128)).hex()]
    assert samples["skipped"].isna().tolist() == [False, True]


def test_what_float64_answered_is_in_classes_and_not_rounded(tmp_path: Path) -> None:
    truth = np.array([[0.1, 0.3, 0.2, 1 / 3, 0.0, -1.0], [6.0, 5.0, 4.0, 3.0, 2.0, 1.0]])
    names, labels = ["x.png", "skipped.png", "y.png"], np.array([1, 2, 5])
    run_folder.write_reference(tmp_path, names, labels, np.array([0, 2]), truth, 1)
    frame = pd.read_parquet(tmp_path / "reference.parquet")
    assert frame["sample"].tolist() == ["x.png", "y.png"]
    assert frame["label"].tolist() == [0, 4]
    tops, scores = [f"top{place}" for place in range(1, 6)], [f"score{place}" for place in range(1, 6)]
    assert frame[tops].to_numpy().tolist() == [[2, 0, 1, -1, 3], [-1, 0, 1, 2, 3]]
    assert frame[scores].to_numpy().tolist() == [[1 / 3, 0.3, 0.2, 0.1, 0.0], [6.0, 5.0, 4.0, 3.0, 2.0]]
    assert {str(frame[name].dtype) for name in ("label", *tops)} == {"int16"}
    assert {str(frame[name].dtype) for name in scores} == {"float64"}


@pytest.mark.parametrize("flips", [0, 2])
def test_mismatches_have_their_columns_even_where_there_are_none(tmp_path: Path, flips: int) -> None:
    frame = pd.DataFrame(
        {"margin_sigma": [0.5, 1e-5], "explained": [False, True], "backend": "a", "sample": ["x.png", "y.png"]}
    ).iloc[:flips]
    run_folder.write_flips(tmp_path, [frame.iloc[:0], frame])
    written = (tmp_path / "flips.parquet").read_bytes()
    found = pd.read_parquet(tmp_path / "flips.parquet")
    assert list(found.columns) == ["backend", "sample", "margin_sigma", "explained"]
    assert [str(found[name].dtype) for name in ("margin_sigma", "explained")] == ["float64", "bool"]
    assert found["sample"].tolist() == ["x.png", "y.png"][:flips]
    run_folder.write_flips(tmp_path, [frame])
    assert (tmp_path / "flips.parquet").read_bytes() == written


@pytest.mark.parametrize("note", ["as it was", "other", "gone"])
def test_answers_are_kept_while_what_decides_them_is_as_it_was(tmp_path: Path, note: str) -> None:
    assert run_folder.continues(tmp_path / "a", {"batch_size": 2})
    for name in ("a-answers.npy", "b-answers.npy"):
        (tmp_path / name).write_bytes(b"kept")
    if note == "gone":
        (tmp_path / "a.json").unlink()
    same = run_folder.continues(tmp_path / "a", {"batch_size": 3 if note == "other" else 2})
    assert same == (note != "other")
    assert (tmp_path / "a-answers.npy").exists() == (note == "as it was")
    assert (tmp_path / "b-answers.npy").exists()


def block(ns: tuple[int, ...], *, settled: bool = True, way: str = "loop", batch: int = 1, round_: int = 0) -> Block:
    scenario = "SingleStream" if batch == 1 else "Offline"
    measured = Measured(ns, batch, cpu_ns=30, whole_ns=100, stolen_ns=1, foreign_ns=-2, joules=None)
    return Block(Task("a", scenario, batch, way), 1, round_, measured, settled=settled)


def test_timings_name_the_task_of_each_inference(tmp_path: Path) -> None:
    run_folder.write_timings(tmp_path, [block((10, 11), settled=False), block((300,), batch=8, way="streams")])
    frame = pd.read_parquet(tmp_path / "timings.parquet")
    assert frame.to_dict("list") == {
        "backend": ["a", "a", "a"],
        "scenario": ["SingleStream", "SingleStream", "Offline"],
        "batch": [1, 1, 8],
        "way": ["loop", "loop", "streams"],
        "process": [1, 1, 1],
        "round": [0, 0, 0],
        "settled": [False, False, True],
        "ns": [10, 11, 300],
    }


def test_blocks_hold_what_was_seen_around_each(tmp_path: Path) -> None:
    run_folder.write_timings(tmp_path, [block((10, 11, 30), round_=4)])
    (found,) = pd.read_parquet(tmp_path / "blocks.parquet").to_dict("records")
    assert (found["backend"], found["process"], found["round"], found["settled"]) == ("a", 1, 4, True)
    assert (found["calls"], found["images"], found["median_ns"], found["cpu_ns"]) == (3, 1, 11.0, 30)
    assert (found["whole_ns"], found["stolen_ns"], found["foreign_ns"]) == (100, 1, -2)
    assert pd.isna(found["joules"])


def test_nothing_measured_leaves_no_file(tmp_path: Path) -> None:
    run_folder.write_predictions(tmp_path, [])
    run_folder.write_timings(tmp_path, [])
    assert list(tmp_path.iterdir()) == []
