"""Canonical weights: whatever is wrong with a file's arrays is named as the file spells it."""

import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from alexbench.harness.errors import WeightsError
from alexbench.harness.files.whole_file import STALE_S
from alexbench.harness.inputs.converting import convert
from alexbench.harness.models.array_names import TORCHVISION_NAMES
from alexbench.harness.models.network import Conv, Flatten, Linear, MaxPool, Network, ReLU, get_network
from alexbench.harness.models.weights import canonical, map_weights, weights_digest, write_weights

# The names of an AlexNet and the arrays of a toy.
NETWORK = Network(
    "toy",
    "an AlexNet by name",
    (3, 8, 8),
    (
        Conv("conv1", 3, 4, 3, padding=1),
        Conv("conv2", 4, 4, 3, padding=1),
        Conv("conv3", 4, 4, 3, padding=1),
        Conv("conv4", 4, 4, 3, padding=1),
        Conv("conv5", 4, 4, 3, padding=1),
        ReLU("relu5"),
        MaxPool("pool5", 2, 2),
        Flatten("flatten"),
        Linear("fc6", 64, 16),
        Linear("fc7", 16, 16),
        Linear("fc8", 16, 10),
    ),
)
SOURCE = Path("given.safetensors")
THEIRS = {ours: theirs for theirs, ours in TORCHVISION_NAMES.items()}

Arrays = dict[str, NDArray[Any]]


def arrays() -> Arrays:
    random = np.random.Generator(np.random.PCG64(1))
    return {name: random.standard_normal(shape, np.float32) for name, shape in NETWORK.parameter_shapes.items()}


def as_torchvision(given: Arrays) -> Arrays:
    spelled = {}
    for name, array in given.items():
        layer, _, kind = name.rpartition(".")
        spelled[f"{THEIRS[layer]}.{kind}"] = array
    return spelled


def refusal(given: Arrays) -> str:
    with pytest.raises(WeightsError) as refused:
        canonical(given, NETWORK, source=SOURCE)
    message = str(refused.value)
    assert message.startswith("given.safetensors does not fit network toy: ")
    assert "\n" not in message
    return message


def test_canonical_names_are_taken_as_they_are() -> None:
    found = canonical(arrays(), NETWORK, source=SOURCE)
    assert list(found) == list(NETWORK.parameter_shapes)
    for name, array in arrays().items():
        np.testing.assert_array_equal(found[name], array)


def test_torchvisions_names_become_canonical() -> None:
    given = as_torchvision(arrays())
    assert {"features.0.weight", "features.10.bias", "classifier.6.weight"} <= set(given)
    found = canonical(dict(reversed(given.items())), NETWORK, source=SOURCE)
    assert list(found) == list(NETWORK.parameter_shapes)
    for name, array in arrays().items():
        np.testing.assert_array_equal(found[name], array)


def test_torchvisions_names_are_the_whole_of_its_alexnet() -> None:
    assert list(TORCHVISION_NAMES.values()) == ["conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7", "fc8"]


def test_arrays_become_contiguous() -> None:
    given = arrays()
    given["fc6.weight"] = np.asfortranarray(given["fc6.weight"])
    assert canonical(given, NETWORK, source=SOURCE)["fc6.weight"].flags.c_contiguous


def test_each_defect_is_named_with_wanted_and_found() -> None:
    given = arrays()
    del given["conv1.bias"]
    given["fc6.weight"] = np.ascontiguousarray(given["fc6.weight"].T)
    given["fc9.weight"] = np.zeros((2, 2), np.float32)
    given["conv2.weight"] = given["conv2.weight"].astype(np.complex64)
    given["conv3.bias"] = given["conv3.bias"].astype(np.int16)
    given["conv4.bias"][2] = np.nan
    given["conv5.bias"][0] = np.inf
    message = refusal(given)
    for said in (
        "conv1.bias is missing (wanted shape (4,))",
        "fc6.weight has shape (64, 16), wanted (16, 64)",
        "fc9.weight is not an array of toy",
        "conv2.weight is complex64, wanted float32",
        "conv3.bias is int16, wanted float32",
        "conv4.bias has values that are not finite",
        "conv5.bias has values that are not finite",
    ):
        assert said in message


def test_defects_are_named_as_the_file_spells_them() -> None:
    given = as_torchvision(arrays())
    del given["features.3.bias"]
    given["classifier.1.weight"] = np.ascontiguousarray(given["classifier.1.weight"].T)
    given["classifier.6.bias"] = given["classifier.6.bias"].astype(np.int64)
    given["features.0.weight"][0, 0, 0, 0] = np.nan
    given["num_batches_tracked"] = np.zeros(1, np.float32)
    message = refusal(given)
    for said in (
        "features.3.bias is missing (wanted shape (4,))",
        "classifier.1.weight has shape (64, 16), wanted (16, 64)",
        "classifier.6.bias is int64, wanted float32",
        "features.0.weight has values that are not finite",
        "num_batches_tracked is not an array of toy",
    ):
        assert said in message
    assert "conv2" not in message
    assert "fc6" not in message


