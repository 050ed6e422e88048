"""Every metric of two sides judged by a policy."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from math import inf, isfinite
from typing import Final, Literal

from alexbench.harness.app.folder import TIMINGS
from alexbench.harness.app.gate.identity import Identity
from alexbench.harness.app.gate.policy import ANSWERED, TIMED, Asked, Policy
from alexbench.harness.app.gate.side import Series, Side, SideRow, over_anchor
from alexbench.harness.gate_records import GateVerdict, Judged, Rule
from alexbench.harness.judge.gate import (
    Allowed,
    LossFinding,
    Place,
    TimeFinding,
    anchored_times,
    change_of,
    known_of,
    lost_pictures,
    paired_times,
    value_verdict,
)
from alexbench.harness.judge.statistics import Interval
from alexbench.harness.records import SystemRecord
from alexbench.harness.speed_records import Measure

Key = tuple[str, str]
"""A row's name and a metric."""
SERIES: Final[dict[str, Series]] = {"latency_p50_ms": "latency", "images_per_second": "windows"}


def judged_values(base: Side, head: Side, policy: Policy, found: Identity) -> list[Judged]:
    """All but time: what is of the network, then row by row."""
    refused = "; ".join(found.refused)
    judged: list[Judged | None] = [
        _exact(
            policy.asked(metric),
            "",
            float(getattr(base.record.model, metric)),
            float(getattr(head.record.model, metric)),
        )
        for metric in ("macs", "parameters")
    ]
    for backend, one in base.rows.items():
        two = head.rows.get(backend)
        if one.entry.status == "unsupported":
            continue
        if one.entry.status != "ok" or two is None or two.entry.status != "ok":
            judged.append(_gone(backend, policy, one, two, head))
            continue
        judged += [_accuracy(metric, backend, one, two, policy, found) for metric in ANSWERED]
        runtime = one.entry.system.backend
        judged.append(_parity(policy.asked("parity", runtime), backend, one, two))
        judged += [
            _value(policy.asked(metric, runtime), backend, getattr(one.entry, metric), getattr(two.entry, metric))
            for metric in ("peak_rss_mib", "load_s")
        ]
    judged += [_absent(backend, policy, head) for backend in policy.wanted if backend not in _backends(base)]
    known = [one for one in judged if one is not None]
    if not base.rows:  # sizes alone are nothing that anyone would ship by
        rule = replace(policy.asked("parity").rule("exact"), metric="ran", required=True)
        known.append(Judged("", rule, "INVALID", why="the base has no row", mode="exact"))
    return [_refuse(one, refused) for one in known] if refused else known


def judged_times(
    base: Side,
    head: Side,
    policy: Policy,
    found: Identity,
    *,
    backends: Sequence[str] | None = None,
    sound: Collection[str] = (),
) -> dict[Key, Judged]:
    """(row, metric) -> what these two sides say of it; both of the same run are compared round by round.

    ``sound``: metrics of which every block is of a measurement whose controls held, whatever the sides' records say.
    """
    result: dict[Key, Judged] = {}
    for backend in base.rows:
        two = head.rows.get(backend)
        if two is None or two.entry.status != "ok" or (backends is not None and backend not in backends):
            continue
        for metric in TIMED:
            timed = _time(metric, backend, base, head, policy, found, sound=metric in sound)
            if timed is not None:
                result[backend, metric] = timed
    return result


