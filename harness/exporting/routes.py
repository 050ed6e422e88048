"""The routes to an exported file: which backend writes a format, and which one loads it back."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from alexbench.backends.registry import backend_classes
from alexbench.harness.capabilities import ExportFormat, Exports, OpensExports
from alexbench.harness.errors import UsageError, nearest, unknown_name

ARRAYS: Final = ExportFormat("safetensors", ".safetensors")
"""The weights alone, under their canonical names; no runtime writes or reads it."""


@dataclass(frozen=True, slots=True)
class Route:
    """A format, the backend that writes it, and the one that loads it back; None for both where it is arrays alone."""

    form: ExportFormat
    writer: str | None
    reader: str | None


def chosen_route(to: str, via: str | None) -> Route:
    """How ``to`` is written ``via`` an exporter, or by our own writer where that is None: found by asking backends.

    Raises:
        UsageError: no backend offers that; those known are listed.
    """
    routes = known_routes()
    names = dict.fromkeys(route.form.name for route in routes)
    if to not in names:
        raise unknown_name("format", to, names)
    for route in routes:
        if (route.form.name, route.form.via) == (to, via):
            if route.writer is not None and route.reader is None:
                raise UsageError(f"--to {to}: no backend here loads such a file, so it could not be checked")
            return route
    raise UsageError(f"--to {to} --via {via}: no such exporter; {_known_exporters(routes, to, str(via))}")


def _known_exporters(routes: Sequence[Route], to: str, via: str) -> str:
    """The exporter of that format that was probably meant, and all exporters with their formats."""
    exporters = [(route.form.name, route.form.via) for route in routes if route.form.via is not None]
    close = nearest(via, [name for form, name in exporters if form == to])
    listed = ", ".join(sorted(f"--to {form} --via {name}" for form, name in exporters))
    return f"known: {listed}" if close is None else f"did you mean {close!r}? Known: {listed}"


def known_routes() -> list[Route]:
    """Every route that the registered backends and this module offer, installed or not."""
    powers: dict[str, Any] = {name: kind() for name, kind in backend_classes().items()}
    readers = {
        form: name for name, power in powers.items() if isinstance(power, OpensExports) for form in power.opened_formats
    }
    return [
        *(
            Route(form, name, readers.get(form.name))
            for name, power in powers.items()
            if isinstance(power, Exports)
            for form in power.export_formats
        ),
        Route(ARRAYS, None, None),
    ]
