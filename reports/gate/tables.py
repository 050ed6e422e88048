"""A gate as tables and sentences: the same on the terminal, in Markdown and in JUnit."""

from collections.abc import Sequence
from statistics import median
from typing import Final

from alexbench.harness.records.gate_records import GateReport, GateSide, Judged
from alexbench.reports.gate.answer import failing, is_answered, made
from alexbench.reports.gate.metrics import (
    POINTS,
    allowed_text,
    change_alone,
    interval_text,
    metric_name,
    value_text,
)
from alexbench.reports.table import Notes, Table
from alexbench.reports.text.other_machine import is_on_other_machine
from alexbench.reports.text.reason_words import joined, words
from alexbench.reports.text.wording import short_version

_WHOLE: Final = "all rows"
_SAME: Final = 0.005
"""A correction smaller than this is not mentioned."""


def facts(report: GateReport) -> list[tuple[str, str]]:
    """What was gated against what, a name and a line each."""
    base, head = report.base, report.head
    lines = [("model", report.model), ("data", ("SYNTHETIC: " if report.synthetic else "") + report.data)]
    same = base.versions == head.versions
    for name, side, other in (("base", base, head), ("head", head, base)):
        versions = [] if same else _versions(side, other)
        lines.append((name, f"{side.name}: {', '.join(_side(side, versions))}"))
    if same:
        lines.append(("runtimes", ", ".join(_versions(base, head))))
    lines.append(("changed", joined(report.changed) or "no package, Python version or variable"))
    lines.append(("policy", report.policy))
    if report.follow_ups:
        lines.append(("again", f"measured again with fresh processes: {', '.join(report.follow_ups)}"))
    return lines


def _side(side: GateSide, versions: Sequence[str]) -> list[str]:
    """One side in a line: when its run was, and on what."""
    return [
        f"run of {side.started[:16].replace('T', ' ')}",
        f"alexbench {side.alexbench}",
        *versions,
        *(f"INVALID ({words(one)})" for one in side.invalid),
    ]


def _versions(side: GateSide, other: GateSide) -> list[str]:
    """Runtimes; builds in full only where these alone differ."""
    return [f"{name} {_version(one, other.versions.get(name, ''))}" for name, one in side.versions.items()]


def _version(one: str, other: str) -> str:
    return one if one != other and short_version(one) == short_version(other) else short_version(one)


def side_lines(side: GateSide) -> list[str]:
    """What was compared, a line each."""
    return [
        f"run of {side.started}, alexbench {side.alexbench}",
        *(f"{name} {version}" for name, version in side.versions.items()),
        *(f"its run was INVALID: {words(one)}" for one in side.invalid),
    ]


def open_table(report: GateReport) -> Table | None:
    """The required checks that did not pass, the worst first; None where there is none."""
    found = failing(report)
    answered = [one for one in found if is_answered(one, report)]
    return _table("Not passed", found, Notes(), answered) if found else None


def other_tables(report: GateReport) -> list[Table]:
    """The required checks that passed or were not made, then what is advisory."""
    notes, open_ones = Notes(), failing(report)
    others = [one for one in report.judged if one not in open_ones]
    required = [one for one in others if one.rule.required]
    passed = "Passed" if all(one.verdict == "PASS" for one in required) else "Passed, or not made"
    return [
        _table(title, found, notes)
        for title, found in (
            (passed, required),
            ("Advisory: not part of the verdict", [one for one in others if not one.rule.required]),
        )
        if found
    ]


def rest_table(report: GateReport) -> Table:
    """All but the accuracies, which a comparison has in tables of its own."""
    shown = [one for one in report.judged if one.metric not in POINTS]
    return _table("Parity, speed, memory and load", shown, Notes())


