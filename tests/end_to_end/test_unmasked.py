"""Faults built into a runtime: reduced precision is named, mismatches are explained or not, dead outputs not scored."""

import shutil
import sys
from pathlib import Path

import pandas as pd
import pytest

from alexbench.harness.records.record_files import read_run
from alexbench.harness.records.run_records import RunRecord, SystemRecord
from tests.end_to_end.conftest import PICTURES, Command, Ended, Ground, only_run
from tests.end_to_end.planted import shim

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the interpreter is a shell script")


def run(
    command: Command, ground: Ground, fault: str, folder: Path, *more: str | Path, data: Path | None = None
) -> tuple[Ended, Path, RunRecord]:
    """A run of a PyTorch that has the fault, with the systems that ``more`` names."""
    arguments = ["--data", data or ground.pictures, "--weights", ground.weights, "--only", "accuracy"]
    faulty = ["--backend", "torch", "--python", f"torch={shim(fault, folder)}"]
    ended = command("run", *arguments, *faulty, *more, "--out", folder / "runs")
    assert "Traceback" not in ended.err
    made = only_run(folder / "runs")
    return ended, made, read_run(made)


def row(record: RunRecord, name: str) -> SystemRecord:
    return next(one for one in record.systems if one.name == name)


@pytest.mark.parametrize(
    ("fault", "named"),
    [
        pytest.param("8 bits", "8 bits (bf16)", marks=pytest.mark.nightly),
        ("11 bits", "11 bits (TF32 or fp16)"),
    ],
    ids=["bf16", "11 bits"],
)
def test_reduced_precision_that_nobody_asked_for_is_named_and_fails(
    command: Command, ground: Ground, tmp_path: Path, fault: str, named: str
) -> None:
    ended, folder, record = run(command, ground, fault, tmp_path, "--backend", "onnxruntime")
    assert ended.code == 1
    found, healthy = row(record, "torch"), row(record, "onnxruntime")
    assert found.status == "ok"
    assert found.effective is not None
    assert found.effective.precision == ("fp32", "requested")
    assert found.parity is not None
    assert (found.parity.computed_as, found.parity.unmasked, found.parity.passed) == (fault, fault, False)
    assert healthy.parity is not None
    assert (healthy.parity.computed_as, healthy.parity.unmasked, healthy.parity.passed) == ("fp32", None, True)
    board = pd.read_csv(folder / "leaderboard.csv").set_index("backend")
    # Random weights give almost every image one class: 16 images do not tell that from a guess, so nobody is ranked.
    assert list(board["chance"]) == ["too few"] * 2
    assert board["rank"].isna().all()
    assert board.loc["torch", "group"].startswith(f"cpu, fp32 computed as {named}, ")
    assert board.loc["onnxruntime", "group"].startswith("cpu, fp32, ")
    assert "says fp32, but its error, " in ended.out
    assert f" effective bits, is that of {named}." in ended.out
    assert f"FAILED: {fault}" in ended.out


def test_more_bits_than_asked_for_are_named_and_no_failure(command: Command, ground: Ground, tmp_path: Path) -> None:
    ended, _, record = run(command, ground, "no bf16", tmp_path, "--precision", "bf16")
    assert ended.code == 0, ended.err
    (found,) = record.systems
    assert found.parity is not None
    assert (found.parity.unmasked, found.parity.passed) == ("fp32", True)
    assert "says bf16, but its error, " in ended.out
    assert " effective bits, is that of fp32." in ended.out


