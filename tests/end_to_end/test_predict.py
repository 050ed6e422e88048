"""Top-5 of images, from the command and from Python."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from alexbench.datasets.classes import class_list
from alexbench.harness import load_model
from alexbench.harness.errors import UsageError
from tests.end_to_end.conftest import Command, Ground


@pytest.fixture(scope="module")
def pictures(ground: Ground) -> list[str]:
    """Three of the images, a gray one among them."""
    return sorted(ground.ranking, key=lambda path: path.rsplit("/", 1)[-1])[:3]


def test_the_command_gives_float64s_five_best_on_every_runtime_named(
    command: Command, ground: Ground, pictures: list[str]
) -> None:
    files = [str(ground.pictures / picture) for picture in pictures]
    named = ["--backend", "onnxruntime", "--backend", "openvino"]
    ended = command("predict", *files, "--weights", ground.weights, *named, "--json")
    assert ended.code == 0, ended.err
    answers = json.loads(ended.out)
    assert list(answers) == files
    for file, picture in zip(files, pictures, strict=True):
        assert list(answers[file]) == ["onnxruntime", "openvino"]
        for guesses in answers[file].values():
            assert [one["index"] for one in guesses] == ground.ranking[picture][:5]
            assert [one["wnid"] for one in guesses] == [class_list()[one["index"]].wnid for one in guesses]
            chances = [one["probability"] for one in guesses]
            assert chances == sorted(chances, reverse=True)
            assert 0 < sum(chances) <= 1


def test_people_get_a_table_with_a_column_a_runtime(command: Command, ground: Ground, pictures: list[str]) -> None:
    file = ground.pictures / pictures[0]
    ended = command("predict", file, "--weights", ground.weights, "--backend", "onnxruntime", "--backend", "torch")
    assert ended.code == 0, ended.err
    best = class_list()[ground.ranking[pictures[0]][0]].name
    first, heading, _, top, *_ = ended.out.splitlines()
    assert first.startswith(f"{file}: {best} (")
    assert first.endswith("; all 2 backends agree.")
    assert heading.split()[-2:] == ["onnxruntime", "torch"]
    assert top.startswith(best)
    assert "SYNTHETIC" not in ended.err


def test_three_lines_of_python(ground: Ground, pictures: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALEXBENCH_CACHE", str(ground.cache))
    with load_model("torchvision", backend="onnxruntime", weights=str(ground.weights)) as model:
        (guesses,) = model.predict(ground.pictures / pictures[0])
    assert [one.index for one in guesses] == ground.ranking[pictures[0]][:5]


def test_transparent_and_gray_pngs_and_bytes_are_images_too(
    ground: Ground, pictures: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALEXBENCH_CACHE", str(ground.cache))
    source = Image.open(ground.pictures / pictures[1])
    files = []
    for mode in ("L", "LA", "RGB", "RGBA"):
        files.append(tmp_path / f"{mode}.png")
        source.convert(mode).save(files[-1])
    Image.new("RGB", (32, 32), "red").save(tmp_path / "small.jpg")
    with load_model(backend="onnxruntime", weights=str(ground.weights)) as model:
        answers = model.predict([*files, (tmp_path / "small.jpg").read_bytes()])
    assert [len(one) for one in answers] == [5] * 5
    assert answers[0] == answers[1]  # transparency does not count
    assert answers[2] == answers[3]


def test_what_is_no_image_is_named(command: Command, tmp_path: Path) -> None:
    picture = tmp_path / "no image.jpg"
    picture.write_bytes(b"text")
    ended = command("predict", picture)
    assert ended.code == 2
    assert f"{picture}: not a JPEG, PNG, BMP or WebP image" in ended.last_line
    ended = command("predict", tmp_path / "gone.jpg", "--backend", "onnxruntime")
    assert ended.code == 2
    assert "gone.jpg: cannot be read" in ended.last_line


def test_misuse_of_a_model_is_one_line(ground: Ground, pictures: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALEXBENCH_CACHE", str(ground.cache))
    picture = ground.pictures / pictures[0]
    model = load_model(backend="onnxruntime", weights=str(ground.weights))
    array: Any = np.zeros((2, 224, 224, 3), np.uint8)
    with pytest.raises(UsageError, match="ndarray is not an image: give a file's path or its bytes"):
        model.predict(array)
    with pytest.raises(UsageError, match=r"pixels float32 \(2, 224, 224, 3\): wanted uint8"):
        model.predict_prepared(array.astype(np.float32))
    with pytest.raises(UsageError, match="top = 0: give 1 to 1000"):
        model.predict(picture, top=0)
    assert model.predict([]) == []
    model.close()
    with pytest.raises(UsageError, match="the model was closed"):
        model.predict(picture)
