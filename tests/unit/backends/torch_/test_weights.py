"""torchvision's .pth becomes canonical weights, in both of torch's formats, and nothing in it is ever executed.

Files are written by torch in a process of its own, and read without it: the tests' process imports no runtime.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from alexbench.backends.registry import backend_class
from alexbench.harness.errors import WeightsError
from alexbench.harness.inputs.converting import convert as convert_file
from alexbench.harness.models.network import get_network
from alexbench.harness.models.weights import write_weights
from alexbench.harness.worker.protocol.making import Converted
from tests.support.toy_network import TOY, toy_weights

SCRIPT = Path(__file__).parents[3] / "support" / "torch_files.py"  # it is not imported, for it imports torch
pytestmark = pytest.mark.skipif(not backend_class("torch").probe().available, reason="pip install 'alexbench[torch]'")


@pytest.fixture(scope="module")
def weights(module_path: Path) -> Path:
    """Canonical weights; the file's name is their digest."""
    return write_weights(toy_weights(), module_path)[0]


@pytest.fixture(scope="module")
def files(weights: Path) -> Path:
    """The folder with a file of each kind."""
    folder = weights.parent / "pth"
    folder.mkdir()
    subprocess.run([sys.executable, "-P", SCRIPT, str(weights), str(folder)], check=True, timeout=120)
    return folder


def convert(source: Path) -> Converted:
    return convert_file(source, TOY, source.parent / "converted")


@pytest.mark.parametrize("name", ["zip.pth", "legacy.pth"])
def test_both_formats_give_the_same_weights(files: Path, weights: Path, name: str) -> None:
    answer = convert(files / name)
    assert answer.digest == weights.stem
    assert answer.path.name == weights.name


@pytest.mark.parametrize("name", ["hostile.pth", "hostile-legacy.pth"])
def test_code_in_a_file_is_named_and_not_executed(files: Path, name: str) -> None:
    with pytest.raises(WeightsError, match=r"contains code, which is never run \((posix|nt|os)\.system\)") as caught:
        convert(files / name)
    assert str(files / name) in str(caught.value)
    assert not (files / "EXECUTED").exists()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("module.pth", r"contains code, which is never run \(torch\.nn\.modules\.linear\.Linear\).*state_dict"),
        ("list.pth", r"has no state dict"),
        ("truncated.pth", r"is damaged, or not a state dict"),
        ("text.pth", r"is damaged, or not a state dict"),
    ],
)
def test_what_is_no_state_dict_is_said_in_one_line(files: Path, name: str, said: str) -> None:
    with pytest.raises(WeightsError, match=said) as caught:
        convert(files / name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("name", "checked"), [("zip.pth", "container CRC"), ("legacy.pth", "")])
def test_which_format_has_a_crc_is_said(files: Path, name: str, checked: str) -> None:
    assert convert(files / name).checked == checked


def test_a_byte_that_changed_is_noticed_and_its_member_named(files: Path) -> None:
    content = bytearray((files / "zip.pth").read_bytes())
    content[len(content) // 2] ^= 1
    (files / "changed.pth").write_bytes(content)
    with pytest.raises(
        WeightsError, match=r"changed\.pth is damaged: its member zip/data/\d+ does not have the CRC-32"
    ):
        convert(files / "changed.pth")


def test_a_torchscript_program_is_to_be_run_as_it_is(files: Path) -> None:
    with pytest.raises(WeightsError, match=r"script\.pt cannot be read: it is a TorchScript program; run it unchanged"):
        convert(files / "script.pt")


def test_every_array_that_does_not_fit_is_named_as_the_file_names_it(files: Path) -> None:
    with pytest.raises(WeightsError) as caught:
        convert(files / "wrong.pth")
    message = str(caught.value)
    assert "features.3.bias is missing (wanted shape (6,))" in message
    assert "classifier.6.weight has shape (9, 12), wanted (10, 12)" in message
    assert "extra.weight is not an array of toy" in message
    assert "features.0.bias is int32, wanted float32" in message


def test_weights_of_another_network_are_refused(files: Path) -> None:
    with pytest.raises(WeightsError, match=r"does not fit network bvlc: features\.0\.weight has shape \(4, 3, 3, 3\)"):
        convert_file(files / "zip.pth", get_network("bvlc", input_size=227), files / "converted")


def test_nothing_was_written_for_what_was_refused(files: Path, weights: Path) -> None:
    convert(files / "zip.pth")
    assert [path.name for path in (files / "converted").iterdir()] == [weights.name]
