"""int8: quantized by ONNX Runtime's own tool, its kernels compared with the same file in fp32; and what is refused."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from alexbench.backends.registry import backend_class
from alexbench.harness.capabilities import QuantizationOptions, Quantizes
from alexbench.harness.contract import Model
from alexbench.harness.models.card import load_card
from alexbench.harness.models.weights import map_weights
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


@pytest.mark.nightly
@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
def test_doctor_names_a_calibration_on_images_that_were_not_normalised(
    backend: str, command: Command, ground: Ground, many: Path, tmp_path: Path
) -> None:
    quantizer = backend_class(backend)()
    assert isinstance(quantizer, Quantizes)
    model = Model(load_card("torchvision").build_network(), map_weights(ground.weights))
    drawn = np.random.default_rng(1).random((2, 1, 3, 224, 224), dtype=np.float32)
    path = tmp_path / f"int8{quantizer.quantized_suffix}"
    quantizer.quantize(model, list(drawn), path, QuantizationOptions(), {})
    file = ["--artifact", f"{backend}={path}", "--artifact-input", "normalised"]
    ended = command("doctor", *file, "--data", many, "--json")
    assert ended.code == 1, ended.err
    found = json.loads(ended.out)
    assert [one["change"]["factor"] for one in found["findings"]] == ["calibration-normalisation"]
    assert found["quantized"]["fault"]["calibrated"] == "0..1"
    assert found["quantized"]["refitted_db"] > found["quantized"]["given_db"] + 20
    assert abs(found["quantized"]["kernels"]["kernels_db"] - found["quantized"]["kernels"]["emulated_db"]) < 3
