"""Checks that a weights file is the one that a card names, by size and digests, never by its name alone."""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from alexbench.harness.errors import WeightsError
from alexbench.harness.files.input_files import WEIGHTS_BYTES_AT_MOST, check_file
from alexbench.harness.models.card import HEX_DIGITS, Card, WeightsSource
from alexbench.harness.models.readers.container import other_content

_NAMES: Final = {"sha384": "SHA-384", "sha256": "SHA-256"}
_CHUNK: Final = 1 << 20


def verification(source: WeightsSource) -> str:
    """The published digests that verify a file of ``source``, in words; empty if none is published."""
    whole = [name for key, name in _NAMES.items() if getattr(source, key) is not None]
    if whole:
        return " and ".join(whole)
    if source.sha256_prefix is not None:
        return f"first {len(source.sha256_prefix)} hex digits of SHA-256"
    return ""


def is_verifiable(source: WeightsSource) -> bool:
    """Whether any digest of the file is published."""
    return verification(source) != ""


def digests_of(path: Path, algorithms: Iterable[str]) -> dict[str, str]:
    """Hexadecimal digests of a file, read once."""
    made = {name: hashlib.new(name) for name in algorithms}
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            for one in made.values():
                one.update(chunk)
    return {name: one.hexdigest() for name, one in made.items()}


def sha256_of(path: Path) -> str:
    """SHA-256 (hex) of a file."""
    return digests_of(path, ["sha256"])["sha256"]


def verify_file(path: Path, source: WeightsSource) -> None:
    """Check a file's size and digests against those of ``source``, if any are published.

    Raises:
        WeightsError: it is another file. The message shows its size and digest, and the published ones.
        OSError: it cannot be read.
    """
    differs = difference(path, source)
    if differs:
        raise WeightsError(f"{path} is not the published {source.file}: {differs}")


def difference(path: Path, source: WeightsSource) -> str:
    """How a file differs from the published ``source``, with both values; empty if it does not."""
    differs = _difference(path.stat().st_size, digests_of(path, _algorithms(source)), source)
    other = other_content(path) if differs else None
    return differs if other is None else f"{other.what}: {differs}"


def recognise(path: Path, card: Card) -> WeightsSource | None:
    """The card's file of which ``path`` is a copy, under any name; None if there is none that can be verified."""
    size = path.stat().st_size
    possible = [one for one in card.weights if is_verifiable(one) and one.size in (None, size)]
    digests = digests_of(path, {name for one in possible for name in _algorithms(one)}) if possible else {}
    return next((one for one in possible if not _difference(size, digests, one)), None)


def check_users_file(path: Path, card: Card) -> str:
    """How a user's file was verified against ``card``: "SHA-384 and SHA-256 as published (omz)", or empty.

    Empty: nothing is published about it. Its reader reports a missing file or a folder.

    Raises:
        WeightsError: it has the name of one of the card's files, but is another file.
    """
    if not path.is_file():
        return ""
    check_file(path, str(path), WeightsError, most=WEIGHTS_BYTES_AT_MOST)
    found = recognise(path, card)
    if found is not None:
        return f"{verification(found)} as published ({card.name})"
    for source in card.weights:
        if source.file == path.name:
            try:
                verify_file(path, source)
            except WeightsError as error:
                raise WeightsError(
                    f"{error}; fetch it again (alexbench models fetch {card.name}), or rename it if it is your own file"
                ) from error
    return ""


def _algorithms(source: WeightsSource) -> set[str]:
    wanted = {key for key in HEX_DIGITS if getattr(source, key) is not None}
    return wanted | ({"sha256"} if source.sha256_prefix is not None else set())


def _difference(size: int, digests: dict[str, str], source: WeightsSource) -> str:
    """Compares the size first, then each digest."""
    differing = []
    if source.size is not None and size != source.size:
        differing.append(f"{size:,} bytes, published {source.size:,}")
    for key, name in _NAMES.items():
        published = getattr(source, key)
        if published is not None and digests[key] != published.lower():
            differing.append(f"{name} {digests[key]}, published {published.lower()}")
    prefix = source.sha256_prefix
    if prefix is not None and source.sha256 is None and not digests["sha256"].startswith(prefix.lower()):
        differing.append(f"SHA-256 {digests['sha256']}, published to begin with {prefix.lower()}")
    return "; ".join(differing)
