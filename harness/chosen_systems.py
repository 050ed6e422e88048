"""The systems that the user chose: flags that multiply, systems named one by one, and where each of them runs."""

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Annotated, Any, Final

from alexbench.backends.registry import REFERENCE, backend_names, default_backends, device_kinds, device_name
from alexbench.harness.chosen_settings import check_settings, named_settings
from alexbench.harness.contract import PRECISIONS
from alexbench.harness.errors import UsageError, known_words, unknown_name
from alexbench.harness.files.decoding import AnySize, DecodeError, decode
from alexbench.harness.files.input_files import expanded
from alexbench.harness.files.plain_text import short
from alexbench.harness.measure.process import usable_cores
from alexbench.harness.systems import DEFAULT_PROFILE, TUNED, ModelFile, System, device_forms, labels
from alexbench.harness.trust import convention_of, stated_inputs, stated_outputs, untrusted

_DEFAULTS: Final[dict[str, Any]] = {"precision": "fp32", "profile": DEFAULT_PROFILE, "threads": None, "device": "cpu"}
AXES: Final = tuple(_DEFAULTS)
"""Flags that multiply with each other, with --backend, with --artifact and with --environment."""
_KNOWN: Final = {"precision": PRECISIONS, "profile": (DEFAULT_PROFILE, TUNED)}
_MOST_THREADS: Final = 2**15
_LABEL: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*", re.ASCII)
"""The form of an environment's label, which is part of the names of rows and files."""
_WHOLE: Final = re.compile(r"[+-]?\d{1,18}", re.ASCII)
_SET: Final = "set."
_OF_FILES: Final = ("artifact_input", "input", "output_name", "output", "trust")
"""Keys of a system that say how its file is read."""
_TRUTHS: Final = {"true": True, "false": False}
_FILE_WANTED: Final = "BACKEND=FILE, as in onnxruntime=model.onnx"
_PYTHON_WANTED: Final = "BACKEND=INTERPRETER, as in torch=/opt/other/bin/python"


@dataclass(frozen=True, slots=True)
class SystemTable:
    """One system as ``--system`` or a ``[[system]]`` names it. ``threads`` None: all cores that may be used.

    ``artifact``: the user's file; ``artifact_input``, ``output_name``: what it takes and which output has the scores,
    as these flags say it; ``input`` and ``output`` are short for them; ``trust``: it may run as a program. ``set``:
    settings of its runtime, name -> value.
    """

    backend: str
    precision: str = "fp32"
    profile: str = DEFAULT_PROFILE
    threads: AnySize | None = None
    device: str = "cpu"
    environment: str | None = None
    artifact: str | None = None
    artifact_input: str | None = None
    input: str | None = None
    output_name: str | None = None
    output: str | None = None
    trust: bool = False
    set: Annotated[dict[str, str | bool | int], "a table of settings"] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Chosen:
    """The systems of a run, as :class:`alexbench.harness.config.RunConfig` has them."""

    systems: tuple[System, ...]
    all_backends: bool
    exact: tuple[str, ...]
    pythons: dict[str, str]
    environments: dict[str, str]


def chosen_systems(given: Mapping[str, Any]) -> Chosen:
    """The systems that flags (or keys of a file) name.

    Raises:
        UsageError: a name or value makes no sense, a system is named twice, or a flag would have no effect.
    """
    pythons, environments = _pythons(given.get("pythons", ())), _environments(given.get("environments", ()))
    if environments and pythons:
        raise UsageError("--environment and --python both name interpreters; an environment runs every backend")
    tables = [(_said(one, number), _table(one)) for number, one in enumerate(given.get("systems", ()), 1)]
    files = [_backend_and_file("--artifact", one, _FILE_WANTED) for one in given.get("artifacts", ())]
    trusted = [absolute(one) for one in given.get("trusted", ())]
    trusted += [absolute(one.artifact) for _, one in tables if one.trust and one.artifact is not None]
    backends = _backends(given, [name for name, _ in files], alone=not tables)
    multiplied: list[System] = []
    if backends or not tables:
        multiplied = _multiplied(given, backends or default_backends(), files, environments)
    exact = [_system(said, table, environments) for said, table in tables]
    systems = tuple(trusting((*multiplied, *exact), trusted))
    check_different(systems)
    _check_devices(systems)
    _check_used(given, systems, pythons, environments)
    return Chosen(
        systems,
        all_backends=not backends and not tables,
        exact=labels(systems)[len(multiplied) :],
        pythons=pythons,
        environments=environments,
    )


