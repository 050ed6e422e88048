"""Whether two sides are comparable: machine, weights, data and settings must be the same; reports what differs."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from alexbench.harness.gating.gated_runs import GatedRun
from alexbench.harness.gating.policy import Policy
from alexbench.harness.records.effective import Effective
from alexbench.harness.records.machine_key import differing, int8_flags
from alexbench.harness.records.plain_rows import precisions
from alexbench.harness.records.reasons import IdentityCode, Reason
from alexbench.harness.records.run_records import RunRecord
from alexbench.harness.systems import ModelFile, System, matched

_SETTINGS: Final = ("batch_size", "rigor")
"""The keys of a run's configuration that change its speeds."""
_OF_A_SYSTEM: Final = ("threads", "device", "precision", "profile")
"""The flags of a system that change its speed."""
_EFFECTIVE: Final = ("device", "provider", "precision", "threads", "streams")
_BLAS: Final = ("BLIS_", "GOTO_", "MKL_", "OMP_", "OPENBLAS_")
_MANY: Final = 3


@dataclass(frozen=True, slots=True)
class Identity:
    """Why nothing may be gated (``refused``), why no time may (``no_time``), and why no answers (``no_answers``).

    ``left_out``: why times are not asked for, by the policy's own word. ``unlike``: why no time of a row may, by name.
    On another machine, all but times is gated. ``rounded``: why no answers of a row may, by name: int8 kernels of
    other instructions round otherwise, or saturate.
    """

    refused: tuple[Reason, ...]
    no_time: tuple[Reason, ...]
    no_answers: tuple[Reason, ...]
    left_out: tuple[Reason, ...] = ()
    unlike: dict[str, tuple[Reason, ...]] = field(default_factory=dict)
    rounded: dict[str, tuple[Reason, ...]] = field(default_factory=dict)


def identity(base: GatedRun, head: GatedRun, policy: Policy) -> Identity:
    """Compare what two sides are of, whose rows have the same names."""
    one, two = base.record, head.record
    same_run = one is two
    refused = [] if same_run else subject_differences(one, two)
    machines = [] if same_run else machine_differences(one.machine, two.machine)
    no_time = [] if same_run else [*settings_differences(one, two), *_probes(one, two)]
    left_out: list[Reason] = []
    if machines:
        of_a_run = not head.name.endswith(".json")  # else of a baseline's file
        because = tuple(machines)
        other = Reason("other_machine", because=because)
        if of_a_run:
            other = Reason("other_machine_without_baseline", head=head.name, because=because)
        (no_time if policy.other_machine == "refuse" else left_out).append(other)
    no_answers = []
    if not same_run and _skipped(one) != _skipped(two):
        no_answers.append(Reason("other_skipped"))
    systems = [{name: row.entry.system for name, row in side.rows.items()} for side in (base, head)]
    pairs = {name: tuple(unlike(one, systems[1][name])) for name, one in systems[0].items() if name in systems[1]}
    found = {name: said for name, said in pairs.items() if said}
    rounded = {} if same_run else _other_instructions(base, head)
    return Identity(tuple(refused), tuple(no_time), tuple(no_answers), tuple(left_out), found, rounded)


def _other_instructions(base: GatedRun, head: GatedRun) -> dict[str, tuple[Reason, ...]]:
    """The rows that compute in int8 on both sides, where the CPUs have other instructions for it."""
    here, there = (int8_flags(side.record.machine) for side in (base, head))
    if here == there:
        return {}
    why = Reason("other_instructions", base=", ".join(here) or "none", head=", ".join(there) or "none")
    sides = [{name for name, row in side.rows.items() if "int8" in precisions(row.entry)} for side in (base, head)]
    return {name: (why,) for name in base.rows if name in sides[0] & sides[1]}


def subject_differences(one: RunRecord, two: RunRecord) -> list[Reason]:
    """In what the networks, weights, images or pixels of two runs differ."""
    return [*_model(one, two), *_data(one, two)]


def machine_differences(one: dict[str, Any], two: dict[str, Any]) -> list[Reason]:
    """In what two machines differ, field by field; the first few. A reboot or a minor update makes no other one."""
    keys = differing(one, two)
    fields = [
        Reason("field_differs", of=key, base=_short(one.get(key)), head=_short(two.get(key))) for key in keys[:_MANY]
    ]
    return fields + ([Reason("more_fields", count=len(keys) - _MANY)] if len(keys) > _MANY else [])


def environment_changes(base: GatedRun, head: GatedRun) -> list[Reason]:
    """What differs of the system, packages, Python, variables and how rows ran; not where they are installed."""
    systems = [str(side.record.machine.get("os")) for side in (base, head)]
    found = [_changed("system", *systems)] if systems[0] != systems[1] else []
    for backend, row in base.rows.items():
        if backend in head.rows:
            # Noted is what the backends asked for need; of an interpreter that one has for itself, what that one does.
            one, two = ((side.record, side.rows[backend].entry.name) for side in (base, head))
            alike = bool(_own(*one)) == bool(_own(*two)) and _backends(base.record) == _backends(head.record)
            found += _differences(row_environment(*one), row_environment(*two), alike=alike)
            found += _ran_unlike(backend, row.entry.effective, head.rows[backend].entry.effective)
    return list(dict.fromkeys(found))


def _ran_unlike(backend: str, one: Effective | None, two: Effective | None) -> Iterator[Reason]:
    if one is None or two is None:
        return
    for key in _EFFECTIVE:
        before, after = getattr(one, key)[0], getattr(two, key)[0]
        if before != after:
            yield Reason("ran_with", of=backend, text=key, base=before, head=after)


