"""Files of full size, written by the library that others write them with: the same weights, in bounded memory."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from alexbench.backends.registry import backend_class
from tests.support.full_size import FORMATS, write_full_size
from tests.support.reading import read_apart

pytestmark = pytest.mark.skipif(
    not all(backend_class(name).probe().available for name in ("torch", "onnxruntime", "tensorflow")),
    reason="pip install 'alexbench[all]'",
)
ON_A_CHANGE = ("pth, wrapped", "caffemodel", "onnx", "checkpoint, NCHW")
"""One of each container; variants of these every night."""
CONVERTED = ("pth, wrapped", "caffemodel", "onnx", "checkpoint, NHWC")


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Emptied at once: pytest keeps the folders of three sessions, of 2 GB each."""
    yield tmp_path
    shutil.rmtree(tmp_path)


@pytest.mark.parametrize(
    "name", [pytest.param(one, marks=() if one in ON_A_CHANGE else pytest.mark.nightly) for one in FORMATS]
)
def test_full_size_weights_are_read_in_bounded_memory(folder: Path, name: str) -> None:
    network, _ = FORMATS[name]
    source, digest = write_full_size(name, folder)
    size = (folder / f"{digest}.safetensors").stat().st_size
    flatten = "NHWC" if name.endswith("NHWC") else None
    target = folder / "cache" if name in CONVERTED else None
    outcome = read_apart(source, network, flatten=flatten, folder=target)
    assert outcome.error == ""
    assert outcome.digest == digest
    assert outcome.checked == ("container CRC" if name.startswith(("checkpoint", "pth, zip", "pth, wrapped")) else "")
    assert outcome.anonymous <= 1.5 * size
