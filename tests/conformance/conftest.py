"""What the suite runs on: every registered backend, where it is installed.

A backend that is not installed is skipped, and the skip says how to install it; one that the environment variable
ALEXBENCH_REQUIRE_BACKENDS names (comma separated) fails instead.
"""

import os
from typing import Final

import pytest

from alexbench.backends.registry import backend_class, backend_names
from alexbench.harness.conformance.plugin import backend_of
from alexbench.harness.conformance.store import Store
from alexbench.harness.contract import Backend
from alexbench.harness.errors import AlexBenchError

REQUIRED: Final = tuple(
    name.strip() for name in os.environ.get("ALEXBENCH_REQUIRE_BACKENDS", "").split(",") if name.strip()
)
RUNTIMES: Final = tuple(dict.fromkeys((*backend_names(), *REQUIRED)))


def class_or_skip(name: str) -> type[Backend]:
    """The backend's class where it can run; else a skip that names the fix, or a failure if it is required."""
    try:
        found = backend_class(name)
        problem = found.probe().problem
    except AlexBenchError as error:
        problem = str(error)
    if problem is None:
        return found
    if name in REQUIRED:
        pytest.fail(f"ALEXBENCH_REQUIRE_BACKENDS names it, but {problem}", pytrace=False)
    pytest.skip(problem)


@pytest.fixture(scope="class", autouse=True)
def _installed(request: pytest.FixtureRequest) -> None:
    """A class of the kit is skipped where its backend is not installed."""
    if name := backend_of(request.node):
        class_or_skip(name)


@pytest.fixture(scope="session")
def store(conformance_store: Store) -> Store:
    """Weights and float64 logits."""
    return conformance_store


@pytest.fixture(scope="session", params=RUNTIMES)
def runtime(request: pytest.FixtureRequest) -> str:
    """Every registered backend that is a runtime, installed."""
    name: str = request.param
    class_or_skip(name)
    return name
