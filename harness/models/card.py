"""Model cards: a network, how its pictures are prepared, and what is published about it. TOML files, one each.

``labels`` is the number of outputs: 1001 means that output 0 is background and class c is output c + 1.
"""

import functools
import math
import tomllib
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from alexbench.harness.decoding import DecodeError, decode
from alexbench.harness.errors import CardError, unknown_name
from alexbench.harness.models.network import NETWORK_NAMES, Network, fits, get_network
from alexbench.harness.models.preprocessing import Preprocessing
from alexbench.harness.records import Published

DEFAULT_CARD = "torchvision"


@dataclass(frozen=True, slots=True)
class WeightsSource:
    """Where a card's weights are published, and in which file format."""

    url: str
    format: str


@dataclass(frozen=True, slots=True)
class Card:
    """A model card, validated.

    ``notes``: what a reader of its figures must know, a sentence or two each: where the preprocessing here deviates
    from the one that defines it, by how much and how that was measured; and what is wrong in the card as published.
    """

    name: str
    title: str
    network: str
    labels: int
    licence: str
    citation: str
    preprocessing: Preprocessing
    weights: tuple[WeightsSource, ...] = ()
    published: tuple[Published, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def label_offset(self) -> int:
        """What is added to a class index 0..999 to get its output: 1 where output 0 is background, else 0."""
        return self.labels - 1000

    def build_network(self) -> Network:
        """The network for this card's input size."""
        return get_network(self.network, input_size=self.preprocessing.crop)


@functools.cache
def card_names() -> tuple[str, ...]:
    """The names of the cards that come with AlexBench, the default first."""
    names = sorted(path.name.removesuffix(".toml") for path in _folder().iterdir() if path.name.endswith(".toml"))
    return (DEFAULT_CARD, *(name for name in names if name != DEFAULT_CARD))


def load_card(name: str) -> Card:
    """The card of that name, or of a TOML file where ``name`` is a path ending in ``.toml``.

    Raises:
        UsageError: no card has that name.
        CardError: the file is missing or not a valid card; the key is named, with those that are known.
    """
    if name.endswith(".toml"):
        path = Path(name)
        try:
            return _parse(path.read_bytes(), path.stem, name)
        except OSError as error:
            raise CardError(f"card {name} cannot be read: {error.strerror}") from error
    if name not in card_names():
        raise unknown_name("model", name, card_names())
    return _parse((_folder() / f"{name}.toml").read_bytes(), name, f"{name}.toml")


def _folder() -> Any:
    return resources.files("alexbench.harness.models") / "cards"


def _parse(text: bytes, stem: str, source: str) -> Card:
    try:
        data = tomllib.loads(text.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CardError(f"card {source} is no valid TOML: {error}") from error
    preprocessing = data.get("preprocessing")
    if isinstance(preprocessing, dict):
        preprocessing.setdefault("name", data.get("name", stem))
    try:
        card = decode(Card, data)
    except DecodeError as error:
        raise CardError(f"card {source}: {error}") from error
    if card.network not in NETWORK_NAMES:
        raise CardError(f"card {source}: unknown network {card.network!r}; known: {', '.join(NETWORK_NAMES)}")
    outputs = get_network(card.network).outputs
    if card.labels != outputs:
        raise CardError(f"card {source}: labels = {card.labels}, but network {card.network} has {outputs} outputs")
    problem = _impossible(card)
    if problem is not None:
        raise CardError(f"card {source}: preprocessing.{problem}")
    return card


def _impossible(card: Card) -> str | None:
    """What no picture survives, of the right type though it is: the key, its value, and why."""
    asked = card.preprocessing
    for key, values in (("divide_by", (asked.divide_by,)), ("mean", asked.mean), ("std", asked.std)):
        if not all(math.isfinite(value) for value in values) or (key != "mean" and 0 in values):
            return f"{key} = {list(values)}: wanted finite numbers" + ("" if key == "mean" else " other than 0")
    if asked.resize_to < 1:
        return f"resize_to = {asked.resize_to}: wanted 1 or more"
    if asked.resize != "tf-cnn" and not asked.crop <= asked.resize_to:
        return f"crop = {asked.crop}: wanted at most resize_to = {asked.resize_to}"
    if not fits(get_network(card.network, input_size=asked.crop)):
        return f"crop = {asked.crop}: network {card.network} does not fit pictures of that size"
    return None
