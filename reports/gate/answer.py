"""The answer of a gate in a few sentences: the verdict, what failed, and what to do about it."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from alexbench.harness.records.gate_records import GateReport, GateVerdict, Judged
from alexbench.harness.records.reasons import Code, Reason
from alexbench.reports.gate.metrics import allowed_text, check_name, outcome_text
from alexbench.reports.text.other_machine import is_on_other_machine, machine_answer
from alexbench.reports.text.reason_words import joined, words
from alexbench.reports.text.wording import first_few

_NAMED: Final = 3
"""Checks that a sentence names; the table below it has all."""
_SENTENCES: Final = 2
"""Causes, and kinds of what is needed, that the answer has; the notes of the table have all."""
_SUBJECT: Final = "Gate a run and a baseline of the same model, weights and images."


def answer(report: GateReport) -> list[str]:
    """The verdict with what failed first, then what would decide or fix it."""
    machine = machine_answer(report)
    return [headline(report), *_undecided(report), *advice(report), *filter(None, (machine,)), *_advisory(report)]


def headline(report: GateReport) -> str:
    """Such as "FAIL: 1 of 24 checks: torch p50 +20.0 %."."""
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
    if report.verdict == "INVALID":
        names = _few(list(dict.fromkeys(map(check_name, shown))))
        return f"INVALID: {len(shown)} of {_checks(len(deciding))} cannot be judged: {names}."
    return f"{report.verdict}: {len(shown)} of {_checks(len(deciding))}: {_few(list(map(_named, shown)))}."


def _undecided(report: GateReport) -> list[str]:
    """The checks of a failed gate that did not fail and did not pass."""
    open_ones = [one for one in failing(report) if one.verdict != "FAIL"]
    if report.verdict != "FAIL" or report.refused or not open_ones:
        return []
    more = "1 more check is" if len(open_ones) == 1 else f"{len(open_ones)} more checks are"
    return [f"{more} not decided: {_few(list(map(_named, open_ones)))}."]


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
    """Why a gate is invalid, and what would decide it or an open one."""
    if report.refused:
        return [_SUBJECT]
    if report.verdict not in ("INCONCLUSIVE", "INVALID"):
        return []
    shown = [one for one in failing(report) if one.verdict == report.verdict]
    return [*(_causes(shown) if report.verdict == "INVALID" else []), *_needs(shown)]


def _causes(shown: Sequence[Judged]) -> list[str]:
    """Why checks cannot be judged, once each."""
    causes = dict.fromkeys(joined(one.why) for one in shown if one.why)
    return [f"{cause[:1].upper()}{cause[1:]}." for cause in list(causes)[:_SENTENCES]]


def _needs(shown: Sequence[Judged]) -> list[str]:
    """What would decide checks, those of one kind together."""
    wanted: dict[Code, list[Judged]] = {}
    for one in shown:
        if one.would_change is not None and one.would_change.code != "detectable":
            wanted.setdefault(one.would_change.code, []).append(one)
    several = sum(map(len, wanted.values())) < len(shown) or len(wanted) > 1
    return [_need(of, several=several) for of in list(wanted.values())[:_SENTENCES]]


def is_answered(one: Judged, report: GateReport) -> bool:
    """Whether the answer says what would decide a check."""
    return one.verdict == report.verdict and bool(advice(report)) and bool(_needs([one]))


def _need(of: Sequence[Judged], *, several: bool) -> str:
    """``several``: whether other checks need something else, or nothing."""
    together = _together(of)
    whose = f" {_few(_names(of))}" if several and not together.of else ""
    return f"Needed to decide{whose}: {words(together)}."


def _together(of: Sequence[Judged]) -> Reason:
    """What checks of one kind need: the most of what is counted, all of what is named."""
    reasons = [one.would_change for one in of if one.would_change is not None]
    joint = " --backend " if reasons[0].code == "run_backend" else ", "
    named = joint.join(dict.fromkeys(one.of for one in reasons))
    return replace(max(reasons, key=lambda one: one.count), of=named)


def _advisory(report: GateReport) -> list[str]:
    """Checks beyond their tolerance that are not part of the verdict."""
    beyond = [one for one in report.judged if not one.rule.required and one.verdict == "FAIL"]
    if not beyond or report.refused:
        return []
    return [f"Advisory only: {', '.join(f'{_named(one)} (allowed {allowed_text(one)})' for one in beyond[:_NAMED])}."]


def _named(one: Judged) -> str:
    """A check by its row and metric, and by how much it changed."""
    if one.metric == "ran":
        did = "did not run" if one.verdict == "FAIL" else "was not run"
        return f"{one.row} {did}" if one.row else "no row ran"
    return f"{check_name(one)} {outcome_text(one)}".strip()


def _names(of: Sequence[Judged]) -> list[str]:
    return list(dict.fromkeys(map(check_name, of)))


def _few(names: Sequence[str]) -> str:
    return first_few(names, _NAMED)


def _checks(count: int) -> str:
    return f"{count} check{'' if count == 1 else 's'}"


def _times(of: Sequence[Judged]) -> str:
    return f"{len(of)} time check{' was' if len(of) == 1 else 's were'}"
