"""May two sides be held against each other? Machine, weights, data and settings must be the same, or it is said."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from alexbench.harness.app.gate.policy import Policy
from alexbench.harness.app.gate.side import Side
from alexbench.harness.machine_key import differing
from alexbench.harness.records import EffectiveRecord, RunRecord, backend_of

_SETTINGS: Final = ("threads", "device", "precision", "batch_size", "rigor")
"""Of a run's configuration, what changes its speeds."""
_EFFECTIVE: Final = ("device", "provider", "precision", "threads", "streams")
_BLAS: Final = ("BLIS_", "GOTO_", "MKL_", "OMP_", "OPENBLAS_")
_MANY: Final = 3


@dataclass(frozen=True, slots=True)
class Identity:
    """Why nothing may be gated (``refused``), why no time may (``no_time``), and why no answers (``no_answers``).

    ``left_out``: why times are not asked for, by the policy's own word. Of another machine all else is gated.
    """

    refused: tuple[str, ...]
    no_time: tuple[str, ...]
    no_answers: tuple[str, ...]
    left_out: tuple[str, ...] = ()


def identity(base: Side, head: Side, policy: Policy) -> Identity:
    """Compare what two sides are of."""
    one, two = base.record, head.record
    same_run = one is two
    refused = [] if same_run else subject_differences(one, two)
    machines = [] if same_run else machine_differences(one.machine, two.machine)
    no_time = [] if same_run else [*settings_differences(one, two), *_anchors(one, two)]
    left_out: list[str] = []
    if machines:
        of_a_run = not head.name.endswith(".json")  # else of a baseline's file
        fix = f"; save a baseline of this one: alexbench baseline save {head.name}" if of_a_run else ""
        said = f"another machine: {'; '.join(machines)}{fix}"
        (no_time if policy.other_machine == "refuse" else left_out).append(said)
    no_answers = []
    if not same_run and _skipped(one) != _skipped(two):
        no_answers.append("other pictures were skipped as unreadable")
    return Identity(tuple(refused), tuple(no_time), tuple(no_answers), tuple(left_out))


def subject_differences(one: RunRecord, two: RunRecord) -> list[str]:
    """In what the networks, weights, pictures or pixels of two runs differ, a phrase each."""
    return [*_model(one, two), *_data(one, two)]


def machine_differences(one: dict[str, Any], two: dict[str, Any]) -> list[str]:
    """In what two machines differ, a phrase a field; the first few. A reboot or a minor update makes no other one."""
    keys = differing(one, two)
    said = [f"{key} {_short(one.get(key))} and {_short(two.get(key))}" for key in keys[:_MANY]]
    return said + ([f"{len(keys) - _MANY} more"] if len(keys) > _MANY else [])


def environment_changes(base: Side, head: Side) -> list[str]:
    """What differs of packages, Python, variables and how rows ran, a phrase each; not where they are installed."""
    systems = [str(side.record.machine.get("os")) for side in (base, head)]
    found = [" -> ".join(systems)] if systems[0] != systems[1] else []
    for backend, row in base.rows.items():
        if backend in head.rows:
            # Noted is what the backends asked for need; of an interpreter that one has for itself, what that one does.
            one, two = ((side.record, side.rows[backend].entry.name) for side in (base, head))
            alike = bool(_own(*one)) == bool(_own(*two)) and _asked(base.record) == _asked(head.record)
            found += _differences(row_environment(*one), row_environment(*two), alike=alike)
            found += _ran_unlike(backend, row.entry.effective, head.rows[backend].entry.effective)
    return list(dict.fromkeys(found))


def _ran_unlike(backend: str, one: EffectiveRecord | None, two: EffectiveRecord | None) -> Iterator[str]:
    if one is None or two is None:
        return
    for key in _EFFECTIVE:
        before, after = getattr(one, key)[0], getattr(two, key)[0]
        if before != after:
            yield f"{backend} ran with {key} {before} -> {after}"


def row_environment(record: RunRecord, row: str) -> dict[str, Any]:
    """The environment of a row's own interpreter where it had one, else of the run's."""
    return _own(record, row) or record.environment


def _own(record: RunRecord, row: str) -> dict[str, Any]:
    return dict((record.environment.get("backends") or {}).get(row) or {})


