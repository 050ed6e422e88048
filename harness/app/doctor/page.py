"""The diagnosis for people (terminal, Markdown) and for programs (JSON)."""

import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Final

from alexbench.harness.app.doctor.diagnosis import Alternative, Diagnosis, Finding
from alexbench.harness.app.out_file import write_out
from alexbench.harness.console import console
from alexbench.harness.judge.evidence import Difference
from alexbench.harness.plain_text import json_text
from alexbench.reports.markdown import escape, listed, table_text
from alexbench.reports.table import Table
from alexbench.reports.terminal import PLAIN_WIDTH, shown

MOST_ALTERNATIVES: Final = 12
"""That are shown besides those that cannot be excluded; the JSON has all."""


def show(diagnosis: Diagnosis, *, as_json: bool, out: str | None) -> None:
    """To standard output, and as Markdown into the file ``out``."""
    if out is not None:
        write_out(Path(out), markdown(diagnosis))
    if as_json:
        plain = {**asdict(diagnosis), "exit_code": diagnosis.exit_code}
        sys.stdout.write(json_text(plain) + "\n")
        return
    terminal = sys.stdout.isatty()
    terminal_console = console(width=None if terminal else PLAIN_WIDTH)
    for name, line in _facts(diagnosis):
        terminal_console.print(f"{name:>9}  {line}", soft_wrap=not terminal)
    terminal_console.print(f"\n{diagnosis.verdict.upper()}: {diagnosis.said}", style="bold", soft_wrap=not terminal)
    for title, table in _tables(diagnosis):
        terminal_console.print(f"\n{title}", style="bold", soft_wrap=not terminal)
        terminal_console.print(shown(table, terminal_console.width))
    for line in _remarks(diagnosis):
        terminal_console.print(f"! {line}", soft_wrap=not terminal)


def markdown(diagnosis: Diagnosis) -> str:
    """The same as a page."""
    synthetic = " on SYNTHETIC data" if diagnosis.synthetic else ""
    parts = [
        f"# AlexBench doctor: {escape(diagnosis.model)}{synthetic}",
        "\n".join(f"- **{name.capitalize()}** {escape(line)}" for name, line in _facts(diagnosis)),
        f"**{diagnosis.verdict.upper()}**: {escape(diagnosis.said)}",
        *(f"## {escape(title)}\n\n{table_text(table)}" for title, table in _tables(diagnosis)),
    ]
    remarks = listed(_remarks(diagnosis))
    return "\n\n".join([*parts, remarks] if remarks else parts) + "\n"


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


def _tables(diagnosis: Diagnosis) -> Iterator[tuple[str, Table]]:
    if diagnosis.findings:
        rows = [_finding(place, one) for place, one in enumerate(diagnosis.findings, 1)]
        yield (
            "What is wrong, and the mend",
            _table(("", "found", "mend", "worth (nats a picture)", "top-1", _RIGHT), rows, (0, 3, 4, 5)),
        )
    open_ones = diagnosis.not_excluded
    if open_ones:
        title = "Not excluded by the pictures that were shown, beside the reading "
        title += "mended" if diagnosis.findings else "given"
        yield title, _table(_HEADINGS, [_alternative(one) for one in open_ones], (1, 2, 3))
    excluded = [one for one in diagnosis.alternatives if one.excluded]
    if excluded:
        title = "Tried besides, and worse"
        if len(excluded) > MOST_ALTERNATIVES:
            title += f" (the nearest {MOST_ALTERNATIVES} of {len(excluded)})"
        yield title, _table(_HEADINGS, [_alternative(one) for one in excluded[:MOST_ALTERNATIVES]], (1, 2, 3))


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


def _table(headings: tuple[str, ...], rows: list[tuple[str, ...]], numeric: tuple[int, ...]) -> Table:
    table = Table("")
    for place, heading in enumerate(headings):
        table.add(heading, [row[place] for row in rows], numeric=place in numeric)
    return table
