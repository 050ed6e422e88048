"""A diagnosis for people (terminal, Markdown) and for programs (JSON)."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Final, TextIO

from alexbench.harness.files.plain_text import json_text
from alexbench.harness.records.diagnosis_records import Alternative, Diagnosis, Expected, Finding
from alexbench.harness.records.paired_records import Difference, PairedTest
from alexbench.reports.markdown import escape, listed, table_text
from alexbench.reports.table import Table
from alexbench.reports.terminal import Terminal

MOST_ALTERNATIVES: Final = 12
"""That are shown besides those that cannot be excluded; the JSON has all."""


def print_diagnosis(diagnosis: Diagnosis, stream: TextIO | None = None) -> None:
    """Print facts, the verdict, tables and remarks."""
    terminal = Terminal(stream)
    terminal.facts(_facts(diagnosis))
    terminal.line(f"\n{diagnosis.verdict.upper()}: {said(diagnosis)}", "bold")
    for table in _tables(diagnosis):
        terminal.table(table)
    for line in _remarks(diagnosis):
        terminal.line(f"! {line}")


def diagnosis_json(diagnosis: Diagnosis) -> str:
    """All of it, with the verdict's sentence and the exit code."""
    return json_text({**asdict(diagnosis), "said": said(diagnosis), "exit_code": diagnosis.exit_code}) + "\n"


def markdown(diagnosis: Diagnosis) -> str:
    """The same as a page."""
    synthetic = " on SYNTHETIC data" if diagnosis.synthetic else ""
    parts = [
        f"# AlexBench doctor: {escape(diagnosis.model)}{synthetic}",
        "\n".join(f"- **{name.capitalize()}** {escape(line)}" for name, line in _facts(diagnosis)),
        f"**{diagnosis.verdict.upper()}**: {escape(said(diagnosis))}",
        *(f"## {escape(table.title)}\n\n{table_text(table)}" for table in _tables(diagnosis)),
    ]
    remarks = listed(_remarks(diagnosis))
    return "\n\n".join([*parts, remarks] if remarks else parts) + "\n"


def said(diagnosis: Diagnosis) -> str:
    """The verdict in a sentence or two."""
    accuracy, expected = diagnosis.accuracy, diagnosis.expected
    if accuracy is None:
        return f"{_count(diagnosis.findings)}; nothing can be scored."
    if diagnosis.findings:
        after = "" if expected is None else f" {_after_the_mend(expected, accuracy)}"
        return f"{_count(diagnosis.findings)}.{after}"
    found = f"top-1 is {accuracy.base:.1f} % ({accuracy.base_interval[0]:.1f} to {accuracy.base_interval[1]:.1f})"
    wanted = "" if expected is None else f", {expected.top1:g} % was expected ({expected.source})"
    leaning = _leaning(diagnosis.leanings)
    if diagnosis.verdict == "healthy":
        enough = "Whether that is enough, only you know: --expected PERCENT or --reference RUN:ROW."
        better = f"{found}{wanted}, and nothing that was tried is shown to answer better.{leaning}"
        return f"{better} {enough}" if expected is None else better
    wanted = wanted or ", which no trained AlexNet is content with"
    return f"{found}{wanted}, and none of the mistakes known here explains it.{leaning}"


def _count(findings: Sequence[Finding]) -> str:
    count = "one mistake was" if len(findings) == 1 else f"{len(findings)} mistakes were"
    return f"{count} found: {'; '.join(one.change.found for one in findings)}"


def _leaning(leanings: Sequence[Finding]) -> str:
    """What only makes labels likelier, in a sentence."""
    if not leanings:
        return ""
    mends = "; ".join(
        one.change.mend + ("" if one.top1 is None else f" ({one.top1.difference:+.1f} points)") for one in leanings
    )
    return f" Labels are likelier with {mends}, but top-1 is not shown to be higher: no finding; show more pictures."


def _after_the_mend(expected: Expected, accuracy: PairedTest) -> str:
    low, high = accuracy.other_interval
    reached = f"Mended, top-1 is {accuracy.other:.1f} % ({low:.1f} to {high:.1f})"
    if high < expected.top1:
        return f"{reached}, still below the {expected.top1:g} % that were expected: something else is wrong, too."
    return f"{reached}; {expected.top1:g} % were expected."


