"""What is reported where base and head are from two machines."""

import shlex
from collections.abc import Iterator
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
    if found is None:
        return ""
    return f"Times were not compared: base and head are from different machines ({joined(found.because)})."


def machine_fix(report: GateReport) -> str:
    """What to do about that; empty where nothing is to be done."""
    found = _reason(report)
    if found is None or found.code != "other_machine_without_baseline":
        return ""
    asked = any(one.verdict == "INVALID" for one in report.judged if is_on_other_machine(one))
    also = '; or set other_machine = "accuracy" in the policy to gate accuracy alone' if asked else ""
    return f"To compare them, save a baseline on this machine: alexbench baseline save {shlex.quote(found.head)}{also}."


def _reason(report: GateReport) -> Reason | None:
    if report.refused:
        return None
    return next((one for one in _reasons(report) if one.code in _CODES), None)


def _reasons(report: GateReport) -> Iterator[Reason]:
    for one in report.judged:
        yield from one.why
    for note in report.notes:
        yield from note.because
