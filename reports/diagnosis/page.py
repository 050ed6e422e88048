"""A diagnosis for people (terminal, Markdown) and for programs (JSON)."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Final, TextIO

from alexbench.harness.files.plain_text import json_text
from alexbench.harness.records.diagnosis_records import Alternative, Diagnosis, Finding
from alexbench.harness.records.paired_records import Difference
from alexbench.reports.diagnosis.answer import answer
from alexbench.reports.markdown import escape, listed, table_text
from alexbench.reports.table import Table, table_of_rows
from alexbench.reports.terminal import Terminal
from alexbench.reports.text.quantization_words import RANGE_HEADINGS, quantization_facts, range_row

MOST_ALTERNATIVES: Final = 12
"""Alternatives shown in addition to those that cannot be excluded; the JSON has all."""


def print_diagnosis(diagnosis: Diagnosis, stream: TextIO | None = None) -> None:
    """Print the answer, facts, tables and remarks."""
    terminal = Terminal(stream)
    terminal.answer(answer(diagnosis))
    terminal.facts(_facts(diagnosis))
    for table in _tables(diagnosis):
        terminal.table(table)
    terminal.remarks(list(_remarks(diagnosis)))


def diagnosis_json(diagnosis: Diagnosis) -> str:
    """All of it, the answer first, and the exit code."""
    return json_text({"answer": answer(diagnosis), **asdict(diagnosis), "exit_code": diagnosis.exit_code}) + "\n"


def markdown(diagnosis: Diagnosis) -> str:
    """The same as a page."""
    synthetic = " on SYNTHETIC data" if diagnosis.synthetic else ""
    parts = [
        f"# AlexBench doctor: {escape(diagnosis.model)}{synthetic}",
        " ".join(map(escape, answer(diagnosis))),
        "\n".join(f"- **{name[:1].upper()}{name[1:]}** {escape(line)}" for name, line in _facts(diagnosis)),
        *(f"## {escape(table.title)}\n\n{table_text(table)}" for table in _tables(diagnosis)),
    ]
    remarks = listed(_remarks(diagnosis))
    return "\n\n".join([*parts, remarks] if remarks else parts) + "\n"


def _facts(diagnosis: Diagnosis) -> Iterator[tuple[str, str]]:
    yield "model", f"{diagnosis.model} on {diagnosis.backend}"
    yield "data", f"{diagnosis.images} images of {diagnosis.data}" + (" (SYNTHETIC)" if diagnosis.synthetic else "")
    test = diagnosis.accuracy
    if test is not None:
        low, high = test.base_interval
        yield "as given", f"top-1 {test.base:.1f} % ({low:.1f} to {high:.1f})"
    if test is not None and any(one.worth is not None for one in diagnosis.findings):
        low, high = test.interval
        yield "if fixed", f"top-1 {test.other:.1f} %: {test.difference:+.1f} points ({low:+.1f} to {high:+.1f})"
    if diagnosis.held_db is not None:
        built_in = any(one.worth is None for one in diagnosis.findings)
        with_it = ", with these faults built in" if built_in else ""
        yield "function", f"{diagnosis.held_db:.0f} dB against float64{with_it}"
    if diagnosis.parity is not None:
        limit = f"at least {diagnosis.parity.tolerance_sqnr_db:.0f} dB and no unexplained top-1 mismatch"
        passed = "passed" if diagnosis.parity.passed else "FAILED"
        found = f"{diagnosis.parity.sqnr_db:.0f} dB on {diagnosis.parity.images} images"
        yield "parity", f"{passed}, by the rule of alexbench run: {found} (required: {limit})"
    if diagnosis.quantized is not None:
        yield from quantization_facts(diagnosis.quantized)
    yield "effort", f"{diagnosis.inferences} inferences, {diagnosis.seconds:.0f} s"


def _tables(diagnosis: Diagnosis) -> Iterator[Table]:
    if diagnosis.findings:
        rows = [_finding(place, one) for place, one in enumerate(diagnosis.findings, 1)]
        headings = ("", "found", "fix", "worth (nats per image)", "top-1", _RIGHT)
        yield table_of_rows("Faults and fixes", headings, rows, (0, 3, 4, 5), extra=(3, 5))
    if diagnosis.quantized is not None:
        rows = [range_row(one) for one in diagnosis.quantized.ranges]
        yield table_of_rows("Activation ranges of the int8 file", RANGE_HEADINGS, rows, (3, 4), extra=(4,))
    open_ones = diagnosis.not_excluded
    if open_ones:
        than = "the fixed one" if diagnosis.findings else "the given one"
        title = f"Not excluded: on these images about as good as {than}"
        yield table_of_rows(title, _HEADINGS, [_alternative(one) for one in open_ones], (1, 2, 3), extra=(2, 3))
    excluded = [one for one in diagnosis.alternatives if one.excluded]
    if excluded:
        title = "Tried, and worse"
        if len(excluded) > MOST_ALTERNATIVES:
            title += f" (the closest {MOST_ALTERNATIVES} of {len(excluded)})"
        yield table_of_rows(
            title, _HEADINGS, [_alternative(one) for one in excluded[:MOST_ALTERNATIVES]], (1, 2, 3), extra=(2, 3)
        )


_RIGHT: Final = "right only with it / only without"
_HEADINGS: Final = ("read with", "evidence (nats per image)", _RIGHT, "images")


def _finding(place: int, finding: Finding) -> tuple[str, ...]:
    worth = "found without labels" if finding.worth is None else _interval(finding.worth)
    test = finding.top1
    top1, right = ("", "") if test is None else (f"{test.difference:+.1f} points", f"{test.gained} / {test.lost}")
    return str(place), finding.change.found, finding.change.fix, worth, top1, right


def _alternative(one: Alternative) -> tuple[str, ...]:
    fixes = "; ".join(change.key or change.fix for change in one.changes)
    return fixes, _interval(one.difference), f"{one.gained} / {one.lost}", str(one.difference.images)


def _interval(difference: Difference) -> str:
    return f"{difference.mean:+.3f} ({difference.low:+.3f} to {difference.high:+.3f})"


def _remarks(diagnosis: Diagnosis) -> Iterator[str]:
    if diagnosis.card is not None and diagnosis.card != diagnosis.model:
        yield f"The fixed preprocessing is that of card {diagnosis.card}: --model {diagnosis.card}."
    for one in diagnosis.not_examined:
        yield f"Not examined: {one}."
    if diagnosis.synthetic:
        yield "SYNTHETIC images or weights: these results say nothing about ImageNet."