def test_one_answer_that_rounding_cannot_turn_is_unexplained_and_fails(
    command: Command, ground: Ground, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The image is none of the parity images: only the dispute with the other runtime brings it up."""
    monkeypatch.setattr("alexbench.harness.running.accuracy.PARITY_IMAGES", 8)
    ended, folder, record = run(command, ground, "another class", tmp_path, "--backend", "onnxruntime")
    assert ended.code == 1
    found, healthy = row(record, "torch").parity, row(record, "onnxruntime").parity
    assert found is not None
    assert healthy is not None
    assert (found.flips, found.unexplained_flips, found.passed) == (1, 1, False)
    assert (found.computed_as, found.unmasked) == ("fp32", None)
    assert healthy.passed
    assert "1 (1 unexplained)" in (folder / "report.md").read_text(encoding="utf-8")
    flips = pd.read_parquet(folder / "flips.parquet")
    assert list(flips.columns) == ["backend", "sample", "margin_sigma", "explained"]
    (flip,) = flips.to_dict("records")
    assert (flip["backend"], flip["explained"]) == ("torch", False)
    assert flip["margin_sigma"] > 1
    answers = pd.read_parquet(folder / "predictions.parquet").set_index(["backend", "sample"])
    truth = pd.read_parquet(folder / "reference.parquet").set_index("sample")
    assert len(truth) == 9
    right = truth.loc[flip["sample"], "top1"]
    assert answers.loc[("onnxruntime", flip["sample"]), "top1"] == right
    assert answers.loc[("torch", flip["sample"]), "top1"] != right


def test_what_float64_answered_stands_next_to_the_run(answered: Path, ground: Ground) -> None:
    truth = pd.read_parquet(answered / "reference.parquet")
    tops, scores = [f"top{place}" for place in range(1, 6)], [f"score{place}" for place in range(1, 6)]
    assert list(truth.columns) == ["sample", "label", *tops, *scores]
    assert dict(zip(truth["sample"], truth["label"], strict=True)) == ground.labels
    assert truth[tops].to_numpy().tolist() == [ground.ranking[sample][:5] for sample in truth["sample"]]
    assert {str(kind) for kind in truth[scores].dtypes} == {"float64"}
    flips = pd.read_parquet(answered / "flips.parquet")
    assert flips.empty
    assert [str(kind) for kind in flips.dtypes[["margin_sigma", "explained"]]] == ["float64", "bool"]


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("not finite", "logits of image 7 are not finite (infinity; 1 of 4 images of this batch)"),
        pytest.param(
            "constant",
            "constant output: images 0 and 1 differ and have the same logits, as have all 4",
            marks=pytest.mark.nightly,
        ),
        pytest.param(
            "stale",
            "stale output: logits of image 8 are those of image 4, which differs, and so on for 4 of",
            marks=pytest.mark.nightly,
        ),
        pytest.param("dead", "dead batch: all logits of image 4 and the 3 after it are 0", marks=pytest.mark.nightly),
    ],
)
def test_outputs_that_mean_nothing_are_not_scored_and_their_symptom_is_named(
    command: Command, ground: Ground, tmp_path: Path, fault: str, said: str
) -> None:
    more = ["--backend", "onnxruntime", "--batch-size", "4"]
    ended, _, record = run(command, ground, fault, tmp_path, *more)
    assert ended.code == 1
    dead, alive = row(record, "torch"), row(record, "onnxruntime")
    assert (dead.status, dead.accuracy, dead.parity) == ("error", None, None)
    assert dead.error is not None
    assert f"nothing was scored: {said}" in dead.error
    assert "commonly" in dead.error
    assert alive.accuracy is not None
    assert (alive.accuracy.images, alive.accuracy.top1_correct) == (PICTURES, ground.top1)


def test_an_answer_of_another_shape_ends_the_row_in_a_line_that_names_both(
    command: Command, ground: Ground, tmp_path: Path
) -> None:
    ended, _, record = run(command, ground, "999 columns", tmp_path, "--batch-size", "8")
    assert ended.code == 1
    (found,) = record.systems
    assert (found.status, found.accuracy, found.parity) == ("error", None, None)
    assert found.error is not None
    assert found.error.startswith("torch: predict() returned an array of shape (8, 999), wanted (8, 1000)")


def test_the_same_image_over_and_over_is_no_symptom(command: Command, ground: Ground, tmp_path: Path) -> None:
    """Copies of each lie side by side: whole batches of one image, and batches that equal the one before."""
    for path in sorted(ground.labels)[:2]:
        (tmp_path / "copies" / path).parent.mkdir(parents=True, exist_ok=True)
        for copy in range(4):
            shutil.copyfile(ground.pictures / path, tmp_path / "copies" / f"{path}-{copy}.JPEG")
    ended, _, record = run(command, ground, "24 bits", tmp_path, "--batch-size", "2", data=tmp_path / "copies")
    assert ended.code == 0, ended.err
    assert record.systems[0].accuracy is not None
    assert record.systems[0].accuracy.images == 8
