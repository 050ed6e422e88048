"""int8: quantized by ONNX Runtime's own tool, its kernels compared with the same file in fp32; and what is refused."""

import sys
from pathlib import Path

import pytest

from alexbench.harness.records.record_files import read_run
from tests.end_to_end.conftest import PICTURES, Command, Ground, only_run
from tests.end_to_end.saturating import saturating

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the interpreter is a shell script")


def test_int8_kernels_that_are_wrong_are_told_from_a_wrong_calibration(
    command: Command, ground: Ground, tmp_path: Path
) -> None:
    given = ["--data", ground.pictures, "--weights", ground.weights, "--only", "accuracy"]
    int8 = ["--precision", "int8", "--calibration", ground.pictures, "--calibrate-on-scored"]
    python = ["--backend", "onnxruntime", "--python", f"onnxruntime={saturating(tmp_path)}"]
    ended = command("run", *given, *int8, *python, "--out", tmp_path / "runs")
    row = next(one for one in read_run(only_run(tmp_path / "runs")).systems if one.name.startswith("onnxruntime"))
    assert row.kernels is not None, ended.err
    assert row.kernels.corrupted
    assert row.kernels.kernels_db == pytest.approx(12, abs=2)
    assert row.kernels.emulated_db > 20
    assert row.quantization is not None
    assert (row.quantization.scored, row.quantization.calibration_images) == (PICTURES, PICTURES)
    assert row.quantization.per_channel
    assert "among the SCORED images" in ended.out
    assert "int8 kernels LOSE" in ended.out


@pytest.mark.parametrize(
    ("more", "named"),
    [
        (["--precision", "int8", "--calibration", "{pictures}"], "are among the scored images"),
        (["--precision", "int8"], "leave too few to score"),
        (["--precision", "int8", "--calibration-images", "4"], "--calibration-images 4: give 10 or more"),
        (["--precision", "int8", "--calibration", "{empty}"], "{empty}"),
        (["--precision", "fp32", "--reduce-range"], "--reduce-range"),
        (["--precision", "int8", "--range-method", "median"], "median"),
    ],
)
def test_calibration_that_cannot_be_is_one_line(
    command: Command, ground: Ground, tmp_path: Path, more: list[str], named: str
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    words = {"{pictures}": str(ground.pictures), "{empty}": str(empty)}
    flags = ["--data", ground.pictures, "--weights", ground.weights, "--only", "accuracy", "--backend", "onnxruntime"]
    ended = command("run", *flags, *(words.get(one, one) for one in more), "--out", tmp_path / "runs")
    assert ended.code == 2, ended.err
    assert words.get(named, named) in ended.err.splitlines()[-1]
    assert not (tmp_path / "runs").exists()
