"""The synthetic default is the same bits everywhere: made again here, and compared with the committed digests.

``nox -s tests`` runs this under the pinned NumPy and Pillow, ``nox -s digests`` under other ones.
"""

import io
from dataclasses import dataclass
from pathlib import Path

import pytest

from alexbench.datasets.classes import CLASS_COUNT
from alexbench.datasets.prepared import PreparedSet, prepare
from alexbench.datasets.synthetic.expected import PICTURES, PIXELS, WEIGHTS, differences
from alexbench.harness.console.progress import PlainDisplay
from alexbench.harness.inputs.synthetic import (
    NAME,
    fit_key,
    fitted_weights,
    synthetic_pictures,
    synthetic_weights,
)
from alexbench.harness.models.card import DEFAULT_CARD, load_card
from alexbench.harness.models.packaged_classifier import packaged_file, unpack
from alexbench.harness.models.weights import map_weights, weights_digest
from alexbench.harness.worker.protocol.making import SyntheticWeights


@dataclass(frozen=True)
class Made:
    """The default set and weights, made from nothing; ``again`` is what a second call in the same cache gave."""

    prepared: PreparedSet
    weights: SyntheticWeights
    again: SyntheticWeights
    said_again: str


@pytest.fixture(scope="module")
def made(module_path: Path) -> Made:
    cache, card = module_path, load_card(DEFAULT_CARD)
    log = cache / "log"
    display = PlainDisplay(io.StringIO())
    pictures = synthetic_pictures("val", cache, log=log, display=display)
    weights = synthetic_weights(card, cache, log=log, display=display)
    assert not (cache / NAME / "train").exists()  # the package's last layer was used
    prepared = prepare(pictures, card.preprocessing, cache / "prepared")
    said = io.StringIO()
    again = synthetic_weights(card, cache, log=log, display=PlainDisplay(said))
    return Made(prepared, weights, again, said.getvalue())


def test_one_image_of_each_class(made: Made) -> None:
    assert made.prepared.labels.tolist() == list(range(CLASS_COUNT))


def test_images_have_the_committed_digest(made: Made) -> None:
    assert made.prepared.source_digest == PICTURES


def test_prepared_pixels_have_the_committed_digest(made: Made) -> None:
    assert made.prepared.digest == PIXELS[DEFAULT_CARD]


def test_weights_have_the_committed_digest(made: Made) -> None:
    assert made.weights.digest == WEIGHTS[DEFAULT_CARD]


@pytest.mark.nightly
def test_the_fit_gives_the_committed_digest_and_the_last_layer_of_the_package(tmp_path: Path) -> None:
    """The weights as the generator makes them, without the package's last layer."""
    card = load_card(DEFAULT_CARD)
    made = fitted_weights(card, tmp_path, log=tmp_path / "log", display=PlainDisplay(io.StringIO()))
    assert made.digest == WEIGHTS[DEFAULT_CARD]
    fitted = map_weights(made.path)
    weight, bias = unpack(packaged_file(card.network, fit_key(card)).read_bytes())
    assert weight.tobytes() == fitted["fc8.weight"].tobytes()
    assert bias.tobytes() == fitted["fc8.bias"].tobytes()


def test_weights_file_holds_what_its_digest_says(made: Made) -> None:
    assert weights_digest(map_weights(made.weights.path)) == made.weights.digest


def test_second_call_makes_nothing(made: Made) -> None:
    assert made.again == made.weights
    assert made.said_again == ""


def test_nothing_half_written_is_left(made: Made) -> None:
    cache = made.weights.path.parents[1]
    assert [path for path in cache.rglob("*") if "partial" in path.name] == []


@pytest.mark.parametrize("what", ["pictures", "pixels", "weights"])
def test_a_difference_is_said(what: str) -> None:
    right = {"pictures": PICTURES, "pixels": PIXELS[DEFAULT_CARD], "weights": WEIGHTS[DEFAULT_CARD]}
    assert differences(card=DEFAULT_CARD, **right) == []
    (found,) = differences(card=DEFAULT_CARD, **{**right, what: "0" * 64})
    assert (found.code, found.head, found.base) == ("synthetic_differs", "0" * 12, right[what][:12])


def test_a_part_of_the_set_has_no_digest_to_differ_from() -> None:
    assert differences(card=DEFAULT_CARD, pictures=None, pixels=None, weights=WEIGHTS[DEFAULT_CARD]) == []


def test_labels_lead_to_the_right_folder(made: Made) -> None:
    root = Path(made.weights.path.parents[1])
    assert len(list(root.glob("synthetic-*/val/n01440764/*.JPEG"))) == 1


def test_images_that_went_missing_are_drawn_again(made: Made) -> None:
    cache = made.weights.path.parents[1]
    victim = next(cache.glob("synthetic-*/val/n01440764/*.JPEG"))
    before = victim.read_bytes()
    victim.unlink()
    said = io.StringIO()
    pictures = synthetic_pictures("val", cache, log=cache / "log", display=PlainDisplay(said))
    assert len(pictures) == CLASS_COUNT
    assert victim.read_bytes() == before
    assert "is not as it was drawn" in said.getvalue()


def test_a_cache_that_was_moved_is_still_whole(made: Made) -> None:
    cache = made.weights.path.parents[1]
    moved = cache.rename(cache.with_name("moved"))
    said = io.StringIO()
    found = synthetic_weights(load_card(DEFAULT_CARD), moved, log=moved / "log", display=PlainDisplay(said))
    moved.rename(cache)
    assert (found.digest, found.path.parent.parent) == (made.weights.digest, moved)
    assert said.getvalue() == ""
