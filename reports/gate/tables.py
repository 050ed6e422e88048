"""A gate as tables and sentences: the same on the terminal, in Markdown and in JUnit."""

from collections.abc import Sequence
from typing import Final

from alexbench.harness.records.gate_records import GateReport, GateSide, Judged
from alexbench.reports.columns import BY_NAME
from alexbench.reports.table import Notes, Table
from alexbench.reports.text.reason_words import joined, words
from alexbench.reports.text.wording import ABSENT

_NAMES: Final = {"parity": "parity, SQNR dB", "macs": "MACs", "parameters": "parameters", "ran": "ran to the end"}
"""What is gated and is not a column of a leaderboard."""
_POINTS: Final = ("top1", "top5")
_WHOLE: Final = "all rows"


def headline(report: GateReport) -> str:
    """The verdict, and how many of what it rests on came out how."""
    deciding = [one for one in report.judged if one.decides]
    counts = [
        f"{sum(one.verdict == verdict for one in deciding)} {verdict}"
        for verdict in ("FAIL", "INVALID", "INCONCLUSIVE", "PASS")
        if any(one.verdict == verdict for one in deciding)
    ]
    return f"{report.verdict}: " + (joined(report.refused) or ", ".join(counts) or "nothing was gated")


def facts(report: GateReport) -> list[tuple[str, str]]:
    """What was gated against what, a name and a line each."""
    lines = [("model", report.model), ("data", ("SYNTHETIC: " if report.synthetic else "") + report.data)]
    for name, side in (("base", report.base), ("head", report.head)):
        lines.append((name, f"{side.name}; {', '.join(side_lines(side))}"))
    lines.append(("changed", joined(report.changed) or "nothing of packages, Python and variables"))
    lines.append(("policy", report.policy))
    if report.follow_ups:
        lines.append(("again", f"measured again with fresh processes: {', '.join(report.follow_ups)}"))
    return lines


def side_lines(side: GateSide) -> list[str]:
    """What was compared, a line each."""
    return [
        f"run of {side.started}, alexbench {side.alexbench}",
        *(f"{name} {version}" for name, version in side.versions.items()),
        *(f"its run was INVALID: {words(one)}" for one in side.invalid),
    ]


def gate_tables(report: GateReport) -> list[Table]:
    """What the verdict rests on, and below it what is only shown."""
    notes = Notes()
    tables = []
    for title, kept in (
        ("Required", [one for one in report.judged if one.rule.required]),
        ("Advisory: shown, and no part of the verdict", [one for one in report.judged if not one.rule.required]),
    ):
        if kept:
            tables.append(_table(title, kept, notes))
    return tables


def rest_table(report: GateReport) -> Table:
    """All but the accuracies, which a comparison has in tables of its own."""
    kept = [one for one in report.judged if one.metric not in _POINTS]
    return _table("Parity, speed, memory and load", kept, Notes())


def _table(title: str, judged: Sequence[Judged], notes: Notes) -> Table:
    table = Table(title)
    said = [_said(one) for one in judged]
    table.add("system", [one.row or _WHOLE for one in judged], numeric=False)
    table.add("metric", [metric_name(one) for one in judged], numeric=False)
    table.add("base", [_value(one, one.base) for one in judged])
    table.add("head", [_value(one, one.head) for one in judged])
    table.add("change (90 %)", [change_text(one) for one in judged])
    table.add("allowed", [allowed_text(one) for one in judged])
    table.add(
        "verdict",
        [one.verdict + notes.mark(texts) for one, texts in zip(judged, said, strict=True)],
        numeric=False,
        bold=[one.verdict == "FAIL" for one in judged],
    )
    table.notes = notes.lines([text for texts in said for text in texts])
    return table


def _said(one: Judged) -> list[str]:
    """What is noted of a verdict: of a plain one only what would change it."""
    return [text for text in (joined(one.why), change_words(one)) if text]


def change_words(one: Judged) -> str:
    """What would change a verdict; of an open one, what would decide it."""
    if one.would_change is None:
        return ""
    decides = one.verdict in ("INCONCLUSIVE", "INVALID") and one.would_change.code != "detectable"
    return f"would decide: {words(one.would_change)}" if decides else words(one.would_change)


def metric_name(one: Judged) -> str:
    """A metric as it is headed."""
    return _NAMES[one.metric] if one.metric in _NAMES else BY_NAME[one.metric].heading


def _value(one: Judged, value: float | None) -> str:
    if one.metric not in _NAMES:
        return BY_NAME[one.metric].text(value)
    return ABSENT if value is None else f"{value:.1f}" if one.metric == "parity" else f"{value:,.0f}"


def change_text(one: Judged) -> str:
    """Head less base, with its interval where it has one."""
    if one.change is None:
        return ABSENT
    digits, unit = (2, " points") if one.metric in _POINTS else (1, " %")
    while one.verdict == "FAIL" and one.change and round(one.change, digits) == 0 and digits < 9:
        digits += 1  # a failure is not shown as no change
    if one.low is None or one.high is None:
        return f"{one.change:+.{digits}f}{unit}"
    return f"{one.change:+.{digits}f}{unit} ({one.low:+.{digits}f} to {one.high:+.{digits}f})"


def allowed_text(one: Judged) -> str:
    """How much worse it may be, and which way that is."""
    rule = one.rule
    if one.metric in ("parity", "ran"):
        return "none"
    if one.metric in ("macs", "parameters"):
        return "equal"
    unit = "points" if one.metric in _POINTS else "%"
    sign = {"lower-is-better": "+", "higher-is-better": "-", "two-sided": "+-"}[rule.direction]
    return f"{sign}{rule.tolerance:g} {unit}"


def sentences(report: GateReport) -> list[str]:
    """What must be said beside the tables."""
    return [*(f"Not gated: {words(one)}" for one in report.refused), *map(words, report.notes)]


def reading(report: GateReport) -> list[str]:
    """How to read the tables: of the ways of judging that were used."""
    again = " those measured again included;" if report.follow_ups else ""
    modes = {one.mode for one in report.judged if one.verdict != "NOT GATED"}
    verdicts = (
        "PASS: not worse by more than is allowed. FAIL: worse by more, and so again with fresh processes where it is a"
        " time. INCONCLUSIVE: the measurements can say neither. INVALID: nothing they say can be believed."
    )
    lines = [verdicts]
    if "paired" in modes:
        lines.append(
            f"p50 and FPS: base and head took turns in the same rounds;{again} the change is the median of the rounds'"
            " ratios (of fewer than eight rounds their mean) with its 90 % interval, and not the ratio of the two"
            " figures beside it. FAIL where the whole interval is beyond what is allowed, PASS where it is inside."
        )
    if "anchored" in modes:
        lines.append(
            "p50 and FPS: of two runs, each compared with the machine probe (a matrix product and a memory stream) of"
            " its own rounds; the interval (90 %) is of the difference of both."
        )
    if {"exact", "interval"} & modes:
        lines.append(
            "top-1, top-5: head less base on the same pictures, in points; the interval (90 %) is what other such"
            " pictures might show."
        )
    if "value" in modes:
        lines.append("MiB peak, load s: one value of each side, without an interval.")
    return lines
