"""A comparison on the terminal, and as Markdown."""

from collections.abc import Sequence
from typing import TextIO

from alexbench.harness.records.paired_records import PairedReport
from alexbench.reports.comparison.tables import facts, reading, sentences, tables
from alexbench.reports.markdown import escape, listed, table_text
from alexbench.reports.terminal import Terminal


def print_comparison(
    report: PairedReport, answered: Sequence[str] = (), *, flips: int, stream: TextIO | None = None
) -> None:
    """Print the answer, tables and sentences, with at most so many ``flips`` of each pair."""
    terminal = Terminal(stream)
    terminal.answer(answered)
    terminal.facts(facts(report))
    for table in tables(report, flips=flips):
        terminal.table(table)
    terminal.remarks(sentences(report))


def comparison_markdown(report: PairedReport, answered: Sequence[str] = ()) -> str:
    """All of it, every mismatch too; the same text for the same report."""
    title = "# AlexBench: a comparison" + (" on SYNTHETIC data" if report.synthetic else "")
    found = "\n".join(f"- **{name[:1].upper()}{name[1:]}** {escape(line)}" for name, line in facts(report))
    parts = [title, " ".join(map(escape, answered)), found]
    parts += [f"## {escape(table.title)}\n\n{table_text(table)}" for table in tables(report)]
    for heading, lines in (("Remarks", sentences(report)), ("How to read it", reading(report))):
        if lines:
            parts.append(f"## {heading}\n\n" + listed(lines))
    return "\n\n".join(filter(None, parts)) + "\n"
