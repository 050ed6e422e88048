"""What the cache holds of a user's weights is made again where it is damaged, and the user is told what was read."""

import io
from pathlib import Path
from typing import Any

import pytest

from alexbench.harness.console.progress import PlainDisplay
from alexbench.harness.errors import WeightsError
from alexbench.harness.inputs import chosen_weights
from alexbench.harness.inputs.chosen_weights import ChosenWeights, choose_weights
from alexbench.harness.models.card import load_card
from alexbench.harness.models.weights import map_weights, weights_digest, weights_path, write_weights
from tests.support.toy_network import toy_weights

DIGEST = weights_digest(toy_weights())


@pytest.fixture
def converted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A conversion of the toy's weights, in this process; where they are in the cache."""

    def convert(*_: Any) -> ChosenWeights:
        path, digest = write_weights(toy_weights(), tmp_path / "weights")
        return ChosenWeights(path, digest, "mine.pth", unwrapped="from state_dict")

    monkeypatch.setattr(chosen_weights, "_converted", convert)
    return weights_path(tmp_path / "weights", DIGEST)


def choose(tmp_path: Path) -> str:
    said = io.StringIO()
    chosen = choose_weights(
        load_card("torchvision"), "mine.pth", tmp_path, log=tmp_path / "log", display=PlainDisplay(said)
    )
    assert weights_digest(map_weights(chosen.path)) == chosen.digest == DIGEST
    return said.getvalue()


@pytest.mark.parametrize("left", [0, 5, 100, -4])
def test_a_truncated_file_is_made_again(tmp_path: Path, converted: Path, left: int) -> None:
    choose(tmp_path)
    converted.write_bytes(converted.read_bytes()[:left])
    assert f"{converted} is damaged; making it again" in choose(tmp_path)


def test_a_changed_byte_is_made_again(tmp_path: Path, converted: Path) -> None:
    choose(tmp_path)
    content = bytearray(converted.read_bytes())
    content[-1] ^= 1
    converted.write_bytes(content)
    assert "is damaged; making it again" in choose(tmp_path)
    assert "damaged" not in choose(tmp_path)


def test_what_was_unwrapped_is_said(tmp_path: Path, converted: Path) -> None:
    assert "mine.pth: from state_dict" in choose(tmp_path)
    assert converted.is_file()


def test_a_disk_that_gives_back_other_bytes_is_not_tried_for_ever(
    tmp_path: Path, converted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chosen_weights, "_is_whole", lambda _: False)
    with pytest.raises(WeightsError, match="cannot be read back"):
        choose(tmp_path)
    assert converted.is_file()
