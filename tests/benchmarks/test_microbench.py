"""How fast our own parts are: `nox -s microbench`. Figures depend on the machine; assertions are on results only."""

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pytest_benchmark.fixture import BenchmarkFixture

from alexbench.backends.reference import ReferenceBackend
from alexbench.datasets.preprocess import prepare_picture
from alexbench.datasets.synthetic.draw import draw
from alexbench.datasets.synthetic.write import encode
from alexbench.harness.contract import Model, Options
from alexbench.harness.judge.top_k import top_k
from alexbench.harness.measure.clock import time_block
from alexbench.harness.models.card import card_names, load_card
from alexbench.harness.models.network import get_network
from alexbench.harness.models.preprocessing import network_input
from alexbench.harness.models.seeded import seeded_weights
from alexbench.harness.worker.client import WorkerProcess
from alexbench.harness.worker.protocol.lifecycle import ReadMemory

PICTURE_500_X_375 = next(
    data for index in range(20) for data in [encode(draw(index, "val", 0))] if Image.open(io.BytesIO(data)).width == 500
)


def test_help(benchmark: BenchmarkFixture) -> None:
    """The whole command, Python's own start included."""
    command = [sys.executable, "-m", "alexbench.harness", "--help"]
    done = benchmark.pedantic(subprocess.run, (command,), {"capture_output": True, "cwd": "/"}, rounds=10)
    assert b"leaderboard" in done.stdout


@pytest.mark.parametrize("name", card_names())
def test_decode_resize_crop(benchmark: BenchmarkFixture, name: str) -> None:
    card = load_card(name)
    pixels = benchmark(prepare_picture, PICTURE_500_X_375, card.preprocessing)
    assert pixels.shape == (card.preprocessing.crop, card.preprocessing.crop, 3)


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_normalise_and_lay_out_32_images(benchmark: BenchmarkFixture, layout: str) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (32, 224, 224, 3), dtype=np.uint8)
    inputs = benchmark(network_input, pixels, load_card("torchvision").preprocessing, layout)
    assert inputs.dtype == np.float32


def test_top_5_of_32(benchmark: BenchmarkFixture) -> None:
    logits = np.random.default_rng(1).standard_normal((32, 1000), dtype=np.float32)
    classes, _ = benchmark(top_k, logits, 5)
    assert (classes[:, 0] == logits.argmax(axis=1)).all()


def test_draw_and_encode_a_synthetic_image(benchmark: BenchmarkFixture) -> None:
    assert benchmark(lambda: encode(draw(1, "val", 0))).startswith(b"\xff\xd8")


def test_float64_reference_an_image_in_a_batch_of_8(benchmark: BenchmarkFixture) -> None:
    network = get_network("owt")
    reference = ReferenceBackend()
    reference.load(Model(network, seeded_weights(network.parameter_shapes, 1)), Options(threads=1))
    pixels = np.random.default_rng(1).standard_normal((8, *network.input_shape), dtype=np.float32)
    logits = benchmark.pedantic(reference.predict, (pixels,), rounds=3, warmup_rounds=1)
    reference.close()
    assert logits.shape == (8, network.outputs)


def test_clock_around_a_backend_that_does_nothing(benchmark: BenchmarkFixture) -> None:
    """What the timing seam itself adds to an inference: the smallest of a block's readings, in the extra info."""
    pixels = np.zeros((1, 1), np.float32)
    readings = benchmark.pedantic(time_block, (lambda same: same, pixels), {"seconds": 0.05}, rounds=5)
    benchmark.extra_info["median_ns_a_call"] = float(np.median(readings))
    assert len(readings) > 100


def test_a_request_to_a_worker_and_back(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    with WorkerProcess("idle", log=tmp_path / "log") as worker:
        assert benchmark(worker.ask, ReadMemory()).memory.peak_rss_mib > 0
