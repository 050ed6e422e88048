"""All checks of the kit on one backend, run by pytest in this process and collected as a record."""

import contextlib
import importlib.metadata
import importlib.util
import io
import os
import platform
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from alexbench.backends.registry import availability, backend_class
from alexbench.harness.conformance.declared import declared
from alexbench.harness.console.progress import Advance, Display
from alexbench.harness.errors import BackendUnavailableError, UsageError
from alexbench.harness.files.plain_text import printable
from alexbench.harness.records.conformance_records import Check, Conformance, Outcome

_LONGEST: Final = 500


def check_backend(name: str, display: Display) -> Conformance:
    """Run every check on a registered backend that is installed.

    Raises:
        UsageError: nothing is registered under that name, or pytest is not installed.
        PluginError: the plugin is broken.
        BackendUnavailableError: its runtime is not installed.
    """
    backend_class(name)
    found = availability(name)
    if found.problem is not None:
        raise BackendUnavailableError(found.problem)
    if importlib.util.find_spec("pytest") is None:
        raise UsageError("the checks are run by pytest, which is not installed: pip install 'alexbench[conformance]'")
    start = time.monotonic()
    with display.step(f"Checking {name}") as advance:
        checks = _run(name, advance)
    return Conformance(
        backend=name,
        versions=dict(found.versions),
        alexbench=importlib.metadata.version("alexbench"),
        python=platform.python_version(),
        declared=declared(name),
        checks=tuple(checks),
        seconds=round(time.monotonic() - start, 1),
    )


def _run(name: str, advance: Advance) -> list[Check]:
    """By pytest, without the settings, plugins and conftest.py of whatever project this is started in."""
    import pytest

    from alexbench.harness.conformance import plugin

    collected = Collected(advance)
    file = Path(__file__).with_name("test_backend.py")
    with TemporaryDirectory() as folder, _without_plugins(), contextlib.redirect_stdout(io.StringIO()) as printed:
        settings = Path(folder, "pytest.ini")
        settings.write_text("[pytest]\n", encoding="utf-8")
        flags = ["-c", str(settings), "--rootdir", folder, "--basetemp", str(Path(folder, "made")), "--noconftest"]
        flags += ["--import-mode=importlib", "-p", "no:cacheprovider", "-p", "no:logging", "--backend", name]
        code = pytest.main([str(file), *flags], plugins=[plugin, collected])
    if not collected.checks or code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        if code is pytest.ExitCode.INTERRUPTED:
            raise KeyboardInterrupt
        sys.stderr.write(printed.getvalue())
        raise AssertionError(f"pytest ended with {code!r}")  # a bug of ours: exit code 70
    return collected.checks


@contextlib.contextmanager
def _without_plugins() -> Iterator[None]:
    """Plugins that happen to be installed, and flags in the environment, are not the kit's."""
    before = {key: os.environ.pop(key, None) for key in ("PYTEST_ADDOPTS", "PYTEST_PLUGINS")}
    before["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = os.environ.get("PYTEST_DISABLE_PLUGIN_AUTOLOAD")
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    try:
        yield
    finally:
        for key, value in before.items():
            if value is None:
                os.environ.pop(key, None)
            else:
                os.environ[key] = value


class Collected:
    """A plugin of pytest that keeps what became of each check."""

    def __init__(self, advance: Advance = lambda _done, _total: None) -> None:
        self.checks: list[Check] = []
        self._advance, self._total = advance, 0

    def pytest_collection_finish(self, session: Any) -> None:
        """How many there are."""
        self._total = len(session.items)

    def pytest_runtest_makereport(self, item: Any, call: Any) -> None:
        """A check that was called, or whose workers did not start."""
        if call.when == "teardown" or (call.when == "setup" and call.excinfo is None):
            return
        self.checks.append(check_of(item, call))
        self._advance(len(self.checks), self._total)


def check_of(item: Any, call: Any) -> Check:
    """The record of one check."""
    function, error = item.function, None if call.excinfo is None else call.excinfo.value
    outcome = _outcome(item, error)
    said = "" if error is None else words_of(error)
    if outcome == "failed" and error is None:
        said = f"{function.may_refuse} works now, and is declared as a gap: remove it from gaps"
    return Check(
        group=_group(item),
        name=function.__name__.removeprefix("test_"),
        outcome=outcome,
        promise=" ".join((function.__doc__ or "").split()).rstrip("."),
        case=getattr(getattr(item, "callspec", None), "id", ""),
        said=said,
        feature=getattr(function, "may_refuse", ""),
        seconds=round(call.duration, 2),
    )


def _outcome(item: Any, error: BaseException | None) -> Outcome:
    expected = item.get_closest_marker("xfail")
    if error is not None:
        return "refused" if expected is not None and isinstance(error, expected.kwargs["raises"]) else "failed"
    return "failed" if expected is not None and expected.kwargs["strict"] else "passed"


def _group(item: Any) -> str:
    """The group of the class that defines the check."""
    owner = next(kind for kind in item.cls.__mro__ if item.function.__name__ in vars(kind))
    return str(getattr(owner, "group", ""))


def words_of(error: BaseException) -> str:
    """What a check found, in one line; pytest appends its own account of an assertion, which is left out."""
    first = printable(next(iter(str(error).strip().splitlines()), ""))[:_LONGEST]
    return first if isinstance(error, AssertionError) and first else f"{type(error).__name__}: {first}"
