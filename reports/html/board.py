"""The leaderboard of the page, in one table that can be sorted and filtered."""

from dataclasses import dataclass

from alexbench.harness.records.run_records import RunRecord
from alexbench.reports.leaderboard.boards import leaderboard
from alexbench.reports.rows import rows_of
from alexbench.reports.table import Cell, Table
from alexbench.reports.text.reason_words import group_words


@dataclass(frozen=True, slots=True)
class Line:
    """A row: its cells, and what the filters ask."""

    cells: tuple[Cell, ...]
    group: str = ""
    ranked: bool = True


@dataclass(frozen=True, slots=True)
class Sorted:
    """A table whose columns can be sorted. ``last``: rows that stay below the others, and no filter hides."""

    table: Table
    lines: tuple[Line, ...]
    last: tuple[Line, ...] = ()
    groups: tuple[str, ...] = ()

    @property
    def head(self) -> int:
        """The place of the column that names a row."""
        names = [column.name for column in self.table.shown]
        return names.index("system") if "system" in names else 0


def board(record: RunRecord) -> Sorted:
    """The leaderboard that every report has."""
    rows = rows_of(record)
    groups = tuple(dict.fromkeys(row.entry.group for row in rows if row.entry.group))
    table = leaderboard(record)
    lines = _lines(table)
    ranked = [
        Line(line.cells, group_words(row.entry.group) if row.entry.group else "", row.rank is not None)
        for line, row in zip(lines, rows, strict=False)
    ]
    return Sorted(table, tuple(ranked), tuple(lines[len(rows) :]), tuple(map(group_words, groups)))


def plain(table: Table) -> Sorted:
    """Any other table."""
    return Sorted(table, tuple(_lines(table)))


def _lines(table: Table) -> list[Line]:
    return [Line(cells) for cells in zip(*(column.cells for column in table.shown), strict=True)]
