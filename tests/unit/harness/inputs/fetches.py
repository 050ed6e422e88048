"""Fetching from a local server: the card, the files it leaves, and what a user is told."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from alexbench.harness.console.progress import Advance
from alexbench.harness.errors import WeightsError
from alexbench.harness.inputs.fetching import (
    fetch,
    local_states,
    place_of,
)
from alexbench.harness.models.card import Card, WeightsSource, load_card
from alexbench.harness.models.download import Patience

CONTENT = np.random.default_rng(7).bytes(300_000)
OTHER = np.random.default_rng(8).bytes(300_000)
QUICK = Patience(attempts=3, connect_s=5, stall_s=5, wait_s=0.001, longest_wait_s=0.01)
HASTY = replace(QUICK, stall_s=0.2)


@dataclass
class Heard:
    """What a user was told."""

    lines: list[str] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)
    advances: list[tuple[int, int]] = field(default_factory=list)
    interrupt: bool = False

    def say(self, line: str) -> None:
        self.lines.append(line)

    @contextmanager
    def step(self, title: str) -> Iterator[Advance]:
        self.steps.append(title)

        def advance(done: int, total: int) -> None:
            self.advances.append((done, total))
            if self.interrupt:
                raise KeyboardInterrupt

        yield advance


def card(*urls: str, content: bytes = CONTENT, **changed: object) -> Card:
    """A card whose one file is ``content``."""
    source = WeightsSource(
        file="weights.bin", format="pth", urls=urls, size=len(content), sha256=hashlib.sha256(content).hexdigest()
    )
    return replace(load_card("torchvision"), name="mine", weights=(replace(source, **changed),))  # type: ignore[arg-type]


def place(of: Card) -> Path:
    return place_of(of, of.weights[0])


def partial(of: Card, content: bytes | None = None) -> Path:
    """The partial file, made to hold ``content``."""
    path = place(of).with_name("weights.bin.partial")
    if content is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return path


def fetched(of: Card, patience: Patience = QUICK) -> Heard:
    """Fetch, and find the published file."""
    heard = Heard()
    path = fetch(of, heard, patience=patience)
    assert path == place(of)
    assert path.read_bytes() == CONTENT
    assert not partial(of).exists()
    assert local_states(of).startswith("fetched")
    return heard


def refused(of: Card, patience: Patience = QUICK, **how: object) -> str:
    """The one line of a fetch that gave nothing."""
    with pytest.raises(WeightsError) as error:
        fetch(of, Heard(), patience=patience, **how)  # type: ignore[arg-type]
    assert not place(of).exists()
    assert "\n" not in str(error.value)
    return str(error.value)


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