def _facts(diagnosis: Diagnosis) -> Iterator[tuple[str, str]]:
    yield "model", f"{diagnosis.model} on {diagnosis.backend}"
    yield "data", f"{diagnosis.images} pictures of {diagnosis.data}" + (" (SYNTHETIC)" if diagnosis.synthetic else "")
    test = diagnosis.accuracy
    if test is not None:
        low, high = test.base_interval
        yield "as given", f"top-1 {test.base:.1f} % ({low:.1f} to {high:.1f})"
    if test is not None and any(one.worth is not None for one in diagnosis.findings):
        low, high = test.interval
        yield "mended", f"top-1 {test.other:.1f} %: {test.difference:+.1f} points ({low:+.1f} to {high:+.1f})"
    if diagnosis.held_db is not None:
        built_in = any(one.worth is None for one in diagnosis.findings)
        with_it = ", with what was found in it built in" if built_in else ""
        yield "function", f"{diagnosis.held_db:.0f} dB against float64{with_it}"
    if diagnosis.parity is not None:
        limit = f"{diagnosis.parity.tolerance_sqnr_db:.0f} dB and more, no unexplained answer"
        on = f"on {diagnosis.parity.images} pictures"
        passed = "passed" if diagnosis.parity.passed else "FAILED"
        yield "parity", f"{passed} {on}, as a run judges it: {diagnosis.parity.sqnr_db:.0f} dB (wanted: {limit})"
    yield "effort", f"{diagnosis.inferences} inferences, {diagnosis.seconds:.0f} s"


def _tables(diagnosis: Diagnosis) -> Iterator[Table]:
    if diagnosis.findings:
        rows = [_finding(place, one) for place, one in enumerate(diagnosis.findings, 1)]
        headings = ("", "found", "mend", "worth (nats a picture)", "top-1", _RIGHT)
        yield _table("What is wrong, and the mend", headings, rows, (0, 3, 4, 5))
    open_ones = diagnosis.not_excluded
    if open_ones:
        title = "Not excluded by the pictures that were shown, beside the reading "
        title += "mended" if diagnosis.findings else "given"
        yield _table(title, _HEADINGS, [_alternative(one) for one in open_ones], (1, 2, 3))
    excluded = [one for one in diagnosis.alternatives if one.excluded]
    if excluded:
        title = "Tried besides, and worse"
        if len(excluded) > MOST_ALTERNATIVES:
            title += f" (the nearest {MOST_ALTERNATIVES} of {len(excluded)})"
        yield _table(title, _HEADINGS, [_alternative(one) for one in excluded[:MOST_ALTERNATIVES]], (1, 2, 3))


_RIGHT: Final = "right with it alone / without it alone"
_HEADINGS: Final = ("read with", "evidence, by comparison (nats a picture)", _RIGHT, "pictures")


def _finding(place: int, finding: Finding) -> tuple[str, ...]:
    worth = "seen without labels" if finding.worth is None else _interval(finding.worth)
    test = finding.top1
    top1, right = ("", "") if test is None else (f"{test.difference:+.1f} points", f"{test.gained} / {test.lost}")
    return str(place), finding.change.found, finding.change.mend, worth, top1, right


def _alternative(one: Alternative) -> tuple[str, ...]:
    mends = "; ".join(change.key or change.mend for change in one.changes)
    return mends, _interval(one.difference), f"{one.gained} / {one.lost}", str(one.difference.images)


def _interval(difference: Difference) -> str:
    return f"{difference.mean:+.3f} ({difference.low:+.3f} to {difference.high:+.3f})"


def _remarks(diagnosis: Diagnosis) -> Iterator[str]:
    if diagnosis.card is not None and diagnosis.card != diagnosis.model:
        yield f"Mended, that is the preprocessing of card {diagnosis.card}: --model {diagnosis.card}."
    for one in diagnosis.not_examined:
        yield f"Not looked into: {one}."
    if diagnosis.synthetic:
        yield "SYNTHETIC pictures or weights: nothing here says anything about ImageNet."


def _table(title: str, headings: tuple[str, ...], rows: list[tuple[str, ...]], numeric: tuple[int, ...]) -> Table:
    table = Table(title)
    for place, heading in enumerate(headings):
        table.add(heading, [row[place] for row in rows], numeric=place in numeric)
    return table
