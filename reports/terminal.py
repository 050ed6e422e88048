"""The leaderboard on a terminal, in rich tables; plain and unwrapped where the output is no terminal."""

import re
import sys
from typing import Final, TextIO

import rich.table
from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from alexbench.harness.records import RunRecord
from alexbench.reports import wording
from alexbench.reports.cells import tables
from alexbench.reports.table import Table

PLAIN_WIDTH: Final = 400


def print_leaderboard(record: RunRecord, stream: TextIO = sys.stdout) -> None:
    """Print header, tables and remarks."""
    plain = not stream.isatty()
    console = Console(file=stream, highlight=False, markup=False, emoji=False, width=PLAIN_WIDTH if plain else None)
    for name, line in wording.facts(record):
        console.print(f"{name:>8}  {line}", soft_wrap=plain)
    for table in tables(record):
        console.print(f"\n{table.title}", style="bold", soft_wrap=plain)
        console.print(shown(table, console.width))
        for line in table.notes:
            console.print(line, soft_wrap=plain)
    remarks = wording.run_remarks(record)
    if remarks:
        console.print()
    for line in remarks:
        console.print(f"! {line}", soft_wrap=plain)


def shown(table: Table, width: int) -> rich.table.Table:
    """The table on so many columns of a terminal: lines break between words, and inside them only as a last resort."""
    texts = [[heading, *cells] for heading, cells in zip(table.headings, table.columns, strict=True)]
    widths = [max(map(cell_len, column)) for column in texts]
    least = [max(cell_len(word) for text in column for word in re.split(" (?!%)", text)) for column in texts]
    gaps = len(texts) - 1
    gap = 2 if sum(least) + 2 * gaps <= width else 1
    for _ in range(sum(widths) + gap * gaps - width):
        spare = [wide - narrow for wide, narrow in zip(widths, least, strict=True)]
        widths[spare.index(max(spare))] -= 1 if max(spare) else 0
    shown = rich.table.Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, gap - 1, 0, 0))
    fits = sum(widths) + gap * gaps <= width
    for heading, numeric, wide in zip(table.headings, table.numeric, widths, strict=True):
        room = wide if fits else None
        shown.add_column(heading, justify="right" if numeric else "left", overflow="fold", width=room)
    for row, bold in zip(table.rows, zip(*table.bold, strict=True), strict=True):
        shown.add_row(*(Text(cell, style="bold" if best else "") for cell, best in zip(row, bold, strict=True)))
    return shown