def test_one_of_each_spelling_is_not_enough() -> None:
    given = as_torchvision(arrays())
    given["conv1.weight"] = given.pop("features.0.weight")
    given["fc8.bias"] = np.zeros(10, np.float32)
    message = refusal(given)
    assert "fc8.bias" in message


def test_an_array_whose_name_has_spaces_is_named_whole() -> None:
    assert "my own array is not an array of toy" in refusal(arrays() | {"my own array": np.zeros(1, np.float32)})


def test_a_file_of_another_kind_is_told_in_one_bearable_line() -> None:
    message = refusal({f"layer{number}": np.zeros(1, np.float32) for number in range(500)})
    assert "; and 496 more like that" in message
    assert len(message) < 1500


def test_an_empty_file_misses_everything() -> None:
    assert "conv1.weight is missing" in refusal({})


@pytest.mark.parametrize(
    ("second_group_sees", "said"),
    [(0, "keep its first 48 input channels"), (1, "keep, of each filter, its own group's")],
)
def test_a_grouped_convolution_stored_without_its_groups_is_called_that(second_group_sees: int, said: str) -> None:
    network = get_network("bvlc")
    arrays = {name: np.zeros(shape, np.float32) for name, shape in network.parameter_shapes.items()}
    whole = np.zeros((256, 96, 5, 5), np.float32)
    whole[:128, :48] = 1
    whole[128:, 48 * second_group_sees : 48 * (second_group_sees + 1)] = 1
    with pytest.raises(WeightsError, match=said):
        canonical({**arrays, "conv2.weight": whole}, network, source=Path("a.safetensors"))


def test_the_digest_is_of_names_shapes_and_values_and_of_no_order() -> None:
    given = arrays()
    digest = weights_digest(given)
    assert len(digest) == 64
    assert weights_digest(dict(reversed(given.items()))) == digest
    assert weights_digest({**given, "fc6.weight": np.asfortranarray(given["fc6.weight"])}) == digest
    assert weights_digest({name: array.astype(">f4") for name, array in given.items()}) == digest
    changed = {**given, "fc8.bias": np.nextafter(given["fc8.bias"], np.float32(9))}
    renamed = {("fc9.bias" if name == "fc8.bias" else name): array for name, array in given.items()}
    reshaped = {**given, "fc8.bias": given["fc8.bias"].reshape(2, 5)}
    assert len({digest, *(weights_digest(one) for one in (changed, renamed, reshaped))}) == 4


def test_what_is_written_is_mapped_back_read_only_and_under_its_digest(tmp_path: Path) -> None:
    path, digest = write_weights(arrays(), tmp_path / "made" / "here")
    assert path == tmp_path / "made" / "here" / f"{digest}.safetensors"
    assert digest == weights_digest(arrays())
    mapped = map_weights(path)
    assert set(mapped) == set(arrays())
    for name, array in arrays().items():
        np.testing.assert_array_equal(mapped[name], array)
        assert mapped[name].dtype == np.float32
        assert not mapped[name].flags.writeable
        assert not mapped[name].flags.owndata
    assert [one.name for one in path.parent.iterdir()] == [path.name]


def test_our_file_is_everybodys_safetensors(tmp_path: Path) -> None:
    path, _ = write_weights(arrays(), tmp_path)
    for name, array in load_file(path).items():
        np.testing.assert_array_equal(array, arrays()[name])


def test_the_same_arrays_are_written_once(tmp_path: Path) -> None:
    path, digest = write_weights(arrays(), tmp_path)
    before = path.stat().st_mtime_ns
    assert write_weights(dict(reversed(arrays().items())), tmp_path) == (path, digest)
    assert path.stat().st_mtime_ns == before


def test_what_killed_writers_left_is_removed_a_day_later(tmp_path: Path) -> None:
    for name, age_s in (("old.partial", STALE_S + 60), ("new.partial", 0), ("tmpA1", STALE_S + 60)):
        left = tmp_path / f".{name}"
        left.write_bytes(b"half")
        os.utime(left, (time.time() - age_s,) * 2)
    write_weights(arrays(), tmp_path)
    assert [one.name for one in tmp_path.glob(".*")] == [".new.partial"]


