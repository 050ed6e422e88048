"""A table of text, the same in Markdown and on the terminal."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from alexbench.reports.wording import ABSENT


@dataclass(slots=True)
class Table:
    """Headings, and under each a column of text; ``numeric`` columns are set flush right.

    ``bold``: cell by cell, column by column. ``notes``: below it, each with the number that cells name it by.
    """

    title: str
    headings: list[str] = field(default_factory=list)
    columns: list[list[str]] = field(default_factory=list)
    numeric: list[bool] = field(default_factory=list)
    bold: list[list[bool]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, heading: str, cells: list[str], *, numeric: bool = True, bold: Sequence[bool] | None = None) -> None:
        """A column, left out where nobody filled it."""
        if any(cell != ABSENT for cell in cells):
            self.headings.append(heading)
            self.columns.append(cells)
            self.numeric.append(numeric)
            self.bold.append([False] * len(cells) if bold is None else list(bold))

    @property
    def rows(self) -> list[tuple[str, ...]]:
        """The cells row by row."""
        return list(zip(*self.columns, strict=True))


@dataclass(slots=True)
class Notes:
    """Numbered notes of one report: the same words have the same number wherever they are needed."""

    numbers: dict[str, int] = field(default_factory=dict)

    def mark(self, texts: Sequence[str]) -> str:
        """What goes behind a cell: " [1, 2]", nothing where nothing is to be noted."""
        found = [self.numbers.setdefault(text, len(self.numbers) + 1) for text in dict.fromkeys(texts)]
        return f" [{', '.join(map(str, found))}]" if found else ""

    def lines(self, texts: Sequence[str]) -> list[str]:
        """These notes, each behind its number, in the order of the numbers."""
        found = sorted((self.numbers[text], text) for text in dict.fromkeys(texts))
        return [f"[{number}] {text}" for number, text in found]
