"""The first chart of the page: FPS and p50 as bars with their intervals, in the order of the ranks."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from alexbench.harness.records.run_records import RunRecord
from alexbench.reports import row_cells
from alexbench.reports.columns import BY_NAME, Column
from alexbench.reports.html import svg
from alexbench.reports.html.figure import Missing
from alexbench.reports.rows import Row, rows_of
from alexbench.reports.text.reason_words import group_words

_TITLE: Final = "FPS and latency"
_HEIGHT: Final = 24


@dataclass(frozen=True, slots=True)
class Bar:
    """A row's bar in one panel: the drawing, and the value as the leaderboard shows it."""

    drawing: Markup
    value: str
    unit: str


@dataclass(frozen=True, slots=True)
class BarRow:
    """A system: its rank ("" for none), its name, its bars; ``group`` where another group of ranks begins."""

    rank: str
    name: str
    bars: tuple[Bar, ...]
    group: str = ""


@dataclass(frozen=True, slots=True)
class Panel:
    """A column of bars. ``better``: which way, in words."""

    heading: str
    unit: str
    better: str
    column: Column


@dataclass(frozen=True, slots=True)
class Bars:
    """The chart: a heading for each panel, the rows, the same in one sentence, and who has no bar."""

    title: str
    panels: tuple[Panel, ...]
    rows: tuple[BarRow, ...]
    said: str
    without: tuple[str, ...]

    @property
    def ranked(self) -> bool:
        """Whether any row has a rank."""
        return any(row.rank for row in self.rows)


def bars(record: RunRecord) -> Bars | Missing:
    """FPS and p50 of the systems that have them; top-1 of a run without speed.

    Left out where it would compare nothing: of fewer than two systems, and of accuracies that are all the same.
    """
    rows = rows_of(record)
    shown = [row for row in rows if row.rate is not None]
    panels = _speed(record) if shown else _accuracy()
    if not shown:
        shown = [row for row in rows if row.entry.accuracy is not None]
        if len({row.entry.accuracy.top1 for row in shown if row.entry.accuracy is not None}) < 2:
            return Missing("bars", _TITLE, "No speed was measured, and no two systems differ in top-1.")
    if len(shown) < 2:
        return Missing("bars", _TITLE, "One system was measured: there is nothing to compare it with.")
    without = tuple(row.entry.name for row in rows if row not in shown)
    columns = [_bars(shown, panel) for panel in panels]
    found = [
        BarRow(_rank(row), row_cells.called(row).text, mine, group)
        for row, mine, group in zip(shown, zip(*columns, strict=True), _groups(shown), strict=True)
    ]
    title = _TITLE if len(panels) > 1 else "Accuracy"
    return Bars(title, panels, tuple(found), _said(panels, found), without)


def _speed(record: RunRecord) -> tuple[Panel, ...]:
    batch = record.configuration.get("batch_size", "")
    return (
        Panel(f"FPS, batch {batch}", "FPS", "longer is faster", BY_NAME["images_per_second"]),
        Panel("p50, batch 1", "ms", "shorter is faster", BY_NAME["latency_p50_ms"]),
    )


def _accuracy() -> tuple[Panel, ...]:
    return (Panel("top-1", "%", "longer is better", BY_NAME["top1"]),)


def _bars(rows: Sequence[Row], panel: Panel) -> list[Bar]:
    """All on one scale from 0, which ends at the farthest interval."""
    values = [panel.column.number(row) or 0.0 for row in rows]
    bounds = [panel.column.bounds(row) for row in rows]
    scale = svg.Scale(0.0, max([*values, *(found[1] for found in bounds if found is not None), 1e-9]) * 1.01)
    made = []
    for row, value, found in zip(rows, values, bounds, strict=True):
        drawn = [svg.rectangle(_kind(row), 0.0, scale.share(value), 3, _HEIGHT - 6)]
        if found is not None:
            drawn.append(svg.interval(scale, *found, _HEIGHT / 2))
        made.append(Bar(svg.svg(_HEIGHT, drawn, "bar"), panel.column.text(value), panel.unit))
    return made


def _kind(row: Row) -> str:
    """The best are darkest; a row without a rank is grey."""
    return "bar-unranked" if row.rank is None else "bar-best" if row.rank == 1 else "bar-ranked"


def _rank(row: Row) -> str:
    return "" if row.rank is None else row_cells.rank(row).text


def _groups(rows: Sequence[Row]) -> Iterable[str]:
    """Above the first row of each group of ranks what its rows have in common, where there are several groups."""
    groups = [row.entry.group if row.rank is not None else None for row in rows]
    several = len({one for one in groups if one is not None}) > 1
    for place, group in enumerate(groups):
        begins = several and (place == 0 or groups[place - 1] != group)
        yield ("Not ranked" if group is None else group_words(group)) if begins else ""


def _said(panels: Sequence[Panel], rows: Sequence[BarRow]) -> str:
    """What the bars show, for who does not see them."""
    lines = [f"{row.name}: {', '.join(f'{bar.value} {bar.unit}' for bar in row.bars)}" for row in rows]
    return f"Bars of {' and '.join(panel.heading for panel in panels)}. {'; '.join(lines)}."
