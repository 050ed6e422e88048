"""A weight that is off is traced to its layer and channel, in every runtime.

That each runtime's layers are float64's is the kit's (alexbench.harness.conformance).
"""

from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest

from alexbench.backends.reference import ReferenceBackend
from alexbench.backends.registry import REFERENCE
from alexbench.harness.conformance.cases import PUBLISHED, Case, pictures, preprocessing
from alexbench.harness.conformance.driving import load, open_pictures, write_activations
from alexbench.harness.conformance.kit import THREADS
from alexbench.harness.conformance.optional import layer_errors, names
from alexbench.harness.conformance.store import WATCHED, Store
from alexbench.harness.contract import Options
from alexbench.harness.errors import UnsupportedOptionError
from alexbench.harness.models.network import Conv, Linear, get_network
from alexbench.harness.records.layer_records import first_off
from alexbench.harness.worker.client import WorkerProcess
from alexbench.harness.worker.protocol.loading import Load, OpenPixels
from alexbench.harness.worker.protocol.scoring import WriteActivations
from alexbench.harness.worker_process import Worker
from tests.conformance.conftest import class_or_skip
from tests.support.off_by_weight import interpreter, seeds_that_show

OWT = PUBLISHED[0]
PLANTED: Final = 10.0
"""Deviations of its layer's weights; one was traced in every layer, a tenth in 71 of 72 (docs/guides/divergence.md)."""
EVERY_LAYER_ON: Final = "openvino"
ELSEWHERE: Final = {"onnxruntime": "conv2", "tensorflow": "conv4", "torch": "fc6"}


def weighted(network: str) -> list[str]:
    return [layer.name for layer in get_network(network).layers if isinstance(layer, Conv | Linear)]


def test_a_worker_without_the_power_reports_it(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(ReferenceBackend, "activations")
    worker = Worker(lambda *_: None)
    worker.load(Load(REFERENCE, OWT.network, OWT.input_size, store.weights(OWT), Options(1)))
    np.save(tmp_path / "pixels.npy", pictures(OWT, 1))
    worker.open_pixels(OpenPixels(tmp_path / "pixels.npy", preprocessing(OWT)))
    with pytest.raises(UnsupportedOptionError, match=r"^reference does not let its inner layers be looked at$"):
        worker.write_activations(WriteActivations((0,), ("conv1",), 1, tmp_path))


# A weight that is off, planted in one runtime.


def assert_traced(backend: str, case: Case, layer: str, store: Store, folder: Path) -> None:
    """The layer and the channel of the weight are named, and nothing before them."""
    class_or_skip(backend)
    seed, channel = next(seeds_that_show(case.description, layer, store.activations(case)))
    with WorkerProcess(
        backend, log=folder / "log", python=interpreter(folder, backend, layer, PLANTED, seed)
    ) as worker:
        load(worker, backend, case, store.weights(case), Options(threads=THREADS))
        open_pictures(worker, case, folder)
        found = write_activations(worker, names(case), WATCHED, folder / "looked")
        first = first_off(layer_errors(store, case, found))
    assert first is not None
    assert (first.layer, [one for one, _ in first.worst]) == (layer, [channel])


ON_A_CHANGE: Final = {"owt": ("conv1", "conv3", "fc6"), "bvlc": ("conv2",), "tfcnn": ("fc8",)}


def every_layer() -> list[Any]:
    """On a change the first and the last, some between them, and every network; the others every night."""
    found = [(case, layer) for case in PUBLISHED for layer in weighted(case.network)]
    marks = {one: () if one[1] in ON_A_CHANGE[one[0].network] else (pytest.mark.nightly,) for one in found}
    return [pytest.param(*one, marks=marks[one]) for one in found]


@pytest.mark.parametrize(("case", "layer"), every_layer(), ids=str)
def test_a_weight_off_is_traced_to_its_layer_and_channel(case: Case, layer: str, store: Store, tmp_path: Path) -> None:
    assert_traced(EVERY_LAYER_ON, case, layer, store, tmp_path)


@pytest.mark.parametrize("runtime", ELSEWHERE)
def test_a_weight_off_is_traced_in_any_runtime(runtime: str, store: Store, tmp_path: Path) -> None:
    assert_traced(runtime, OWT, ELSEWHERE[runtime], store, tmp_path)
