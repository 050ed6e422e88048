"""The plugin of pytest: the fixture ``kit``, the option ``--backend``, and what becomes of checks that do not apply.

It is loaded wherever pytest and AlexBench are installed, so it imports nothing but pytest until a check runs.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from alexbench.harness.conformance.kit import Kit
    from alexbench.harness.conformance.store import Store

PACKAGE: Final = "alexbench.harness.conformance"


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--backend``, unless another plugin has an option of that name."""
    with contextlib.suppress(ValueError):
        parser.getgroup("alexbench").addoption(
            "--backend", metavar="NAME", help=f"backend that --pyargs {PACKAGE} checks"
        )


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """A package that is named is imported under its own name: nothing is put on the path."""
    if any(str(one).startswith(PACKAGE) for one in config.args):
        config.option.importmode = "importlib"


def backend_of(item: pytest.Item) -> str:
    """The backend that a check is for; empty: it is not one of ours."""
    return getattr(getattr(item, "cls", None), "backend", "") or item.config.getoption("--backend", None) or ""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what a backend does not declare; expect the error of what it is known to refuse."""
    left_out = [item for item in items if _is_ours(item) and not _applies(item)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]
    for item in items:
        feature = getattr(getattr(item, "function", None), "may_refuse", None)
        if feature is not None and _is_ours(item):
            _expect_refusal(item, feature)


def _is_ours(item: pytest.Item) -> bool:
    return hasattr(getattr(item, "cls", None), "silence_limit_s")


def _applies(item: pytest.Item) -> bool:
    capability = getattr(item.function, "needs", None)  # type: ignore[attr-defined]  # a check is a function
    if capability is None:
        return True
    from alexbench.harness.conformance.declared import declares
    from alexbench.harness.errors import AlexBenchError

    with contextlib.suppress(AlexBenchError):
        return declares(backend_of(item), capability)
    return False  # the required checks say what is wrong with it


def _expect_refusal(item: pytest.Item, feature: str) -> None:
    from alexbench.harness.errors import UnsupportedOptionError

    gaps = item.cls.gaps  # type: ignore[attr-defined]
    if gaps is None:
        item.add_marker(pytest.mark.xfail(raises=UnsupportedOptionError, strict=False, reason=feature))
    elif feature in gaps:
        item.add_marker(pytest.mark.xfail(raises=gaps[feature], strict=True, reason=f"{feature} is a known gap"))


def shared_folder(factory: pytest.TempPathFactory) -> Path:
    """Where the processes of one session share what is slow to make."""
    own = factory.getbasetemp()
    return (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "made-once"


@pytest.fixture(scope="session")
def conformance_store(tmp_path_factory: pytest.TempPathFactory) -> "Store":
    """Weights and float64's answers, which all backends of a session share."""
    from alexbench.harness.conformance.kit import THREADS
    from alexbench.harness.conformance.store import Store

    return Store(shared_folder(tmp_path_factory), THREADS)


@pytest.fixture(scope="class")
def kit(
    request: pytest.FixtureRequest, conformance_store: "Store", tmp_path_factory: pytest.TempPathFactory
) -> "Iterator[Kit]":
    """What the checks of a class run on."""
    asked: Any = request.cls
    name = backend_of(request.node) or asked.backend
    if not name:
        pytest.fail("name a backend: --backend NAME", pytrace=False)
    folder = tmp_path_factory.mktemp(f"conformance-{name}")
    limits = {"threads": asked.threads, "silence_limit_s": asked.silence_limit_s}
    with contextlib.closing(asked.kit_class(name, folder, conformance_store, **limits)) as made, made.limit_silence():
        yield made
