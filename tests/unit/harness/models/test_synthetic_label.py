"""Synthetic weights are known in whatever file they come back, and nothing else is taken for them."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import save_file

from alexbench.datasets.layouts import open_dataset
from alexbench.datasets.synthetic.recognise import is_drawn
from alexbench.datasets.synthetic.write import write_classes
from alexbench.harness.errors import UsageError
from alexbench.harness.exporting.model_export import weights_words
from alexbench.harness.inputs.chosen_weights import ChosenWeights
from alexbench.harness.inputs.matching import check_belonging
from alexbench.harness.inputs.notes import notes
from alexbench.harness.models.card import load_card
from alexbench.harness.models.seeded import seeded_weights
from alexbench.harness.models.synthetic_label import MARK, WEIGHTS_SEED, is_synthetic
from alexbench.harness.resolving import resolve
from alexbench.reports.text.wording import model_line
from tests.support.records import synthetic_run

SHAPES = {"fc7.weight": (64, 4096), "fc7.bias": (64,)}


def drawn(seed: int = WEIGHTS_SEED) -> dict[str, NDArray[np.float32]]:
    return seeded_weights(SHAPES, seed)


def bfloat16(values: NDArray[np.float32]) -> NDArray[np.uint16]:
    bits = values.view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)


@pytest.mark.parametrize(
    "stored",
    [
        lambda weights: weights["fc7.weight"],
        lambda weights: np.ascontiguousarray(weights["fc7.weight"].T),
        lambda weights: weights["fc7.weight"].astype(np.float16),
        lambda weights: np.ascontiguousarray(weights["fc7.weight"].T).astype(np.float16),
        lambda weights: bfloat16(weights["fc7.weight"]),
        lambda weights: weights["fc7.bias"],
    ],
    ids=["rows", "columns", "fp16", "fp16 columns", "bf16", "bias alone"],
)
def test_numbers_without_any_note_are_known_as_runtimes_store_them(
    tmp_path: Path, stored: Callable[[dict[str, NDArray[np.float32]]], NDArray[Any]]
) -> None:
    for seed, known in ((WEIGHTS_SEED, True), (WEIGHTS_SEED + 1, False)):
        path = tmp_path / f"{seed}.safetensors"
        save_file({"a": np.zeros(3, np.float32), "some.name": stored(drawn(seed))}, path)
        assert is_synthetic(path) is known


def test_the_note_is_known_in_a_file_next_to_it_and_in_a_folder(tmp_path: Path) -> None:
    note = f"... {MARK}1, card owt) ...".encode()
    for name, beside in (("a.onnx", "a.onnx"), ("b.onnx", "b.onnx.data"), ("c.xml", "c.bin"), ("d", "d/extra/e.json")):
        (tmp_path / beside).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / beside).write_bytes(note)
        assert is_synthetic(tmp_path / name), name


def test_what_is_missing_empty_or_trained_is_not_synthetic(tmp_path: Path) -> None:
    (tmp_path / "empty.onnx").touch()
    (tmp_path / "trained.onnx").write_bytes(b"SYNTHETIC rubber")
    (tmp_path / "folder").mkdir()
    for name in ("missing.xml", "empty.onnx", "trained.onnx", "folder"):
        assert not is_synthetic(tmp_path / name), name


def test_what_an_export_says_of_them_is_what_is_looked_for() -> None:
    card = load_card("torchvision")
    built_in = ChosenWeights(Path("w"), "0" * 64, None, synthetic=True)
    assert weights_words(card, built_in).startswith(MARK)
    again = replace(built_in, source="/somewhere/tv.onnx")
    assert weights_words(card, again).startswith(MARK)
    assert "tv.onnx" in weights_words(card, again)
    assert weights_words(card, replace(again, synthetic=False)) == "tv.onnx"


@pytest.fixture
def synthetic_file(tmp_path: Path) -> Path:
    path = tmp_path / "tv.safetensors"
    save_file(drawn(), path)
    return path


def test_a_file_of_them_goes_with_the_built_in_images_and_no_other_file_does(synthetic_file: Path) -> None:
    assert resolve({"weights": str(synthetic_file)}).weights == str(synthetic_file)
    synthetic_file.write_bytes(b"trained")
    with pytest.raises(UsageError, match=r"--weights without --data"):
        resolve({"weights": str(synthetic_file)})


def dataset_of(folder: Path, pictures: int = 1) -> Any:
    write_classes(folder, "val", pictures, [(0, "n01440764")], lambda *_: None)
    return open_dataset(folder, layout="wnid-folders")


def test_drawn_images_are_known_and_their_namesakes_are_not(tmp_path: Path) -> None:
    dataset = dataset_of(tmp_path)
    assert is_drawn(dataset)
    file = tmp_path / dataset.samples[0].file
    file.write_bytes(file.read_bytes() + b"\0")
    assert not is_drawn(dataset)
    file.rename(file.with_name("n01440764_10026.JPEG"))
    assert not is_drawn(open_dataset(tmp_path, layout="wnid-folders"))


def test_accuracy_of_synthetic_with_real_is_refused_and_speed_is_not(synthetic_file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    drawn_set = dataset_of(folder)
    real_set = replace(drawn_set, samples=(replace(drawn_set.samples[0], name="n01440764_10026.JPEG"),))
    config = resolve({"weights": str(synthetic_file), "data": str(folder)})
    chosen = ChosenWeights(synthetic_file, "0" * 64, str(synthetic_file), synthetic=True)
    trained = replace(chosen, synthetic=False)
    assert check_belonging(config, chosen, (), drawn_set)
    assert not check_belonging(config, trained, (), real_set)
    with pytest.raises(UsageError, match=r"--weights .*tv.safetensors: these weights are SYNTHETIC"):
        check_belonging(config, chosen, (), real_set)
    with pytest.raises(UsageError, match=r"--artifact net.onnx: these weights are SYNTHETIC"):
        check_belonging(config, trained, ("net.onnx",), real_set)
    with pytest.raises(UsageError, match=r"--data .*: these images are SYNTHETIC"):
        check_belonging(config, trained, (), drawn_set)
    speed = replace(config, only="performance")
    assert not check_belonging(speed, chosen, (), real_set)
    assert check_belonging(speed, trained, (), drawn_set)


def test_reports_name_it_for_a_file_and_for_artifacts_alone() -> None:
    record = synthetic_run()
    from_file = replace(record, model=replace(record.model, synthetic=True, weights="/somewhere/tv.onnx"))
    assert "SYNTHETIC weights" in model_line(from_file)
    assert "tv.onnx" in model_line(from_file)
    artifacts = replace(record, model=replace(record.model, synthetic=True, weights="artifacts", weights_digest=""))
    assert "SYNTHETIC weights" in model_line(artifacts)
    assert [note.code for note in notes(artifacts.model, artifacts.data, ())] == ["files_alone"]


def test_predict_warns_of_a_file_too(
    synthetic_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from alexbench.harness.prediction import predict

    class Loaded:
        synthetic = True

        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_: object) -> None: ...

        def predict_prepared(self, pixels: NDArray[np.uint8]) -> list[list[object]]:
            return [[] for _ in pixels]

    monkeypatch.setattr(predict, "open_model", lambda *_, **__: Loaded())
    monkeypatch.setattr(predict, "prepared", lambda *_: np.zeros((1, 4, 4, 3), np.uint8))
    said: list[str] = []
    predict.predict(
        ["a.jpg"],
        config=resolve({"only": "performance", "backends": ("torch", "openvino"), "artifacts": ("openvino=/net.xml",)}),
        display=SimpleNamespace(say=said.append),  # type: ignore[arg-type]
    )
    assert [line.partition("SYNTHETIC")[0] for line in said] == ["", "/net.xml: "]
    capsys.readouterr()
