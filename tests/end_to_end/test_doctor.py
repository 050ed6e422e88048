"""``alexbench doctor`` as a user runs it, on models with planted faults."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from alexbench.harness.console.progress import PlainDisplay
from alexbench.harness.contract import Model
from alexbench.harness.files.cache_folder import cache_folder
from alexbench.harness.inputs.synthetic import synthetic_pictures, synthetic_weights
from alexbench.harness.models.card import load_card
from alexbench.harness.models.weights import map_weights
from tests.end_to_end.ailing import ailing
from tests.end_to_end.conftest import Command, Ended, Ground
from tests.support.cards import write_card
from tests.support.onnx_files import drop_out

FEW = 32
"""The fewest that doctor takes."""
MANY = 64
Arrays = dict[str, NDArray[np.float32]]


@pytest.fixture
def doctor(command: Command) -> Any:
    """``alexbench doctor`` on a few synthetic images, as JSON; the set is the one that ``bench`` made, if it did."""

    def ask(*arguments: str | Path, limit: int = FEW) -> tuple[Ended, dict[str, Any]]:
        ended = command("doctor", "--limit", str(limit), "--json", *arguments, cache=cache_folder())
        return ended, json.loads(ended.out) if ended.out else {}

    return ask


@pytest.fixture
def synthetic(tmp_path: Path) -> tuple[Path, Path]:
    """The synthetic images, and the default card's weights."""
    log, display = tmp_path / "log", PlainDisplay()
    pictures = synthetic_pictures("val", cache_folder(), log=log, display=display)
    weights = synthetic_weights(load_card("torchvision"), cache_folder(), log=log, display=display)
    return pictures.root, weights.path


def factors(found: dict[str, Any]) -> list[str]:
    return [one["change"]["factor"] for one in found["findings"]]


def test_a_healthy_model_is_not_called_faulty(doctor: Any) -> None:
    ended, found = doctor()
    assert (ended.code, found["verdict"], factors(found)) == (0, "healthy", [])
    assert found["synthetic"]
    assert found["held_db"] > 90


def test_channels_and_mean_wrong_together_are_both_found_and_the_fix_is_exact(
    doctor: Any, synthetic: tuple[Path, Path], tmp_path: Path
) -> None:
    pictures, weights = synthetic
    right = load_card("torchvision").preprocessing
    wrong = replace(right, channels="BGR", mean=(0.0, 0.0, 0.0))
    card = write_card(tmp_path / "wrong.toml", load_card("torchvision"), wrong)
    ended, found = doctor("--model", card, "--weights", weights, "--data", pictures)
    assert ended.code == 1, ended.err
    assert found["verdict"] == "faulty"
    assert set(factors(found)) == {"channels", "normalisation"}
    fixes = {one["change"]["fix"] for one in found["findings"]}
    assert fixes == {'[preprocessing] channels = "RGB"', "[preprocessing] mean = [0.485, 0.456, 0.406]"}
    assert found["card"] == "torchvision"
    assert found["accuracy"]["difference"] > 30


@pytest.mark.parametrize(
    ("planted", "factor"),
    [
        pytest.param("softmax twice", "softmax", marks=pytest.mark.nightly),
        pytest.param("dropout", "dropout", marks=pytest.mark.nightly),
        pytest.param("flatten", "flatten", marks=pytest.mark.nightly),
        ("nan", "symptom"),
    ],
)
def test_a_runtime_with_a_mistake_is_found_without_labels(
    doctor: Any, tmp_path: Path, planted: str, factor: str
) -> None:
    shim = ailing([planted], tmp_path)
    ended, found = doctor("--backend", "onnxruntime", "--python", f"onnxruntime={shim}")
    assert (ended.code, factors(found)) == (1, [factor])
    assert found["findings"][0]["worth"] is None


def _onnx(
    weights: str | Path, file: Path, change: Callable[[Arrays], None], *, graph: Callable[[Any], None] | None = None
) -> tuple[str, str]:
    """Arguments that name an ONNX file of the default card's network with weights that something was done to."""
    import onnx

    from alexbench.backends._shared.onnx_graph import complete_model

    arrays = {name: np.array(one) for name, one in map_weights(Path(weights)).items()}
    change(arrays)
    proto = complete_model(Model(load_card("torchvision").build_network(), arrays))
    if graph is not None:
        graph(proto)
    onnx.save(proto, file)
    return "--artifact", f"onnxruntime={file}"


