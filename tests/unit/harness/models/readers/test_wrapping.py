"""Arrays under keys and prefixes, in safetensors files: the model comes out, or one line says what is in the way."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import save_file

from alexbench.harness.errors import AlexBenchError
from alexbench.harness.inputs.converting import read
from alexbench.harness.models.array_names import TORCHVISION_NAMES
from alexbench.harness.models.readers.container import other_content
from alexbench.harness.models.readers.wrapping import unwrap
from alexbench.harness.models.weights import weights_digest
from tests.support.torch_format import legacy_file
from tests.support.toy_network import TOY, toy_weights

Arrays = dict[str, NDArray[Any]]
SOURCE = Path("given.pth")
DIGEST = weights_digest(toy_weights())
THEIRS = {ours: theirs for theirs, ours in TORCHVISION_NAMES.items()}


def torchvisions(seed: int = 1) -> Arrays:
    """The toy's arrays under torchvision's names."""
    split = [(*name.partition("."), array) for name, array in toy_weights(seed).items()]
    return {f"{THEIRS[layer]}.{kind}": array for layer, _, kind, array in split}


def prefixed(prefix: str, arrays: Arrays) -> Arrays:
    return {prefix + name: array for name, array in arrays.items()}


def refused(checkpoint: Any, key: str | None = None) -> str:
    with pytest.raises(AlexBenchError) as caught:
        unwrap(checkpoint, TOY, SOURCE, key)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("prefix", ["", "module.", "model.", "alexnet.net.", "model._orig_mod.", "0."])
@pytest.mark.parametrize("arrays", [toy_weights(), torchvisions()], ids=["canonical", "torchvision"])
def test_a_prefix_in_safetensors_is_left_out_and_said(tmp_path: Path, prefix: str, arrays: Arrays) -> None:
    save_file(prefixed(prefix, arrays), tmp_path / "a.safetensors")
    reading = read(tmp_path / "a.safetensors", TOY)
    assert weights_digest(reading.arrays) == DIGEST
    assert reading.unwrapped == (f"without the prefix {prefix}" if prefix else "")


def test_one_model_twice_is_one_and_two_are_asked_about() -> None:
    assert unwrap({"a": torchvisions(), "b": torchvisions()}, TOY, SOURCE).how == "from a"
    said = refused({"a": torchvisions(), "b": torchvisions(2)})
    assert said == "given.pth holds 2 complete models, a and b: say which, --weights-key a"


def test_names_without_a_prefix_are_a_model_too() -> None:
    both = {**torchvisions(), **prefixed("ema.", torchvisions(2))}
    assert ". and ema:" in refused(both)
    found = unwrap(both, TOY, SOURCE, ".")
    assert weights_digest(unwrap(both, TOY, SOURCE, "ema").arrays) != weights_digest(found.arrays)
    assert (
        found.how
        == "ema.features.0.weight, ema.features.0.bias, ema.features.3.weight, ema.features.3.bias and 12 more not read"
    )


def test_the_only_one_that_fits_is_taken() -> None:
    teacher = torchvisions()
    teacher["classifier.6.bias"] = np.zeros(3, np.float32)
    assert unwrap({"teacher": teacher, "student": torchvisions(2)}, TOY, SOURCE).how == "from student"


def test_a_whole_model_is_taken_before_a_part_of_one() -> None:
    part = dict(list(torchvisions(2).items())[:4])
    assert unwrap({"adapter": part, "model": torchvisions()}, TOY, SOURCE).how == "from model"


def test_what_has_the_prefix_and_no_place_is_for_the_network_to_refuse() -> None:
    found = unwrap(prefixed("net.", {**torchvisions(), "mean": np.zeros(3)}), TOY, SOURCE)
    assert "net.mean" in found.arrays
    beside = unwrap({**prefixed("net.", torchvisions()), "normalize.mean": np.zeros(3)}, TOY, SOURCE)
    assert set(beside.arrays) == set(torchvisions())
    assert beside.how == "without the prefix net., normalize.mean not read"


def test_a_key_names_the_dict_the_prefix_or_both() -> None:
    nested = {"state_dict": {**prefixed("model.", torchvisions()), **prefixed("ema.model.", torchvisions(2))}}
    for key in ("state_dict.model", "model"):
        assert unwrap(nested, TOY, SOURCE, key).how.startswith("from state_dict, without the prefix model.")
    assert "2 complete models" in refused(nested, "state_dict")
    assert "known: state_dict.model, state_dict.ema.model" in refused(nested, "optimizer")


@pytest.mark.parametrize("nothing", [None, 3, "a", [], {}, {"a": {}}, [1, [2, {"b": "c"}]]])
def test_what_has_no_arrays_is_said(nothing: Any) -> None:
    assert "has no state dict" in refused(nothing)


@pytest.mark.parametrize("arrays", [{"state": {0: {"exp_avg": np.zeros(3)}}}, {"arr_0": np.zeros(3)}])
def test_arrays_that_are_no_models_are_named(arrays: Any) -> None:
    assert "none has the name of a weight or bias" in refused(arrays)


def test_shards_are_one_model_and_a_missing_one_is_named(tmp_path: Path) -> None:
    names = [*torchvisions()]
    files = {f"model-0000{place}-of-00002.safetensors": names[place - 1 :: 2] for place in (1, 2)}
    for file, held in files.items():
        save_file({name: torchvisions()[name] for name in held}, tmp_path / file)
    first, second = (tmp_path / file for file in files)
    for named in (tmp_path, first):
        with pytest.raises(
            AlexBenchError, match=r"is one of 2 parts, and model\.safetensors\.index\.json is not next to it"
        ):
            read(named, TOY)
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {name: file for file, held in files.items() for name in held}}))
    for named in (tmp_path, first, second, index):
        assert weights_digest(read(named, TOY).arrays) == DIGEST
    second.unlink()
    with pytest.raises(AlexBenchError, match=r"00002-of-00002\.safetensors is not there"):
        read(first, TOY)


def test_numpys_archives_are_read_and_objects_in_them_are_not(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", **prefixed("net.", torchvisions()))  # type: ignore[arg-type]
    assert weights_digest(read(tmp_path / "a.npz", TOY).arrays) == DIGEST
    np.savez(tmp_path / "b.npz", model=np.array({"a": 1}, dtype=object))
    with pytest.raises(AlexBenchError, match="allow_pickle"):
        read(tmp_path / "b.npz", TOY)


def test_dicts_that_hold_themselves_end() -> None:
    endless: dict[str, Any] = {"model": torchvisions()}
    endless["self"] = endless
    assert unwrap(endless, TOY, SOURCE).how == "from model"


@pytest.mark.parametrize(
    ("kind", "cast"), [("F16", "float16 cast to float32 (exact)"), ("BF16", "bfloat16 cast to float32 (exact)")]
)
def test_half_precision_in_safetensors_is_cast(tmp_path: Path, kind: str, cast: str) -> None:
    header: dict[str, Any] = {}
    content = b""
    for name, array in toy_weights().items():
        stored = array.astype("<f2") if kind == "F16" else (array.view("<u4") >> 16).astype("<u2")
        header[name] = {
            "dtype": kind,
            "shape": array.shape,
            "data_offsets": [len(content), len(content) + stored.nbytes],
        }
        content += stored.tobytes()
    text = json.dumps(header).encode()
    source = tmp_path / "a.safetensors"
    source.write_bytes(len(text).to_bytes(8, "little") + text + content)
    reading = read(source, TOY)
    assert reading.unwrapped == cast
    for name, array in toy_weights().items():
        expected = array.astype("<f2").astype("<f4") if kind == "F16" else (array.view("<u4") & 0xFFFF0000).view("<f4")
        assert np.array_equal(reading.arrays[name], expected)


def test_a_type_that_nobody_has_is_named(tmp_path: Path) -> None:
    header = json.dumps({"conv1.bias": {"dtype": "F8_E4M3", "shape": [4], "data_offsets": [0, 4]}}).encode()
    source = tmp_path / "a.safetensors"
    source.write_bytes(len(header).to_bytes(8, "little") + header + bytes(4))
    with pytest.raises(AlexBenchError, match=r"conv1\.bias is F8_E4M3, wanted float32, float16 or bfloat16"):
        read(source, TOY)


@pytest.mark.parametrize("name", ["a.pth", "a.bin", "checkpoint-7", "a.model"])
def test_torchs_older_format_is_known_by_how_it_begins(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(legacy_file(toy_weights()))
    assert weights_digest(read(tmp_path / name, TOY).arrays) == DIGEST


@pytest.mark.parametrize(
    ("begins", "what"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n", "a Git LFS pointer"),
        (b"<!DOCTYPE html>", "a web page"),
        (b"\x1f\x8b\x08", "compressed (gzip)"),
        (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    ],
)
def test_what_is_no_weights_file_is_called_what_it_is(tmp_path: Path, begins: bytes, what: str) -> None:
    source = tmp_path / "alexnet.pth"
    source.write_bytes(begins + bytes(100))
    with pytest.raises(AlexBenchError, match=what.replace("(", r"\(").replace(")", r"\)")) as caught:
        read(source, TOY)
    assert str(source) in str(caught.value)


def test_a_weights_file_is_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "a.pth").write_bytes(legacy_file(toy_weights()))
    assert other_content(tmp_path / "a.pth") is None


def test_a_file_of_one_model_takes_no_key(tmp_path: Path) -> None:
    (tmp_path / "a.onnx").write_bytes(b"")
    with pytest.raises(AlexBenchError, match="leave --weights-key out"):
        read(tmp_path / "a.onnx", TOY, key="model")


def test_the_data_of_an_ir_is_called_that(tmp_path: Path) -> None:
    (tmp_path / "net.bin").write_bytes(bytes(100))
    (tmp_path / "net.xml").write_text("<net/>", encoding="utf-8")
    with pytest.raises(AlexBenchError, match=r"net\.bin is the data of net\.xml: .*--artifact openvino="):
        read(tmp_path / "net.bin", TOY)
