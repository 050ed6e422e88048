"""Settings of runtimes that the user named: ``--set openvino.NUM_STREAMS=2``, or ``set.NUM_STREAMS=2`` of a system."""

from collections.abc import Iterable, Mapping
from typing import Final

from alexbench.backends.registry import REFERENCE, backend_class, backend_names
from alexbench.harness.capabilities import TakesSettings
from alexbench.harness.contract import Setting
from alexbench.harness.errors import UsageError, unknown_name
from alexbench.harness.files.plain_text import short
from alexbench.harness.systems import DEFAULT_PROFILE, System

Settings = tuple[tuple[str, str], ...]
_WANTED: Final = "wanted BACKEND.NAME=VALUE, as in openvino.NUM_STREAMS=2"
_DIGITS_AT_MOST: Final = 9


def named_settings(given: Iterable[str]) -> dict[str, dict[str, str]]:
    """Backend -> name -> value, of each ``--set``.

    Raises:
        UsageError: one is not of that form, or a setting is named twice.
    """
    found: dict[str, dict[str, str]] = {}
    for one in given:
        name, equals, value = one.partition("=")
        backend, dot, setting = name.partition(".")
        if not (equals and value and dot and setting):
            raise UsageError(f"--set {short(one)}: {_WANTED}")
        if backend == REFERENCE or backend not in backend_names():
            raise unknown_name("backend", backend, backend_names())
        known = found.setdefault(backend, {})
        if known.setdefault(setting, value) != value:
            raise UsageError(f"--set names {backend}.{setting} twice; for two rows, name each with --system")
    return found


def check_settings(system: System, given: Mapping[str, str], *, said: str) -> Settings:
    """The settings of ``system`` as its backend spells their values, sorted. ``said``: what stands before a name.

    Raises:
        UsageError: its backend has no such setting, the setting no such value, or it does not apply to this system.
    """
    if not given:  # a backend that does not load is a row in error, and is not asked here
        return ()
    if system.profile != DEFAULT_PROFILE:
        raise UsageError(
            f"{said}{next(iter(given))}: profile {system.profile} chooses the settings; leave one of them out"
        )
    if system.device != "cpu":
        raise UsageError(f"{said}{next(iter(given))}: settings are of the CPU, and this row runs on {system.device}")
    known = {one.name: one for one in settings_of(system.backend)}
    found = []
    for name, value in given.items():
        if not known:
            raise UsageError(f"{said}{name}: backend {system.backend} has no settings")
        if name not in known:
            raise unknown_name(f"setting of {system.backend}", name, known)
        if known[name].networks_only and (system.artifact is not None or system.precision == "int8"):
            file = "an int8 file" if system.artifact is None else f"a model file ({system.artifact.path})"
            raise UsageError(f"{said}{name}: it does not apply to {file}; leave it out")
        found.append((name, _value(known[name], value, system.threads, f"{said}{name}={value}")))
    return tuple(sorted(found))


def settings_of(backend: str) -> tuple[Setting, ...]:
    """What a backend declares; none of a plugin that declares nothing."""
    kind = backend_class(backend)
    return kind.settings if isinstance(kind(), TakesSettings) else ()  # type: ignore[attr-defined]  # it was checked


def _value(setting: Setting, given: str, threads: int, said: str) -> str:
    """As the backend spells it; case does not count."""
    if setting.values:
        for value in setting.values:
            if value.casefold() == given.casefold():
                return value
        raise UsageError(f"{said}: give {_either(setting.values)}")
    number = int(given) if given.isascii() and given.isdecimal() and len(given) <= _DIGITS_AT_MOST else 0
    if not 1 <= number <= threads:
        most = "1, as this row has 1 thread" if threads == 1 else f"1 to {threads}, as this row has {threads} threads"
        raise UsageError(f"{said}: give {most}")
    return str(number)


def _either(values: tuple[str, ...]) -> str:
    *others, last = values
    return f"{', '.join(others)} or {last}" if others else last
