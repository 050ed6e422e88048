"""The tables of the page: the cells of all reports, and beside each the value that it is sorted by."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from alexbench.harness.records import RunRecord
from alexbench.reports import boards
from alexbench.reports.row_cells import has
from alexbench.reports.table import Notes, Table
from alexbench.reports.wording import ABSENT

RAN_AS: Final = "ran as"


@dataclass(frozen=True, slots=True)
class Cell:
    """``text`` as shown, ``asides`` what stands smaller below or beside it: an interval, a difference.

    ``key`` sorts: a number where there is one, empty where there is nothing. ``best``: bold.
    """

    text: str
    asides: tuple[str, ...] = ()
    key: str = ""
    best: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """A row: its cells, and what the filters ask."""

    cells: tuple[Cell, ...]
    group: str = ""
    ranked: bool = True


@dataclass(frozen=True, slots=True)
class Sorted:
    """A table whose columns can be sorted. ``numeric``: columns that are set flush right.

    ``last``: rows that stay below the others, and no filter hides. ``notes``: below it all.
    """

    key: str
    title: str
    headings: tuple[str, ...]
    numeric: tuple[bool, ...]
    lines: tuple[Line, ...]
    last: tuple[Line, ...] = ()
    notes: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()


def board(record: RunRecord) -> Sorted:
    """The leaderboard that every report has, in one table: where rows ran unlike, a column says how."""
    lines = boards.lines_of(record)
    references = [] if record.reference is None else [("", record.reference)]
    table = boards.board("Leaderboard", lines, Notes(), references)
    ran = [str(line.row["group"]) if has(line.row, "group") else "" for line in lines]
    groups = tuple(dict.fromkeys(group for group in ran if group))
    made = _lines(table)
    rows = [Line(one.cells, group, has(line.row, "rank")) for one, group, line in zip(made, ran, lines, strict=False)]
    headings, numeric = list(table.headings), list(table.numeric)
    last = made[len(lines) :]
    if len(groups) > 1:
        place = headings.index("backend") + 1
        headings.insert(place, RAN_AS)
        numeric.insert(place, False)
        said = _told_apart(groups)
        rows = [_with(one, place, said.get(one.group, ABSENT)) for one in rows]
        last = [_with(one, place, ABSENT) for one in last]
    return Sorted(
        key="leaderboard",
        title=table.title,
        headings=tuple(headings),
        numeric=tuple(numeric),
        lines=tuple(rows),
        last=tuple(last),
        notes=tuple(table.notes),
        groups=groups,
    )


def plain(table: Table, key: str) -> Sorted:
    """Any other table."""
    return Sorted(key, table.title, tuple(table.headings), tuple(table.numeric), tuple(_lines(table)))


def _lines(table: Table) -> list[Line]:
    columns = [
        _column(texts, numeric=numeric, best=best)
        for texts, numeric, best in zip(table.columns, table.numeric, table.bold, strict=True)
    ]
    return [Line(cells) for cells in zip(*columns, strict=True)]


def _column(texts: Sequence[str], *, numeric: bool, best: Sequence[bool]) -> list[Cell]:
    """Cells of text sort by it; those of numbers by the number that they begin with."""
    if not numeric:
        return [Cell(text, (), "" if text == ABSENT else text, one) for text, one in zip(texts, best, strict=True)]
    keys = _keys_against(texts) if boards.BASE in texts else [_leading(text) for text in texts]
    return [Cell(*_parts(text), key, one) for text, key, one in zip(texts, keys, best, strict=True)]


_NUMBER: Final = re.compile(r"[+-]?\d[\d,]*(\.\d+)?(e[+-]?\d+)?")


def _leading(text: str) -> str:
    if text == ABSENT:
        return ""
    found = _NUMBER.match(text)
    return found[0].replace(",", "") if found else text


def _keys_against(texts: Sequence[str]) -> list[str]:
    """By how many times as fast; where no row says that, by the difference of top-1."""
    speeds = [text.partition("x")[0] if re.match(r"[\d.]+x", text) else "" for text in texts]
    if any(speeds):
        return ["1" if text == boards.BASE else speed for text, speed in zip(texts, speeds, strict=True)]
    return ["0" if text == boards.BASE else _leading(text.removeprefix(boards.OF_TOP1)) for text in texts]


def _parts(text: str) -> tuple[str, tuple[str, ...]]:
    """A figure, and what qualifies it, none of it broken over lines; a dash between two numbers is one."""
    figure, speed_up, difference = text.partition(f", {boards.OF_TOP1}")
    if speed_up:
        return figure, (f"{boards.OF_TOP1}{difference}",)
    figure, *asides = text.split(" (")
    return figure, tuple(re.sub(r"(?<=\d)-(?=\d)", "\u2013", f"({aside}") for aside in asides)


def _told_apart(groups: Sequence[str]) -> dict[str, str]:
    """Each group by what not all of them have in common: fp32, bf16."""
    parts = [group.split(", ") for group in groups]
    if len({len(one) for one in parts}) > 1:
        return {group: group for group in groups}
    unlike = [len(set(column)) > 1 for column in zip(*parts, strict=True)]
    return {
        group: ", ".join(word for word, differs in zip(words, unlike, strict=True) if differs)
        for group, words in zip(groups, parts, strict=True)
    }


def _with(line: Line, place: int, text: str) -> Line:
    cell = Cell(text, (), "" if text == ABSENT else text)
    return Line((*line.cells[:place], cell, *line.cells[place:]), line.group, line.ranked)
