"""Finds backends by name among the entry points of installed packages.

Built-in backends and plugins are found the same way, through the entry-point group ``alexbench.backends`` (name =
module:Class). An error names a broken plugin and its fault; other backends still work.
"""

import contextlib
import functools
import importlib.metadata
import inspect
import sys
from collections.abc import Iterator, Mapping
from typing import Any, Final

from alexbench.harness.contract import Availability, Backend, Requirements
from alexbench.harness.errors import PluginError, unknown_name
from alexbench.harness.systems import canonical_device

GROUP: Final = "alexbench.backends"
REFERENCE: Final = "reference"
_OURS: Final = "alexbench.backends."
"""The prefix of a built-in's entry point."""


@functools.cache
def _entry_points() -> dict[str, importlib.metadata.EntryPoint]:
    """Name -> entry point. If several share a name: ours, else the first by its value."""
    found: dict[str, importlib.metadata.EntryPoint] = {}
    for point in sorted(_all_points(), key=lambda point: (point.name, not _is_ours(point), point.value)):
        found.setdefault(point.name, point)
    return found


def _all_points() -> set[importlib.metadata.EntryPoint]:
    return set(importlib.metadata.entry_points(group=GROUP))


def _is_ours(point: importlib.metadata.EntryPoint) -> bool:
    return point.value.startswith(_OURS)


def ignored_plugins() -> tuple[str, ...]:
    """A sentence for each entry point that another of the same name hides."""
    known = _entry_points()
    hidden = sorted((point for point in _all_points() if known[point.name] != point), key=lambda point: point.value)
    return tuple(
        f"plugin {point.value} is ignored: a backend named {point.name} already exists ({known[point.name].value});"
        " rename the entry point"
        for point in hidden
    )


def backend_names() -> tuple[str, ...]:
    """All registered names in alphabetical order, except `reference`, which is not ranked."""
    return tuple(name for name in _entry_points() if name != REFERENCE)


def default_backends() -> tuple[str, ...]:
    """Those that commands run where none is named; a broken plugin too, for it is a row in error."""
    return tuple(name for name in backend_names() if _by_default(name))


def _by_default(name: str) -> bool:
    try:
        return backend_class(name).by_default
    except PluginError:
        return True


def backend_class(name: str) -> type[Backend]:
    """The class registered under ``name``; importing it imports no runtime. What it prints goes to stderr.

    Raises:
        UsageError: nothing is registered under that name; the known names are listed.
        PluginError: it cannot be imported, or is not a Backend. The message says what was expected.
    """
    points = _entry_points()
    if name not in points:
        raise unknown_name("backend", name, points)
    with _plugin(name, "import"):
        found = points[name].load()
    problem = _problem_of(found, name)
    if problem is not None:
        raise PluginError(f"backend {name} ({points[name].value}): {problem}")
    with _plugin(name, "__init__()"):
        found()
    return found  # type: ignore[no-any-return]  # it was checked


def device_name(backend: str, given: str) -> str:
    """The one name of a device of a backend, however the user wrote it; a backend that is broken calls none otherwise.

    Raises:
        UsageError: nothing is registered under the backend's name.
    """
    kind, colon, index = (device := canonical_device(given)).partition(":")
    if device == "cpu":
        return device
    with contextlib.suppress(PluginError):
        kind = backend_class(backend).device_names.get(kind, kind)
    return f"{kind}{colon}{index}"


def device_kinds(backend: str) -> tuple[str, ...]:
    """The kinds of device that a backend knows; none where only its runtime can tell, or it is broken.

    Raises:
        UsageError: nothing is registered under the backend's name.
    """
    with contextlib.suppress(PluginError):
        return backend_class(backend).device_kinds
    return ()


def availability(name: str) -> Availability:
    """The result of :meth:`Backend.probe` for a registered backend. A broken plugin is not available.

    Raises:
        UsageError: nothing is registered under that name.
    """
    try:
        kind = backend_class(name)
        with _plugin(name, "probe()"):
            found: Any = kind.probe()
    except PluginError as error:
        return Availability({}, str(error), broken=True)
    if not isinstance(found, Availability):  # a plugin may return anything
        value = _entry_points()[name].value
        said = f"backend {name} ({value}): probe() returned {type(found).__name__}, expected an Availability"
        return Availability({}, said, broken=True)
    return found


def backend_classes() -> dict[str, type[Backend]]:
    """Every registered backend that works, except `reference`."""
    classes: dict[str, type[Backend]] = {}
    for name in backend_names():
        with contextlib.suppress(PluginError):
            classes[name] = backend_class(name)
    return classes


@contextlib.contextmanager
def _plugin(name: str, doing: str) -> Iterator[None]:
    """Run code of a plugin: anything that it raises, including an exit, becomes an error that names it.

    Raises:
        PluginError: see above.
    """
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    except (Exception, SystemExit) as error:
        said = " ".join(str(error).split())[:200]
        raise PluginError(
            f"backend {name} ({_entry_points()[name].value}): {doing} raised {type(error).__name__}: {said}"
        ) from error


def _problem_of(found: Any, name: str) -> str | None:
    """Why ``found`` is not a backend named ``name``: what was expected and what was found."""
    if not (isinstance(found, type) and issubclass(found, Backend)):
        return f"it is {type(found).__name__} {getattr(found, '__name__', '')!s}, expected a subclass of Backend"
    if getattr(found, "name", None) != name:
        return f"name is {getattr(found, 'name', None)!r}, wanted {name!r}, the name of its entry point"
    if not isinstance(getattr(found, "requires", None), Requirements):
        return f"requires is {type(getattr(found, 'requires', None)).__name__}, expected Requirements"
    if not isinstance(names := getattr(found, "device_names", None), Mapping):
        return f"device_names is {type(names).__name__}, expected a mapping"
    if inspect.isabstract(found):
        return f"it does not implement {', '.join(sorted(found.__abstractmethods__))}"
    return None
