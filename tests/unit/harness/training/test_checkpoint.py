"""Checkpoints: what comes back, what is refused, and that the one before stays."""

from pathlib import Path

import numpy as np
import pytest

from alexbench.harness.errors import UsageError, WeightsError
from alexbench.harness.training import checkpoint as module
from alexbench.harness.training.checkpoint import Checkpoint, read_checkpoint, write_checkpoint

SHAPES = {"fc.weight": (3, 2), "fc.bias": (3,)}


def made(value: float = 1.0, steps: int = 7) -> Checkpoint:
    weights = {name: np.full(shape, value, np.float32) for name, shape in SHAPES.items()}
    return Checkpoint(weights, {name: 2 * array for name, array in weights.items()}, steps)


def test_what_was_written_comes_back(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "c", made())
    found = read_checkpoint(tmp_path / "c", SHAPES)
    assert found.steps == 7
    for name in SHAPES:
        np.testing.assert_array_equal(found.weights[name], made().weights[name])
        np.testing.assert_array_equal(found.momentum[name], made().momentum[name])


def test_a_full_disk_leaves_the_checkpoint_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "c"
    write_checkpoint(path, made())

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("safetensors.numpy.save_file", full)
    with pytest.raises(OSError, match="No space left"):
        write_checkpoint(path, made(5.0, 9))
    assert read_checkpoint(path, SHAPES).steps == 7
    assert [one.name for one in tmp_path.iterdir()] == ["c"]


@pytest.mark.parametrize(
    ("shapes", "said"),
    [
        ({**SHAPES, "fc.weight": (4, 2)}, r"of another network: fc.weight is \(3, 2\), wanted \(4, 2\)"),
        ({**SHAPES, "more.bias": (1,)}, "of another network: more.bias is missing"),
        ({"fc.bias": (3,)}, "of another network: it has fc.weight"),
    ],
)
def test_a_checkpoint_of_another_network_is_refused(
    tmp_path: Path, shapes: dict[str, tuple[int, ...]], said: str
) -> None:
    write_checkpoint(tmp_path / "c", made())
    with pytest.raises(UsageError, match=said):
        read_checkpoint(tmp_path / "c", shapes)


def test_no_checkpoint_and_a_damaged_one_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no checkpoint was written yet"):
        read_checkpoint(tmp_path / "c", SHAPES)
    write_checkpoint(tmp_path / "c", made())
    content = (tmp_path / "c").read_bytes()
    (tmp_path / "c").write_bytes(content[:-5])
    with pytest.raises(WeightsError, match="is not a whole checkpoint"):
        read_checkpoint(tmp_path / "c", SHAPES)
    module.write_arrays(tmp_path / "c", made().weights)
    with pytest.raises(WeightsError, match="is not a whole checkpoint"):
        read_checkpoint(tmp_path / "c", SHAPES)


def test_a_nan_is_not_finite() -> None:
    assert made().finite
    assert not made(float("nan")).finite
