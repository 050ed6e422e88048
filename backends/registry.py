"""Finding backends: a table of names, looked up among the installed packages' entry points.

Ours and other people's backends are found the same way, through the entry-point group ``alexbench.backends``
(name = module:Class). A plugin that does not import is a warning, never the
end of a command.
"""

import functools
import importlib.metadata
import warnings
from typing import Final

from alexbench.harness.contract import Backend
from alexbench.harness.errors import BackendUnavailableError, unknown_name

GROUP: Final = "alexbench.backends"
REFERENCE: Final = "reference"


@functools.cache
def _entry_points() -> dict[str, importlib.metadata.EntryPoint]:
    return {point.name: point for point in sorted(importlib.metadata.entry_points(group=GROUP))}


def backend_names() -> tuple[str, ...]:
    """All registered names but `reference`, which is not a runtime to be ranked, in alphabetical order."""
    return tuple(name for name in _entry_points() if name != REFERENCE)


def backend_class(name: str) -> type[Backend]:
    """The class registered under ``name``; importing it imports no runtime.

    Raises:
        UsageError: nothing is registered under that name; the known names are listed.
        BackendUnavailableError: the plugin itself does not import, or is not a Backend.
    """
    points = _entry_points()
    if name not in points:
        raise unknown_name("backend", name, points)
    try:
        found = points[name].load()
    except Exception as error:
        raise BackendUnavailableError(
            f"backend {name!r} ({points[name].value}) does not import: {type(error).__name__}: {error}"
        ) from error
    if not (isinstance(found, type) and issubclass(found, Backend)):
        raise BackendUnavailableError(f"backend {name!r} ({points[name].value}) is not a subclass of Backend")
    return found


def backend_classes() -> dict[str, type[Backend]]:
    """Every registered backend but `reference` that imports; one that does not is warned about and left out."""
    classes: dict[str, type[Backend]] = {}
    for name in backend_names():
        try:
            classes[name] = backend_class(name)
        except BackendUnavailableError as error:
            warnings.warn(str(error), stacklevel=2)
    return classes
