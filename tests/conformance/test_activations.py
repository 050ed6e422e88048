"""Every runtime lets its layers be looked at: they are float64's, in canonical order, and looking changes nothing."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from numpy.typing import NDArray

from alexbench.backends.reference import ReferenceBackend
from alexbench.backends.registry import REFERENCE, backend_class
from alexbench.harness.capabilities import GivesActivations
from alexbench.harness.contract import Options, Precision
from alexbench.harness.errors import UnsupportedOptionError, UsageError
from alexbench.harness.judge.layer_errors import bounds, layer_error, scales
from alexbench.harness.judge.parity import TOLERANCES
from alexbench.harness.models.network import Conv, Linear, get_network, output_shapes
from alexbench.harness.records.layer_records import LayerError, first_off
from alexbench.harness.worker.client import WorkerProcess
from alexbench.harness.worker.protocol.loading import Load, OpenPixels
from alexbench.harness.worker.protocol.scoring import WriteActivations
from alexbench.harness.worker_process import Worker
from tests.conformance.conftest import OTHER_SIZES, PUBLISHED, THREADS, Loaded, Spare, Store, class_or_skip
from tests.conformance.test_options import KNOWN_GAPS
from tests.support.made_once import made_once
from tests.support.models import Case, pictures, preprocessing
from tests.support.off_by_weight import interpreter, seeds_that_show
from tests.support.workers import load, open_pictures

OWT = PUBLISHED[0]
COUNT: Final = 3
PLANTED: Final = 10.0
"""Deviations of its layer's weights; one was traced in every layer, a tenth in 71 of 72 (docs/guides/divergence.md)."""
EVERY_LAYER_ON: Final = "openvino"
ELSEWHERE: Final = {"onnxruntime": "conv2", "tensorflow": "conv4", "torch": "fc6"}


def looked_at(worker: WorkerProcess, layers: Sequence[str], folder: Path) -> dict[str, NDArray[np.float64]]:
    """Layers' outputs for the first images that the worker has open."""
    folder.mkdir(exist_ok=True)
    worker.ask(WriteActivations(tuple(range(COUNT)), tuple(layers), 2, folder))
    return {layer: np.load(folder / f"{layer}.npy") for layer in layers}


class Float64Activations:
    """Float64's activations, made once for all processes of the session."""

    def __init__(self, store: Store, factory: pytest.TempPathFactory) -> None:
        self._store, self._factory = store, factory

    def of(self, case: Case) -> dict[str, NDArray[np.float64]]:
        """Shapes of every layer."""
        made = made_once(self._factory, f"activations-{case}", lambda folder: self._make(case, folder))
        return {name: np.load(made / "looked" / f"{name}.npy") for name in names(case)}

    def _make(self, case: Case, folder: Path) -> None:
        with WorkerProcess(REFERENCE, log=folder / "log") as worker:
            load(worker, REFERENCE, case, self._store.weights(case), Options(threads=THREADS))
            open_pictures(worker, case, folder)
            looked_at(worker, names(case), folder / "looked")

    def errors(
        self, case: Case, found: dict[str, NDArray[np.float64]], precision: Precision = "fp32"
    ) -> list[LayerError]:
        """The outputs of every layer, in the network's order."""
        expected, scale, bound = self.of(case), scales(case.description), bounds(case.description, precision)
        return [
            layer_error(name, found[name], expected[name], sigma=float(expected[scale[name]].std()), bound=bound[name])
            for name in names(case)
        ]


