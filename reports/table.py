"""A table of a report, the same in Markdown, on the terminal and on the page."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from alexbench.reports.text.wording import ABSENT

Value = str | int | float | bool | None
Tone = Literal["", "good", "warning", "bad"]
_DASH: Final = "\N{EN DASH}"


def is_absent(value: Value) -> bool:
    """Whether there is no value; NaN is none."""
    return value is None or (isinstance(value, float) and math.isnan(value))


@dataclass(frozen=True, slots=True)
class Cell:
    """``text`` as shown, ``asides`` behind it (an interval, a difference), ``value`` that it is sorted by.

    ``joint``: what stands between text and asides where all are one line. ``best``: bold. ``tone``: its colour.
    """

    text: str
    value: Value = None
    asides: tuple[str, ...] = ()
    joint: str = " "
    best: bool = False
    tone: Tone = ""

    def __str__(self) -> str:
        """On one line, with plain hyphens between the ends of an interval."""
        return self.joint.join((self.text, *(aside.replace(_DASH, "-") for aside in self.asides)))

    @property
    def key(self) -> str:
        """The value as a script reads it, empty where there is none."""
        if isinstance(self.value, float) and math.isinf(self.value):
            return "Infinity" if self.value > 0 else "-Infinity"
        return "" if is_absent(self.value) else str(self.value)


def number(value: float | None, digits: int, *asides: str) -> Cell:
    """A cell of a number with so many decimals."""
    return Cell(ABSENT) if value is None or is_absent(value) else Cell(f"{value:.{digits}f}", value, asides)


def interval(low: str, high: str) -> str:
    """The aside for an interval, low to high: a bootstrap interval need not be symmetric."""
    return f"({low}{_DASH}{high})"


@dataclass(frozen=True, slots=True)
class Shown:
    """A column of a table. ``name``: what code knows it by; ``explanation``: how to read it, "" where that is plain.

    ``numeric`` columns are set flush right.
    """

    name: str
    heading: str
    cells: tuple[Cell, ...]
    numeric: bool = True
    explanation: str = ""


@dataclass(slots=True)
class Table:
    """Columns under a title. ``key``: what code knows it by; ``explanation``: how to read all of it.

    ``caption``: sentences right below it; ``captions``: makes them from the names of its columns, where they depend on
    these; ``notes``: below those, each with the number that cells name it by.
    ``narrowing``: what a narrow terminal leaves out, first to last (:mod:`alexbench.reports.narrowing`).
    """

    title: str
    key: str = ""
    shown: list[Shown] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    explanation: str = ""
    caption: list[str] = field(default_factory=list)
    captions: Callable[[set[str]], list[str]] | None = None
    narrowing: tuple[str, ...] = ()

    def add(
        self,
        heading: str,
        cells: Sequence[str | Cell],
        *,
        name: str = "",
        numeric: bool = True,
        bold: Sequence[bool] = (),
        explanation: str = "",
        empty: bool = False,
        extra: bool = False,
    ) -> None:
        """A column, left out where nobody filled it unless it may stand ``empty``; text alone is sorted by itself.

        A narrow terminal leaves ``extra`` columns out, the last first.
        """
        made = [Cell(one, None if one == ABSENT else one) if isinstance(one, str) else one for one in cells]
        if empty or any(str(one) != ABSENT for one in made):
            marks = [*bold, *[False] * (len(made) - len(bold))]
            marked = tuple(replace(one, best=best) for one, best in zip(made, marks, strict=True))
            self.shown.append(Shown(name or heading, heading, marked, numeric, explanation))
            if extra:
                self.narrowing = (name or heading, *self.narrowing)

    @property
    def headings(self) -> list[str]:
        """The headings of the columns."""
        return [one.heading for one in self.shown]

    @property
    def numeric(self) -> list[bool]:
        """Whether each column is aligned right."""
        return [one.numeric for one in self.shown]

    @property
    def columns(self) -> list[list[str]]:
        """The cells as text, column by column."""
        return [[str(cell) for cell in one.cells] for one in self.shown]

    @property
    def bold(self) -> list[list[bool]]:
        """Whether a cell is bold, column by column."""
        return [[cell.best for cell in one.cells] for one in self.shown]

    @property
    def rows(self) -> list[tuple[str, ...]]:
        """The cells as text, row by row."""
        return list(zip(*self.columns, strict=True))


def table_of_rows(
    title: str,
    headings: Sequence[str],
    rows: Sequence[Sequence[str]],
    numeric: Sequence[int],
    extra: Sequence[int] = (),
) -> Table:
    """A table of lines of text; ``numeric``, ``extra``: the places of such columns."""
    table = Table(title)
    for place, heading in enumerate(headings):
        table.add(heading, [row[place] for row in rows], numeric=place in numeric, extra=place in extra)
    return table


@dataclass(slots=True)
class Notes:
    """Numbered notes of one report: the same words have the same number wherever they are needed."""

    numbers: dict[str, int] = field(default_factory=dict)

    def mark(self, texts: Sequence[str]) -> str:
        """What goes behind a cell: "[1, 2]", nothing where nothing is to be noted."""
        found = [self.numbers.setdefault(text, len(self.numbers) + 1) for text in dict.fromkeys(texts)]
        return f"[{', '.join(map(str, found))}]" if found else ""

    def lines(self, texts: Sequence[str]) -> list[str]:
        """These notes, each behind its number, in the order of the numbers."""
        found = sorted((self.numbers[text], text) for text in dict.fromkeys(texts))
        return [f"[{number}] {text}" for number, text in found]
