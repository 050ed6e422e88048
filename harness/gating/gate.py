"""``alexbench gate``: a run against a baseline, another run, or the other environment in it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from alexbench.harness.console.progress import Display
from alexbench.harness.errors import UsageError
from alexbench.harness.gating.baseline import find_baseline, is_baseline, read_baseline
from alexbench.harness.gating.follow_up import Follow, follower
from alexbench.harness.gating.gated_runs import GatedRun, environments, gated_run_of, gated_runs_of, named_alike
from alexbench.harness.gating.identity import Identity, environment_changes, identity
from alexbench.harness.gating.judging import in_head_alone, judged_values
from alexbench.harness.gating.policy import METRICS, Policy
from alexbench.harness.gating.price import PRICE_METRICS, judged_prices
from alexbench.harness.gating.times import decide_times
from alexbench.harness.records.file_names import RUN_FILE
from alexbench.harness.records.gate_records import GateReport, GateSide, Judged
from alexbench.harness.records.reasons import Reason
from alexbench.harness.records.record_files import read_run
from alexbench.harness.records.run_records import RunRecord

BASE = "base"
"""The label that ``alexbench ab`` gives to the base."""


@dataclass(frozen=True, slots=True)
class GatedPair:
    """The two sides of a gate."""

    base: GatedRun
    head: GatedRun


def sides_of(run: Path, baseline: Path | None, *, base: str | None = None, head: str | None = None) -> GatedPair:
    """The two sides of ``alexbench gate RUN [--baseline FILE_OR_RUN]``; ``base``, ``head``: labels of environments.

    Raises:
        AlexBenchError: one of them cannot be read, or is not there.
    """
    record = read_run(run)
    known = environments(record)
    if known:
        return _of_one_run(run, known, baseline, base, head)
    if base is not None or head is not None:
        raise UsageError(
            f"--base and --head are labels of environments, and {run} has none; name --baseline FILE_OR_RUN"
        )
    if baseline is None:
        raise UsageError(f"{run} has one environment: name --baseline FILE_OR_RUN, or gate a run of two (alexbench ab)")
    if _same_place(run, baseline):
        raise UsageError(f"{run} is gated against itself; name another run, or a baseline's file")
    return GatedPair(open_baseline(baseline, record), gated_run_of(run))


def _of_one_run(run: Path, known: list[str], baseline: Path | None, base: str | None, head: str | None) -> GatedPair:
    """Two environments of a run: those named, else ``base`` and the only other one."""
    if baseline is not None:
        raise UsageError(f"{run} has environments of its own ({', '.join(known)}): leave out --baseline")
    for flag, label in (("--base", base), ("--head", head)):
        if label is not None and label not in known:
            raise UsageError(f"{flag} {label}: {run} has the environments {', '.join(known)}")
    first = base or (BASE if BASE in known else known[0])
    others = [label for label in known if label != first]
    if first == head or (head is None and len(others) != 1):
        raise UsageError(f"{run} has the environments {', '.join(known)}: name two, --base LABEL --head LABEL")
    return GatedPair(*gated_runs_of(run, first, head or others[0]))


def open_baseline(path: Path, head: RunRecord) -> GatedRun:
    """A baseline's file, a run, or of a folder of baselines the one that is this machine's.

    Raises:
        AlexBenchError: it is none of these.
    """
    if path.is_dir() and not (path / RUN_FILE).exists():
        found = find_baseline(path, head)
        if found is None:
            raise UsageError(f"--baseline {path} is not a run, and has no baseline of {head.model.card} in it")
        return found.side
    side = _opened(path)
    if environments(side.record):
        raise UsageError(f"--baseline {path} has several environments; name a run of one, or a baseline's file")
    return side


def _opened(path: Path) -> GatedRun:
    """A baseline's file, or a run's folder or record."""
    return read_baseline(path).side if is_baseline(path) else gated_run_of(_folder(path))


def _folder(path: Path) -> Path:
    """A run is its folder, named by that or by the record in it."""
    return path.parent if path.name == RUN_FILE else path


def _same_place(one: Path, two: Path) -> bool:
    return _folder(one).resolve() == _folder(two).resolve()


def gate(sides: GatedPair, policy: Policy, *, follow: Follow | None, say: Callable[[str], None]) -> GateReport:
    """Judge two sides. ``follow``: how to measure again; None: what would need it stays INCONCLUSIVE."""
    base, head = named_alike(sides.base, sides.head)
    found = identity(base, head, policy)
    values = [*judged_values(base, head, policy, found), *judged_prices(head, policy, found)]
    times = decide_times(base, head, policy, found, follow=follow, say=say)
    return GateReport(
        base=_side(base),
        head=_side(head),
        policy=policy.named,
        model=head.record.model.card,
        data=head.record.data.description,
        synthetic=any(side.record.model.synthetic or side.record.data.synthetic for side in (base, head)),
        judged=_in_order([*values, *times.judged], base),
        refused=found.refused,
        changed=tuple(environment_changes(base, head)),
        follow_ups=tuple(str(one) for one in times.runs),
        notes=(
            *_ungated_times(base, head, found),
            *in_head_alone(head, base),
            *_same_run(base, head),
            *_not_measured(base, head),
            *times.notes,
        ),
    )


def gate_run(
    run: Path,
    baseline: Path | None,
    policy: Policy,
    display: Display,
    *,
    follow_up: bool = True,
    trusted: Sequence[str] = (),
    base: str | None = None,
    head: str | None = None,
) -> GateReport:
    """All of ``alexbench gate``. ``trusted``: the programs that RUN's record names and that may be measured again.

    Raises:
        AlexBenchError: a side cannot be read.
    """
    run = _folder(run)
    sides = sides_of(run, baseline, base=base, head=head)
    same = sides.base.record is sides.head.record
    follow = follower(
        run,
        sides.head.record,
        display,
        base=sides.base.label if same else "",
        head=sides.head.label if same else "",
        trusted=trusted,
    )
    return gate(sides, policy, follow=follow if follow_up else None, say=display.say)


def _timed(base: GatedRun, head: GatedRun) -> bool:
    rows = [row for side in (base, head) for row in side.rows.values()]
    return any(row.times.latency or row.times.windows or row.entry.performance for row in rows)


def _ungated_times(base: GatedRun, head: GatedRun, found: Identity) -> list[Reason]:
    reasons = (*found.no_time, *found.left_out) if _timed(base, head) else ()
    return [
        *(Reason("times_not_gated", because=(one,)) for one in reasons),
        *(Reason("row_times_not_gated", of=row, because=said) for row, said in found.unlike.items()),
    ]


def _same_run(base: GatedRun, head: GatedRun) -> list[Reason]:
    """A baseline saved from the very run that is gated, or a copy of its folder."""
    one, two = base.record, head.record
    if one is two or (one.started, one.machine, one.model) != (two.started, two.machine, two.model):
        return []
    return [Reason("same_run", of=one.started)]


def _not_measured(base: GatedRun, head: GatedRun) -> list[Reason]:
    """What neither side has of any row, and the policy does not name."""
    rows = [row for side in (base, head) for row in side.rows.values()]
    said = []
    if not any(row.top1 is not None for row in rows):
        said.append(Reason("no_answers"))
    if not _timed(base, head):
        said.append(Reason("no_gate_times"))
    return said


def _in_order(judged: Sequence[Judged], base: GatedRun) -> tuple[Judged, ...]:
    """What is of the whole run, then row by row, the metrics in the policy's order."""
    rows = list(dict.fromkeys(("", *base.rows, *(one.row for one in judged))))
    metrics = ["ran", *METRICS, *PRICE_METRICS]
    return tuple(sorted(judged, key=lambda one: (rows.index(one.row), metrics.index(one.metric))))


def _side(side: GatedRun) -> GateSide:
    record, entries = side.record, {name: row.entry.effective for name, row in side.rows.items()}
    versions = {name: ran.version for name, ran in entries.items() if ran is not None}
    return GateSide(side.name, record.started, record.alexbench_version, versions, record.invalid)


def compare_files(base: Path, head: Path, policy: Policy) -> GateReport:
    """Compare a baseline's file or a run with another; nothing is measured.

    Raises:
        AlexBenchError: one cannot be read.
    """
    if _same_place(base, head):
        raise UsageError(f"{head} is compared with itself; name another run, or a baseline's file")
    sides = [_opened(base), _opened(head)]
    for side in sides:
        if environments(side.record):
            raise UsageError(f"{side.name} has several environments; gate it alone: alexbench gate {side.name}")
    return gate(GatedPair(*sides), policy, follow=None, say=lambda _: None)
