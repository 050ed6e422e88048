"""Digests of the cards' preprocessing stay what they were: images, weights and baselines are found by them."""

from dataclasses import replace

import pytest

from alexbench.harness.inputs import gathering as run_inputs
from alexbench.harness.inputs import synthetic
from alexbench.harness.models.card import card_names, load_card

# By the geometry, the fitted weights, and the recipe without the decoders' versions.
DIGESTS = {
    "torchvision": ("2f1712ce1ed122a6", "5a3e65740494410f", "6c72aa9c97351135"),
    "bvlc": ("5f75fc3fd5673211", "c8d761b382026b85", "8776317b0728eb63"),
    "modelhub": ("80ed941dc08a5868", "14d8ca8913e8f402", "7d8e217483046604"),
    "modelhub-onnx": ("f214dae20cf94276", "bcbd02d1d23416ce", "d2fc2cf1fb8b93ab"),
    "omz": ("5f75fc3fd5673211", "b74d0efd1f0a4e55", "914c0ac8f9e387a8"),
    "onnx-zoo": ("2f1712ce1ed122a6", "38bca4d40836577f", "f459be505c1f3e0a"),
    "onnx-zoo-int8": ("2f1712ce1ed122a6", "38bca4d40836577f", "445dcfc1c7814de9"),
    "onnx-zoo-qdq": ("2f1712ce1ed122a6", "38bca4d40836577f", "aff82e1453151b13"),
    "tfcnn": ("7691920c48107810", "6564424d30dfb718", "52900cf9cd60b97a"),
}


@pytest.fixture
def no_decoders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_inputs, "decoders", lambda _: {})


@pytest.mark.usefixtures("no_decoders")
def test_the_digests_are_those_of_before_the_crop_had_a_position() -> None:
    found = {}
    for name in card_names():
        card = load_card(name)
        recipe = run_inputs._recipe_digest(card)[:16]
        found[name] = (card.preprocessing.geometry_key(), synthetic.fit_key(card), recipe)
    assert found == DIGESTS


@pytest.mark.usefixtures("no_decoders")
def test_a_crop_from_the_corner_changes_all_of_them() -> None:
    card = load_card("torchvision")
    corner = replace(card, preprocessing=replace(card.preprocessing, crop_position="corner"))
    geometry, fit, recipe = DIGESTS["torchvision"]
    assert corner.preprocessing.geometry_key() != geometry
    assert synthetic.fit_key(corner) != fit
    assert run_inputs._recipe_digest(corner)[:16] != recipe


def test_facts_are_every_field_but_a_later_one_at_its_default() -> None:
    asked = load_card("torchvision").preprocessing
    assert asked.decode == "libjpeg"  # a default too, but older than the digests
    assert asked.facts()["decode"] == "libjpeg"
    assert "crop_position" not in asked.facts()
    assert replace(asked, crop_position="corner").facts() == {**asked.facts(), "crop_position": "corner"}
