"""``alexbench run`` on real input: what it leaves behind is complete, and is what float64 says it must be."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from alexbench.harness.records.record_files import read_run
from alexbench.harness.records.run_records import SCHEMA_VERSION
from tests.end_to_end.conftest import PICTURES, Command, Ended, Ground, only_run, record_of

pytestmark = pytest.mark.alone

BACKENDS = ("onnxruntime", "openvino")
NAMED = [part for name in BACKENDS for part in ("--backend", name)]


@pytest.fixture(scope="module")
def full(ground: Ground, command: Command, tmp_path_factory: pytest.TempPathFactory) -> tuple[Ended, Path]:
    """Accuracy and speed of two runtimes."""
    out = tmp_path_factory.mktemp("full")
    given = ("--data", ground.pictures, "--weights", ground.weights, "--out", out)
    ended = command.apart("run", *given, *NAMED, "--batch-size", "8", "--budget", "15s")
    record = read_run(only_run(out))
    # On a machine that is too noisy to tell a backend from itself, the run reports that and ends with 3.
    assert ended.code == 0, ended.err
    assert not record.invalid
    return ended, only_run(out)


def test_the_run_folder_is_complete_and_holds_nothing_else(full: tuple[Ended, Path]) -> None:
    _, folder = full
    assert folder.name.endswith("Z-torchvision")
    assert sorted(path.name for path in folder.iterdir()) == [
        "blocks.parquet",
        "flips.parquet",
        "leaderboard.csv",
        "logs",
        "predictions.parquet",
        "reference.parquet",
        "report.html",
        "report.md",
        "run.json",
        "samples.parquet",
        "thumbnails.json",
        "timings.parquet",
    ]
    assert {path.name for path in (folder / "logs").iterdir()} == {
        "anchor.log",
        "onnxruntime-duplicate.log",
        "onnxruntime.log",
        "openvino.log",
        "reference.log",
    }


def test_every_runtime_gets_exactly_the_images_right_that_float64_gets_right(
    full: tuple[Ended, Path], ground: Ground
) -> None:
    record = read_run(full[1])
    assert record.status == "complete"
    for entry in record.systems:
        assert entry.status == "ok"
        assert entry.error is None
        assert entry.accuracy is not None
        assert (entry.accuracy.images, entry.accuracy.top1_correct, entry.accuracy.top5_correct) == (
            PICTURES,
            ground.top1,
            ground.top5,
        )
    assert record.reference is not None
    assert (record.reference.images, record.reference.top1_correct, record.reference.top5_correct) == (
        PICTURES,
        ground.top1,
        ground.top5,
    )


def test_no_mismatch_is_unexplained_and_fp32_is_fp32(full: tuple[Ended, Path]) -> None:
    for entry in read_run(full[1]).systems:
        assert entry.parity is not None
        assert entry.parity.passed
        assert entry.parity.images == PICTURES
        assert entry.parity.unexplained_flips == 0
        assert entry.parity.max_abs_over_sigma <= 1e-4
        assert entry.parity.sqnr_db >= 100
        assert entry.effective is not None
        assert entry.effective.threads[1] == "measured"


def test_predictions_hold_every_image_of_every_backend(full: tuple[Ended, Path], ground: Ground) -> None:
    frame = pd.read_parquet(full[1] / "predictions.parquet")
    assert list(frame.columns) == [
        "backend",
        "sample",
        "label",
        *(f"top{place}" for place in range(1, 6)),
        *(f"score{place}" for place in range(1, 6)),
    ]
    assert dict(frame["backend"].value_counts()) == dict.fromkeys(BACKENDS, PICTURES)
    for _, rows in frame.groupby("backend"):
        assert dict(zip(rows["sample"], rows["label"], strict=True)) == ground.labels
        found = {row["sample"]: [row[f"top{place}"] for place in range(1, 6)] for row in rows.to_dict("records")}
        assert found == {sample: order[:5] for sample, order in ground.ranking.items()}
        scores = rows[[f"score{place}" for place in range(1, 6)]].to_numpy()
        assert scores.dtype == np.float32
        assert (np.diff(scores, axis=1) <= 0).all()


def test_timings_hold_every_single_inference_and_the_figures_follow_from_them(full: tuple[Ended, Path]) -> None:
    every = pd.read_parquet(full[1] / "timings.parquet")
    assert not every.settled.all()
    frame = every[every.settled]
    assert list(frame.columns) == ["backend", "scenario", "batch", "way", "process", "round", "settled", "ns"]
    assert set(frame["backend"]) == {*BACKENDS, "onnxruntime A/A", "anchor"}
    assert set(zip(frame["scenario"], frame["batch"], strict=True)) == {
        ("SingleStream", 1),
        ("Offline", 8),
        ("Anchor", 1),
    }
    assert (frame["ns"] > 0).all()
    for entry in read_run(full[1]).systems:
        assert entry.performance is not None
        mine = frame[frame["backend"] == entry.name]
        single, offline = mine[mine["batch"] == 1], mine[mine["batch"] == 8]
        medians = single.groupby(["process", "round"])["ns"].median() / 1e6
        assert entry.performance.latency.processes == single["process"].nunique() >= 3
        assert len(medians) == entry.performance.latency.blocks == 5 * entry.performance.latency.processes
        assert len(single) == entry.performance.latency.samples
        assert entry.performance.latency.p50_ms == pytest.approx(medians.median())
        assert len(offline.groupby(["process", "round"])) == entry.performance.throughput.windows >= 3
        rate = 8 * len(offline) / (offline["ns"].sum() / 1e9)
        assert entry.performance.throughput.images_per_second == pytest.approx(rate)


def test_the_run_says_what_it_can_tell_apart_and_ranks_no_row_that_may_know_nothing(full: tuple[Ended, Path]) -> None:
    record = read_run(full[1])
    assert record.ceiling is not None
    assert [(one.backend, one.of) for one in record.controls] == [
        ("onnxruntime", "latency"),
        ("onnxruntime", "images/s"),
    ]
    assert all(one.pairs >= 3 and one.decides for one in record.controls)
    assert [one.of for one in record.resolutions] == ["latency", "images/s"]
    for found in record.resolutions:
        assert found.ratio > 1
        assert found.processes >= 3
        assert found.freedom > 0
    # Sixteen images are too few to tell any row from guessing.
    assert [row.accuracy and row.accuracy.chance for row in record.systems] == ["too few"] * len(BACKENDS)
    assert not record.differences
    blocks = pd.read_parquet(full[1] / "blocks.parquet")
    assert len(blocks) == len(pd.read_parquet(full[1] / "timings.parquet").groupby(
        ["backend", "scenario", "batch", "way", "process", "round"]
    ))  # fmt: skip
    frame = pd.read_csv(full[1] / "leaderboard.csv")
    for entry in record.systems:
        assert entry.performance is not None
        assert entry.performance.noise is not None
        assert entry.group is not None
        assert entry.rank is None
    assert frame["rank"].isna().all()
    assert ((frame["mfu"] <= 1) | ~frame["peak_found"]).all()


def test_the_record_says_what_was_measured_on_what(full: tuple[Ended, Path], ground: Ground) -> None:
    record = record_of(full[1])
    assert record["schema_version"] == SCHEMA_VERSION
    assert record["model"]["card"] == "torchvision"
    assert record["model"]["parameters"] == 61_100_840
    assert record["model"]["macs"] == 714_188_480
    assert record["model"]["weights"] == str(ground.weights)
    assert record["model"]["weights_digest"] == ground.weights.stem
    assert record["model"]["synthetic"] is False
    assert record["data"]["synthetic"] is False
    assert record["data"]["images"] == record["data"]["available_images"] == PICTURES
    assert record["data"]["classes"] == len(set(ground.labels.values()))
    assert record["data"]["name"] == ground.pictures.name
    assert record["configuration"]["batch_size"] == 8
    assert [one["backend"] for one in record["configuration"]["systems"]] == list(BACKENDS)
    assert {"onnx", "openvino", "numpy"} <= set(record["environment"]["packages"])
    assert {"before", "during", "after"} == set(record["conditions"])
    for entry in record["systems"]:
        assert entry["load_s"] > 0
        assert entry["first_inference_ms"] > 0
        assert entry["peak_rss_mib"] > 233  # the weights alone
        for what in ("device", "provider", "precision", "threads", "streams"):
            value, evidence = entry["effective"][what]
            assert value
            assert evidence in ("reported", "measured", "requested")


def test_the_leaderboard_is_printed_and_written(full: tuple[Ended, Path]) -> None:
    ended, folder = full
    assert "50.00" in ended.out
    assert "reference (float64)" in ended.out
    assert ended.out.count("wrote ") == 3
    assert "\x1b" not in ended.out + ended.err
    frame = pd.read_csv(folder / "leaderboard.csv")
    assert set(frame["backend"]) == set(BACKENDS)
    assert (frame["top1"] == 50.0).all()
    report = (folder / "report.md").read_text(encoding="utf-8")
    assert "reference (float64)" in report
    assert "SYNTHETIC" not in report
    assert f"Not ImageNet's validation set: {PICTURES} images" in report
    assert "no verdict: other images" in report
    assert "UNVERIFIED" in report


def test_reports_are_made_again_byte_for_byte(full: tuple[Ended, Path], command: Command, tmp_path: Path) -> None:
    folder = tmp_path / "copied"
    folder.mkdir()
    shutil.copyfile(full[1] / "run.json", folder / "run.json")
    again = command("report", folder)
    assert again.code == 0, again.err
    assert again.err == ""
    for name in ("report.md", "leaderboard.csv"):
        assert (folder / name).read_bytes() == (full[1] / name).read_bytes()
