"""Every metric of two sides judged by a policy."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from math import inf
from typing import Final, Literal

from alexbench.harness.gating.gated_runs import GatedRow, GatedRun, Series, over_anchor
from alexbench.harness.gating.identity import Identity
from alexbench.harness.gating.policy import Asked, Policy, metrics_of
from alexbench.harness.judge.gate_rule import (
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
from alexbench.harness.records.file_names import TIMINGS
from alexbench.harness.records.gate_records import GateVerdict, Judged, Rule
from alexbench.harness.records.reasons import Reason
from alexbench.harness.records.run_records import SystemRecord
from alexbench.harness.records.speed_records import Measure
from alexbench.reports.columns import BY_NAME
from alexbench.reports.rows import Row

Key = tuple[str, str]
"""A row's name and a metric."""
SERIES: Final[dict[str, Series]] = {"latency_p50_ms": "latency", "images_per_second": "windows"}


def judged_values(base: GatedRun, head: GatedRun, policy: Policy, found: Identity) -> list[Judged]:
    """All but time: what is of the network, then row by row."""
    judged: list[Judged | None] = [
        _exact(
            policy.asked(metric),
            "",
            float(getattr(base.record.model, metric)),
            float(getattr(head.record.model, metric)),
        )
        for metric in metrics_of("size")
    ]
    for backend, one in base.rows.items():
        two = head.rows.get(backend)
        if one.entry.status == "unsupported":
            continue
        if one.entry.status != "ok" or two is None or two.entry.status != "ok":
            judged.append(_gone(backend, policy, one, two, head))
            continue
        judged += [_accuracy(metric, backend, one, two, policy, found) for metric in metrics_of("answers")]
        runtime, rows = one.entry.system.backend, (Row(one.entry, base.record), Row(two.entry, head.record))
        parity = _parity(policy.asked("parity", runtime), backend, one, two)
        judged.append(_refuse(parity, found.rounded[backend]) if parity and backend in found.rounded else parity)
        judged += [
            _value(policy.asked(metric, runtime), backend, *(BY_NAME[metric].number(row) for row in rows))
            for metric in metrics_of("value")
        ]
    judged += [_absent(backend, policy, head) for backend in policy.wanted if backend not in _backends(base)]
    known = [one for one in judged if one is not None]
    if not base.rows:  # sizes alone are nothing that anyone would ship by
        rule = replace(policy.asked("parity").rule("exact"), metric="ran", required=True)
        known.append(Judged("", rule, "INVALID", why=(Reason("no_rows"),), mode="exact"))
    return [_refuse(one, found.refused) for one in known] if found.refused else known