def _time(
    metric: str, backend: str, base: Side, head: Side, policy: Policy, found: Identity, *, sound: bool
) -> Judged | None:
    series, asked = SERIES[metric], policy.asked(metric, base.rows[backend].entry.system.backend)
    mode: Literal["paired", "anchored"] = "paired" if base.record is head.record else "anchored"
    rule = asked.rule(mode)
    before: dict[Place, float] = getattr(base.rows[backend].times, series)
    after: dict[Place, float] = getattr(head.rows[backend].times, series)
    absent = not before and not after and not any(side.rows[backend].entry.performance for side in (base, head))
    if absent and not (asked.named and rule.required):
        return None
    values = [_figure(metric, side.rows[backend].entry) for side in (base, head)]
    judged = Judged(backend, rule, "NOT GATED", base=values[0], head=values[1], mode=mode)
    if found.refused or found.left_out:
        return replace(judged, why="; ".join((*found.refused, *found.left_out)))
    no_time = (*found.no_time, *found.unlike.get(backend, ()))
    if no_time:
        return replace(judged, verdict="INVALID", why="; ".join(no_time))
    if asked.mode is not None and asked.mode != mode:
        wanted = "one run of both: alexbench ab" if asked.mode == "paired" else "a baseline of another run"
        return replace(judged, verdict="INVALID", why=f"the policy wants {asked.mode} rounds, which take {wanted}")
    if not before or not after:
        return _without_times(judged, base, head)
    if mode == "anchored":
        before = over_anchor(before, getattr(base.anchor, series))
        after = over_anchor(after, getattr(head.anchor, series))
        if not before or not after:
            return replace(judged, verdict="INVALID", why="there was no anchor to hold the two runs against")
    elif not set(before) & set(after):
        return replace(judged, verdict="INVALID", why="base and head share no round")
    allowed = Allowed(rule.tolerance, rule.direction, rate=metric == "images_per_second")
    of: Measure = "latency" if series == "latency" else "images/s"
    spreads = [known_of(side.record.resolutions, of) for side in (base, head)]
    if mode == "paired":
        finding = paired_times(before, after, allowed, spreads[1])
    else:
        finding = anchored_times(before, after, allowed, spreads)
    invalid = "" if sound else invalid_times(head)
    if mode == "anchored":
        of_base = invalid_times(base)
        if of_base:
            # Without rounds: nothing that is measured of the head would change it.
            said = said_of_time(judged, finding, f"in the base: {of_base}")
            return replace(said, rounds=None, would_change="a base that could be measured")
        invalid = invalid and f"in the head: {invalid}"
    return said_of_time(judged, finding, invalid)


def _without_times(judged: Judged, base: Side, head: Side) -> Judged:
    """Of a time that a side has no blocks of: it measured none, or they were left out, or are lost."""
    rows = {"base": (base, base.rows[judged.row]), "head": (head, head.rows[judged.row])}
    lacking = {name: rows[name] for name in rows if not getattr(rows[name][1].times, SERIES[judged.metric])}
    for name, (side, row) in lacking.items():
        if row.entry.performance is None:
            continue
        why, mend = f"the blocks that the {name}'s figure is from are gone", f"restoring {TIMINGS}"
        if side.record.invalid:
            why = f"the {name} has no times, for its run was INVALID: {'; '.join(side.record.invalid)}"
            mend = f"a {name} of a quieter run"
        return replace(judged, verdict="INCONCLUSIVE", why=why, would_change=mend)
    return _unmeasured(judged, *lacking)


def _lacking(before: object, after: object) -> list[str]:
    """Which of base and head has it not."""
    return [name for name, found in (("base", before), ("head", after)) if found is None]


def _unmeasured(judged: Judged, *sides: str) -> Judged:
    """What is required and was not measured has not passed."""
    why = f"not measured in the {' or '.join(sides)}"
    return replace(judged, verdict="INCONCLUSIVE", why=why, would_change="measuring it")


def said_of_time(judged: Judged, finding: TimeFinding, invalid: str) -> Judged:
    """What a finding says of a metric: changes of time, or of the rate that is its inverse."""
    ratio, detectable = finding.ratio, 100 * (finding.detectable - 1)
    if judged.metric == "images_per_second":
        ratio = Interval(_inverse(ratio.value), _inverse(ratio.high), _inverse(ratio.low))
        detectable = 100 * (1 - _inverse(finding.detectable))
    change, low, high = (100 * (one - 1) for one in (ratio.value, ratio.low, ratio.high))
    said = replace(
        judged,
        verdict=finding.verdict,
        change=change,
        low=low,
        high=high,
        detectable=detectable,
        rounds=finding.rounds,
        why=finding.why,
        would_change=_would_change(finding, judged.rule.tolerance, detectable),
    )
    return (
        replace(said, verdict="INVALID", why=invalid, would_change="a run that could be measured") if invalid else said
    )


