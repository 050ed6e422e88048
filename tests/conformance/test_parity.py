"""Every backend computes the network it was given: the logits are those of float64, at every batch size."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from alexbench.backends.reference import ReferenceBackend
from alexbench.harness.contract import Model, Options
from alexbench.harness.judge.parity import TOLERANCES, deviation
from alexbench.harness.models.card import card_names, load_card
from alexbench.harness.models.network import LRN, Dropout, Layer, Network
from alexbench.harness.models.weights import map_weights
from tests.conformance.conftest import OTHER_SIZES, PUBLISHED, Loaded, Spare, Store
from tests.support.models import PICTURES, Case, network_pixels
from tests.support.workers import predict

FP32 = TOLERANCES["fp32"]
LOOKED_AT_ALONE = (0, 5, PICTURES - 1)


def assert_parity(found: NDArray[np.float32], expected: NDArray[np.float64]) -> None:
    """The logits are float64's within what fp32 may deviate."""
    assert found.dtype == np.float32
    assert found.shape == expected.shape
    seen = deviation(found, expected)
    assert seen.max_abs_over_sigma <= FP32.max_abs_over_sigma, seen
    assert seen.sqnr_db >= FP32.sqnr_db, seen


@pytest.mark.parametrize("batch", [1, 3, PICTURES])
def test_logits_are_those_of_float64(loaded: Loaded, store: Store, batch: int) -> None:
    assert_parity(loaded.predict(loaded.pixels[:batch]), store.reference_logits(loaded.case)[:batch])


def test_an_image_alone_has_the_logits_it_has_in_a_batch(loaded: Loaded, store: Store) -> None:
    pixels, sigma = loaded.pixels, float(store.reference_logits(loaded.case).std())
    together = loaded.predict(pixels)
    for picture in LOOKED_AT_ALONE:
        alone = loaded.predict(pixels[picture : picture + 1])[0]
        assert np.abs(alone - together[picture]).max() <= FP32.max_abs_over_sigma * sigma


def test_the_same_pixels_twice_give_the_same_logits(loaded: Loaded) -> None:
    pixels = loaded.pixels[:3]
    first = loaded.predict(pixels)
    loaded.predict(loaded.pixels[3:5])
    assert np.array_equal(loaded.predict(pixels), first)


def test_dropout_is_off(loaded: Loaded, store: Store) -> None:
    """On, it would zero half of fc6's and fc7's inputs, others in every call."""
    assert any(isinstance(layer, Dropout) for layer in loaded.case.description.layers)
    one = loaded.pixels[:1]
    calls = [loaded.predict(one) for _ in range(3)]
    assert all(np.array_equal(call, calls[0]) for call in calls)
    assert_parity(calls[0], store.reference_logits(loaded.case)[:1])


@pytest.mark.parametrize("case_elsewhere", OTHER_SIZES, ids=str)
def test_logits_are_those_of_float64_at_another_input_size(spare: Spare, store: Store, case_elsewhere: Case) -> None:
    """`bvlc` at 224: ceil mode's windows over the edge. `owt` at 256: the adaptive pooling averages 7 x 7 to 6 x 6."""
    spare.load(case_elsewhere, store.weights(case_elsewhere))
    pixels = network_pixels(case_elsewhere, spare.backend.input_layout, 3)
    assert_parity(predict(spare.worker, pixels, spare.folder), store.reference_logits(case_elsewhere, 3))


# The yardstick itself: would it see what it is there for?


@pytest.mark.parametrize("one", PUBLISHED, ids=str)
def test_the_reference_tells_the_images_apart(store: Store, one: Case) -> None:
    """Else a backend that mixes up the images of a batch would pass."""
    logits = store.reference_logits(one)
    assert np.isfinite(logits).all()
    sigma = float(logits.std())
    apart = np.abs(logits[:, None] - logits[None]).max(axis=2)[~np.eye(len(logits), dtype=bool)]
    assert apart.min() > 100 * FP32.max_abs_over_sigma * sigma


def _changed(network: Network, **changes: float) -> Network:
    layers: list[Layer] = [
        replace(layer, **changes) if isinstance(layer, LRN) else layer  # type: ignore[arg-type]
        for layer in network.layers
    ]
    return replace(network, layers=tuple(layers))


@pytest.mark.parametrize("changes", [{"alpha": 5e-4}, {"alpha": 2e-5}, {"size": 3}, {"k": 2.0}], ids=str)
def test_the_tolerance_sees_a_wrong_normalisation(store: Store, changes: dict[str, float]) -> None:
    """The classic mistakes: alpha divided by the window's size or not, and the k of Krizhevsky's paper."""
    bvlc = PUBLISHED[1]
    backend = ReferenceBackend()
    backend.load(Model(_changed(bvlc.description, **changes), map_weights(Path(store.weights(bvlc)))), Options(1))
    wrong = backend.predict(network_pixels(bvlc, "NCHW", 2))
    backend.close()
    seen = deviation(wrong, store.reference_logits(bvlc)[:2])
    assert seen.max_abs_over_sigma > 10 * FP32.max_abs_over_sigma
    assert seen.sqnr_db < FP32.sqnr_db


@pytest.mark.parametrize("name", card_names())
def test_every_card_is_one_of_the_cases(name: str) -> None:
    """Cards of one network and size share a case: what this suite shows of it, it shows of each."""
    card = load_card(name)
    assert Case(card.network, card.preprocessing.crop) in (*PUBLISHED, *OTHER_SIZES)