@pytest.fixture(scope="session")
def float64(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Float64Activations:
    return Float64Activations(store, tmp_path_factory)


def names(case: Case) -> list[str]:
    return [layer.name for layer in case.description.layers]


def weighted(network: str) -> list[str]:
    return [layer.name for layer in get_network(network).layers if isinstance(layer, Conv | Linear)]


def test_every_runtime_has_the_power(runtime: str) -> None:
    assert issubclass(backend_class(runtime), GivesActivations)


def test_every_layer_is_float64s_as_far_as_fp32_goes(
    loaded: Loaded, float64: Float64Activations, tmp_path: Path
) -> None:
    found = looked_at(loaded.worker, names(loaded.case), tmp_path)
    shapes = output_shapes(loaded.case.description)
    assert {name: array.shape for name, array in found.items()} == {n: (COUNT, *shapes[n]) for n in shapes}
    errors = float64.errors(loaded.case, found)
    assert first_off(errors) is None, first_off(errors)
    # Really computed by the runtime: float64 would have no error.
    assert all(error.bits < 30 for error in errors)


def test_looking_changes_nothing(loaded: Loaded, tmp_path: Path) -> None:
    before = loaded.predict(loaded.pixels[:COUNT])
    last = names(loaded.case)[-1]
    logits = looked_at(loaded.worker, names(loaded.case), tmp_path)[last]
    assert np.array_equal(loaded.predict(loaded.pixels[:COUNT]), before)
    assert np.abs(logits - before).max() <= TOLERANCES["fp32"].max_abs_over_sigma * float(logits.std())


def test_layers_come_alone_and_in_the_order_asked_for(
    loaded: Loaded, float64: Float64Activations, tmp_path: Path
) -> None:
    few = ["relu7", "conv1", "flatten"]
    found = looked_at(loaded.worker, few, tmp_path)
    assert sorted(file.stem for file in tmp_path.iterdir()) == sorted(few)
    for name in few:
        wanted = float64.of(loaded.case)[name]
        assert np.abs(found[name] - wanted).max() < 1e-3 * wanted.std()


@pytest.mark.parametrize("case", [OWT], indirect=True, ids=str)
def test_a_name_that_is_no_layer_is_refused_with_those_that_are(loaded: Loaded, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"^owt has no layer conv9; its layers: conv1, relu1, pool1, .*fc8$"):
        looked_at(loaded.worker, ["conv1", "conv9"], tmp_path)


def test_nothing_is_looked_at_before_load(runtime: str) -> None:
    backend: Any = backend_class(runtime)()
    with pytest.raises(UsageError, match=rf"^{runtime}: activations\(\) before load"):
        backend.activations(np.zeros((1, 3, 8, 8), np.float32), ["conv1"])


@pytest.mark.parametrize("elsewhere", OTHER_SIZES, ids=str)
def test_every_layer_is_float64s_at_another_input_size(
    spare: Spare, store: Store, float64: Float64Activations, tmp_path: Path, elsewhere: Case
) -> None:
    """`owt` at 256, where the averaging is not an identity; `bvlc` at 224."""
    spare.load(elsewhere, store.weights(elsewhere))
    open_pictures(spare.worker, elsewhere, spare.folder)
    errors = float64.errors(elsewhere, looked_at(spare.worker, names(elsewhere), tmp_path))
    assert first_off(errors) is None, first_off(errors)


def test_bf16_keeps_to_bf16s_bounds_and_not_to_fp32s(
    spare: Spare, store: Store, float64: Float64Activations, tmp_path: Path
) -> None:
    if (spare.name, "bf16") in KNOWN_GAPS:
        pytest.skip(f"{spare.name} refuses bf16")
    spare.load(OWT, store.weights(OWT), precision="bf16")
    open_pictures(spare.worker, OWT, spare.folder)
    found = looked_at(spare.worker, names(OWT), tmp_path)
    assert first_off(float64.errors(OWT, found, "bf16")) is None
    seen = first_off(float64.errors(OWT, found))
    assert seen is not None
    assert (seen.layer, seen.off) == ("conv1", 64)


def test_a_worker_without_the_power_reports_it(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(ReferenceBackend, "activations")
    worker = Worker(lambda *_: None)
    worker.load(Load(REFERENCE, OWT.network, OWT.input_size, store.weights(OWT), Options(1)))
    np.save(tmp_path / "pixels.npy", pictures(OWT, 1))
    worker.open_pixels(OpenPixels(tmp_path / "pixels.npy", preprocessing(OWT)))
    with pytest.raises(UnsupportedOptionError, match=r"^reference does not let its inner layers be looked at$"):
        worker.write_activations(WriteActivations((0,), ("conv1",), 1, tmp_path))


# A weight that is off, planted in one runtime.


def assert_traced(
    backend: str, case: Case, layer: str, store: Store, float64: Float64Activations, folder: Path
) -> None:
    """The layer and the channel of the weight are named, and nothing before them."""
    class_or_skip(backend)
    seed, channel = next(seeds_that_show(case.description, layer, float64.of(case)))
    with WorkerProcess(
        backend, log=folder / "log", python=interpreter(folder, backend, layer, PLANTED, seed)
    ) as worker:
        load(worker, backend, case, store.weights(case), Options(threads=THREADS))
        open_pictures(worker, case, folder)
        first = first_off(float64.errors(case, looked_at(worker, names(case), folder / "looked")))
    assert first is not None
    assert (first.layer, [one for one, _ in first.worst]) == (layer, [channel])


ON_A_CHANGE: Final = {"owt": ("conv1", "conv3", "fc6"), "bvlc": ("conv2",), "tfcnn": ("fc8",)}


def every_layer() -> list[Any]:
    """On a change the first and the last, some between them, and every network; the others every night."""
    found = [(case, layer) for case in PUBLISHED for layer in weighted(case.network)]
    marks = {one: () if one[1] in ON_A_CHANGE[one[0].network] else (pytest.mark.nightly,) for one in found}
    return [pytest.param(*one, marks=marks[one]) for one in found]


@pytest.mark.parametrize(("case", "layer"), every_layer(), ids=str)
def test_a_weight_off_is_traced_to_its_layer_and_channel(
    case: Case, layer: str, store: Store, float64: Float64Activations, tmp_path: Path
) -> None:
    assert_traced(EVERY_LAYER_ON, case, layer, store, float64, tmp_path)


@pytest.mark.parametrize("runtime", ELSEWHERE, indirect=True)
def test_a_weight_off_is_traced_in_any_runtime(
    runtime: str, store: Store, float64: Float64Activations, tmp_path: Path
) -> None:
    assert_traced(runtime, OWT, ELSEWHERE[runtime], store, float64, tmp_path)
