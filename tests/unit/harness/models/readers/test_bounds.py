"""Weights that would never end, or fill the disk or the memory: one line, and nothing left over."""

import struct
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alexbench.harness.console.progress import Advance
from alexbench.harness.errors import WeightsError
from alexbench.harness.inputs.converting import read
from alexbench.harness.inputs.fetching import fetch, place_of
from alexbench.harness.models import download
from alexbench.harness.models.card import Card, WeightsSource, load_card
from alexbench.harness.models.download import Patience
from alexbench.harness.models.readers import container
from alexbench.harness.models.readers.container import check_zip
from tests.support.http_server import Asked, serving
from tests.support.toy_network import TOY

onnx = pytest.importorskip("onnx", reason="pip install 'alexbench[onnxruntime]'")
QUICK = Patience(attempts=2, connect_s=5, stall_s=5, wait_s=0.001, longest_wait_s=0.01)


class Quiet:
    """Hears nothing."""

    def say(self, line: str) -> None:
        """Nothing."""

    @contextmanager
    def step(self, title: str) -> Iterator[Advance]:
        """Nothing."""
        yield lambda done, total: None


def card_of(url: str) -> Card:
    """A card whose file's size and digests nobody published."""
    source = WeightsSource(file="weights.bin", format="pth", urls=(url,))
    return replace(load_card("torchvision"), name="mine", weights=(source,))


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """Weights have 100,000 bytes at most here."""
    monkeypatch.setenv("ALEXBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(download, "WEIGHTS_BYTES_AT_MOST", 100_000)
    monkeypatch.setattr(container, "WEIGHTS_BYTES_AT_MOST", 100_000)
    return 100_000


@pytest.mark.parametrize("length", [-1, 10**15, None])
def test_a_download_of_unknown_size_is_bounded(small: int, length: int | None) -> None:
    def endless(asked: Asked) -> None:
        asked.send(200, bytes(small + 1), length=length)

    with serving(endless) as server, pytest.raises(WeightsError, match=r"[0-9,]+ bytes") as refused:
        fetch(card_of(server.url), Quiet(), patience=QUICK)
    assert "more than" in str(refused.value)
    place = place_of(card_of(""), card_of("").weights[0])
    assert not place.exists()
    assert not place.with_name("weights.bin.partial").exists()


def test_a_zip_that_unpacks_to_more_than_any_weights(small: int, tmp_path: Path) -> None:
    path = tmp_path / "bomb.pth"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("archive/data/0", bytes(small + 1))
    assert path.stat().st_size < 1000
    with pytest.raises(WeightsError, match=r"bomb\.pth unpacks to 100,001 bytes"):
        check_zip(path)


def graph(path: Path, nodes: list[Any]) -> Path:
    """An .onnx file of these nodes, with two weights of one convolution and a shape to use."""
    from onnx import helper, numpy_helper

    arrays = {"w": np.zeros((4, 3, 3, 3), np.float32), "b": np.zeros(4, np.float32), "s": np.array([4, 3, 3, 3])}
    made = helper.make_graph(
        nodes,
        "hostile",
        [helper.make_tensor_value_info("x", 1, [1, 3, 9, 9])],
        [helper.make_tensor_value_info("y", 1, [1, 4])],
        [numpy_helper.from_array(array, name) for name, array in arrays.items()],
    )
    path.write_bytes(helper.make_model(made).SerializeToString())
    return path


def node(operator: str, inputs: list[str], output: str, **attributes: Any) -> Any:
    return onnx.helper.make_node(operator, inputs, [output], **attributes)


@pytest.mark.parametrize(
    "nodes",
    [
        [("Identity", ["a"], "a"), ("Conv", ["x", "a"], "y")],
        [("Identity", ["b"], "a"), ("Identity", ["a"], "b"), ("Conv", ["x", "a"], "y")],
        [("Reshape", ["a", "b"], "a"), ("Reshape", ["b", "a"], "b"), ("Conv", ["x", "b"], "y")],
        [("Conv", ["y", "w"], "y"), ("Relu", ["y"], "y")],
    ],
)
def test_a_graph_that_leads_round_is_refused(nodes: list[tuple[str, list[str], str]], tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"round\.onnx"):
        read(graph(tmp_path / "round.onnx", [node(*one) for one in nodes]), TOY)


def test_a_graph_of_more_operations_than_any_alexnet(tmp_path: Path) -> None:
    path = graph(tmp_path / "long.onnx", [node("Relu", ["x"], "x") for _ in range(2001)])
    with pytest.raises(WeightsError, match=r"long\.onnx has 2,001 operations, 2,000 at most"):
        read(path, TOY)


LAYERS = [
    "Conv",
    "Gemm",
    "MatMul",
    "Add",
    "Relu",
    "Flatten",
    "MaxPool",
    "LRN",
    "Softmax",
    "QuantizeLinear",
    "If",
    "Clip",
]
SHAPING = ["Reshape", "Transpose", "Identity", "Cast", "Constant", "Shape", "Gather", "Concat"]
OPERATORS = st.sampled_from([*LAYERS, *SHAPING])
NAMES = st.sampled_from(["x", "y", "w", "b", "s", "a", "c", "", "nowhere"])


@given(nodes=st.lists(st.tuples(OPERATORS, st.lists(NAMES, max_size=3), NAMES), max_size=30))
def test_graphs_at_random_are_refused_in_one_line(
    nodes: list[tuple[str, list[str], str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = graph(tmp_path_factory.getbasetemp() / "random.onnx", [node(*one) for one in nodes])
    with pytest.raises(WeightsError, match=r"random\.onnx") as refused:
        read(path, TOY)
    assert "\n" not in str(refused.value)


@given(noise=st.binary(max_size=200), header=st.integers(0, 2**64 - 1))
def test_safetensors_at_random(noise: bytes, header: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "random.safetensors"
    path.write_bytes(struct.pack("<Q", header) + noise)
    with pytest.raises(WeightsError, match=r"random\.safetensors"):
        read(path, TOY)