def _table(title: str, judged: Sequence[Judged], notes: Notes, answered: Sequence[Judged] = ()) -> Table:
    """``answered``: the checks of which the answer says what would decide them."""
    table = Table(title)
    said = [joined(one.why) if one in answered else _said(one) for one in judged]
    table.add("system", [one.row or _WHOLE for one in judged], numeric=False)
    table.add("check", [metric_name(one) for one in judged], numeric=False)
    table.add("base", [value_text(one, one.base) for one in judged], extra=True)
    table.add("head", [value_text(one, one.head) for one in judged])
    table.add("change", [change_alone(one) for one in judged])
    table.add("90 % interval", [interval_text(one) for one in judged], extra=True)
    table.add("allowed", [allowed_text(one) for one in judged])
    table.add(
        "verdict",
        [one.verdict + notes.mark([text] if text else []) for one, text in zip(judged, said, strict=True)],
        numeric=False,
        bold=[one.verdict == "FAIL" for one in judged],
    )
    table.notes = [*notes.lines([text for text in said if text]), *_corrections(judged)]
    return table


def _corrections(judged: Sequence[Judged]) -> list[str]:
    """How the machine probe corrected changes of time, where that makes them another figure than head / base."""
    factors = [_machine_factor(one) for one in judged if one.mode == "anchored"]
    found = [factor for factor in factors if factor is not None]
    if not found or abs(median(found) - 1) < _SAME:
        return []
    percent = 100 * (median(found) - 1)
    took = f"took about {abs(percent):.0f} % {'longer' if percent > 0 else 'less time'}"
    return [f"Changes of p50 and FPS are corrected for the machine: its probe {took} in head than in base."]


def _machine_factor(one: Judged) -> float | None:
    """How many times as long the machine took in head as in base: what is in the two figures and not in the change."""
    if not one.base or not one.head or one.change is None or one.change <= -100:
        return None
    factor = one.head / one.base / (1 + one.change / 100)
    return 1 / factor if one.metric == "images_per_second" else factor


def counts(report: GateReport) -> str:
    """How many checks there are, by what they are for: "30: 22 required, 8 advisory"."""
    required, whole = len(made(report)), len(report.judged)
    advisory = sum(not one.rule.required for one in report.judged)
    rest = whole - required - advisory
    parts = [
        f"{required} required",
        *([f"{advisory} advisory"] if advisory else []),
        *([f"{rest} not made"] if rest else []),
    ]
    return f"{whole}" if len(parts) == 1 else f"{whole}: {', '.join(parts)}"


def _said(one: Judged) -> str:
    """The note of a verdict: what it rests on and what would change it."""
    return "; ".join(filter(None, (joined(one.why), change_words(one))))


def change_words(one: Judged) -> str:
    """What would change a verdict; of an open one, what would decide it."""
    if one.would_change is None:
        return ""
    decides = one.verdict in ("INCONCLUSIVE", "INVALID") and one.would_change.code != "detectable"
    return f"needed to decide: {words(one.would_change)}" if decides else words(one.would_change)


def sentences(report: GateReport) -> list[str]:
    """What qualifies the gate and is not in its answer, nor in a note of the checks that did not pass."""
    noted = {reason for one in failing(report) for reason in one.why}
    return [
        words(one)
        for one in report.notes
        if not is_on_other_machine(one) and not (one.because and noted.issuperset(one.because))
    ]


def reading(report: GateReport) -> list[str]:
    """How to read the tables, for the ways of judging that were used."""
    modes = {one.mode for one in report.judged if one.verdict != "NOT GATED"}
    verdicts = (
        "PASS: not worse by more than is allowed. FAIL: worse by more; a time fails only if a re-run in fresh processes"
        " confirms it. INCONCLUSIVE: the measurements show neither. INVALID: the measurement cannot be used."
    )
    lines = [verdicts]
    if "paired" in modes:
        again = " Later measurements of the same rows are included." if report.follow_ups else ""
        lines.append(
            "p50 and FPS: base and head took turns in the same rounds. The change is the mean over processes of each"
            f" process's median ratio, with its 90 % interval; it is not the ratio of the two figures.{again} FAIL if"
            " the whole interval is beyond the tolerance, PASS if all of it is inside."
        )
    if "anchored" in modes:
        lines.append(
            "p50 and FPS: base and head are two runs. Each is compared with the machine probe (a matrix product and a"
            " memory stream) in its own rounds. The 90 % interval is of the difference."
        )
    if {"exact", "interval"} & modes:
        lines.append(
            "top-1, top-5: head less base on the same images, in points. The 90 % interval is for more images of the"
            " same kind."
        )
    if "value" in modes:
        lines.append("MiB peak, load s: one value of each side, without an interval.")
    return lines
