"""What holds for every test."""

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from tests.support.cores import own_cores

settings.register_profile("change", max_examples=50, deadline=None, derandomize=True)
settings.register_profile("nightly", max_examples=1000, deadline=None)

# A shell that starts a job in the background leaves it SIGINT ignored, and children inherit that: the tests of Ctrl-C
# would test nothing. A handler, unlike an ignored signal, becomes the default again in a new program.
signal.signal(signal.SIGINT, signal.default_int_handler)
# The width of whoever started the tests, which reports respect (pytest-xdist sets it for its workers).
os.environ.pop("COLUMNS", None)


def pytest_addoption(parser: pytest.Parser) -> None:
    """What a change does not wait for."""
    parser.addoption("--nightly", action="store_true", help="also tests marked nightly, and 1,000 new random examples")


def pytest_configure(config: pytest.Config) -> None:
    """A change is tried on the same random examples by everybody."""
    settings.load_profile("nightly" if config.getoption("--nightly") else "change")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Without ``--nightly``, tests marked so are counted as deselected. Only end-to-end tests may be marked alone."""
    elsewhere = [item.nodeid for item in items if item.get_closest_marker("alone") and "end_to_end" not in item.nodeid]
    if elsewhere:
        raise pytest.UsageError(f"marked alone outside tests/end_to_end, where nox looks for them: {elsewhere}")
    if not config.getoption("--nightly"):
        left_out = [item for item in items if item.get_closest_marker("nightly")]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object:
    """In several processes (``-n 2``), where xdist is installed."""
    from tests.support.sharing import Sharing

    return Sharing(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """On cores of its own."""
    with own_cores(item.nodeid):
        return (yield)


@pytest.fixture(scope="module")
def module_path(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder for what is too large to stay until the last test of all has ended."""
    folder = tmp_path_factory.mktemp("module")
    yield folder
    shutil.rmtree(folder, ignore_errors=True)
