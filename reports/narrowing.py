"""A table on a narrow terminal: what is left out first, and long names cut in the middle. No cell wraps."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from rich.cells import cell_len, set_cell_size

from alexbench.reports.table import Cell, Shown, Table

NAMES: Final = "system"
"""The column of names."""
ELLIPSIS: Final = "\N{HORIZONTAL ELLIPSIS}"
LONG_NAME: Final = 28
"""Columns that a name may take before anything is left out for it."""
SHORT_NAME: Final = 12
"""Columns that a name keeps."""
GAP: Final = 2


def narrowed(table: Table, width: int) -> tuple[Table, list[str]]:
    """The table as it fits, and the headings of the columns that were left out.

    Its ``narrowing`` says what goes first: a column's name, or ``name~`` for the asides in its cells. For those, names
    of systems are cut to LONG_NAME; to less when nothing else can go.
    """
    shown, left_out, steps = list(table.shown), [], list(table.narrowing)
    while _width(_with_names(shown, LONG_NAME)) > width and steps:
        step = steps.pop(0)
        name = step.removesuffix("~")
        left_out += [one.heading for one in shown if one.name == step]
        shown = [
            _without_asides(one) if step != name and one.name == name else one for one in shown if one.name != step
        ]
    room = min(width, _longest(shown))
    while _width(_with_names(shown, room)) > width and room > SHORT_NAME:
        room -= 1
    caption = table.caption if table.captions is None else table.captions({one.name for one in shown})
    return replace(table, shown=_with_names(shown, room), caption=caption), left_out


def elided(names: Sequence[str], width: int) -> list[str]:
    """Names of at most so many columns, cut in the middle; different names stay different, at more columns if need be.

    What names have in common at both ends is what is cut: as much of the end as tells them apart is kept.
    """
    different = len(set(names))
    for room in range(width, max(map(cell_len, names), default=0) + 1):
        for tail in _tails(room):
            cut = [_cut(name, room, tail) for name in names]
            if len(set(cut)) == different:
                return cut
    return list(names)


def _tails(room: int) -> Iterable[int]:
    """Lengths of the end that is kept: a half, then more, then less."""
    half = (room - 1) // 2
    return (*range(half, room - 4), *range(half - 1, 3, -1))


def _cut(name: str, room: int, tail: int) -> str:
    if cell_len(name) <= room:
        return name
    head = set_cell_size(name, room - 1 - tail).rstrip()
    end = set_cell_size(name[::-1], tail)[::-1].lstrip()
    return f"{head}{ELLIPSIS}{end}"


def _with_names(shown: Sequence[Shown], room: int) -> list[Shown]:
    """The columns; names take so much room at most."""
    return [_elided_column(one, room) if one.name == NAMES else one for one in shown]


def _elided_column(column: Shown, room: int) -> Shown:
    marks = list(map(_mark, column.cells))
    texts = elided([cell.text for cell in column.cells], max(SHORT_NAME, room - max(marks, default=0)))
    return replace(
        column, cells=tuple(replace(cell, text=text) for cell, text in zip(column.cells, texts, strict=True))
    )


def _mark(cell: Cell) -> int:
    """Columns of what stands behind the name."""
    return len(" ".join(("", *cell.asides)))


def _without_asides(column: Shown) -> Shown:
    return replace(column, cells=tuple(map(_alone, column.cells)))


def _alone(cell: Cell) -> Cell:
    return replace(cell, asides=())


def _longest(shown: Sequence[Shown]) -> int:
    """Columns that no name needs to be cut for, with the widest mark behind any of them."""
    named = [cell for one in shown if one.name == NAMES for cell in one.cells]
    return max((cell_len(cell.text) for cell in named), default=SHORT_NAME) + max(map(_mark, named), default=0)


def _width(shown: Sequence[Shown]) -> int:
    widths = [max(cell_len(text) for text in (one.heading, *map(str, one.cells))) for one in shown]
    return sum(widths) + GAP * max(0, len(widths) - 1)
