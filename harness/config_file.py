"""The configuration file of ``alexbench run``: TOML, with the flags' long names as its keys."""

from pathlib import Path
from typing import Annotated, Any, Final, get_type_hints

from alexbench.harness.chosen_systems import AXES, SystemTable
from alexbench.harness.config import RunConfig
from alexbench.harness.errors import UsageError, known_words
from alexbench.harness.files.decoding import AnySize, DecodeError, decode_value
from alexbench.harness.files.toml_file import read_toml
from alexbench.harness.resolving import BOUNDS

_LISTS: Final = {
    "backend": "backends",
    "artifact": "artifacts",
    "artifact_input": "artifact_inputs",
    "output_name": "output_names",
    "trust": "trusted",
    "scenario": "scenarios",
    "python": "pythons",
    "environment": "environments",
    "system": "systems",
    "set": "settings",
    **{axis: axis for axis in AXES},
}
"""Flag that may be repeated -> the name of its values."""
_ONE: Final[dict[str, Any]] = {"threads": int, "system": (str, dict)}
"""Such a flag -> what a file may give instead of a list; a string for the others."""
_FIELDS: Final = get_type_hints(RunConfig, include_extras=True)
_KINDS: Final[dict[str, Any]] = {
    **{key: kind for key, kind in _FIELDS.items() if key not in {*_LISTS.values(), "all_backends", "exact", "tunings"}},
    **dict.fromkeys(BOUNDS, AnySize),
    **dict.fromkeys(_LISTS, Annotated[tuple[str, ...], "a name or a list of names"]),
    "threads": Annotated[tuple[AnySize, ...], "a whole number or a list of them"],
    "system": tuple[SystemTable | str, ...],
    "shard": str | None,
    "budget": Annotated[float | str, "seconds, or a string as in '2m'"],
    "resolution": Annotated[float | str, "percent, or a string as in '2%'"],
    "silence_limit": Annotated[float | str, "seconds, or a string as in '2m'"],
    "latency_bound": Annotated[float, "milliseconds"],
}
"""Key of a configuration file -> what its value may be: what the field holds, or what `resolve` reads further."""
CONFIG_KEYS: Final = tuple(_KINDS)
"""The keys of a configuration file: the flags' long names."""
_FORMER: Final = {name: flag for flag, name in _LISTS.items() if name != flag}
"""Key as records of schema 5 and older have it -> key of a configuration file."""


def read_config(path: Path) -> dict[str, Any]:
    """A TOML file's keys as flag values.

    Raises:
        UsageError: the file is missing, no TOML, or has an unknown key or a value of the wrong kind.
    """
    values: dict[str, Any] = {}
    for key, value in read_toml(path, "--config").items():
        if key not in CONFIG_KEYS:
            raise UsageError(f"--config {path}: unknown key {key!r}; {_known(key)}")
        alone = key in _LISTS and isinstance(value, _ONE.get(key, str)) and not isinstance(value, bool)
        given = [value] if alone else value
        try:
            values[_LISTS.get(key, key)] = decode_value(_KINDS[key], given, key)
        except DecodeError as error:
            raise UsageError(f"--config {path}: {error}") from error
    return values


def key_of(name: str) -> str:
    """The key of a configuration file for the name of a flag's values."""
    return _FORMER.get(name, name)


def _known(key: str) -> str:
    """What to write in place of a key that is not known: its name, where it had another or is almost one."""
    name = _FORMER.get(key, key.replace("-", "_"))
    return f"it is called {name}" if name in CONFIG_KEYS else known_words(key, CONFIG_KEYS)