def _would_change(finding: TimeFinding, tolerance: float, least: float) -> str:
    if finding.verdict == "INCONCLUSIVE":
        if finding.more_processes is not None:
            return f"about {finding.more_processes:,} more processes at this spread"
        if finding.why.startswith("the estimate is at"):
            return f"a tolerance other than {tolerance:g} %; detectable here: {least:.1f} %"
        return "" if finding.why or not isfinite(least) else f"detectable here: {least:.1f} %"
    return f"detectable here: {least:.1f} %"


def invalid_times(side: Side) -> str:
    """Why a run's speeds carry no verdict; empty: they do."""
    return "; ".join(side.record.invalid)


def _accuracy(metric: str, backend: str, one: SideRow, two: SideRow, policy: Policy, found: Identity) -> Judged | None:
    asked = policy.asked(metric, one.entry.system.backend)
    mode = asked.mode or "exact"
    rule = asked.rule(mode)
    before, after = getattr(one, metric), getattr(two, metric)
    if before is None and after is None and not (asked.named and rule.required):
        return None
    values = [None if row.entry.accuracy is None else getattr(row.entry.accuracy, metric) for row in (one, two)]
    judged = Judged(backend, rule, "NOT GATED", base=values[0], head=values[1], mode=mode)
    if before is None or after is None:
        return (
            replace(judged, why="; ".join(found.refused))
            if found.refused
            else _unmeasured(judged, *_lacking(before, after))
        )
    if found.refused or found.no_answers or len(before) != len(after):
        why = "; ".join((*found.refused, *found.no_answers)) or "other numbers of pictures"
        return replace(judged, verdict="NOT GATED" if found.refused else "INVALID", why=why)
    loss = lost_pictures(before, after, tolerance=rule.tolerance, direction=rule.direction, sample=mode == "interval")
    least = 100 * (loss.allowed + 1) / loss.images
    return replace(
        judged,
        verdict=loss.verdict,
        change=loss.change,
        low=loss.low,
        high=loss.high,
        detectable=least if mode == "exact" else None,
        why=f"{loss.lost} lost and {loss.gained} gained of {loss.images:,} pictures",
        would_change=_would_change_loss(loss, rule, mode),
    )


def _would_change_loss(loss: LossFinding, rule: Rule, mode: str) -> str:
    if mode == "exact":
        worst = abs(loss.lost - loss.gained)
        gained = rule.direction == "two-sided" and loss.gained > loss.lost
        allowed = f"{loss.allowed} may be {'gained' if gained else 'lost'}, on balance"
        return f"{allowed}; {worst} were" if loss.verdict == "FAIL" else allowed
    if loss.verdict != "INCONCLUSIVE":
        return ""
    if loss.more_images is None:
        return "a tolerance other than the change itself; no number of pictures that is likely to be had"
    return f"about {loss.more_images:,} more pictures at these rates"


def _parity(asked: Asked, backend: str, base: SideRow, head: SideRow) -> Judged | None:
    """Whether the head's row is still the function that float64 is; of a user's own file nothing is promised."""
    one, two = base.entry, head.entry
    before, after = one.parity, two.parity
    if after is None and before is None and not (asked.named and asked.required):
        return None
    judged = Judged(
        backend,
        asked.rule("exact"),
        "NOT GATED",
        base=None if before is None else before.sqnr_db,
        head=None if after is None else after.sqnr_db,
        mode="exact",
    )
    if after is None:
        if two.accuracy is None:
            return _unmeasured(judged, *_lacking(before, after))
        return replace(judged, verdict="FAIL", why="the head was not held against float64")
    said = f"max error {after.max_abs_over_sigma:.1e} sigma, at most {after.tolerance_max_abs_over_sigma:.1e}"
    if two.artifact is not None:
        return replace(judged, why=f"a file of the user's own: {said}")
    reasons = [] if after.passed else [f"{said}; {after.unexplained_flips} flips that rounding cannot explain"]
    reasons += [] if after.unmasked is None else [f"computes as {after.unmasked}"]
    if reasons and before is not None and not (before.passed and before.unmasked is None):
        return replace(judged, verdict="INCONCLUSIVE", why=f"{'; '.join(reasons)}; the base is no better")
    verdict: GateVerdict = "FAIL" if reasons else "PASS"
    return replace(judged, verdict=verdict, why="; ".join(reasons) or said)


