"""Tables and sentences on a terminal; plain and unwrapped where the output is not one, unless COLUMNS is set."""

import os
import re
import sys
from collections.abc import Iterable, Sequence
from typing import Final, TextIO

import rich.table
from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.text import Text

from alexbench.harness.console.streams import console
from alexbench.harness.files.plain_text import printable
from alexbench.reports.narrowing import narrowed
from alexbench.reports.table import Table

PLAIN_WIDTH: Final = 400
_WIDTH: Final = re.compile(r"[1-9]\d{1,4}", re.ASCII)
_STYLES: Final = {"": "", "good": "green", "warning": "yellow", "bad": "bold red"}


class Terminal:
    """A stream as reports write on it: lines, facts, tables and remarks."""

    def __init__(self, stream: TextIO | None = None) -> None:
        asked = os.environ.get("COLUMNS", "")
        width = int(asked) if _WIDTH.fullmatch(asked) else None
        self._plain = width is None and not (stream or sys.stdout).isatty()
        self._console = console(stream, width=PLAIN_WIDTH if self._plain else width)

    def line(self, text: str = "", style: str | None = None) -> None:
        """A line, never broken where nobody's window is that wide."""
        self._console.print(printable(text), style=style, soft_wrap=self._plain)

    def answer(self, sentences: Iterable[str], style: str = "") -> None:
        """What the output begins with: a line per sentence, the first one bold."""
        found = list(sentences)
        for place, sentence in enumerate(found):
            self.line(sentence, f"bold {style}".strip() if place == 0 else None)
        if found:
            self.line()

    def facts(self, lines: Iterable[tuple[str, str]]) -> None:
        """Names, and a line each; on a terminal its continuation is indented."""
        for name, text in lines:
            self._hanging(f"{name:>8}  ", text)

    def fits(self, table: Table) -> bool:
        """Whether the table needs no line broken inside a word."""
        fitting, _ = narrowed(table, self._console.width)
        columns = [[one.heading, *map(str, one.cells)] for one in fitting.shown]
        return sum(map(_least_width, columns)) + len(columns) - 1 <= self._console.width

    def table(self, table: Table) -> None:
        """A table under its title, its caption and its notes below it; last, what a wider terminal shows."""
        self.line(f"\n{table.title}", "bold")
        fitting, left_out = narrowed(table, self._console.width)
        self._console.print(shown(fitting, self._console.width))
        for text in fitting.caption:
            self.line(text, "dim")
        if left_out:
            self.line(f"Columns left out at this width: {', '.join(left_out)}.", "dim")
        for text in table.notes:
            self.line(text)

    def cells(self, table: Table) -> None:
        """The table alone, as it fits."""
        fitting, _ = narrowed(table, self._console.width)
        self._console.print(shown(fitting, self._console.width))

    def remarks(self, lines: Sequence[str]) -> None:
        """Remarks below the tables."""
        if lines:
            self.line()
        for text in lines:
            self._hanging("! ", text)

    def _hanging(self, label: str, text: str) -> None:
        """A label, and a text whose further lines begin below its own first letter."""
        if self._plain:
            self.line(label + text)
            return
        grid = rich.table.Table.grid()
        grid.add_column(width=cell_len(label), no_wrap=True)
        grid.add_column(overflow="fold")
        grid.add_row(Text(printable(label)), Text(printable(text)))
        self._console.print(grid)


def _least_width(texts: Iterable[str]) -> int:
    """Columns of a terminal that a column's longest word needs; a number and its % are one."""
    return max(cell_len(word) for text in texts for word in re.split(" (?!%)", text))


def shown(table: Table, width: int) -> rich.table.Table:
    """The table on so many columns of a terminal: lines break between words, and inside them only as a last resort."""
    texts = [[heading, *cells] for heading, cells in zip(table.headings, table.columns, strict=True)]
    widths = [max(map(cell_len, column)) for column in texts]
    least = list(map(_least_width, texts))
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
    for cells in zip(*(one.cells for one in table.shown), strict=True):
        shown.add_row(
            *(Text(printable(str(cell)), style="bold" if cell.best else _STYLES[cell.tone]) for cell in cells)
        )
    return shown
