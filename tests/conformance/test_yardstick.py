"""Would the kit's comparison with float64 see what it is there for?"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from alexbench.backends.reference import ReferenceBackend
from alexbench.harness.conformance.cases import OTHER_SIZES, PUBLISHED, Case, network_pixels
from alexbench.harness.conformance.required import FP32
from alexbench.harness.conformance.store import Store
from alexbench.harness.contract import Model, Options
from alexbench.harness.judge.parity import deviation
from alexbench.harness.models.card import card_names, load_card
from alexbench.harness.models.network import LRN, Layer, Network
from alexbench.harness.models.weights import map_weights


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
