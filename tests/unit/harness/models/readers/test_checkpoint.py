"""Checkpoints that TensorFlow 1's Saver wrote, under tf_cnn_benchmarks' names, give the weights that went in.

TensorFlow writes them in a process of its own; no process needs it to read them.
"""

import shutil
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

from alexbench.backends.registry import backend_class
from alexbench.harness.errors import WeightsError
from alexbench.harness.inputs.converting import read
from alexbench.harness.models.network import get_network
from alexbench.harness.models.readers.bundle import Bundle
from alexbench.harness.models.readers.checkpoint import find_index, from_variables
from alexbench.harness.models.weights import weights_digest, write_weights
from tests.support.checkpoint_files import variables
from tests.support.full_size import write_checkpoint
from tests.support.toy_network import TOY, toy_weights

pytestmark = pytest.mark.skipif(
    not backend_class("tensorflow").probe().available, reason="pip install 'alexbench[tensorflow]'"
)
DIGEST = weights_digest(toy_weights())
FLATTENED = (8, 2, 2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Checkpoints of the toy: as trained on one device with momentum in NCHW, on two in NHWC."""
    made = tmp_path_factory.mktemp("checkpoints")
    weights, _ = write_weights(toy_weights(), made)
    one: dict[str, Any] = {"flattened": FLATTENED, "flatten": "NCHW", "towers": ("v/",), "momentum": True}
    write_checkpoint(weights, made / "one" / "model.ckpt-7", **one)
    two: dict[str, Any] = {"flattened": FLATTENED, "flatten": "NHWC", "towers": ("v0/", "v1/"), "momentum": False}
    write_checkpoint(weights, made / "two" / "model.ckpt-9", **two)
    return made


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    return shutil.copytree(folder / "one", tmp_path / "copy")


@pytest.mark.parametrize(
    "named", ["", "checkpoint", "model.ckpt-7", "model.ckpt-7.index", "model.ckpt-7.data-00000-of-00001"]
)
def test_the_user_may_name_it_in_any_way(folder: Path, named: str) -> None:
    reading = read(folder / "one" / named, TOY)
    assert weights_digest(reading.arrays) == DIGEST
    assert reading.checked == "container CRC"
    assert reading.assumed == "trained in NCHW: fc6 sees C, H, W"


def test_the_first_of_several_towers_is_read_in_the_order_that_was_said(folder: Path) -> None:
    reading = read(folder / "two", TOY, flatten="NHWC")
    assert weights_digest(reading.arrays) == DIGEST
    assert reading.assumed == ""
    wrong = read(folder / "two", TOY, flatten="NCHW").arrays
    assert [name for name in wrong if not np.array_equal(wrong[name], toy_weights()[name])] == ["fc6.weight"]


def test_what_an_optimizer_keeps_is_there_and_not_read(folder: Path) -> None:
    names = set(Bundle(folder / "one" / "model.ckpt-7.index"))
    assert {"v/cg/conv0/conv2d/kernel/Momentum", "global_step"} <= names


def outcome(source: Path) -> str:
    """The digest of what was read, or the error."""
    try:
        return weights_digest(read(source, TOY).arrays)
    except WeightsError as error:
        return str(error)


def test_every_byte_that_is_damaged_is_noticed_or_nothing_of_the_weights(copy: Path) -> None:
    """Every 7th byte of the index is damaged; the rest (such as padding) must not change a weight."""
    index = copy / "model.ckpt-7.index"
    whole = index.read_bytes()
    noticed = 0
    for place in range(0, len(whole), 7):
        index.write_bytes(whole[:place] + bytes([whole[place] ^ 0x10]) + whole[place + 1 :])
        said = outcome(index)
        assert said == DIGEST or str(index) in said
        noticed += said != DIGEST
    assert noticed > 0.9 * len(range(0, len(whole), 7))


def test_a_damaged_weight_is_named_with_its_variable(copy: Path) -> None:
    data = copy / "model.ckpt-7.data-00000-of-00001"
    whole = bytearray(data.read_bytes())
    value = np.ascontiguousarray(toy_weights()["fc7.weight"].T).tobytes()
    whole[whole.index(value) + 10] ^= 1
    data.write_bytes(whole)
    with pytest.raises(WeightsError, match=r"data-00000-of-00001 .*v/cg/affine1/weights does not have the CRC-32C"):
        read(copy, TOY)


def test_a_checkpoint_that_is_not_whole_is_said_to_be(copy: Path) -> None:
    data = copy / "model.ckpt-7.data-00000-of-00001"
    data.write_bytes(data.read_bytes()[:1000])
    with pytest.raises(WeightsError, match="truncated"):
        read(copy, TOY)
    data.unlink()
    with pytest.raises(WeightsError, match=r"model\.ckpt-7\.data-00000-of-00001 is missing"):
        read(copy, TOY)


@pytest.mark.parametrize("content", [b"", b"short", bytes(500), b"\xff" * 500])
def test_what_is_no_index_is_named(copy: Path, content: bytes) -> None:
    (copy / "model.ckpt-7.index").write_bytes(content)
    with pytest.raises(WeightsError, match=r"model\.ckpt-7\.index is not a readable checkpoint index"):
        read(copy, TOY)


def test_another_network_is_refused_by_its_first_layer(folder: Path) -> None:
    said = r"tfcnn: conv1\.weight \(v/cg/conv0/conv2d/kernel\) has shape \(4, 3, 3, 3\), wanted \(64, 3, 11, 11\)"
    with pytest.raises(WeightsError, match=said):
        read(folder / "one", get_network("tfcnn"))


def test_a_moved_folder_and_a_chosen_one_of_several(copy: Path) -> None:
    pointer = copy / "checkpoint"
    pointer.write_text('model_checkpoint_path: "/gone/model.ckpt-7"\n', encoding="utf-8")
    assert find_index(copy) == copy / "model.ckpt-7.index"
    pointer.write_text(f'model_checkpoint_path: "{copy.parent}/model.ckpt-7"\n', encoding="utf-8")
    shutil.copyfile(copy / "model.ckpt-7.index", copy.parent / "model.ckpt-7.index")
    assert find_index(copy) == copy / "model.ckpt-7.index"
    shutil.copyfile(copy / "model.ckpt-7.index", copy / "model.ckpt-8.index")
    pointer.write_text('model_checkpoint_path: "model.ckpt-8"\nall_model_checkpoint_paths: "x"\n', encoding="utf-8")
    assert find_index(copy) == copy / "model.ckpt-8.index"
    pointer.unlink()
    with pytest.raises(WeightsError, match=r"2 checkpoints.*model\.ckpt-7, model\.ckpt-8"):
        find_index(copy)
    pointer.write_text('model_checkpoint_path: "other"\n', encoding="utf-8")
    with pytest.raises(WeightsError, match="names other, which is missing"):
        find_index(copy)


def test_a_saved_model_is_to_be_run_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "saved_model.pb").touch()
    with pytest.raises(WeightsError, match="is a SavedModel: run it unchanged with --artifact tensorflow="):
        find_index(tmp_path)


def test_other_files_are_no_checkpoints(tmp_path: Path) -> None:
    for name in ("weights.pth", "gone"):
        assert find_index(tmp_path / name) is None


@pytest.mark.parametrize("tower", ["", "v/", "v0/", "ps_var/v0/"])
@pytest.mark.parametrize("flatten", ["NCHW", "NHWC"])
def test_every_tower_prefix_is_understood(tower: str, flatten: Literal["NCHW", "NHWC"]) -> None:
    made = variables(toy_weights(), {"flatten": flatten, "flattened": FLATTENED})
    given = {tower + name: array for name, array in made.items()} | {"global_step": np.zeros(1, np.int64)}
    found = from_variables(given, TOY, Path("x.index"), flatten)
    assert weights_digest(found.arrays) == DIGEST
    assert found.file_names["fc6.weight"] == f"{tower}cg/affine0/weights"


def test_ten_towers_and_more_are_counted_as_numbers() -> None:
    made = variables(toy_weights(), {"flatten": "NCHW", "flattened": FLATTENED})
    given = {f"v{tower}/{name}": array + (tower != 2) for tower in (10, 2) for name, array in made.items()}
    assert weights_digest(from_variables(given, TOY, Path("x.index")).arrays) == DIGEST


def test_towers_that_differ_are_refused() -> None:
    made = variables(toy_weights(), {"flatten": "NCHW", "flattened": FLATTENED})
    given = {f"v{tower}/{name}": array for tower in (0, 1) for name, array in made.items()}
    del given["v1/cg/conv3/biases"]
    with pytest.raises(WeightsError, match=r"x\.index: towers v0/ and v1/ do not have the same variables"):
        from_variables(given, TOY, Path("x.index"))


def test_a_checkpoint_of_other_code_is_refused_with_what_it_holds() -> None:
    with pytest.raises(WeightsError, match=r"no variable of tf_cnn_benchmarks .* but dense/kernel; give"):
        from_variables({"dense/kernel": np.zeros(1)}, TOY, Path("x.index"))