def absolute(path: str) -> str:
    """As it is from anywhere, and not resolved: by its own name an environment's interpreter knows where it belongs."""
    return str(expanded(path).absolute())


def trusting(systems: Iterable[System], trusted: Sequence[str]) -> list[System]:
    """The systems, each file of theirs trusted where it is among ``trusted`` and nowhere else."""
    return [
        one
        if one.artifact is None
        else replace(one, artifact=replace(one.artifact, trusted=not untrusted([one.artifact.path], trusted)))
        for one in systems
    ]


def check_different(systems: Sequence[System]) -> None:
    """That no two are the same.

    Raises:
        UsageError: two are; the message names them.
    """
    seen: dict[str, System] = {}
    for one in systems:
        other = seen.setdefault(one.key, one)
        if other is one:
            continue
        if one.artifact is not None and other.artifact is not None and one.artifact.path != other.artifact.path:
            raise UsageError(f"{other.artifact.path} and {one.artifact.path} are the same file; name one of them")
        raise UsageError(f"the same system twice: {one.key}; name it once")


def _check_devices(systems: Sequence[System]) -> None:
    """Refuse a device that no backend of the run knows, without importing a runtime.

    Raises:
        UsageError: see above.
    """
    for device in dict.fromkeys(one.device for one in systems):
        known = [device_kinds(one.backend) for one in systems if one.device == device]
        kinds = dict.fromkeys(kind for some in known for kind in some)
        if all(known) and device.partition(":")[0] not in kinds:
            raise UsageError(f"unknown device {device!r}; {known_words(device, device_forms(kinds))}")


def _backends(given: Mapping[str, Any], of_files: Sequence[str], *, alone: bool) -> tuple[str, ...]:
    """The backends that flags multiply; none: every one, or with ``alone`` False (there are --system) none of them."""
    named: tuple[str, ...] = given.get("backends", ())
    for name in named:
        _check_backend(name)
    if not named and of_files and (given.get("weights") is None or not alone):
        return tuple(dict.fromkeys(of_files))
    left_out = [name for name in of_files if named and name not in named]
    if left_out:
        raise UsageError(f"--artifact {left_out[0]}=...: {left_out[0]} is not among the backends named; add --backend")
    return named


def _multiplied(
    given: Mapping[str, Any], backends: Sequence[str], files: Sequence[tuple[str, str]], environments: Iterable[str]
) -> list[System]:
    """Each backend, or each file of it, in each environment and under every combination of the axes."""
    named = dict.fromkeys(name for name, _ in files)
    stated = stated_inputs(given.get("artifact_inputs", ()), named)
    outputs = stated_outputs(given.get("output_names", ()), named)
    precisions, profiles, threads, devices = (_axis(given, axis) for axis in AXES)
    systems = []
    chosen = named_settings(given.get("settings", ()))
    for backend, named_here in chosen.items():
        if backend not in backends:
            first = f"--set {backend}.{next(iter(named_here))}"
            raise UsageError(f"{first}: {backend} is not among the backends named; add --backend {backend}")
    for backend in backends:
        mine: list[ModelFile | None] = [
            ModelFile(absolute(file), convention=stated.get(name), output=outputs.get(name))
            for name, file in files
            if name == backend
        ]
        places: list[str | None] = [*environments]
        own = [device_name(backend, one) for one in devices]
        axes = (mine or [None], places or [None], precisions, profiles, threads, own)
        for file, environment, precision, profile, count, device in product(*axes):
            one = System(backend, count, precision, profile, (), device, environment, file)
            said = f"--set {backend}."
            systems.append(replace(one, settings=check_settings(one, chosen.get(backend, {}), said=said)))
    return systems


