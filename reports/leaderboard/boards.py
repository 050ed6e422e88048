"""Leaderboards as tables: the best in bold, what qualifies a row below."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Final

from alexbench.harness.records.run_records import ReferenceRecord, RunRecord
from alexbench.reports.columns import BOARD, NARROWING, Column, show
from alexbench.reports.leaderboard.captions import captions
from alexbench.reports.row_cells import BASE
from alexbench.reports.rows import Row, rows_of
from alexbench.reports.table import Cell, Notes, Table
from alexbench.reports.text.wording import ABSENT, row_remarks

_COMPARING: Final = ("speed_up", "speed_up_plain", "difference", "difference_plain")
REFERENCE_NAME: Final = "reference (float64)"


def leaderboard(record: RunRecord) -> Table:
    """The leaderboard of a run, in one table: rows that ran alike are ranked together, those not ranked are last."""
    rows = rows_of(record)
    groups = {row.entry.group for row in rows if row.rank is not None}
    title = "Leaderboard"
    if record.invalid:
        title += ": INVALID, no row is ranked"
    elif len(groups) > 1:
        title += ", ranked among rows that ran alike"
    return board(title, rows, [] if record.reference is None else [("", record.reference)])


def board(
    title: str,
    rows: Sequence[Row],
    references: Sequence[tuple[str, ReferenceRecord]] = (),
    *,
    columns: Sequence[Column] = BOARD,
) -> Table:
    """A table of these rows, and below them the ``references``: the run of each, and what float64 said."""
    table, notes = Table(title), Notes()
    said = [row_remarks(row.entry) for row in rows]
    marks = [notes.mark(texts) for texts in said]
    below = [_reference_cells(run if rows else "", one) for run, one in references]
    for column in columns:
        cells = [column.cell(row) for row in rows]
        if column.name == "system":
            cells = [replace(cell, asides=(mark,) if mark else ()) for cell, mark in zip(cells, marks, strict=True)]
        if column.name in _COMPARING and all(cell.text in (ABSENT, BASE) for cell in cells):
            continue
        if column.name == "gflops" and len({cell.text for cell in cells}) < 2:
            continue
        best = _BEST.get(column.name)
        bold = [] if best is None else _ranked_apart(rows, best)
        last = [known.get(column.name, Cell(ABSENT)) for known in below]
        show(table, column, [*cells, *last], bold)
    table.captions, table.narrowing = partial(captions, rows), NARROWING
    table.caption = table.captions({one.name for one in table.shown})
    table.notes = notes.lines([text for texts in said for text in texts])
    return table


def _reference_cells(run: str, reference: ReferenceRecord) -> Mapping[str, Cell]:
    """What float64 has, by column; it is what the others are compared with, and never timed."""
    texts = {"run": run or ABSENT, "system": REFERENCE_NAME, "checks": "reference"}
    counts = {"top1": reference.top1_correct, "top5": reference.top5_correct}
    shares = {name: Cell(f"{count} of {reference.images}", count) for name, count in counts.items()}
    return shares | {name: Cell(text, text) for name, text in texts.items()}


def _ranked_apart(rows: Sequence[Row], best: Callable[[Sequence[Row]], list[bool]]) -> list[bool]:
    """The best of each group of each run: rows of different runs were not measured in the same rounds.

    Bold is where it says something: not where all that are ranked are best.
    """
    found = [False] * len(rows)
    keys = [(row.run, row.entry.group) for row in rows]
    for key in dict.fromkeys(keys):
        mine = [place for place, one in enumerate(keys) if one == key]
        marked = best([rows[place] for place in mine])
        if sum(marked) < sum(rows[place].rank is not None for place in mine):
            for place, one in zip(mine, marked, strict=True):
                found[place] = one
    return found


def _best_throughput(rows: Sequence[Row]) -> list[bool]:
    """The rows that none is faster than beyond doubt."""
    return [row.rank == 1 and row.rate is not None for row in rows]


def _best_accuracy(rows: Sequence[Row]) -> list[bool]:
    """Where there is no speed, the ranks are those of top-1."""
    timed = any(row.rate is not None for row in rows)
    return [row.rank == 1 and row.entry.accuracy is not None and not timed for row in rows]


def _best_latency(rows: Sequence[Row]) -> list[bool]:
    """The rows that none is faster than beyond doubt at batch 1."""
    slower = {one.slower for row in rows[:1] for one in row.record.differences if one.of == "latency" and one.apart}
    return [row.rank is not None and row.rate is not None and row.entry.name not in slower for row in rows]


_BEST: Final = {"top1": _best_accuracy, "latency_p50_ms": _best_latency, "images_per_second": _best_throughput}