def row_environment(record: RunRecord, row: str) -> dict[str, Any]:
    """The environment of a row's own interpreter where it had one, else of the run's."""
    return _own(record, row) or record.environment


def _own(record: RunRecord, row: str) -> dict[str, Any]:
    return dict((record.environment.get("backends") or {}).get(row) or {})


def _backends(record: RunRecord) -> set[str]:
    return {row.system.backend for row in record.systems}


def _differences(one: dict[str, Any], two: dict[str, Any], *, alike: bool) -> Iterator[Reason]:
    """Where packages were not noted ``alike``, of those that both sides note."""
    if one.get("python") != two.get("python"):
        yield _changed("Python", one.get("python"), two.get("python"))
    for key, word in (("packages", ""), ("variables", "variable ")):
        before, after = one.get(key) or {}, two.get(key) or {}
        names = before.keys() & after.keys() if key == "packages" and not alike else before.keys() | after.keys()
        for name in sorted(names):
            if before.get(name) != after.get(name):
                yield _changed(f"{word}{name}", before.get(name, "none"), after.get(name, "none"))
    commits = [_commit(side.get("git")) for side in (one, two)]
    if commits[0] != commits[1]:
        yield _changed("alexbench", *commits)


def _changed(what: str, before: object, after: object) -> Reason:
    return Reason("changed", of=what, base=str(before), head=str(after))


def _commit(git: Any) -> Any:
    """The version of AlexBench; the first schema had nothing else there."""
    if not isinstance(git, dict):
        return git
    own = git.get("alexbench")
    return own.get("describe") if isinstance(own, dict) else own


def _model(one: RunRecord, two: RunRecord) -> Iterator[Reason]:
    if one.model.network != two.model.network:
        yield Reason("other_network", base=one.model.network, head=two.model.network)
    if one.model.weights_digest != two.model.weights_digest:
        yield _digests("other_weights", one.model.weights_digest, two.model.weights_digest)
    names = {row.system: row.name for row in two.systems}
    for before, after in same_systems(one, two):
        here, there = _file(before.artifact), _file(after.artifact)
        if here != there:
            yield Reason("other_file", of=names[after], base=here, head=there)


def same_systems(one: RunRecord, two: RunRecord) -> list[tuple[System, System]]:
    """The systems that two runs share, each run's own."""
    return matched([row.system for row in one.systems], [row.system for row in two.systems])


def _file(file: ModelFile | None) -> str:
    """Its digest, and how the user has it read."""
    if file is None:
        return "none"
    read = [str(file.convention)] if file.convention is not None else []
    return " ".join([file.sha256[:12] or "none", *read, *([file.output] if file.output is not None else [])])


def _data(one: RunRecord, two: RunRecord) -> Iterator[Reason]:
    if one.data.names_digest != two.data.names_digest:  # other images have other pixels
        yield _digests("other_images", one.data.names_digest, two.data.names_digest)
        return
    if one.data.pixels_digest != two.data.pixels_digest:
        yield _digests("other_pixels", one.data.pixels_digest, two.data.pixels_digest)
        return
    if one.model.recipe_digest != two.model.recipe_digest and one.model.recipe_digest and two.model.recipe_digest:
        yield Reason("other_recipe", base=one.model.card, head=two.model.card)


def settings_differences(one: RunRecord, two: RunRecord) -> Iterator[Reason]:
    """Differences that change all speeds of a run."""
    return _differing(_SETTINGS, one.configuration, two.configuration)


def unlike(one: System, two: System) -> Iterator[Reason]:
    """The same of a system, but its file."""
    yield from _differing(_OF_A_SYSTEM, *({key: getattr(side, key) for key in _OF_A_SYSTEM} for side in (one, two)))
    if one.settings != two.settings:
        yield Reason("other_runtime_settings")


def _differing(keys: tuple[str, ...], one: Mapping[str, Any], two: Mapping[str, Any]) -> Iterator[Reason]:
    for key in keys:
        before, after = one.get(key), two.get(key)
        if before != after:
            yield Reason("other_setting", of=key.replace("_", "-"), base=str(before), head=str(after))


def _probes(one: RunRecord, two: RunRecord) -> Iterator[Reason]:
    """The machine probe is NumPy's: with another one the unit that both runs are measured in has changed."""
    here, there = one.environment, two.environment
    versions = [(side.get("packages") or {}).get("numpy") for side in (here, there)]
    variables = [
        {name: value for name, value in (side.get("variables") or {}).items() if name.startswith(_BLAS)}
        for side in (here, there)
    ]
    changed = []
    if versions[0] != versions[1]:
        changed.append(Reason("other_numpy", base=str(versions[0]), head=str(versions[1])))
    elif _libraries(here) != _libraries(there):
        changed.append(Reason("other_library"))
    if variables[0] != variables[1]:
        changed.append(Reason("other_variables"))
    if changed:
        yield Reason("other_probe", because=tuple(changed))


def _libraries(environment: Mapping[str, Any]) -> list[str]:
    """The BLAS libraries of a record's environment, which has them in the order of loading."""
    return sorted(json.dumps(one, sort_keys=True) for one in environment.get("blas") or ())


def _skipped(record: RunRecord) -> list[str]:
    return [one.name for one in record.data.skipped]


def _digests(code: IdentityCode, base: str, head: str, *, of: str = "") -> Reason:
    return Reason(code, of=of, base=base[:12] or "none", head=head[:12] or "none")


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