def _axis(given: Mapping[str, Any], axis: str) -> tuple[Any, ...]:
    """The values of a flag, each checked; its default where it is not given."""
    values = given.get(axis, _DEFAULTS[axis])
    values = values if isinstance(values, tuple) else (values,)
    for value in values:
        _check_value(axis, value, f"--{axis}")
    return tuple(usable_cores() if value is None else value for value in values)


def _check_backend(name: str) -> None:
    if name == REFERENCE:
        raise UsageError("backend 'reference' is the float64 reference, which every run computes; leave it out")
    if name not in backend_names():
        raise unknown_name("backend", name, backend_names())


def _check_value(axis: str, value: Any, said: str) -> None:
    """A value of an axis, named ``said``; None is the default."""
    if axis in _KNOWN and value not in _KNOWN[axis]:
        raise unknown_name(said, value, _KNOWN[axis])
    if axis != "threads" or value is None:
        return
    cores = usable_cores()
    if value < 1:
        raise UsageError(f"{said} {short(value)}: give 1 or more")
    if value > _MOST_THREADS:
        raise UsageError(f"{said} {short(value)}: give {_MOST_THREADS:,} or less")
    if value > cores:
        raise UsageError(f"{said} {value}: this process may use {cores} cores; give {cores} or fewer")


def _table(entry: SystemTable | str) -> SystemTable:
    """``--system`` as a table: ``openvino precision=bf16 threads=1``, as a shell would split it."""
    if isinstance(entry, SystemTable):
        return entry
    said = _said(entry)
    try:
        words = shlex.split(entry)
    except ValueError as error:
        fault = "a quote is not closed" if entry.count('"') % 2 or entry.count("'") % 2 else "it ends with a backslash"
        raise UsageError(f"{said}: {fault}; write it as \"torch artifact='my model.pt2'\"") from error
    if words and "=" not in words[0]:
        words[0] = f"backend={words[0]}"
    table: dict[str, Any] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if key.startswith(_SET) and equals and value:
            settings = table.setdefault("set", {})
            if settings.setdefault(key.removeprefix(_SET), value) != value:
                raise UsageError(f"{said}: {key} is named twice")
            continue
        key = key.replace("-", "_")
        if key == "set":
            raise UsageError(f"{said}: write set.NAME=VALUE, as in set.NUM_STREAMS=2")
        if not equals or not value or key in table:
            twice = f"{key} is named twice" if key in table else f"wanted key=value, not {short(word)}"
            raise UsageError(f'{said}: {twice}, as in "openvino precision=bf16 threads=1"')
        table[key] = _value(key, value)
    try:
        return decode(SystemTable, table)
    except DecodeError as error:
        raise UsageError(f"{said}: {error}") from error


def _value(key: str, text: str) -> int | bool | str:
    if key == "threads" and _WHOLE.fullmatch(text):
        return int(text)
    return _TRUTHS.get(text, text) if key == "trust" else text


def _said(entry: SystemTable | str, number: int = 1) -> str:
    """How a message names a system: as it was typed, or by its place in the file."""
    return f"--system {short(entry)}" if isinstance(entry, str) else f"[[system]] {number} ({entry.backend})"


def _system(said: str, table: SystemTable, environments: Mapping[str, str]) -> System:
    """The one that a table names; ``said``: how messages name it.

    Raises:
        UsageError: it makes no sense; the message names the system and the key.
    """
    try:
        _check_table(table, environments)
        file = _file_of(table)
    except UsageError as error:
        raise UsageError(f"{said}: {error}") from error
    one = System(
        table.backend,
        usable_cores() if table.threads is None else table.threads,
        table.precision,
        table.profile,
        device=device_name(table.backend, table.device),
        environment=table.environment,
        artifact=file,
    )
    settings = {name: str(value) for name, value in table.set.items()}
    return replace(one, settings=check_settings(one, settings, said=f"{said}: {_SET}"))


