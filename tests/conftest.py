"""What holds for every test."""

import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

# A change is tried on the same examples by everybody; each night there are new ones, and more of them.
settings.register_profile("change", max_examples=100, deadline=None, derandomize=True)
settings.register_profile("nightly", max_examples=1000, deadline=None)
settings.load_profile("change")

# A shell that starts a job in the background leaves it SIGINT ignored, and children inherit that: the tests of Ctrl-C
# would test nothing. A handler, unlike an ignored signal, becomes the default again in a new program.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object:
    """In several processes (``-n 2``), where xdist is installed."""
    from tests.support.sharing import Sharing

    return Sharing(config, log)


@pytest.fixture(scope="module")
def module_path(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder for what is too large to stay until the last test of all has ended."""
    folder = tmp_path_factory.mktemp("module")
    yield folder
    shutil.rmtree(folder, ignore_errors=True)
