"""Checkpoints in the forms that training scripts write: the weights come out, and nothing in a file is ever executed.

Files are written by torch in a process of its own, and read without it.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from alexbench.backends.registry import backend_class
from alexbench.harness.errors import AlexBenchError
from alexbench.harness.inputs.converting import read
from alexbench.harness.models.weights import weights_digest, write_weights
from tests.support.toy_network import TOY, toy_weights

pytestmark = pytest.mark.skipif(not backend_class("torch").probe().available, reason="pip install 'alexbench[torch]'")
SCRIPT = Path(__file__).with_name("wrapped_files.py")  # it is not imported, for it imports torch
DIGEST = weights_digest(toy_weights())


@pytest.fixture(scope="module")
def files(module_path: Path) -> Path:
    """The folder with a file of each form."""
    weights, _ = write_weights(toy_weights(), module_path)
    folder = module_path / "files"
    folder.mkdir()
    command = [sys.executable, "-P", str(SCRIPT), str(weights), str(folder)]
    subprocess.run(command, check=True, timeout=120, cwd=folder)
    return folder


def refused(source: Path, key: str | None = None) -> str:
    with pytest.raises(AlexBenchError) as caught:
        read(source, TOY, key=key)
    said = str(caught.value)
    assert str(source) in said
    assert "\n" not in said
    return said


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("model_best.pth.tar", "from state_dict, features.module.0.weight as features.0.weight"),
        ("module.pth", "without the prefix module."),
        ("compiled.pt", "without the prefix _orig_mod."),
        ("both.bin", "without the prefix _orig_mod.module."),
        ("fsdp.pth", "features._fsdp_wrapped_module.0.weight as features.0.weight"),
        ("net.pth", "from net, without the prefix module."),
        ("nested.pth", "from ema.shadow.state_dict"),
        ("list.pth", "from 1.0"),
        ("backbone.pth", "without the prefix backbone.net."),
        ("lightning.ckpt", "from state_dict, without the prefix model., criterion.weight not read"),
        ("legacy-lightning.ckpt", "from state_dict, without the prefix model., criterion.weight not read"),
        ("train.pth", "from model"),
        ("legacy-train.pth", "from model"),
        ("protocol4.pth", "from model"),
        ("swa.pth", "without the prefix module., n_averaged not read"),
        ("parameters.pth", ""),
        ("attributes.pth", ""),
        ("views.pth", ""),
        ("legacy-views.pth", ""),
        ("transposed.pth", ""),
        ("buffers.pth", "step not read"),
        ("same.pth", "from model"),
        ("no-suffix", "from weights"),
    ],
)
def test_the_weights_come_out_and_what_was_around_them_is_said(files: Path, name: str, how: str) -> None:
    reading = read(files / name, TOY)
    assert weights_digest(reading.arrays) == DIGEST
    assert reading.unwrapped == how
    assert reading.checked == ("" if name.startswith("legacy") else "container CRC")


def test_arrays_are_views_over_the_file(files: Path) -> None:
    arrays = read(files / "train.pth", TOY).arrays.values()
    assert not any(array.flags.owndata or array.flags.writeable for array in arrays)


@pytest.mark.parametrize(
    ("name", "cast"),
    [
        ("half.pth", "float16 cast to float32 (exact)"),
        ("legacy-half.pth", "float16 cast to float32 (exact)"),
        ("bfloat16.pth", "bfloat16 cast to float32 (exact)"),
        ("double.pth", "float64 cast to float32 (rounded)"),
        ("mixed.pth", "float16 cast to float32 (exact)"),
    ],
)
def test_a_cast_is_stated_and_keeps_the_values(files: Path, name: str, cast: str) -> None:
    reading = read(files / name, TOY)
    assert reading.unwrapped == cast
    bits = {"half": 11, "bfloat16": 8}.get(name.removeprefix("legacy-").removesuffix(".pth"), 11)
    for key, array in toy_weights().items():
        assert abs(reading.arrays[key] - array).max() <= abs(array).max() * 2.0**-bits
    assert (weights_digest(reading.arrays) == DIGEST) is (name == "double.pth")


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("two.pth", ("model", "model_ema.module")),
        ("timm.pth.tar", ("state_dict", "state_dict_ema")),
        ("pair.pth", ("student", "teacher")),
    ],
)
def test_of_two_whole_models_the_user_says_which(files: Path, name: str, labels: tuple[str, str]) -> None:
    said = refused(files / name)
    assert f"holds 2 complete models, {labels[0]} and {labels[1]}: say which, --weights-key {labels[0]}" in said
    assert weights_digest(read(files / name, TOY, key=labels[0]).arrays) == DIGEST
    ema = read(files / name, TOY, key=labels[1].partition(".")[0]).arrays
    assert weights_digest(ema) == weights_digest({key: array + 1 for key, array in toy_weights().items()})


def test_a_key_that_is_not_there_is_refused_with_those_that_are(files: Path) -> None:
    assert "--weights-key ema: " + str(
        files / "two.pth"
    ) + " has no such model; known: model, model_ema.module" in refused(files / "two.pth", key="ema")


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("hostile.pth", r"(posix.system)"),
        ("legacy-hostile.pth", r"(posix.system)"),
        ("hostile-eval.pth", "builtin"),
        ("hostile-getattr.pth", "getattr"),
        ("hostile-list.pth", "map"),
        ("config.pth", "(__main__.Config)"),
        ("module-object.pth", "(torch.nn.modules.container.ParameterDict)"),
        ("sparse.pth", "it holds sparse tensors"),
    ],
)
def test_what_is_not_on_the_list_is_named_and_never_executed(files: Path, name: str, found: str) -> None:
    said = refused(files / name)
    assert found.replace("posix", os.name if os.name == "nt" else "posix") in said
    assert not (files / "EXECUTED").exists()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("int8.pth", "features.0.weight is int8, wanted float32, float16 or bfloat16"),
        ("float8.pth", "features.0.weight is float8_e4m3fn, wanted float32"),
        ("no-tensors.pth", "has no state dict (names to tensors)"),
        ("other.pth", "encoder.0.weight is not an array of toy"),
        ("plain.pth", "is a pickle, but not from torch.save"),
    ],
)
def test_what_holds_no_such_weights_is_said_in_one_line(files: Path, name: str, said: str) -> None:
    assert said in refused(files / name)
