"""A gate on the terminal, as Markdown, JSON and JUnit XML."""

import re
from dataclasses import asdict
from typing import Final, TextIO
from xml.etree import ElementTree as ET

from alexbench.harness.gate_records import GateReport, Judged
from alexbench.harness.plain_text import json_text
from alexbench.reports.gate import (
    allowed_text,
    change_text,
    facts,
    gate_tables,
    headline,
    mend_text,
    metric_name,
    reading,
    rest_table,
    sentences,
)
from alexbench.reports.junit import clean, document, one_line
from alexbench.reports.markdown import escape, listed, noted
from alexbench.reports.terminal import Terminal

MARKER: Final = "<!-- alexbench-gate -->"
"""First line of the Markdown: by it a bot finds its own comment and replaces it."""
_COLOURS: Final = {"PASS": "green", "FAIL": "red", "INCONCLUSIVE": "yellow", "INVALID": "yellow"}


def print_gate(report: GateReport, stream: TextIO | None = None) -> None:
    """Print facts, tables, sentences, and the verdict as the last line."""
    terminal = Terminal(stream)
    terminal.facts(facts(report))
    for table in gate_tables(report):
        terminal.table(table)
    terminal.line()
    for line in sentences(report):
        terminal.line(f"! {line}")
    terminal.line(headline(report), f"bold {_COLOURS[report.verdict]}")


def gate_markdown(report: GateReport) -> str:
    """The whole as Markdown, for a comment or a step's summary; the same text for the same report."""
    title = f"# AlexBench gate: {report.verdict}" + (" on SYNTHETIC data" if report.synthetic else "")
    parts = [MARKER, title, escape(headline(report))]
    parts += [f"## {escape(table.title)}\n\n{noted(table)}" for table in gate_tables(report)]
    if sentences(report):
        parts.append(f"## Remarks\n\n{listed(sentences(report))}")
    parts.append(
        "## What was compared\n\n"
        + "\n".join(f"- **{name.capitalize()}** {escape(line)}" for name, line in facts(report))
    )
    parts.append(f"## How to read it\n\n{listed(reading(report))}")
    return "\n\n".join(parts) + "\n"


def print_rest(report: GateReport, stream: TextIO | None = None) -> None:
    """What a comparison of two runs adds to its accuracies."""
    terminal = Terminal(stream)
    terminal.table(rest_table(report))
    for line in sentences(report):
        terminal.line(f"! {line}")


def rest_markdown(report: GateReport) -> str:
    """The same as Markdown, to be put behind a comparison's."""
    table = rest_table(report)
    parts = [f"## {escape(table.title)}\n\n{noted(table)}"]
    lines = [*sentences(report), *reading(report)]
    return "\n\n".join([*parts, listed(lines)]) + "\n"


def gate_json(report: GateReport) -> str:
    """All of it, with the verdict and the exit code."""
    judged = [{"metric": one.metric, **asdict(one)} for one in report.judged]
    whole = {"verdict": report.verdict, "exit_code": report.exit_code, **asdict(report), "judged": judged}
    return json_text(whole) + "\n"


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
    said = "; ".join(filter(None, (f"{metric_name(one)}: {one.verdict}", _change(one), one.why, mend_text(one))))
    if report.refused or one.verdict == "NOT GATED":
        ET.SubElement(case, "skipped", {"message": one_line(f"not gated: {'; '.join(report.refused) or one.why}")})
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