def _exact(asked: Asked, row: str, before: float, after: float) -> Judged:
    verdict: GateVerdict = "PASS" if before == after else "FAIL"
    change = change_of(before, after) if before else None
    return Judged(row, asked.rule("exact"), verdict, base=before, head=after, change=change, mode="exact")


def _value(asked: Asked, backend: str, before: float | None, after: float | None) -> Judged | None:
    rule = asked.rule("value")
    if not before or not after:
        gap = Judged(backend, rule, "NOT GATED", base=before, head=after, mode="value")
        return _unmeasured(gap, "head" if before else "base") if before or after or rule.required else None
    change = change_of(before, after)
    verdict = value_verdict(change, tolerance=rule.tolerance, direction=rule.direction)
    judged = Judged(backend, rule, verdict, base=before, head=after, change=change, mode="value")
    if verdict == "FAIL" and asked.metric == "load_s":
        # How long a load takes is the disk's cache and the machine's moment as much as the runtime's doing.
        why = "beyond what is allowed, but one load each says little"
        return replace(judged, verdict="INCONCLUSIVE", why=why, would_change="the same of further runs")
    return replace(judged, why="one value each, no interval")


def _backends(side: Side) -> set[str]:
    return {row.entry.system.backend for row in side.rows.values()}


def _ran(name: str, policy: Policy) -> Judged:
    rule = replace(policy.asked("parity").rule("exact"), metric="ran", required=True)
    return Judged(name, rule, "INCONCLUSIVE", mode="exact")


def _absent(backend: str, policy: Policy, head: Side) -> Judged:
    """A backend that the policy has a requirement of, and the base has not: nothing passes by being absent."""
    where = "the base has" if backend in _backends(head) else "neither side has"
    why = f"the policy requires something of it, which {where} not"
    return replace(_ran(backend, policy), why=why, would_change=f"runs with --backend {backend}")


def _gone(backend: str, policy: Policy, base: SideRow, row: SideRow | None, head: Side) -> Judged:
    """A row that did not end well on both sides; where the base's did, a failure whatever it would have measured."""
    gone = _ran(backend, policy)
    if base.entry.status != "ok":
        return replace(gone, why=f"in the base: {base.entry.error or base.entry.status}")
    if row is not None:
        return replace(gone, verdict="FAIL", why=row.entry.error or f"the row is {row.entry.status}")
    missing = [entry.system.backend for entry in head.record.systems if entry.status == "missing"]
    if base.entry.system.backend not in missing:
        return replace(gone, why="the head was not asked for it", would_change=f"a run of the head with {backend}")
    return replace(gone, verdict="FAIL", why="the head has no such row: its runtime is not installed")


def _refuse(one: Judged, why: str) -> Judged:
    return replace(one, verdict="NOT GATED", why=why, would_change="")


def _figure(metric: str, entry: SystemRecord) -> float | None:
    if entry.performance is None:
        return None
    speed = entry.performance
    return speed.latency.p50_ms if metric == "latency_p50_ms" else speed.throughput.images_per_second


def _inverse(value: float) -> float:
    return 1 / value if value > 0 else inf


def in_head_alone(head: Side, base: Side) -> Iterator[str]:
    """The head's rows that the base does not have: nothing to be held against."""
    return (f"{name} is in the head alone: not gated" for name in head.rows if name not in base.rows)