def test_a_file_with_dropout_is_a_diagnosis(doctor: Any, synthetic: tuple[Path, Path], tmp_path: Path) -> None:
    pictures, weights = synthetic
    file = _onnx(weights, tmp_path / "random.onnx", lambda arrays: None, graph=drop_out)
    ended, found = doctor(*file, "--data", pictures)
    assert (ended.code, found["verdict"], factors(found)) == (1, "faulty", ["dropout"])


def _scaled(arrays: Arrays) -> None:
    arrays["fc7.weight"] *= np.float32(1.02)


def _in_height_width_channels(arrays: Arrays) -> None:
    fc6 = arrays["fc6.weight"]
    arrays["fc6.weight"] = fc6.reshape(-1, 256, 6, 6).transpose(0, 2, 3, 1).reshape(fc6.shape)


@pytest.mark.parametrize(
    ("change", "factor"),
    [
        pytest.param(lambda arrays: None, None, marks=pytest.mark.nightly),
        pytest.param(_scaled, "weights", marks=pytest.mark.nightly),
        pytest.param(_in_height_width_channels, "flatten", marks=pytest.mark.nightly),
    ],
    ids=["as given", "scaled", "fc6 in H, W, C"],
)
def test_doctor_and_run_judge_a_file_alike(
    doctor: Any,
    command: Command,
    ground: Ground,
    synthetic: tuple[Path, Path],
    tmp_path: Path,
    change: Callable[[Arrays], None],
    factor: str | None,
) -> None:
    # With the synthetic weights, a scaled layer is another function; which one is not named.
    pictures, weights = (ground.pictures, ground.weights) if factor == "weights" else synthetic
    file = _onnx(weights, tmp_path / "mine.onnx", change)
    given = (*file, "--weights", weights, "--data", pictures)
    narrow = ("--only", "accuracy", "--limit", str(FEW), "--out", tmp_path / "runs")
    ran = command("run", *narrow, *given, cache=cache_folder())
    (folder,) = (tmp_path / "runs").iterdir()
    parity = json.loads((folder / "run.json").read_text(encoding="utf-8"))["systems"][0]["parity"]
    ended, found = doctor(*given)
    assert (parity["passed"], ended.code) == ((True, 0) if factor is None else (False, 1)), ran.err + ended.err
    assert found["parity"]["passed"] == parity["passed"]
    assert found["parity"]["sqnr_db"] == pytest.approx(parity["sqnr_db"], abs=1)
    assert factors(found) == ([] if factor is None else [factor])


@pytest.mark.nightly
def test_less_than_was_expected_and_nothing_known_is_unexplained(doctor: Any) -> None:
    ended, found = doctor("--expected", "95")
    assert (ended.code, found["verdict"]) == (1, "unexplained")


def test_too_few_images_end_with_three(command: Command) -> None:
    ended = command("doctor", "--limit", "16", cache=cache_folder())
    assert ended.code == 3
    assert "16 cannot tell one reading from another; give 32 or more" in ended.last_line


@pytest.mark.nightly
def test_labels_that_have_nothing_to_do_with_the_images_are_unexplained(
    doctor: Any, synthetic: tuple[Path, Path], tmp_path: Path
) -> None:
    pictures, weights = synthetic
    files = sorted(pictures.glob("*/*"))[:: 1000 // MANY][:MANY]
    labels = np.random.default_rng(1).permutation(1000)[: len(files)]
    (tmp_path / "flat").mkdir()
    for file in files:
        (tmp_path / "flat" / file.name).symlink_to(file)
    lines = [f"{file.name} {label}" for file, label in zip(files, labels, strict=True)]
    (tmp_path / "val.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    flat = ("--data", tmp_path / "flat", "--layout", "flat-folder", "--labels", tmp_path / "val.txt")
    ended, found = doctor(*flat, "--weights", weights, limit=MANY)
    assert ended.code == 1, ended.err
    assert (found["verdict"], factors(found)) == ("unexplained", [])


def test_a_reference_over_other_images_is_refused(command: Command, answered: Path) -> None:
    ended = command("doctor", "--limit", "32", "--reference", f"{answered}:torch", cache=cache_folder())
    assert ended.code == 2
    assert "did not answer for" in ended.last_line
