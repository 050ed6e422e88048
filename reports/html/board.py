"""The leaderboard of the page, in one table that can be sorted and filtered."""

from collections.abc import Sequence
from dataclasses import dataclass

from alexbench.harness.records.run_records import RunRecord
from alexbench.harness.records.speed_records import Group
from alexbench.reports.columns import BOARD, Column
from alexbench.reports.leaderboard import boards
from alexbench.reports.rows import Row, rows_of
from alexbench.reports.table import Cell, Notes, Table
from alexbench.reports.text.reason_words import group_parts, group_words


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
    """The leaderboard that every report has, in one table: where rows ran unlike, a column says how."""
    rows = rows_of(record)
    groups = tuple(dict.fromkeys(row.entry.group for row in rows if row.entry.group))
    columns = list(BOARD)
    if len(groups) > 1:
        said = _told_apart(groups)

        def unlike(row: Row) -> str | None:
            return None if row.entry.group is None else said[row.entry.group]

        ran_as = Column("ran_as", str, unlike, heading="ran as")
        columns.insert([column.name for column in columns].index("system") + 1, ran_as)
    references = [] if record.reference is None else [("", record.reference)]
    table = boards.board("Leaderboard", rows, Notes(), references, columns=columns)
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


def _told_apart(groups: Sequence[Group]) -> dict[Group, str]:
    """Each group by what not all of them have in common: fp32, bf16."""
    parts = [group_parts(group) for group in groups]
    unlike = [len(set(column)) > 1 for column in zip(*parts, strict=True)]
    return {
        group: ", ".join(word for word, differs in zip(mine, unlike, strict=True) if differs)
        for group, mine in zip(groups, parts, strict=True)
    }
