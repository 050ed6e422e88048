"""What is reported where base and head are from two machines."""

import shlex
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from alexbench.harness.records.gate_records import GateReport, Judged
from alexbench.harness.records.reasons import Code, Reason
from alexbench.reports.text.reason_words import joined

_CODES: Final[tuple[Code, ...]] = ("other_machine", "other_machine_without_baseline")


def is_on_other_machine(one: Judged | Reason) -> bool:
    """Whether a check, or a note, is about base and head being from two machines."""
    return any(reason.code in _CODES for reason in (one.because if isinstance(one, Reason) else one.why))


def machine_sentence(report: GateReport) -> str:
    """That times were not compared, for base and head are from two machines; else empty."""
    found = _reason(report)
    return "" if found is None else f"{_not_compared(found)}."


def machine_answer(report: GateReport) -> str:
    """The same with what to do about it."""
    found = _reason(report)
    if found is None:
        return ""
    if found.code != "other_machine_without_baseline":
        return f"{_not_compared(found)}."
    asked = any(one.verdict == "INVALID" for one in report.judged if is_on_other_machine(one))
    also = ', or set other_machine = "accuracy" in the policy to gate accuracy alone' if asked else ""
    return f"{_not_compared(found)}: save a baseline here (alexbench baseline save {shlex.quote(found.head)}){also}."


def _not_compared(found: Reason) -> str:
    fields = joined(replace(one, of=one.of.replace("_", " ")) for one in found.because)
    return f"Times were not compared, as the machines differ ({fields})"


def _reason(report: GateReport) -> Reason | None:
    if report.refused:
        return None
    return next((one for one in _reasons(report) if one.code in _CODES), None)


def _reasons(report: GateReport) -> Iterator[Reason]:
    for one in report.judged:
        yield from one.why
    for note in report.notes:
        yield from note.because
