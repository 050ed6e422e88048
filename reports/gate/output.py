"""A gate on the terminal, as Markdown, JSON and JUnit XML."""

import re
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final, TextIO
from xml.etree import ElementTree as ET

from alexbench.harness.files.plain_text import json_text
from alexbench.harness.records.gate_records import GateReport, GateSide, Judged
from alexbench.reports.export.junit import clean, document, one_line
from alexbench.reports.gate.answer import answer, headline
from alexbench.reports.gate.metrics import allowed_text, change_text, metric_name
from alexbench.reports.gate.tables import (
    change_words,
    counts,
    facts,
    open_table,
    other_tables,
    reading,
    rest_table,
    sentences,
    side_lines,
)
from alexbench.reports.markdown import escape, folded, listed, noted
from alexbench.reports.terminal import Terminal
from alexbench.reports.text.reason_words import as_json, joined, words

MARKER: Final = "<!-- alexbench-gate -->"
"""First line of the Markdown: by it a bot finds its own comment and replaces it."""
_COLOURS: Final = {"PASS": "green", "FAIL": "red", "INCONCLUSIVE": "yellow", "INVALID": "yellow"}


def print_gate(report: GateReport, stream: TextIO | None = None, *, details: bool = False) -> None:
    """Print the answer, the checks that did not pass, and what was compared; with ``details`` every check."""
    terminal = Terminal(stream)
    terminal.answer(answer(report), _COLOURS[report.verdict])
    terminal.facts(facts(report))
    opened = open_table(report)
    for table in (*([] if opened is None else [opened]), *(other_tables(report) if details else [])):
        terminal.table(table)
    terminal.remarks(sentences(report))
    if not details:
        terminal.line(f"\n--details lists all checks ({counts(report)}).")


def gate_markdown(report: GateReport) -> str:
    """The whole as Markdown, for a comment or a step's summary; the same text for the same report."""
    title = f"# AlexBench gate: {report.verdict}" + (" on SYNTHETIC data" if report.synthetic else "")
    first, *more = answer(report)
    parts = [MARKER, title, " ".join([f"**{escape(first)}**", *map(escape, more)])]
    table = open_table(report)
    if table is not None:
        parts.append(f"## {escape(table.title)}\n\n{noted(table)}")
    if sentences(report):
        parts.append(f"## Remarks\n\n{listed(sentences(report))}")
    parts += [folded(table.title, noted(table)) for table in other_tables(report)]
    compared = "\n".join(f"- **{name[:1].upper()}{name[1:]}** {escape(line)}" for name, line in facts(report))
    parts += [folded("What was compared", compared), folded("How to read it", listed(reading(report)))]
    return "\n\n".join(parts) + "\n"


def print_rest(report: GateReport, answered: Sequence[str] = (), stream: TextIO | None = None) -> None:
    """What a comparison of two runs adds to its accuracies; alone, behind its answer."""
    terminal = Terminal(stream)
    terminal.answer(answered)
    terminal.table(rest_table(report))
    terminal.remarks(sentences(report))


def rest_markdown(report: GateReport, answered: Sequence[str] = ()) -> str:
    """The same as Markdown, to be put behind a comparison's."""
    table = rest_table(report)
    parts = [*filter(None, (" ".join(map(escape, answered)),)), f"## {escape(table.title)}\n\n{noted(table)}"]
    lines = [*sentences(report), *reading(report)]
    return "\n\n".join([*parts, listed(lines)]) + "\n"


def gate_json(report: GateReport, answered: Sequence[str] | None = None) -> str:
    """All of it, with the verdict and the exit code; words where people read them, ``reasons`` for programs.

    ``answered``: the answer, where that is not the gate's.
    """
    lists = {"refused": report.refused, "changed": report.changed, "notes": report.notes}
    whole = {
        "verdict": report.verdict,
        "answer": answer(report) if answered is None else [*answered],
        "exit_code": report.exit_code,
        **asdict(report),
        **{name: [words(one) for one in reasons] for name, reasons in lists.items()},
        "base": _side(report.base),
        "head": _side(report.head),
        "judged": [_judged(one) for one in report.judged],
        "reasons": {name: [as_json(one) for one in reasons] for name, reasons in lists.items()},
    }
    return json_text(whole) + "\n"


def _side(side: GateSide) -> dict[str, Any]:
    return {**asdict(side), "invalid": [as_json(one) for one in side.invalid], "said": side_lines(side)}


def _judged(one: Judged) -> dict[str, Any]:
    change = one.would_change
    return {
        "metric": one.metric,
        **asdict(one),
        "why": joined(one.why),
        "would_change": "" if change is None else words(change),
        "reasons": [as_json(reason) for reason in one.why],
        "would_change_reason": None if change is None else as_json(change),
    }


def gate_junit(report: GateReport, *, command: str = "gate") -> str:
    """A test case a metric: FAIL is a failure, INCONCLUSIVE and INVALID are errors, what does not decide is skipped."""
    cases = [_whole_case(report), *(_case(one, report) for one in report.judged)]
    properties = (("verdict", report.verdict), *facts(report))
    return document(f"alexbench {command}", f"alexbench {command} {report.model}", cases, properties)


def _whole_case(report: GateReport) -> ET.Element:
    """The gate's own verdict: what INVALID leaves out row by row is not green."""
    case = ET.Element("testcase", {"name": "verdict", "classname": clean(f"alexbench.gate.{report.model}")})
    said = headline(report)
    if report.verdict == "FAIL":
        ET.SubElement(case, "failure", {"type": "regression", "message": one_line(said)}).text = clean(said)
    elif report.verdict != "PASS":
        ET.SubElement(case, "error", {"type": report.verdict, "message": one_line(said)}).text = clean(said)
    return case


def _case(one: Judged, report: GateReport) -> ET.Element:
    place = re.sub(r"\s+", " ", one.row) or "run"
    case = ET.Element(
        "testcase", {"name": clean(one.metric), "classname": clean(f"alexbench.gate.{report.model}.{place}")}
    )
    why = joined(one.why)
    said = "; ".join(filter(None, (f"{metric_name(one)}: {one.verdict}", _change(one), why, change_words(one))))
    if report.refused or one.verdict == "NOT GATED":
        ET.SubElement(case, "skipped", {"message": one_line(f"not gated: {joined(report.refused) or why}")})
    elif not one.rule.required and one.verdict != "PASS":
        ET.SubElement(case, "skipped", {"message": one_line(f"advisory: {said}")})
    elif one.verdict == "FAIL":
        ET.SubElement(case, "failure", {"type": "regression", "message": one_line(said)}).text = clean(said)
    elif one.verdict != "PASS":
        ET.SubElement(case, "error", {"type": one.verdict, "message": one_line(said)}).text = clean(said)
    ET.SubElement(case, "system-out").text = clean(said)
    return case


def _change(one: Judged) -> str:
    return "" if one.change is None else f"{change_text(one)}, allowed {allowed_text(one)}"
