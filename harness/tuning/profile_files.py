"""Profiles in the cache: what a search found, as TOML that a person can read, one file for what it was made for."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any, Final

from alexbench.harness.errors import UsageError
from alexbench.harness.files.decoding import DecodeError, decode
from alexbench.harness.files.input_files import TEXT_BYTES_AT_MOST, read_file, toml_table
from alexbench.harness.files.whole_file import write_whole
from alexbench.harness.records.machine_key import machine_key
from alexbench.harness.records.tuning_records import MadeFor, Tuning

FOLDER: Final = "tuned"
_HEAD: Final = "# Settings that `alexbench tune` found on this machine; `alexbench run --profile tuned` uses them.\n"
_NAMED: Final = ("card", "backend", "precision", "threads", "batch_size", "model")
"""What a file's name says: another of these is another file, and another machine or version is found in it."""


def machine_digest(machine: Mapping[str, Any]) -> str:
    """A machine as a profile knows it."""
    text = json.dumps(machine_key(machine), sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def profile_path(cache: Path, made_for: MadeFor) -> Path:
    """Where the profile is kept."""
    values = [str(getattr(made_for, name)) for name in _NAMED]
    digest = hashlib.sha256(" ".join(values).encode()).hexdigest()[:8]
    name = "-".join((made_for.card, made_for.backend, made_for.precision, f"{made_for.threads}threads"))
    return cache / FOLDER / f"{name}-batch{made_for.batch_size}-{digest}.toml"


def read_profile(path: Path) -> Tuning | None:
    """The profile of a file; None where there is none, or it cannot be read as one."""
    try:
        table = toml_table(read_file(path, str(path), UsageError, most=TEXT_BYTES_AT_MOST), str(path), UsageError)
        return decode(Tuning, table)
    except (OSError, UsageError, DecodeError):
        return None


def write_profile(path: Path, tuning: Tuning) -> None:
    """Write it, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, (_HEAD + toml_text(replace(tuning, rows=()))).encode("utf-8"))


def what_changed(found: MadeFor, wanted: MadeFor) -> list[str]:
    """The fields in which what a profile was made for is not what is wanted."""
    return [item.name for item in fields(MadeFor) if getattr(found, item.name) != getattr(wanted, item.name)]


def toml_text(tuning: Tuning) -> str:
    """As TOML: tables of a tuning in full, and what is in them on one line each. A value that is None is left out."""
    lines: list[str] = []
    tables: list[str] = []
    for key, value in _plain(tuning).items():
        if isinstance(value, dict):
            tables += ["", f"[{key}]", *(f"{name} = {_value(one)}" for name, one in value.items())]
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            for one in value:
                tables += ["", f"[[{key}]]", *(f"{name} = {_value(inner)}" for name, inner in one.items())]
        else:
            lines.append(f"{key} = {_value(value)}")
    return "\n".join((*lines, *tables)) + "\n"


def _plain(value: Any) -> Any:
    """Without dataclasses, tuples, and fields that have their default."""
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    if not is_dataclass(value):
        return value
    return {
        item.name: _plain(getattr(value, item.name))
        for item in fields(value)
        if getattr(value, item.name) != item.default
    }


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name} = {_value(one)}" for name, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (str, bool)) else repr(value)
