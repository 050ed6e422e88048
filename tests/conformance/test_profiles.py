"""Every runtime reports the time of an inference by layer, apart from the loaded network."""

from typing import Final

import numpy as np
import pytest

from alexbench.backends.registry import backend_class
from alexbench.harness.capabilities import ProfilesLayers
from alexbench.harness.models.network import Conv, Linear
from alexbench.harness.worker.client import WorkerProcess
from alexbench.harness.worker.protocol.timing import ProfileLayers
from tests.conformance.conftest import OTHER_SIZES, PUBLISHED, Loaded, Spare, Store
from tests.conformance.test_options import KNOWN_GAPS
from tests.support.models import Case
from tests.support.workers import open_pictures

OWT, BVLC = PUBLISHED[:2]
REPEATS: Final = 3
MOST_OF_NO_LAYER: Final = 0.4
"""The most that reorders and copies may be of the sum; they were at most 6 % (OpenVINO, `bvlc`, batch 8)."""


def profiled(worker: WorkerProcess, batch: int) -> dict[str, float]:
    layers = worker.ask(ProfileLayers(batch, REPEATS)).layers
    assert layers is not None
    return layers


def assert_plausible(layers: dict[str, float], case: Case) -> None:
    """All layers with weights have a time, nothing else than layers has one, and most of the time is theirs."""
    network = case.description
    weighted = {layer.name for layer in network.layers if isinstance(layer, Conv | Linear)}
    assert {name for name, time in layers.items() if time > 0} >= weighted
    assert set(layers) <= {layer.name for layer in network.layers} | {""}
    assert min(layers.values()) >= 0
    assert layers.get("", 0.0) < MOST_OF_NO_LAYER * sum(layers.values())


def test_every_runtime_has_a_profiler(runtime: str) -> None:
    assert issubclass(backend_class(runtime), ProfilesLayers)


@pytest.mark.parametrize("case", [OWT, BVLC], indirect=True, ids=str)
@pytest.mark.parametrize("batch", [1, 8])
def test_every_layer_with_weights_has_a_time(loaded: Loaded, batch: int) -> None:
    layers = profiled(loaded.worker, batch)
    assert_plausible(layers, loaded.case)


@pytest.mark.parametrize("case", [BVLC], indirect=True, ids=str)
def test_normalisation_is_seen(loaded: Loaded) -> None:
    """No runtime fuses it; under another layer's name it would spoil that layer's share."""
    layers = profiled(loaded.worker, 8)
    assert layers["norm1"] > 0
    assert layers["norm2"] > 0


@pytest.mark.parametrize("case", [OWT, BVLC], indirect=True, ids=str)
def test_profiling_leaves_what_was_loaded_alone(loaded: Loaded) -> None:
    before = loaded.predict(loaded.pixels[:8])
    profiled(loaded.worker, 8)
    assert np.array_equal(loaded.predict(loaded.pixels[:8]), before)


def test_averaging_that_is_no_identity_has_a_time(spare: Spare, store: Store) -> None:
    """`owt` at 256, where some runtimes make several operators of the one layer."""
    case = OTHER_SIZES[1]
    spare.load(case, store.weights(case))
    open_pictures(spare.worker, case, spare.folder)
    layers = profiled(spare.worker, 2)
    assert_plausible(layers, case)
    assert layers["avgpool"] > 0


def test_reduced_precision_is_profiled_as_it_runs(spare: Spare, store: Store) -> None:
    if (spare.name, "bf16") in KNOWN_GAPS:
        pytest.skip(f"{spare.name} refuses bf16")
    spare.load(OWT, store.weights(OWT), precision="bf16")
    open_pictures(spare.worker, OWT, spare.folder)
    assert_plausible(profiled(spare.worker, 1), OWT)
