"""A run as Markdown, and on the terminal."""

from typing import TextIO

from alexbench.harness.records.run_records import RunRecord
from alexbench.reports.leaderboard.explanations import explanations
from alexbench.reports.leaderboard.tables import tables
from alexbench.reports.leaderboard.verdict import verdict
from alexbench.reports.markdown import escape, listed, noted
from alexbench.reports.terminal import Terminal
from alexbench.reports.text import wording


def markdown(record: RunRecord) -> str:
    """``report.md`` of a run; the same text for the same record."""
    synthetic = record.model.synthetic or record.data.synthetic
    title = f"# AlexBench: {escape(record.model.card)}" + (" on SYNTHETIC data" if synthetic else "")
    shown = tables(record)
    facts = [f"- **{name.capitalize()}** {escape(line)}" for name, line in wording.facts(record)]
    parts = [title, " ".join(map(escape, verdict(record))), "\n".join(facts)]
    parts += [f"## {escape(one.title)}\n\n{noted(one)}" for one in shown]
    for heading, lines in (
        ("Remarks", wording.run_remarks(record)),
        ("How to read it", explanations(record, shown)),
        ("Published for this card", [] if record.comparisons else wording.published_lines(record)),
    ):
        if lines:
            parts.append(f"## {heading}\n\n{listed(lines)}")
    return "\n\n".join(filter(None, parts)) + "\n"


def print_leaderboard(record: RunRecord, stream: TextIO | None = None) -> None:
    """Print the verdict, the facts, tables and remarks."""
    terminal = Terminal(stream)
    for sentence in verdict(record):
        terminal.line(sentence, "bold")
    terminal.line()
    terminal.facts(wording.facts(record))
    for table in tables(record):
        terminal.table(table)
    terminal.remarks(wording.run_remarks(record))
