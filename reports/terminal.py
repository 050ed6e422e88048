"""The leaderboard on a terminal, in rich tables; plain and unwrapped where the output is no terminal."""

import sys
from typing import TextIO

import rich.table
from rich.box import SIMPLE_HEAD
from rich.console import Console

from alexbench.harness.records import RunRecord
from alexbench.reports import wording
from alexbench.reports.cells import tables

PLAIN_WIDTH = 400


def print_leaderboard(record: RunRecord, stream: TextIO = sys.stdout) -> None:
    """Print header, table and remarks."""
    console = Console(file=stream, highlight=False, width=None if stream.isatty() else PLAIN_WIDTH, soft_wrap=False)
    for name, line in (
        ("model", wording.model_line(record)),
        ("data", wording.data_line(record)),
        ("machine", wording.machine_line(record)),
        ("run", wording.when_line(record)),
    ):
        console.print(f"{name:>8}  {line}", markup=False, soft_wrap=not stream.isatty())
    for table in tables(record):
        shown = rich.table.Table(box=SIMPLE_HEAD, pad_edge=False, title=table.title, title_justify="left")
        for heading, numeric in zip(table.headings, table.numeric, strict=True):
            shown.add_column(heading, justify="right" if numeric else "left", no_wrap=not stream.isatty())
        for row in table.rows:
            shown.add_row(*row)
        console.print(shown, markup=False)
    for line in wording.remarks(record):
        console.print(f"! {line}", markup=False, soft_wrap=not stream.isatty())
