"""What a policy asks of a lower precision: each such row of the head next to its own fp32 row, in the same run."""

from collections.abc import Iterator

from alexbench.harness.gating.gated_runs import GatedRow, GatedRun
from alexbench.harness.gating.identity import Identity
from alexbench.harness.gating.policy import Policy, PriceAsked
from alexbench.harness.judge.gate_rule import lost_pictures
from alexbench.harness.records.gate_records import GateVerdict, Judged, Rule
from alexbench.harness.records.plain_rows import plain_row, precisions
from alexbench.harness.records.reasons import Reason
from alexbench.harness.records.run_records import SystemRecord

SPEED_UP, POINTS = "speed_up", "price_points"
PRICE_METRICS = (SPEED_UP, POINTS)
"""Times the images/s of the fp32 row, and points of top-1 less than its."""


def judged_prices(head: GatedRun, policy: Policy, found: Identity) -> list[Judged]:
    """Each row of a precision that ``policy`` has a table of; a precision without a row is not passed."""
    judged = [one for precision, asked in policy.prices.items() for one in _of(precision, asked, head)]
    if found.refused:
        return [_open(one.rule, one.row, "NOT GATED", *found.refused) for one in judged]
    return judged


def _of(precision: str, asked: PriceAsked, head: GatedRun) -> Iterator[Judged]:
    entries = [row.entry for row in head.rows.values()]
    rows = [entry for entry in entries if precision in precisions(entry)]
    for entry in rows:
        plain = plain_row(entry, [one for one in entries if one.status == "ok"])
        for rule in _rules(asked):
            if entry.status != "ok" or plain is None:
                yield _open(rule, entry.name, "INCONCLUSIVE", _lacks(entry))
            elif rule.metric == SPEED_UP:
                yield _speed_up(rule, entry.name, plain.name, head)
            else:
                yield _points(rule, head.rows[entry.name], head.rows[plain.name])
    if not rows:
        for rule in _rules(asked):
            yield _open(rule, "", "INCONCLUSIVE", Reason("no_row_of_precision", of=precision))


def _lacks(entry: SystemRecord) -> Reason:
    return Reason("no_fp32_row") if entry.status == "ok" else Reason("row_is", of=entry.status)


def _rules(asked: PriceAsked) -> Iterator[Rule]:
    if asked.speed_up is not None:
        yield Rule(SPEED_UP, asked.speed_up, "higher-is-better", "interval", asked.required)
    if asked.points is not None:
        yield Rule(POINTS, asked.points, "higher-is-better", "exact", asked.required)


def _open(rule: Rule, row: str, verdict: GateVerdict, *why: Reason) -> Judged:
    return Judged(row, rule, verdict, why=why, mode=rule.mode)


def _speed_up(rule: Rule, name: str, plain: str, head: GatedRun) -> Judged:
    """By the interval of the pair, which holds for all pairs of the run."""
    pairs = [one for one in head.record.differences if one.of == "images/s" and {one.one, one.other} == {name, plain}]
    if head.record.invalid:
        return _open(rule, name, "INVALID", *head.record.invalid)
    if not pairs:
        return _open(rule, name, "INCONCLUSIVE", Reason("not_measured", of="head"))
    (pair,) = pairs
    value, low, high = pair.speed_up(name)
    verdict: GateVerdict = "PASS" if low >= rule.tolerance else "FAIL" if high < rule.tolerance else "INCONCLUSIVE"
    why = Reason("speed_up", measured=low, limit=high, of=plain)
    return Judged(name, rule, verdict, head=value, why=(why,), mode="interval")


def _points(rule: Rule, row: GatedRow, plain: GatedRow) -> Judged:
    name = row.entry.name
    if row.top1 is None or plain.top1 is None:
        return _open(rule, name, "INCONCLUSIVE", Reason("not_measured", of="head"))
    loss = lost_pictures(plain.top1, row.top1, tolerance=rule.tolerance, direction=rule.direction, sample=False)
    lost = Reason("lost", count=loss.lost), Reason("gained", count=loss.gained, total=loss.images)
    points = -loss.change if loss.change else 0.0
    return Judged(name, rule, loss.verdict, head=points, why=lost, mode="exact")
