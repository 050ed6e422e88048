"""torchvision's .pth becomes canonical weights, in both of torch's formats, and nothing in it is ever executed.

Files are written by torch in a process of its own, and read without it: the tests' process imports no runtime.
"""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from alexbench.backends.registry import backend_class
from alexbench.harness.errors import WeightsError
from alexbench.harness.worker.client import WorkerProcess
from alexbench.harness.worker.protocol.making import Converted, ConvertWeights
from tests.support import torch_files
from tests.support.models import write_seeded_weights

pytestmark = pytest.mark.skipif(not backend_class("torch").probe().available, reason="pip install 'alexbench[torch]'")


@pytest.fixture(scope="module")
def weights(module_path: Path) -> Path:
    """Seeded weights of `owt`, canonical; the file's name is their digest."""
    return write_seeded_weights("owt", module_path)


@pytest.fixture(scope="module")
def files(weights: Path) -> Path:
    """The folder with a file of each kind."""
    folder = weights.parent / "pth"
    folder.mkdir()
    subprocess.run([sys.executable, "-P", torch_files.__file__, str(weights), str(folder)], check=True, timeout=120)
    return folder


@pytest.fixture(scope="module")
def worker(weights: Path) -> Iterator[WorkerProcess]:
    with WorkerProcess("convert", log=weights.parent / "log") as started:
        yield started


def convert(worker: WorkerProcess, source: Path, network: str = "owt") -> Converted:
    return worker.ask(ConvertWeights(source, network, 224, source.parent / "converted"))


@pytest.mark.parametrize("name", ["zip.pth", "legacy.pth"])
def test_both_formats_give_the_same_weights(worker: WorkerProcess, files: Path, weights: Path, name: str) -> None:
    answer = convert(worker, files / name)
    assert answer.digest == weights.stem
    assert answer.path.name == weights.name


@pytest.mark.parametrize("name", ["hostile.pth", "hostile-legacy.pth"])
def test_code_in_a_file_is_named_and_not_executed(worker: WorkerProcess, files: Path, name: str) -> None:
    with pytest.raises(WeightsError, match=r"contains code, which is never run \((posix|nt|os)\.system\)") as caught:
        convert(worker, files / name)
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
def test_what_is_no_state_dict_is_said_in_one_line(worker: WorkerProcess, files: Path, name: str, said: str) -> None:
    with pytest.raises(WeightsError, match=said) as caught:
        convert(worker, files / name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("name", "checked"), [("zip.pth", "container CRC"), ("legacy.pth", "")])
def test_which_format_has_a_crc_is_said(worker: WorkerProcess, files: Path, name: str, checked: str) -> None:
    assert convert(worker, files / name).checked == checked


def test_a_byte_that_changed_is_noticed_and_its_member_named(worker: WorkerProcess, files: Path) -> None:
    content = bytearray((files / "zip.pth").read_bytes())
    content[len(content) // 2] ^= 1
    (files / "changed.pth").write_bytes(content)
    with pytest.raises(
        WeightsError, match=r"changed\.pth is damaged: its member zip/data/\d+ does not have the CRC-32"
    ):
        convert(worker, files / "changed.pth")


def test_a_torchscript_program_is_to_be_run_as_it_is(worker: WorkerProcess, files: Path) -> None:
    with pytest.raises(WeightsError, match=r"script\.pt cannot be read: it is a TorchScript program; run it unchanged"):
        convert(worker, files / "script.pt")


def test_every_array_that_does_not_fit_is_named_as_the_file_names_it(worker: WorkerProcess, files: Path) -> None:
    with pytest.raises(WeightsError) as caught:
        convert(worker, files / "wrong.pth")
    message = str(caught.value)
    assert "features.3.bias is missing (wanted shape (192,))" in message
    assert "classifier.6.weight has shape (10, 4096), wanted (1000, 4096)" in message
    assert "extra.weight is not an array of owt" in message
    assert "features.0.bias is int32, wanted float32" in message


def test_weights_of_another_network_are_refused(worker: WorkerProcess, files: Path) -> None:
    with pytest.raises(
        WeightsError, match=r"does not fit network bvlc: features\.0\.weight has shape \(64, 3, 11, 11\)"
    ):
        convert(worker, files / "zip.pth", network="bvlc")


def test_nothing_was_written_for_what_was_refused(files: Path, weights: Path, worker: WorkerProcess) -> None:
    convert(worker, files / "zip.pth")
    assert [path.name for path in (files / "converted").iterdir()] == [weights.name]
