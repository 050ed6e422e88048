"""What is tried of a system: its backend's candidates, and why one of them is left out here."""

import os
import shutil
from collections.abc import Callable
from typing import Final

from alexbench.backends.registry import backend_class
from alexbench.harness.capabilities import COMPILER, FEWER, Candidate, TakesSettings
from alexbench.harness.chosen_settings import settings_of
from alexbench.harness.measure.machine import usable_physical_cores
from alexbench.harness.measure.process import usable_cores
from alexbench.harness.records.reasons import Reason
from alexbench.harness.records.tuning_records import Tried
from alexbench.harness.systems import System

_COMPILERS: Final = ("g++", "clang++", "c++")
_MANY: Final = 4
"""From so many threads on, half of them is worth trying: memory may be what limits them."""


def candidates_of(system: System) -> list[Tried]:
    """Each candidate of the system's backend, sorted settings: to be measured, or left out with the reason."""
    kind = backend_class(system.backend)
    declared: tuple[Candidate, ...] = (
        kind.candidates if isinstance(kind(), TakesSettings) else ()  # type: ignore[attr-defined]  # it was checked
    )
    return [_candidate(one, system) for one in declared]


def _candidate(one: Candidate, system: System) -> Tried:
    fewer = fewer_threads(system.threads)
    settings = tuple(sorted((name, str(fewer) if value == FEWER else value) for name, value in one.settings))
    reason = _left_out(one, system, fewer)
    if reason is None:
        return Tried(settings, "measured")
    return Tried(tuple(sorted(one.settings)) if reason.code == "no_fewer_threads" else settings, "left_out", reason)


def _left_out(one: Candidate, system: System, fewer: int | None) -> Reason | None:
    if one.needs == COMPILER and not has_compiler():
        return Reason("needs", text=one.needs)
    if fewer is None and any(value == FEWER for _, value in one.settings):
        return Reason("no_fewer_threads", count=system.threads)
    networks_only = {setting.name for setting in settings_of(system.backend) if setting.networks_only}
    is_file = system.artifact is not None or system.precision == "int8"
    if is_file and any(name in networks_only for name, _ in one.settings):
        return Reason("networks_only")
    return None


def has_compiler(find: Callable[[str], str | None] = shutil.which) -> bool:
    """Whether there is a C++ compiler: the one that CXX names, or a usual one."""
    named = os.environ.get("CXX")
    return any(find(name) is not None for name in ((named,) if named else _COMPILERS))


def fewer_threads(threads: int) -> int | None:
    """Fewer threads that may be faster: one a core where threads share cores, or half of many; else None."""
    cores = usable_physical_cores()
    if cores is not None and cores < min(threads, usable_cores()):
        return cores
    return threads // 2 if threads >= _MANY else None