def _check_table(table: SystemTable, environments: Mapping[str, str]) -> None:
    _check_backend(table.backend)
    for axis in AXES:
        _check_value(axis, getattr(table, axis), axis)
    label = table.environment
    if label is not None and label not in environments:
        raise UsageError(f"environment {label}: name --environment {label}=INTERPRETER too")


def _file_of(table: SystemTable) -> ModelFile | None:
    if table.artifact is None:
        for key in _OF_FILES:
            if getattr(table, key):
                raise UsageError(f"{key} is about a model file; add artifact=FILE")
        return None
    stated = _either(table, "artifact_input", "input")
    convention = None if stated is None else convention_of(stated)
    return ModelFile(absolute(table.artifact), convention=convention, output=_either(table, "output_name", "output"))


def _either(table: SystemTable, long: str, short_key: str) -> str | None:
    """What stands under a key or its short form."""
    first, other = getattr(table, long), getattr(table, short_key)
    if first is not None and other is not None:
        raise UsageError(f"{long} and {short_key} are one key; give one of them")
    found: str | None = first if other is None else other
    return found


def _backend_and_file(flag: str, given: str, wanted: str) -> tuple[str, str]:
    """BACKEND=FILE of a backend that there is."""
    name, equals, file = given.partition("=")
    if not equals or not file:
        raise UsageError(f"{flag} {given}: wanted {wanted}")
    if name == REFERENCE or name not in backend_names():
        raise unknown_name("backend", name, backend_names())
    return name, file


def _pythons(given: Iterable[str]) -> dict[str, str]:
    """Backend -> its interpreter, each named once."""
    found: dict[str, str] = {}
    for name, file in (_backend_and_file("--python", one, _PYTHON_WANTED) for one in given):
        if name in found:
            raise UsageError(f"--python names {name} twice: {found[name]} and {file}")
        found[name] = absolute(file)
    return found


def _environments(given: Iterable[str]) -> dict[str, str]:
    """Label -> its interpreter, each named once."""
    found: dict[str, str] = {}
    for one in given:
        label, _, file = one.partition("=")
        if not file or not _LABEL.fullmatch(label):
            raise UsageError(
                f"--environment {one}: wanted LABEL=INTERPRETER, as in head=/opt/other/bin/python; labels are letters,"
                " digits and ._+-"
            )
        if label in found:
            raise UsageError(f"--environment names {label} twice: {found[label]} and {file}")
        found[label] = absolute(file)
    return found


def _check_used(
    given: Mapping[str, Any], systems: Sequence[System], pythons: Mapping[str, str], environments: Mapping[str, str]
) -> None:
    """Nothing that the user named is ignored.

    Raises:
        UsageError: a flag is of no system of the run.
    """
    for name, file in pythons.items():
        if name not in {one.backend for one in systems}:
            raise UsageError(f"--python {name}={file}: {name} is not among the backends named; add --backend {name}")
    for label, file in environments.items():
        if label not in {one.environment for one in systems}:
            raise UsageError(f"--environment {label}={file}: no --system has environment={label}; add it, or --backend")
    if given.get("systems") and not given.get("backends") and not given.get("artifacts"):
        for axis in AXES:
            if axis in given:
                raise UsageError(f"--{axis} multiplies with --backend; write {axis}=... in --system, or name --backend")
        if given.get("settings"):
            raise UsageError("--set is for rows of --backend; write set.NAME=VALUE in --system, or name --backend")
        stated_inputs(given.get("artifact_inputs", ()), ())
        stated_outputs(given.get("output_names", ()), ())
    files = [one.artifact.path for one in systems if one.artifact is not None]
    unused = untrusted([absolute(one) for one in given.get("trusted", ())], files)
    if unused:
        raise UsageError(f"--trust {unused[0]}: no --artifact names this file")