def _asked(record: RunRecord) -> set[str]:
    return set(record.configuration.get("backends") or ()) or {backend_of(row.name) for row in record.backends}


def _differences(one: dict[str, Any], two: dict[str, Any], *, alike: bool) -> Iterator[str]:
    """A phrase for each; where packages were not noted ``alike``, of those that both sides note."""
    if one.get("python") != two.get("python"):
        yield f"Python {one.get('python')} -> {two.get('python')}"
    for key, word in (("packages", ""), ("variables", "variable ")):
        before, after = one.get(key) or {}, two.get(key) or {}
        names = before.keys() & after.keys() if key == "packages" and not alike else before.keys() | after.keys()
        for name in sorted(names):
            if before.get(name) != after.get(name):
                yield f"{word}{name} {before.get(name, 'none')} -> {after.get(name, 'none')}"
    commits = [_commit(side.get("git")) for side in (one, two)]
    if commits[0] != commits[1]:
        yield f"alexbench {commits[0]} -> {commits[1]}"


def _commit(git: Any) -> Any:
    """Of AlexBench; the first schema had nothing else there."""
    if not isinstance(git, dict):
        return git
    own = git.get("alexbench")
    return own.get("describe") if isinstance(own, dict) else own


def _model(one: RunRecord, two: RunRecord) -> Iterator[str]:
    if one.model.network != two.model.network:
        yield f"another network: {one.model.network} and {two.model.network}"
    if one.model.weights_digest != two.model.weights_digest:
        yield f"other weights: {_digest(one.model.weights_digest)} and {_digest(two.model.weights_digest)}"
    files = [
        {backend_of(row.name): row.artifact.sha256 for row in record.backends if row.artifact is not None}
        for record in (one, two)
    ]
    for name in sorted(set(files[0]) | set(files[1])):
        here, there = (_digest(side.get(name, "")) for side in files)
        if here != there:
            yield f"{name} ran another file: {here} and {there}"


def _data(one: RunRecord, two: RunRecord) -> Iterator[str]:
    for what, before, after in (
        ("pictures or labels", one.data.names_digest, two.data.names_digest),
        ("prepared pixels", one.data.pixels_digest, two.data.pixels_digest),
    ):
        if before != after:
            yield f"other {what}: {_digest(before)} and {_digest(after)}"
            return  # other pictures have other pixels
    if one.model.recipe_digest != two.model.recipe_digest and one.model.recipe_digest and two.model.recipe_digest:
        yield f"other preprocessing, decoders or labels: {one.model.card} and {two.model.card}"


def settings_differences(one: RunRecord, two: RunRecord) -> Iterator[str]:
    """Of what changes speeds, a phrase each with the flag that mends it."""
    for key in _SETTINGS:
        before, after = one.configuration.get(key), two.configuration.get(key)
        if before != after:
            yield f"{key.replace('_', ' ')} {before} and {after}: run again with --{key.replace('_', '-')} {before}"


def _anchors(one: RunRecord, two: RunRecord) -> Iterator[str]:
    """The anchor is NumPy's: with another one the unit that both runs are measured in has changed."""
    here, there = one.environment, two.environment
    versions = [(side.get("packages") or {}).get("numpy") for side in (here, there)]
    variables = [
        {name: value for name, value in (side.get("variables") or {}).items() if name.startswith(_BLAS)}
        for side in (here, there)
    ]
    changed = []
    if versions[0] != versions[1]:
        changed.append(f"NumPy {versions[0]} and {versions[1]}")
    elif _libraries(here) != _libraries(there):
        changed.append("what NumPy multiplies with")
    if variables[0] != variables[1]:
        changed.append("variables of its libraries")
    if changed:
        yield f"the anchor is NumPy's, and differs: {', '.join(changed)}; both in one run: alexbench ab"


def _libraries(environment: Mapping[str, Any]) -> list[str]:
    """The BLAS libraries of a record's environment, which has them in the order of loading."""
    return sorted(json.dumps(one, sort_keys=True) for one in environment.get("blas") or ())


def _skipped(record: RunRecord) -> list[str]:
    return [one.name for one in record.data.skipped]


def _digest(value: str) -> str:
    return value[:12] or "none"


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
