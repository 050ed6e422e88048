"""Drift: what each system's latency did from round to round, a small plot each on one scale."""

from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from markupsafe import Markup

from alexbench.harness.records.file_names import BLOCKS
from alexbench.harness.records.run_records import RunRecord
from alexbench.harness.run_tables import ANCHOR
from alexbench.reports.html import data, svg
from alexbench.reports.html.figure import Figure, Missing, places, speeds, timed
from alexbench.reports.html.latency_charts import of_folder, plain_rows

PROBE: Final = "machine probe"
_LEAST_ROUNDS: Final = 3
_HEIGHT: Final = 84
_KEPT: Final = (0.02, 0.98)
"""The quantiles of settled blocks that the axis holds; what is beyond is drawn at its edge and counted."""
_LEAST_RANGE: Final = 2.0
"""Percent to either side: less would make noise look like drift."""


def drift(folder: Path, record: RunRecord) -> Figure | Missing:
    """Block medians as percent above or below each system's p50."""
    key, title = "drift", "Drift over the rounds"
    frame = of_folder(data.drift, folder, record, BLOCKS)
    if isinstance(frame, str):
        return Missing(key, title, frame)
    rounds = int(frame["round"].nunique())
    if rounds < _LEAST_ROUNDS:
        return Missing(key, title, f"Rounds measured: {rounds}. A trend needs {_LEAST_ROUNDS}.")
    frame = _deviations(frame, record)
    area = _area(frame)
    place = places(record)
    names = [*timed(record), *([PROBE] if PROBE in set(frame["backend"]) else [])]
    panels = [_panel(area, name, frame[frame["backend"] == name], place.get(name)) for name in names]
    beyond = int((~frame["deviation"].between(area.y.low, area.y.high)).sum())
    said = (
        f"{_most(frame, record)} Median latency of each block against the system's p50, a line for each process."
        " Hollow marks had not settled and count in no figure."
        + (" The machine probe is one fixed computation: where it moves, the machine does." if PROBE in names else "")
        + (f" {beyond:,} of {len(frame):,} blocks are beyond the axis and stand at its edge." if beyond else "")
    )
    columns = ("system", "process", "round", "settled", "median ms")
    drawn = Markup('<div class="multiples">{}</div>').format(svg.NOTHING.join(panels))
    rows = plain_rows(frame[["backend", "process", "round", "settled", "latency"]])
    return Figure(key, title, said, columns, rows, drawn, wide=True)


def _deviations(frame: pd.DataFrame, record: RunRecord) -> pd.DataFrame:
    """With percent from the p50 that the leaderboard has; of the probe, from the median of its own blocks."""
    middles = {entry.name: speed.latency.p50_ms for entry, speed in speeds(record)}
    probe = frame["backend"] == ANCHOR
    if probe.any():
        middles[PROBE] = float(frame.loc[probe, "latency"].median())
        frame = frame.assign(backend=frame["backend"].mask(probe, PROBE))
    return frame.assign(deviation=100 * (frame["latency"] / frame["backend"].map(middles) - 1))


def _area(frame: pd.DataFrame) -> svg.Frame:
    """The same for all panels: from the first round to the last, in percent."""
    y = _clipped(frame)
    x = svg.Scale(float(frame["round"].min()), float(frame["round"].max()))
    ends = [(one, f"{one:.0f}") for one in (x.low, x.high)]
    levels = [(one, f"{one:+g} %" if one else "0 %") for one in y.ticks(3)]
    return svg.frame(x, y, _HEIGHT, x_ticks=ends, y_ticks=levels)


def _clipped(frame: pd.DataFrame) -> svg.Scale:
    """The range of all but the farthest settled blocks, with 0 in it."""
    settled = frame.loc[frame["settled"], "deviation"]
    low, high = np.quantile(settled if len(settled) else frame["deviation"], _KEPT)
    return svg.linear([min(float(low), -_LEAST_RANGE), max(float(high), _LEAST_RANGE)], margin=0.1)


def _most(frame: pd.DataFrame, record: RunRecord) -> str:
    """Which system varies most between settled blocks, by the range of the middle half."""
    settled = frame[frame["settled"] & frame["backend"].isin(timed(record))]
    if settled.empty:
        return "No block settled."
    by_system = settled.groupby("backend")["deviation"]
    ranges = by_system.quantile(0.75) - by_system.quantile(0.25)
    if len(ranges) < 2:
        return f"Half of the blocks lie within {float(ranges.iloc[0]):.1f} % of each other."
    return f"Most variable: {ranges.idxmax()}; half of its blocks lie within {float(ranges.max()):.1f} %."


def _panel(area: svg.Frame, name: str, mine: pd.DataFrame, place: int | None) -> Markup:
    colour = "probe" if place is None else f"s{place % svg.COLOURS}"
    curves = [svg.curve("zero", [(0.0, area.down(0)), (1.0, area.down(0))])]
    for _, lines in mine.groupby("process"):
        curves.append(area.curve(f"thin {colour}", zip(lines["round"], lines["deviation"], strict=True)))
    apart = mine[~mine["settled"] | ~mine["deviation"].between(area.y.low, area.y.high)]
    marks = [_point(area, row, colour) for row in apart.itertuples()]
    return Markup('<div class="multiple"><p class="multiple-name">{}</p>{}</div>').format(
        svg.plain(name), svg.panes(area, curves, marks)
    )


def _point(area: svg.Frame, row: Any, colour: str) -> Markup:
    """A block that had not settled, or is beyond the axis: that is a triangle at its edge."""
    inside = area.y.holds(row.deviation)
    y = area.down(min(max(row.deviation, area.y.low), area.y.high))
    kind = "mark-small" if inside else "mark-over" if row.deviation > 0 else "mark-under"
    hollow = "" if row.settled else "hollow "
    said = Markup('<use href="#{}" x="{}" y="{:.1f}" class="mark {}{}"><title>{}</title></use>')
    return said.format(kind, area.x.percent(row.round), y, hollow, colour, f"round {row.round}: {row.deviation:+.1f} %")
