"""The leaderboard as Markdown."""

import re
from collections.abc import Iterable

from alexbench.harness.records import RunRecord
from alexbench.reports import wording
from alexbench.reports.cells import tables
from alexbench.reports.explanations import explanations
from alexbench.reports.table import Table


def markdown(record: RunRecord) -> str:
    """``report.md`` of a run; the same text for the same record."""
    synthetic = record.model.synthetic or record.data.synthetic
    title = f"# AlexBench: {escape(record.model.card)}" + (" on SYNTHETIC data" if synthetic else "")
    shown = tables(record)
    parts = [title, "\n".join(f"- **{name.capitalize()}** {escape(line)}" for name, line in wording.facts(record))]
    parts += [f"## {escape(one.title)}\n\n{table_text(one)}" for one in shown]
    for heading, lines in (
        ("Remarks", wording.remarks(record)),
        ("How to read it", explanations(record, shown)),
        ("Published for this card", [] if record.comparisons else wording.published_lines(record)),
    ):
        if lines:
            parts.append(f"## {heading}\n\n" + "\n".join(f"- {escape(line)}" for line in lines))
    return "\n\n".join(parts) + "\n"


def table_text(table: Table) -> str:
    """A table in GitHub's Markdown."""
    lines = [_row(table.headings)]
    lines.append("|" + "|".join("---:" if numeric else "---" for numeric in table.numeric) + "|")
    columns = zip(table.columns, table.numeric, strict=True)
    whole = [[_whole(cell) for cell in column] if numeric else column for column, numeric in columns]
    lines += [_row(row) for row in zip(*whole, strict=True)]
    return "\n".join(lines)


def _whole(figure: str) -> str:
    """A figure that no line breaks before its percent sign, inside its interval or in its exponent."""
    figure = re.sub(r"(?<=\d) (?=%)", "\u00a0", figure)
    return re.sub(r"(?<=\d)-(?=\d)|(?<=\de)-(?=\d)", "\u2011", figure)


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(map(escape, cells)) + " |"


def escape(text: str) -> str:
    """Text that Markdown and HTML leave alone: a path or an error message may hold any character."""
    for character in "\\`*_[]<>|&~":
        text = text.replace(character, f"\\{character}")
    return " ".join(text.splitlines())
