"""Model cards: a network, how its images are prepared, and its published figures. One TOML file per card.

``labels`` is the number of outputs: 1001 means that output 0 is background and class c is output c + 1.
"""

import functools
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from alexbench.harness.errors import CardError, known_words, unknown_name
from alexbench.harness.files.decoding import DecodeError, decode
from alexbench.harness.files.input_files import TEXT_BYTES_AT_MOST, read_file, toml_table
from alexbench.harness.models.network import NETWORK_NAMES, Network, fits, get_network
from alexbench.harness.models.preprocessing import Preprocessing
from alexbench.harness.records.run_records import Published

DEFAULT_CARD: Final = "torchvision"
HEX_DIGITS: Final = {"sha256": 64, "sha384": 96}

WeightsFormat = Literal["pth", "caffemodel", "onnx", "tf-checkpoint", "safetensors"]

_PLAIN_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")
"""Valid names of a card or a weights file: both become paths in the cache."""


@dataclass(frozen=True, slots=True)
class WeightsSource:
    """A published file: its URLs, size and digests.

    ``urls``: mirrors of the same bytes, in the order in which they are tried. ``size`` in bytes. ``sha256_prefix``: the
    first digits of the SHA-256, if no more is published (torchvision's file names have eight). ``artifact``: the file
    is not read into canonical weights, but run unchanged (a quantised graph).
    """

    file: str
    format: WeightsFormat
    urls: tuple[str, ...] = ()
    size: int | None = None
    sha256: str | None = None
    sha384: str | None = None
    sha256_prefix: str | None = None
    artifact: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True)
class Card:
    """A model card, validated.

    ``input_name``, ``output_name``: names in the published file, if it has them. ``output``: the kind of output of that
    file. ``notes``: what a reader of its figures must know, in a sentence or two each: where the preprocessing here
    deviates from the one that defines it, by how much, and how that was measured; and mistakes in the card as
    published.
    """

    name: str
    title: str
    network: str
    labels: int
    licence: str
    citation: str
    preprocessing: Preprocessing
    input_name: str | None = None
    output_name: str | None = None
    output: Literal["logits", "softmax"] = "logits"
    weights: tuple[WeightsSource, ...] = ()
    published: tuple[Published, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def label_offset(self) -> int:
        """The offset from a class index (0..999) to its output: 1 if output 0 is background, else 0."""
        return self.labels - 1000

    def build_network(self) -> Network:
        """The network for this card's input size."""
        return get_network(self.network, input_size=self.preprocessing.crop)


@functools.cache
def card_names() -> tuple[str, ...]:
    """The names of the built-in cards, the default first."""
    names = sorted(path.name.removesuffix(".toml") for path in _folder().iterdir() if path.name.endswith(".toml"))
    return (DEFAULT_CARD, *(name for name in names if name != DEFAULT_CARD))


def load_card(name: str) -> Card:
    """The card of that name, or the card in a TOML file if ``name`` is a path that ends in ``.toml``.

    Raises:
        UsageError: no card has that name.
        CardError: the file is missing or not a valid card. The message names the key and lists the known ones.
    """
    if name.endswith(".toml"):
        path = Path(name)
        try:
            text = read_file(path, f"card {name}", CardError, most=TEXT_BYTES_AT_MOST)
            return _parse(text, path.stem, name)
        except OSError as error:
            raise CardError(f"card {name} cannot be read: {error.strerror}") from error
    if name not in card_names():
        raise unknown_name("model", name, card_names())
    return _parse((_folder() / f"{name}.toml").read_bytes(), name, f"{name}.toml")


def _folder() -> Any:
    return resources.files("alexbench.harness.models") / "cards"


def _parse(text: bytes, stem: str, source: str) -> Card:
    data = toml_table(text, f"card {source}", CardError)
    preprocessing = data.get("preprocessing")
    if isinstance(preprocessing, dict):
        preprocessing.setdefault("name", data.get("name", stem))
    try:
        card = decode(Card, data)
    except DecodeError as error:
        raise CardError(f"card {source}: {error}") from error
    for problem in _problems(card):
        raise CardError(f"card {source}: {problem}")
    return card


def _problems(card: Card) -> Iterator[str]:
    """Values of the right type that are not valid: the key, its value, and what is expected."""
    if not _PLAIN_NAME.fullmatch(card.name):
        yield f"name = {card.name!r}: wanted letters, digits and . _ + - only"
    if card.network not in NETWORK_NAMES:
        yield f"unknown network {card.network!r}; {known_words(card.network, NETWORK_NAMES)}"
    outputs = get_network(card.network).outputs
    if card.labels != outputs:
        yield f"labels = {card.labels}, but network {card.network} has {outputs} outputs"
    yield from (f"preprocessing.{problem}" for problem in _preprocessing_problems(card))
    for place, source in enumerate(card.weights):
        yield from (f"weights[{place}].{problem}" for problem in _weights_problems(source))
        if source.file in [other.file for other in card.weights[:place]]:
            yield f"weights[{place}].file = {source.file!r}: another of the card's files has that name"
    for place, figures in enumerate(card.published):
        if not 0 <= figures.top1 <= figures.top5 <= 100:
            yield (
                f"published[{place}]: top1 = {figures.top1:g}, top5 = {figures.top5:g}: "
                "wanted percent, top1 at most top5"
            )


def _preprocessing_problems(card: Card) -> Iterator[str]:
    """Preprocessing that no image survives."""
    asked = card.preprocessing
    for key, values in (("divide_by", (asked.divide_by,)), ("mean", asked.mean), ("std", asked.std)):
        if not all(math.isfinite(value) for value in values) or (key != "mean" and 0 in values):
            yield f"{key} = {list(values)}: wanted finite numbers" + ("" if key == "mean" else " other than 0")
    if asked.resize_to < 1:
        yield f"resize_to = {asked.resize_to}: wanted 1 or more"
    if asked.resize != "tf-cnn" and not asked.crop <= asked.resize_to:
        yield f"crop = {asked.crop}: wanted at most resize_to = {asked.resize_to}"
    if not fits(get_network(card.network, input_size=asked.crop)):
        yield f"crop = {asked.crop}: network {card.network} does not fit images of that size"


def _weights_problems(source: WeightsSource) -> Iterator[str]:
    """A source that cannot be fetched or verified."""
    if not _PLAIN_NAME.fullmatch(source.file):
        yield f"file = {source.file!r}: wanted a file's name of letters, digits and . _ + - only; its place is in urls"
    for place, url in enumerate(source.urls):
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.netloc or re.search(r"\s", url):
            yield f"urls[{place}] = {url!r}: wanted http://... or https://..."
    if source.size is not None and source.size < 1:
        yield f"size = {source.size}: wanted the file's bytes, 1 or more"
    for key, digits in HEX_DIGITS.items():
        value = getattr(source, key)
        if value is not None and not re.fullmatch(f"[0-9a-fA-F]{{{digits}}}", value):
            yield f"{key} = {value!r}: wanted {digits} hexadecimal digits, it has {len(value)} characters"
    prefix = source.sha256_prefix
    if prefix is not None and not re.fullmatch("[0-9a-fA-F]{8,64}", prefix):
        yield f"sha256_prefix = {prefix!r}: wanted the first 8 to 64 hexadecimal digits"
    if prefix and source.sha256 and not source.sha256.lower().startswith(prefix.lower()):
        yield f"sha256_prefix = {prefix!r}: sha256 begins otherwise"