def judged_times(
    base: GatedRun,
    head: GatedRun,
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
        for metric in metrics_of("time"):
            timed = _time(metric, backend, base, head, policy, found, sound=metric in sound)
            if timed is not None:
                result[backend, metric] = timed
    return result


def _time(
    metric: str, backend: str, base: GatedRun, head: GatedRun, policy: Policy, found: Identity, *, sound: bool
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
        return replace(judged, why=(*found.refused, *found.left_out))
    no_time = (*found.no_time, *found.unlike.get(backend, ()))
    if no_time:
        return replace(judged, verdict="INVALID", why=no_time)
    if asked.mode is not None and asked.mode != mode:
        wanted = Reason("needs_paired" if asked.mode == "paired" else "needs_anchored")
        return replace(judged, verdict="INVALID", why=(wanted,))
    if not before or not after:
        return _without_times(judged, base, head)
    if mode == "anchored":
        before = over_anchor(before, getattr(base.anchor, series))
        after = over_anchor(after, getattr(head.anchor, series))
        if not before or not after:
            return replace(judged, verdict="INVALID", why=(Reason("no_probe"),))
    elif not set(before) & set(after):
        return replace(judged, verdict="INVALID", why=(Reason("no_shared_round"),))
    allowed = Allowed(rule.tolerance, rule.direction, rate=metric == "images_per_second")
    of: Measure = "latency" if series == "latency" else "images/s"
    spreads = [known_of(side.record.resolutions, of) for side in (base, head)]
    if mode == "paired":
        finding = paired_times(before, after, allowed, spreads[1])
    else:
        finding = anchored_times(before, after, allowed, spreads)
    invalid = () if sound else head.record.invalid
    if mode == "anchored":
        if base.record.invalid:
            # Without rounds: nothing that is measured of the head would change it.
            said = said_of_time(judged, finding, _in_side("base", base.record.invalid))
            return replace(said, rounds=None, would_change=Reason("other_base"))
        invalid = invalid and _in_side("head", invalid)
    return said_of_time(judged, finding, invalid)


def _in_side(side: str, reasons: tuple[Reason, ...]) -> tuple[Reason, ...]:
    return (Reason("in_side", of=side, because=reasons),)


def _without_times(judged: Judged, base: GatedRun, head: GatedRun) -> Judged:
    """Why a side has no blocks of a time: it measured none, or they were left out, or are lost."""
    rows = {"base": (base, base.rows[judged.row]), "head": (head, head.rows[judged.row])}
    lacking = {name: rows[name] for name in rows if not getattr(rows[name][1].times, SERIES[judged.metric])}
    for name, (side, row) in lacking.items():
        if row.entry.performance is None:
            continue
        why, change = Reason("blocks_lost", of=name), Reason("restore", of=TIMINGS)
        if side.record.invalid:
            why, change = Reason("no_times", of=name, because=side.record.invalid), Reason("quieter", of=name)
        return replace(judged, verdict="INCONCLUSIVE", why=(why,), would_change=change)
    return _unmeasured(judged, *lacking)


def _lacking(before: object, after: object) -> list[str]:
    """Which of base and head has it not."""
    return [name for name, found in (("base", before), ("head", after)) if found is None]


def _unmeasured(judged: Judged, *sides: str) -> Judged:
    """What is required and was not measured has not passed."""
    why = (Reason("not_measured", of=" or ".join(sides)),)
    return replace(judged, verdict="INCONCLUSIVE", why=why, would_change=Reason("measure"))


def said_of_time(judged: Judged, finding: TimeFinding, invalid: tuple[Reason, ...]) -> Judged:
    """What a finding says of a metric: changes of time, or of the rate that is its inverse."""
    ratio, wide, detectable = finding.ratio, finding.wide, 100 * (finding.detectable - 1)
    if judged.metric == "images_per_second":
        ratio, wide = _rate(ratio), _rate(wide)
        detectable = 100 * (1 - _inverse(finding.detectable))
    change, low, high = (100 * (one - 1) for one in (ratio.value, ratio.low, ratio.high))
    said = replace(
        judged,
        verdict=finding.verdict,
        change=change,
        low=low,
        high=high,
        low_95=100 * (wide.low - 1),
        high_95=100 * (wide.high - 1),
        detectable=detectable,
        rounds=finding.rounds,
        why=(Reason("at_tolerance"),) if finding.at_tolerance else (),
        would_change=_would_change(finding, judged.rule.tolerance, detectable),
    )
    return replace(said, verdict="INVALID", why=invalid, would_change=Reason("other_run")) if invalid else said


def _would_change(finding: TimeFinding, tolerance: float, least: float) -> Reason:
    if finding.more_processes is not None:
        return Reason("more_processes", count=finding.more_processes)
    if finding.at_tolerance:
        return Reason("other_tolerance", limit=tolerance, measured=least)
    return Reason("detectable", limit=least)


def _accuracy(
    metric: str, backend: str, one: GatedRow, two: GatedRow, policy: Policy, found: Identity
) -> Judged | None:
    asked = policy.asked(metric, one.entry.system.backend)
    mode = asked.mode or "exact"
    rule = asked.rule(mode)
    before, after = getattr(one, metric), getattr(two, metric)
    if before is None and after is None and not (asked.named and rule.required):
        return None
    values = [None if row.entry.accuracy is None else getattr(row.entry.accuracy, metric) for row in (one, two)]
    judged = Judged(backend, rule, "NOT GATED", base=values[0], head=values[1], mode=mode)
    refused = (*found.refused, *found.rounded.get(backend, ()))
    if before is None or after is None:
        return replace(judged, why=refused) if refused else _unmeasured(judged, *_lacking(before, after))
    if refused or found.no_answers or len(before) != len(after):
        why = (*refused, *found.no_answers) or (Reason("other_count"),)
        return replace(judged, verdict="NOT GATED" if refused else "INVALID", why=why)
    loss = lost_pictures(before, after, tolerance=rule.tolerance, direction=rule.direction, sample=mode == "interval")
    least = 100 * (loss.allowed + 1) / loss.images
    return replace(
        judged,
        verdict=loss.verdict,
        change=loss.change,
        low=loss.low,
        high=loss.high,
        detectable=least if mode == "exact" else None,
        why=(Reason("lost", count=loss.lost), Reason("gained", count=loss.gained, total=loss.images)),
        would_change=_would_change_loss(loss, rule, mode),
    )


def _would_change_loss(loss: LossFinding, rule: Rule, mode: str) -> Reason | None:
    if mode == "exact":
        gained = rule.direction == "two-sided" and loss.gained > loss.lost
        net = loss.gained - loss.lost if gained else max(0, loss.lost - loss.gained)
        return Reason("balance", of="gained" if gained else "lost", count=net, total=loss.allowed)
    if loss.verdict != "INCONCLUSIVE":
        return None
    if loss.more_images is None:
        return Reason("no_number_of_images")
    return Reason("more_images", count=loss.more_images)


def _parity(asked: Asked, backend: str, base: GatedRow, head: GatedRow) -> Judged | None:
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
        return replace(judged, verdict="FAIL", why=(Reason("no_reference"),))
    error = Reason("error", measured=after.max_abs_over_sigma, limit=after.tolerance_max_abs_over_sigma)
    if two.artifact is not None:
        return replace(judged, why=(Reason("user_file", because=(error,)),))
    wrong = [] if after.passed else [error, Reason("mismatches", count=after.unexplained_flips)]
    wrong += [] if after.unmasked is None else [Reason("computes_as", of=after.unmasked)]
    if wrong and before is not None and not (before.passed and before.unmasked is None):
        return replace(judged, verdict="INCONCLUSIVE", why=(*wrong, Reason("base_no_better")))
    verdict: GateVerdict = "FAIL" if wrong else "PASS"
    return replace(judged, verdict=verdict, why=tuple(wrong) or (error,))


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
        why = (Reason("one_load"),)
        return replace(judged, verdict="INCONCLUSIVE", why=why, would_change=Reason("further_runs"))
    return replace(judged, why=(Reason("one_value"),))


def _backends(side: GatedRun) -> set[str]:
    return {row.entry.system.backend for row in side.rows.values()}


def _ran(name: str, policy: Policy) -> Judged:
    rule = replace(policy.asked("parity").rule("exact"), metric="ran", required=True)
    return Judged(name, rule, "INCONCLUSIVE", mode="exact")


def _absent(backend: str, policy: Policy, head: GatedRun) -> Judged:
    """A backend that the policy has a requirement of, and the base has not: nothing passes by being absent."""
    why = Reason("not_in_base" if backend in _backends(head) else "in_neither")
    return replace(_ran(backend, policy), why=(why,), would_change=Reason("run_backend", of=backend))


def _gone(backend: str, policy: Policy, base: GatedRow, row: GatedRow | None, head: GatedRun) -> Judged:
    """A row that did not end well on both sides; where the base's did, a failure whatever it would have measured."""
    gone = _ran(backend, policy)
    if base.entry.status != "ok":
        return replace(gone, why=_in_side("base", (_ended(base),)))
    if row is not None:
        return replace(gone, verdict="FAIL", why=(_ended(row),))
    missing = [entry.system.backend for entry in head.record.systems if entry.status == "missing"]
    if base.entry.system.backend not in missing:
        return replace(gone, why=(Reason("not_asked"),), would_change=Reason("run_system", of=backend))
    return replace(gone, verdict="FAIL", why=(Reason("not_installed"),))


def _ended(row: GatedRow) -> Reason:
    error, status = row.entry.error, row.entry.status
    return Reason("row_is", of=status) if error is None else Reason("row_failed", text=error)


def _refuse(one: Judged, why: tuple[Reason, ...]) -> Judged:
    return replace(one, verdict="NOT GATED", why=why, would_change=None)


def _figure(metric: str, entry: SystemRecord) -> float | None:
    if entry.performance is None:
        return None
    speed = entry.performance
    return speed.latency.p50_ms if metric == "latency_p50_ms" else speed.throughput.images_per_second


def _rate(time: Interval) -> Interval:
    """The ratio of two rates, from that of their times."""
    return Interval(_inverse(time.value), _inverse(time.high), _inverse(time.low))


def _inverse(value: float) -> float:
    return 1 / value if value > 0 else inf


def in_head_alone(head: GatedRun, base: GatedRun) -> Iterator[Reason]:
    """The head's rows that the base does not have: nothing to compare them with."""
    return (Reason("head_alone", of=name) for name in head.rows if name not in base.rows)
