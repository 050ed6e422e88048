"""The synthetic default's last layer comes with the package, exactly; what does not fit its recipe is never used."""

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import pytest

from alexbench.datasets.synthetic import expected
from alexbench.harness.console.progress import PlainDisplay
from alexbench.harness.errors import DataError
from alexbench.harness.files.lines import Request
from alexbench.harness.inputs import synthetic
from alexbench.harness.models.card import DEFAULT_CARD, load_card
from alexbench.harness.models.packaged_classifier import PackagedError, pack, packaged_file, unpack
from alexbench.harness.models.seeded import fit_classifier
from alexbench.harness.models.weights import map_weights, weights_digest
from alexbench.harness.worker.protocol.making import SyntheticWeights

CARD = load_card(DEFAULT_CARD)
FITTED = SyntheticWeights(Path("fitted"), "of the fit")


def layer() -> tuple[Any, Any]:
    """A fitted layer of 7 classes; half of its features are 0, as after a ReLU."""
    random = np.random.default_rng(3)
    features = np.maximum(random.normal(size=(14, 30)), 0)
    features[:, 5] = 0
    return fit_classifier(features, np.arange(14) % 7, 7)


def test_a_layer_is_packed_bit_for_bit_with_its_negative_zeros() -> None:
    weight, bias = layer()
    weight[0, 0], weight[0, 5], weight[1, 5] = 0.0, -0.0, 0.0
    back_weight, back_bias = unpack(pack(weight, bias))
    assert (back_weight.tobytes(), back_bias.tobytes()) == (weight.tobytes(), bias.tobytes())
    assert (back_weight.dtype, back_bias.dtype) == (np.float32, np.float32)


def test_a_layer_that_no_fit_made_is_not_packed() -> None:
    weight, bias = layer()
    with pytest.raises(ValueError, match="grids"):
        pack(weight * np.float32(1.1), bias)


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "other"])
def test_damaged_bytes_are_refused(damage: str) -> None:
    packed = pack(*layer())
    middle = len(packed) // 2
    flipped = packed[:middle] + bytes([packed[middle] ^ 1]) + packed[middle + 1 :]
    damaged = {"cut": packed[:middle], "flipped": flipped, "empty": b"", "other": b"no such file"}[damage]
    with pytest.raises(PackagedError):
        unpack(damaged)


def test_the_default_recipe_has_a_packaged_layer_and_others_have_none() -> None:
    assert packaged_file(CARD.network, synthetic.fit_key(CARD)).is_file()
    recipe = CARD.preprocessing
    others = [
        replace(CARD, preprocessing=replace(recipe, interpolation="pillow-bicubic")),
        replace(CARD, preprocessing=replace(recipe, resize_to=recipe.resize_to + 1)),
        replace(CARD, preprocessing=replace(recipe, exif=not recipe.exif)),
        replace(CARD, network="bvlc"),
    ]
    for card in others:
        assert not packaged_file(card.network, synthetic.fit_key(card)).is_file()


@pytest.mark.parametrize("constant", ["WEIGHTS_SEED", "NAME", "FEATURES"])
def test_another_seed_or_set_has_no_packaged_layer(monkeypatch: pytest.MonkeyPatch, constant: str) -> None:
    before = getattr(synthetic, constant)
    monkeypatch.setattr(synthetic, constant, before + 1 if isinstance(before, int) else f"{before}-other")
    assert not packaged_file(CARD.network, synthetic.fit_key(CARD)).is_file()


def test_first_use_of_the_default_gives_the_published_weights_and_draws_nothing(tmp_path: Path) -> None:
    said = io.StringIO()
    made = synthetic.synthetic_weights(CARD, tmp_path, log=tmp_path / "log", display=PlainDisplay(said))
    assert made.digest == expected.WEIGHTS[DEFAULT_CARD] == weights_digest(map_weights(made.path))
    assert not (tmp_path / synthetic.NAME / "train").exists()
    assert "drawing" not in said.getvalue()
    note = next((tmp_path / synthetic.NAME).glob("*.json"))
    assert json.loads(note.read_text(encoding="utf-8")) == {"digest": made.digest}


def test_a_disk_without_room_is_refused_before_weights_are_made(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(synthetic, "SPACE_NEEDED_MIB", 2**50)
    with pytest.raises(DataError, match="ALEXBENCH_CACHE"):
        synthetic.synthetic_weights(CARD, tmp_path, log=tmp_path / "log", display=PlainDisplay(io.StringIO()))
    assert list(tmp_path.rglob("*.safetensors")) == []


class Answering:
    """In place of a worker process: does what was asked here, with the package's file swapped."""

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def ask(self, request: Request[object]) -> object:
        from alexbench.harness.worker_process import Worker

        return Worker(lambda done, total: None).handle(request)


@pytest.mark.parametrize("kind", ["damaged", "of another fit"])
def test_a_wrong_packaged_layer_is_never_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kind: str) -> None:
    right = packaged_file(CARD.network, synthetic.fit_key(CARD)).read_bytes()
    weight, bias = unpack(right)
    wrong = tmp_path / "wrong.xz"
    # The rows in another order: as good a layer, and not the published one.
    wrong.write_bytes(right[:-100] if kind == "damaged" else pack(np.roll(weight, 1, axis=0), bias))
    monkeypatch.setattr(synthetic, "packaged_file", lambda network, key: wrong)
    monkeypatch.setattr(synthetic, "WorkerProcess", Answering)
    monkeypatch.setattr(synthetic, "fitted_weights", lambda *_, **__: FITTED)
    said = io.StringIO()
    made = synthetic.synthetic_weights(CARD, tmp_path, log=tmp_path / "log", display=PlainDisplay(said))
    assert made == FITTED
    assert "packaged classifier" in said.getvalue()
    assert list(tmp_path.rglob("*.safetensors")) == []
