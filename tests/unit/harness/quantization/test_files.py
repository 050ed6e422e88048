"""A quantized file in the cache: made once, and once more where it is damaged."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from alexbench.harness.capabilities import QuantizationOptions
from alexbench.harness.console.progress import PlainDisplay
from alexbench.harness.errors import UnsupportedOptionError
from alexbench.harness.inputs.model_files import file_digest
from alexbench.harness.models.card import load_card
from alexbench.harness.quantization import files
from alexbench.harness.records.quantization_records import QuantizationRecord
from alexbench.harness.running.starting import check_holds
from alexbench.harness.systems import System

RECORD = QuantizationRecord("tool", {}, True, False, "minmax", "images", 10, "digest", True, 0, 1.0)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that were quantized, one for each time."""
    found: list[Path] = []

    def make(_backend: str, _given: Any, _how: Any, _calibration: Any, path: Path, *_: Any) -> Any:
        path.write_bytes(b"graph")
        path.with_suffix(".bin").write_bytes(b"weights")
        found.append(path)
        return files._Note(file_digest(path), RECORD)

    monkeypatch.setattr(files, "_make", make)
    return found


def ask(cache: Path, digest: str = "calibration") -> Path:
    given = files.ToQuantize(load_card("torchvision"), cache / "weights", "weights")
    calibration: Any = SimpleNamespace(digest=digest)
    where: dict[str, Any] = {"cache": cache, "log": cache / "log", "display": PlainDisplay()}
    file, _ = files.quantized_file("openvino", given, QuantizationOptions(), calibration, **where)
    return Path(file.path)


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(path.read_bytes()[:2]),
        lambda path: path.unlink(),
        lambda path: path.with_suffix(".bin").write_bytes(b"Weights"),
        lambda path: path.with_suffix(".bin").unlink(),
        lambda path: path.with_suffix(".json").write_text("{"),
        lambda path: path.with_suffix(".json").write_text('{"sha256": 3}'),
    ],
    ids=["cut short", "gone", "other weights", "no weights", "note cut short", "another note"],
)
def test_a_damaged_file_is_made_again(made: list[Path], tmp_path: Path, damage: Callable[[Path], object]) -> None:
    path = ask(tmp_path)
    assert ask(tmp_path) == path
    assert len(made) == 1
    damage(path)
    assert ask(tmp_path) == path
    assert len(made) == 2
    assert path.read_bytes() == b"graph"


def test_other_calibration_images_give_another_file(made: list[Path], tmp_path: Path) -> None:
    assert ask(tmp_path) != ask(tmp_path, "others")
    assert len(made) == 2


@pytest.mark.parametrize(
    ("asked", "holds", "refused"), [("int8", "fp32", True), ("int8", "int8", False), ("fp32", "int8", False)]
)
def test_a_file_that_is_named_as_int8_holds_int8(asked: str, holds: str, *, refused: bool) -> None:
    system, facts = System("onnxruntime", 1, asked), SimpleNamespace(precision=holds)
    if not refused:
        check_holds(system, "a.onnx", facts)  # type: ignore[arg-type]
        return
    with pytest.raises(UnsupportedOptionError, match=r"a\.onnx computes in fp32"):
        check_holds(system, "a.onnx", facts)  # type: ignore[arg-type]