def test_a_write_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(
        WeightsError, match=r"the weights cannot be written \(.*No space left on device\); free some space"
    ):
        write_weights(arrays(), tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: content[:5],
        lambda content: content[:100],
        lambda content: content[:-4],
        lambda content: b"\xff" * 8 + content[8:],
        lambda content: content[:8] + b"[" + content[9:],
        lambda content: b"\x80\x04" + content[2:],
    ],
    ids=["empty", "no length", "half a header", "bytes missing", "absurd length", "no JSON", "a pickle"],
)
def test_a_damaged_file_is_named_and_not_mapped(tmp_path: Path, damage: Any) -> None:
    path, _ = write_weights(arrays(), tmp_path)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(WeightsError) as refused:
        map_weights(path)
    assert str(path) in str(refused.value)


def test_a_file_that_is_gone_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"gone\.safetensors"):
        map_weights(tmp_path / "gone.safetensors")


def test_half_precision_is_not_mapped(tmp_path: Path) -> None:
    save_file({"a": np.zeros(3, np.float16)}, tmp_path / "half.safetensors")
    with pytest.raises(WeightsError, match="a is F16, wanted F32"):
        map_weights(tmp_path / "half.safetensors")


def test_a_users_safetensors_becomes_canonical(tmp_path: Path) -> None:
    source = tmp_path / "mine.SAFETENSORS"
    save_file(as_torchvision(arrays()), source)
    done = convert(source, NETWORK, tmp_path / "cache")
    assert done.digest == weights_digest(arrays())
    assert set(map_weights(done.path)) == set(NETWORK.parameter_shapes)
    assert (done.checked, done.assumed) == ("", "")


def test_a_users_file_that_does_not_fit_leaves_nothing_in_the_cache(tmp_path: Path) -> None:
    source = tmp_path / "mine.safetensors"
    save_file({name: array for name, array in arrays().items() if name != "fc7.bias"}, source)
    with pytest.raises(WeightsError, match=r"mine\.safetensors does not fit network toy: fc7\.bias is missing"):
        convert(source, NETWORK, tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("content", [b"", b"not safetensors at all", b"\xff" * 100])
def test_a_users_file_that_is_no_safetensors_is_named(tmp_path: Path, content: bytes) -> None:
    source = tmp_path / "mine.safetensors"
    source.write_bytes(content)
    with pytest.raises(WeightsError) as refused:
        convert(source, NETWORK, tmp_path / "cache")
    assert str(source) in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("name", ["mine.ckpt", "mine", "mine.msgpack"])
def test_an_unknown_suffix_lists_the_known(tmp_path: Path, name: str) -> None:
    source = tmp_path / name
    source.write_bytes(b"what is it")
    with pytest.raises(WeightsError) as refused:
        convert(source, NETWORK, tmp_path / "cache")
    message = str(refused.value)
    assert str(source) in message
    assert ".safetensors" in message
    assert ".pth" in message


def test_a_missing_file_and_a_folder_are_named_with_the_fix(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"gone\.pth is not there, or not a file; --weights takes a file \(.*\.pth"):
        convert(tmp_path / "gone.pth", NETWORK, tmp_path / "cache")
    with pytest.raises(WeightsError, match="is a folder without a TensorFlow checkpoint"):
        convert(tmp_path, NETWORK, tmp_path / "cache")


def test_the_first_layer_that_does_not_fit_is_named_first() -> None:
    given = arrays()
    given["conv2.weight"] = given["conv2.weight"][:2]
    del given["fc7.weight"]
    assert refusal(given).startswith("given.safetensors does not fit network toy: conv2.weight has shape")


def test_other_classes_are_said_with_the_fix() -> None:
    given = arrays()
    given["fc8.weight"], given["fc8.bias"] = np.zeros((1001, 16), np.float32), np.zeros(1001, np.float32)
    message = refusal(given)
    assert "it has 1001 classes and toy 10 (of 1001, class 0 is background: --model tfcnn)" in message
    assert "give the card that these weights were trained for" in message
    given["fc8.weight"], given["fc8.bias"] = np.zeros((5, 16), np.float32), np.zeros(5, np.float32)
    assert "it has 5 classes and toy 10: its own head runs as a file" in refusal(given)


def test_arrays_that_a_reader_named_are_said_in_both_spellings() -> None:
    given = arrays()
    given["conv1.bias"] = np.zeros(3, np.float32)
    with pytest.raises(WeightsError, match=r"conv1\.bias \(b_0\) has shape \(3,\), wanted \(4,\)"):
        canonical(given, NETWORK, source=SOURCE, file_names={"conv1.bias": "b_0"})


def test_a_data_format_is_refused_where_nothing_is_open(tmp_path: Path) -> None:
    source = tmp_path / "mine.safetensors"
    save_file(arrays(), source)
    with pytest.raises(WeightsError, match=r"mine\.safetensors is not a TensorFlow checkpoint.*--weights-layout"):
        convert(source, NETWORK, tmp_path / "cache", flatten="NHWC")
