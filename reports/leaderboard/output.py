"""A run as Markdown, and on the terminal."""

from typing import Final, TextIO

from alexbench.harness.records.run_records import RunRecord
from alexbench.reports.leaderboard.boards import leaderboard
from alexbench.reports.leaderboard.explanations import explanations
from alexbench.reports.leaderboard.noise_banner import noise_banner
from alexbench.reports.leaderboard.tables import detail_tables, tables
from alexbench.reports.leaderboard.tuning import gain_table, tried_tables
from alexbench.reports.leaderboard.verdict import verdict
from alexbench.reports.markdown import escape, listed, noted
from alexbench.reports.terminal import Terminal
from alexbench.reports.text import wording

_FOLDED: Final = "What this run covers"


def markdown(record: RunRecord) -> str:
    """``report.md`` of a run; the same text for the same record."""
    synthetic = record.model.synthetic or record.data.synthetic
    title = f"# AlexBench: {escape(record.model.card)}" + (" on SYNTHETIC data" if synthetic else "")
    shown = tables(record)
    noise = noise_banner(record)
    parts = [title, " ".join(map(escape, verdict(record))), f"> **{escape(noise)}**" if noise else ""]
    board = leaderboard(record)
    parts.append(f"## {escape(board.title)}\n\n{noted(board)}" if board.headings else "")
    parts.append(_folded(_FOLDED, "\n".join(f"- **{name}** {escape(line)}" for name, line in wording.facts(record))))
    for heading, lines in (
        ("Remarks", wording.run_remarks(record)),
        ("Published for this card", [] if record.comparisons else wording.published_lines(record)),
    ):
        if lines:
            parts.append(f"## {heading}\n\n{listed(lines)}")
    parts += [f"## {escape(one.title)}\n\n{noted(one)}" for one in detail_tables(record)]
    parts.append(_folded("How to read it", listed(explanations(record, shown))))
    return "\n\n".join(filter(None, parts)) + "\n"


def _folded(title: str, text: str) -> str:
    """Text that a page shows when its title is clicked; GitHub wants the blank lines."""
    return f"<details>\n<summary>{title}</summary>\n\n{text}\n\n</details>" if text else ""


def print_leaderboard(
    record: RunRecord, stream: TextIO | None = None, *, details: bool = False, tuning: bool = False
) -> None:
    """Print the verdict, what disturbed it, and the leaderboard; with ``details`` also the facts and all tables.

    ``tuning``: the tables of a search.
    """
    terminal = Terminal(stream)
    said = " ".join(verdict(record))
    if said:
        terminal.line(said, "bold" if record.invalid else "bold green")
    noise = noise_banner(record)
    if noise:
        terminal.line(noise, "yellow")
    board = leaderboard(record)
    if board.headings:
        terminal.table(board)
    for table in [gain_table(record), *tried_tables(record)] if tuning else []:
        if table.headings:
            terminal.table(table)
    if details:
        terminal.line()
        terminal.facts(wording.facts(record))
        for table in detail_tables(record):
            terminal.table(table)
    else:
        terminal.line(wording.run_line(record, noisy=bool(noise)), "dim")
    terminal.remarks(wording.run_remarks(record, details=details))
