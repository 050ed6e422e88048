"""A name that is not a file, or a file that is too large, is a one-line error: no waiting, no memory filled."""

import io
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from alexbench.datasets.layouts import open_dataset
from alexbench.datasets.layouts.labels import read_labels
from alexbench.datasets.preprocess import prepare_picture
from alexbench.harness.errors import AlexBenchError, DataError, UsageError
from alexbench.harness.files.input_files import check_file, read_file, read_stream
from alexbench.harness.files.toml_file import read_toml
from alexbench.harness.gating.baseline import read_baseline
from alexbench.harness.inputs.converting import read
from alexbench.harness.inputs.model_files import artifact_of
from alexbench.harness.models.card import load_card
from alexbench.harness.models.network import get_network
from alexbench.harness.records.record_files import read_run
from alexbench.harness.systems import ModelFile

CARD = load_card("torchvision")


def _weights(path: Path) -> Any:
    return read(path, get_network("owt"))


def _run(path: Path) -> Any:
    folder = path.with_name("run")
    folder.mkdir()
    (folder / "run.json").symlink_to(path)
    return read_run(folder)


READERS: dict[str, tuple[str, Callable[[Path], Any]]] = {
    "card": ("x.toml", lambda path: load_card(str(path))),
    "configuration": ("x.toml", lambda path: read_toml(path, "--config")),
    "labels": ("val.txt", read_labels),
    "tar": ("x.tar", open_dataset),
    "TFRecords": ("x.tfrecord", open_dataset),
    "Parquet": ("x.parquet", open_dataset),
    "image": ("x.jpg", lambda path: prepare_picture(path, CARD.preprocessing)),
    "caffemodel": ("x.caffemodel", _weights),
    "ONNX": ("x.onnx", _weights),
    "safetensors": ("x.safetensors", _weights),
    "checkpoint": ("x.index", _weights),
    "artifact": ("x.onnx", lambda path: artifact_of(ModelFile(str(path)), CARD)),
    "run": ("x.json", _run),
    "baseline": ("x.json", read_baseline),
}


def pipe(path: Path) -> None:
    os.mkfifo(path)


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def unix_socket(path: Path) -> None:
    here = Path.cwd()
    os.chdir(path.parent)  # a socket's path is 107 bytes at most
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.chdir(here)


@pytest.mark.parametrize("make", [pipe, device, unix_socket])
@pytest.mark.parametrize("reader", READERS)
def test_what_is_no_file_is_refused_by_name(reader: str, make: Callable[[Path], None], tmp_path: Path) -> None:
    name, function = READERS[reader]
    make(tmp_path / name)
    with pytest.raises(AlexBenchError) as refused:
        function(tmp_path / name)
    message = str(refused.value)
    assert name in message or "run.json" in message
    assert "\n" not in message
    assert refused.value.exit_code == 2


@pytest.mark.parametrize("reader", ["card", "configuration", "labels", "image", "ONNX", "artifact", "run", "baseline"])
def test_what_is_larger_than_any_of_its_kind_is_refused_before_it_is_read(reader: str, tmp_path: Path) -> None:
    name, function = READERS[reader]
    with (tmp_path / name).open("wb") as file:
        file.truncate(20 << 30)  # takes no room on the disk
    with pytest.raises(AlexBenchError, match=r"21,474,836,480 bytes, [0-9,]+ at most are read"):
        function(tmp_path / name)


def test_a_regular_file_is_read_whole(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"four")
    assert check_file(tmp_path / "a", "a", UsageError, most=4) == 4
    assert read_file(tmp_path / "a", "a", UsageError, most=4) == b"four"
    with pytest.raises(UsageError, match="a has 4 bytes, 3 at most"):
        read_file(tmp_path / "a", "a", UsageError, most=3)


def test_a_stream_is_read_no_further_than_its_bound() -> None:
    assert read_stream(io.BytesIO(b"four"), "it", DataError, most=4) == b"four"
    with Path("/dev/zero").open("rb") as endless, pytest.raises(DataError, match="it: more than 1,000 bytes"):
        read_stream(endless, "it", DataError, most=1000)
