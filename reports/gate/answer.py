"""The answer of a gate in a few sentences: the verdict, what failed, and what to do about it."""

from collections.abc import Sequence
from typing import Final

from alexbench.harness.records.gate_records import GateReport, GateVerdict, Judged
from alexbench.reports.gate.metrics import allowed_text, change_alone, check_name
from alexbench.reports.text.other_machine import is_on_other_machine, machine_fix, machine_sentence
from alexbench.reports.text.reason_words import joined, words

_NAMED: Final = 3
"""Checks that the first sentence names; the table below it has all."""
_SUBJECT: Final = "Gate a run and a baseline of the same model, weights and images."


def answer(report: GateReport) -> list[str]:
    """The verdict with what failed first, then what would decide or fix it."""
    machine = " ".join(filter(None, (machine_sentence(report), machine_fix(report))))
    return [headline(report), *advice(report), *filter(None, (machine,)), *_advisory(report)]


def headline(report: GateReport) -> str:
    """Such as "FAIL: 1 of 24 checks: torch p50 ms +20.0 %."."""
    if report.refused:
        return f"INVALID: base and head cannot be compared: {joined(report.refused)}."
    deciding, open_ones = made(report), failing(report)
    if not deciding:
        return "INVALID: nothing could be checked."
    if report.verdict == "PASS":
        return f"PASS: {len(deciding)} of {_checks(len(deciding))}."
    shown = [one for one in open_ones if one.verdict == report.verdict]
    if not shown:  # only checks that another machine left out
        passed = len(deciding) - len(open_ones)
        return f"INVALID: {passed} of {_checks(len(deciding))} passed; {_times(left_out(report))} not made."
    named = ", ".join(map(_named, shown[:_NAMED]))
    more = f" and {len(shown) - _NAMED} more" if len(shown) > _NAMED else ""
    return f"{report.verdict}: {len(shown)} of {_checks(len(deciding))}: {named}{more}."


def made(report: GateReport) -> list[Judged]:
    """The checks that decide, without those that another machine left out."""
    return [one for one in report.judged if one.decides and not is_on_other_machine(one)]


def left_out(report: GateReport) -> list[Judged]:
    """The checks of time that another machine left out."""
    return [one for one in report.judged if one.rule.required and is_on_other_machine(one)]


def failing(report: GateReport) -> list[Judged]:
    """The checks that decide and did not pass, the worst first."""
    order: tuple[GateVerdict, ...] = ("FAIL", "INVALID", "INCONCLUSIVE")
    open_ones = [one for one in made(report) if one.verdict in order]
    return sorted(open_ones, key=lambda one: order.index(one.verdict))


def advice(report: GateReport) -> list[str]:
    """What would decide an open gate, or make an invalid one valid."""
    if report.refused:
        return [_SUBJECT]
    if report.verdict not in ("INCONCLUSIVE", "INVALID"):
        return []
    wanted: dict[str, list[Judged]] = {}
    for one in failing(report):
        if one.verdict == report.verdict:
            wanted.setdefault(_decides(one), []).append(one)
    return [f"{text}{_whose(of, wanted)}." for text, of in list(wanted.items())[:2] if text]


def _advisory(report: GateReport) -> list[str]:
    """Checks beyond their tolerance that are not part of the verdict."""
    beyond = [one for one in report.judged if not one.rule.required and one.verdict == "FAIL"]
    if not beyond or report.refused:
        return []
    return [f"Advisory only: {', '.join(f'{_named(one)} (allowed {allowed_text(one)})' for one in beyond[:_NAMED])}."]


def _named(one: Judged) -> str:
    """A check by its row and metric, and by how much it changed."""
    if one.metric == "ran":
        return f"{one.row} did not run" if one.row else "no row ran"
    return f"{check_name(one)}{change_alone(one)}"


def _decides(one: Judged) -> str:
    """What would decide one check, as a sentence without its end."""
    if one.would_change is not None and one.would_change.code != "detectable":
        return f"Would decide: {words(one.would_change)}"
    why = joined(one.why)
    return why[:1].upper() + why[1:]


def _whose(of: Sequence[Judged], wanted: dict[str, list[Judged]]) -> str:
    """Which checks a sentence is about, where others need something else."""
    if len(wanted) == 1:
        return ""
    names = list(dict.fromkeys(map(check_name, of)))
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f" ({', '.join(names[:_NAMED])}{more})"


def _checks(count: int) -> str:
    return f"{count} check{'' if count == 1 else 's'}"


def _times(of: Sequence[Judged]) -> str:
    return f"{len(of)} check{' of time was' if len(of) == 1 else 's of time were'}"
