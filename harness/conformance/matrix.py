"""What each backend offers, and whether the kit found it right here: results of ``alexbench conformance``, kept."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Final

from alexbench.backends.registry import availability, backend_names
from alexbench.harness.conformance.declared import CAPABILITIES, declared
from alexbench.harness.errors import AlexBenchError
from alexbench.harness.files.cache_folder import cache_folder
from alexbench.harness.files.decoding import DecodeError, decode
from alexbench.harness.files.plain_text import json_text
from alexbench.harness.files.whole_file import write_whole
from alexbench.harness.records.conformance_records import Conformance

REQUIRED: Final = {"fp32": "parity", "options": "options", "life cycle": "life", "isolation": "isolation"}
"""What every backend has -> the group of its checks."""
PRECISIONS: Final = ("bf16", "fp16")
_GROUPS: Final = {"artifacts": "files", "export": "files", "open-export": "files"}
"""Capability -> the group of its checks, where that has another name."""


def keep(found: Conformance) -> None:
    """Write the result to the cache, in the place of an earlier one."""
    path = cache_folder() / "conformance" / f"{found.backend}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, json_text(asdict(found)).encode())


def kept(backend: str) -> Conformance | None:
    """The last result on this machine; None where there is none, or it is of other versions of the runtime."""
    path = cache_folder() / "conformance" / f"{backend}.json"
    try:
        found = decode(Conformance, json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, DecodeError):
        return None
    return found if dict(found.versions) == dict(availability(backend).versions) else None


def matrix() -> list[dict[str, str]]:
    """A row for each capability and precision, a column for each backend.

    ``passed``, ``failed``, ``refused``: by the kit; ``declared``: not checked with these versions; empty: not offered.
    """
    cells = {name: _cells(name) for name in backend_names()}
    names = (*REQUIRED, *PRECISIONS, *CAPABILITIES)
    return [{"capability": one, **{name: found[one] for name, found in cells.items()}} for one in names]


def _cells(backend: str) -> Mapping[str, str]:
    try:
        offered = declared(backend)
    except AlexBenchError:
        offered = ()
    found = kept(backend)
    cells = {name: _of_group(found, group) or "not checked" for name, group in REQUIRED.items()}
    cells |= {name: _of_precision(found, name) or "not checked" for name in PRECISIONS}
    for name in CAPABILITIES:
        cells[name] = (_of_group(found, _GROUPS.get(name, name)) or "declared") if name in offered else ""
    return cells


def _of_group(found: Conformance | None, group: str) -> str:
    checks = () if found is None else tuple(one for one in found.checks if one.group == group)
    return "" if not checks else "failed" if any(one.outcome == "failed" for one in checks) else "passed"


def _of_precision(found: Conformance | None, precision: str) -> str:
    checks = () if found is None else tuple(one for one in found.checks if one.feature == precision)
    return next((one.outcome for one in checks if one.outcome != "passed"), "passed" if checks else "")
