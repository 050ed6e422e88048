"""Fresh measurements for a gate: the same rows again in new processes, to confirm a FAIL or to decide what is open."""

from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from alexbench.harness.config import RunConfig
from alexbench.harness.console.progress import Display
from alexbench.harness.errors import UsageError
from alexbench.harness.gating.gated_runs import GatedRun, gated_run_of, gated_runs_of
from alexbench.harness.gating.identity import machine_differences, row_environment, same_systems
from alexbench.harness.measure.environment import environment
from alexbench.harness.measure.machine import machine
from alexbench.harness.records.run_records import RunRecord, SystemRecord
from alexbench.harness.running.pipeline import run
from alexbench.harness.running.resume import configuration_of
from alexbench.harness.systems import System
from alexbench.reports.text.reason_words import joined

Follow = Callable[[Sequence[System], int], "Fresh"]
"""Systems of the head, and which time this is, to what was measured."""

_COMPARED: Final = ("python", "packages", "variables")


@dataclass(frozen=True, slots=True)
class Fresh:
    """A further run: both sides of it where it has both environments; ``base`` None where only the head was run."""

    folder: Path
    base: GatedRun | None
    head: GatedRun


def follower(
    folder: Path, record: RunRecord, display: Display, *, base: str, head: str, trusted: Sequence[str] = ()
) -> Follow:
    """How to measure the rows of a run again, speed only, as it was configured; its folders go next to the run's.

    ``base``, ``head``: the labels of its environments, empty where it has one. ``trusted``: the programs that its
    record names and that may run.
    """

    def follow(systems: Sequence[System], number: int) -> Fresh:
        _check_same_place(folder, record)
        config = configuration_of(record, folder, trusted=trusted)
        config = replace(
            config,
            systems=_those(config, systems, (base, head)),
            all_backends=False,
            base=None,
            only="performance",
            scenarios=(),
            latency_bound=None,
            out=str(folder.absolute().parent),
            seed=config.seed + number,
        )
        outcome = run(config, display)
        failed = [row for row in outcome.record.systems if row.status != "ok"]
        if failed:
            raise UsageError(f"{failed[0].name} did not end well: {failed[0].error}")
        check_same_thing(record, outcome.record)
        if not base:
            return Fresh(outcome.folder, None, gated_run_of(outcome.folder, label=head))
        return Fresh(outcome.folder, *gated_runs_of(outcome.folder, base, head))

    return follow


def _those(config: RunConfig, wanted: Iterable[System], environments: Container[str]) -> tuple[System, ...]:
    """The systems of a configuration that are wanted, in each of the ``environments`` that the run has."""
    keys = set(map(_key, wanted))
    return tuple(
        one
        for one in config.systems
        if _key(one) in keys and (one.environment is None or one.environment in environments)
    )


def _key(one: System) -> str:
    """In whatever environment, and of a file by its path: whether that is still the same is asked of the fresh run."""
    file = None if one.artifact is None else replace(one.artifact, sha256="")
    return replace(one, environment=None, artifact=file).key


def _check_same_place(folder: Path, record: RunRecord) -> None:
    """A run is confirmed where it was made.

    Raises:
        UsageError: this is another machine or environment.
    """
    machines = machine_differences(record.machine, machine())
    if machines:
        raise UsageError(f"{folder} is of another machine than this ({joined(machines)})")
    if all(row.python is not None for row in record.systems if row.status == "ok"):
        return  # each has an interpreter of its own, which the fresh run asks itself
    now = asdict(environment(tuple(record.environment.get("packages") or ())))
    for key in _COMPARED:
        differs = _difference(record.environment.get(key), now.get(key))
        if differs:
            raise UsageError(f"{folder} was made in another environment than this ({differs})")


def check_same_thing(gated: RunRecord, fresh: RunRecord) -> None:
    """A confirming run has the same weights, images and packages.

    Raises:
        UsageError: it is not; environments and files may have changed since.
    """
    digests = [("weights", gated.model.weights_digest, fresh.model.weights_digest)]
    if gated.data.subset_seed is None:  # drawn anew, with another seed: others of the same set
        digests += [
            ("images or labels", gated.data.names_digest, fresh.data.names_digest),
            ("pixels", gated.data.pixels_digest, fresh.data.pixels_digest),
        ]
    differs = [name for name, then, now in digests if then != now]
    earlier, later = ({row.system: row for row in record.systems} for record in (gated, fresh))
    for before, row in ((earlier[one], later[two]) for one, two in same_systems(gated, fresh)):
        then, now = _packages(gated, before.name), _packages(fresh, row.name)
        both = then.keys() & now.keys()  # what is noted depends on the backends that were asked for
        for what, one, two in (
            ("", _version(before), _version(row)),
            (" file", _sha256(before), _sha256(row)),
            (" packages", {name: then[name] for name in both}, {name: now[name] for name in both}),
        ):
            said = _difference(one, two)
            if said:
                differs.append(f"{row.name}{what}: {said}")
    if differs:
        raise UsageError(f"its inputs have changed since ({'; '.join(differs)})")


def _version(row: SystemRecord) -> str:
    return "none" if row.effective is None else row.effective.version


def _sha256(row: SystemRecord) -> str:
    return "none" if row.system.artifact is None else row.system.artifact.sha256[:12]


def _packages(record: RunRecord, row: str) -> dict[str, Any]:
    return dict(row_environment(record, row).get("packages") or {})


def _difference(then: Any, now: Any) -> str:
    if isinstance(then, dict) and isinstance(now, dict):
        names = [name for name in sorted({*then, *now}) if then.get(name) != now.get(name)]
        return "; ".join(f"{name} {then.get(name, 'none')} then, {now.get(name, 'none')} now" for name in names[:3])
    return "" if then == now else f"{then} then, {now} now"
