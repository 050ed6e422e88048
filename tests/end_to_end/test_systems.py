"""Several systems of one runtime in one run: rows that differ in a setting, and those that cannot run."""

from pathlib import Path

import pytest

from alexbench.harness.records.record_files import read_run
from tests.end_to_end.conftest import Command, Ended, Ground, only_run

PRECISIONS = ("--backend", "onnxruntime", "--precision", "fp32", "--precision", "bf16")


def run(command: Command, ground: Ground, out: Path, *more: str | Path) -> Ended:
    few = ("--only", "accuracy", "--limit", "16", "--batch-size", "8")
    return command("run", "--data", ground.pictures, "--weights", ground.weights, *few, "--out", out, *more)


def test_what_a_runtime_cannot_do_is_a_row_that_says_why_in_a_run_and_in_its_parts(
    command: Command, ground: Ground, tmp_path: Path
) -> None:
    ended = run(command, ground, tmp_path / "whole", *PRECISIONS)
    assert ended.code == 0, ended.err
    whole = only_run(tmp_path / "whole")
    native, refused = read_run(whole).systems
    assert (native.name, native.status) == ("onnxruntime", "ok")
    assert (refused.name, refused.status) == ("onnxruntime bf16", "unsupported")
    assert refused.error is not None
    assert "its CPU provider has no such kernels" in refused.error
    assert (native.system.precision, refused.system.precision) == ("fp32", "bf16")
    for number in (1, 2):
        assert run(command, ground, tmp_path / "parts", *PRECISIONS, "--shard", f"{number}/2").code == 0
    ended = command("merge", *sorted((tmp_path / "parts").iterdir()), "--out", tmp_path / "joined")
    assert ended.code == 0, ended.err
    joined = only_run(tmp_path / "joined")
    assert (joined / "predictions.parquet").read_bytes() == (whole / "predictions.parquet").read_bytes()
    assert [row.status for row in read_run(joined).systems] == ["ok", "unsupported"]


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--system", "onnxruntime precision=bf16", "--system", "onnxruntime"), "no such kernels"),
        (("--backend", "onnxruntime", "--precision", "bf16"), "no such kernels"),
        ((*PRECISIONS, "--base", "onnxruntime bf16"), "--base onnxruntime bf16: onnxruntime: asked for bf16"),
        ((*PRECISIONS, "--base", "torch"), "--base torch names no row; known: onnxruntime, onnxruntime bf16"),
    ],
)
def test_what_cannot_run_at_all_is_refused_before_anything_is_made(
    command: Command, ground: Ground, tmp_path: Path, flags: tuple[str, ...], said: str
) -> None:
    ended = run(command, ground, tmp_path / "runs", *flags)
    assert ended.code == 2, ended.err
    assert said in ended.last_line
    assert not (tmp_path / "runs").exists()
