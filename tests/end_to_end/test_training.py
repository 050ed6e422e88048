"""``alexbench train``: a training that was ended continues with the same batches; one that diverges says where."""

import json
from pathlib import Path

import pandas as pd
import pytest

from alexbench.harness.records.training_run import TrainingRun, read_training_run
from tests.end_to_end.conftest import Command, only_run

FLAGS = ("--backend", "torch", "--limit", "6", "--batch-size", "4", "--deterministic", "--workers", "0")


@pytest.fixture(scope="module")
def trained(command: Command, many: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two epochs of two steps, without an interruption."""
    out = tmp_path_factory.mktemp("trained")
    ended = command("train", "--data", many, *FLAGS, "--epochs", "2", "--lr", "0.001", "--out", out)
    assert ended.code == 0, ended.err
    return only_run(out)


def record(folder: Path) -> TrainingRun:
    return read_training_run(folder)


def test_the_record_and_the_log_have_every_step(trained: Path) -> None:
    run, log = record(trained), pd.read_parquet(trained / "log.parquet")
    assert (run.status, run.step, run.steps_per_epoch) == ("complete", 4, 2)
    assert log["step"].tolist() == [1, 2, 3, 4]
    assert log["images"].tolist() == [4, 2, 4, 2]
    assert [point.epoch for point in run.epochs] == [1, 2]
    assert run.trained.startswith("trained here, 2 epochs on ")


def test_a_training_that_was_stopped_ends_with_the_same_weights(
    command: Command, many: Path, trained: Path, tmp_path: Path
) -> None:
    flags = ("--epochs", "2", "--lr", "0.001", "--steps", "3")
    assert command("train", "--data", many, *FLAGS, *flags, "--out", tmp_path).code == 0
    folder = only_run(tmp_path)
    stopped = record(folder)
    assert (stopped.status, stopped.step) == ("stopped", 3)
    assert stopped.weights_digest != record(trained).weights_digest
    ended = command("train", "--resume", folder)
    assert ended.code == 0, ended.err
    assert record(folder).weights_digest == record(trained).weights_digest
    again = command("train", "--resume", folder)
    assert again.code == 2
    assert "is complete" in again.last_line


def test_a_rate_that_diverges_ends_with_the_step_and_the_rate(command: Command, many: Path, tmp_path: Path) -> None:
    ended = command("train", "--data", many, *FLAGS, "--lr", "1e9", "--json", "--out", tmp_path)
    assert ended.code == 1
    assert "training diverged" in ended.last_line
    assert "lr 1e+09" in ended.last_line
    assert json.loads((only_run(tmp_path) / "train.json").read_text())["status"] == "diverged"


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--benchmark", "--lr", "0.1"), "--lr is of training"),
        (("--processes", "2"), "--processes measures scaling"),
        (("--lr", "0"), "--lr 0: give a number above 0"),
        (("--epochs", "0"), "--epochs 0: give 1 or more"),
        (("--steps", "0"), "--steps 0: give 1 or more"),
        (("--minutes", "nan"), "--minutes nan: give a number above 0"),
        (("--on-error", "ignore"), "unknown --on-error 'ignore'"),
        (("--val", "x"), "name --data PATH too"),
        (("--backend", "torch", "--backend", "tensorflow"), "one backend trains; name one"),
        (("--data", "/nowhere"), "/nowhere"),
        (("--data", "x", "--then-run"), "name them with --val PATH"),
        (("--resume", "x", "--lr", "1"), "--resume takes no flag but"),
        (("--resume", "x"), "x is not a training run"),
    ],
)
def test_flags_that_make_no_sense_are_refused(command: Command, flags: tuple[str, ...], said: str) -> None:
    ended = command("train", *flags)
    assert ended.code == 2
    assert said in ended.last_line
