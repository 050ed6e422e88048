"""What is slow to make and only read: made by the first process of the session that wants it, used by all of them."""

from collections.abc import Callable
from pathlib import Path

import pytest

from alexbench.harness.conformance import store
from alexbench.harness.conformance.plugin import shared_folder


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """The folder ``name`` of this session, which ``make`` fills; it goes with the session's other folders."""
    return store.made_once(shared_folder(factory), name, make)
