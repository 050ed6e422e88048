"""A history on the terminal, as JSON and as CSV."""

import dataclasses
from typing import Final, TextIO

from alexbench.harness.files.plain_text import json_text
from alexbench.reports.columns import SCIENTIFIC
from alexbench.reports.export.flat_table import csv_text
from alexbench.reports.history.series import Change, History, Metric, Series
from alexbench.reports.table import Table
from alexbench.reports.text.wording import ABSENT, short_version

MOST_NEWS: Final = 3
"""Changes of the environment named in a cell; the rest are counted."""


def print_history(history: History, *, last: int, stream: TextIO | None = None) -> None:
    """Print a table of each series, its ``last`` points (0: all), its changes, and what was not joined or left out."""
    from alexbench.reports.terminal import Terminal

    terminal = Terminal(stream)
    terminal.line(f"{history.folder}: {history.runs} run{'' if history.runs == 1 else 's'}")
    for series in history.series:
        table = table_of(series, last=last)
        terminal.line(f"\n{table.title}", "bold")
        terminal.line(key_line(series))
        terminal.cells(table)
        hidden = len(series.points) - len(table.rows)
        if hidden:
            terminal.line(f"{hidden} older left out (--last 0 shows all)")
        for change in series.changes:
            terminal.line(change_line(series.metric, change))
    terminal.remarks(sentences(history))


def table_of(series: Series, *, last: int = 0) -> Table:
    """The points, oldest first."""
    metric, points = series.metric, series.points[-last:]
    table = Table(f"{series.name}, {metric.unit} ({metric.better} is better)")
    table.add("date (UTC)", [_date(one.started) for one in points], numeric=False)
    table.add("version", [short_version(one.version) or ABSENT for one in points], numeric=False)
    first = not last or last >= len(series.points)
    news = [one.environment if first and place == 0 else _news(one.news) or "same" for place, one in enumerate(points)]
    table.add("environment", news, numeric=False)
    values = [_value(metric, one.value) + _interval(metric, one.low, one.high) for one in points]
    table.add("value (95 %)", values)
    table.add("change", [ABSENT if one.change is None else said_change(metric, one.change) for one in points])
    changed = {one.run for one in series.changes}
    marks = [", ".join([*one.marks, *(["CHANGE"] if one.run in changed else [])]) or ABSENT for one in points]
    table.add("mark", marks, numeric=False)
    table.add("run", [one.run for one in points], numeric=False)
    return table


def key_line(series: Series) -> str:
    """What all points of a series have in common."""
    synthetic = "SYNTHETIC; " if series.synthetic else ""
    return synthetic + ", ".join(f"{name} {value}" for name, value in series.key.items() if value)


def change_line(metric: Metric, change: Change) -> str:
    """A change of level in a sentence."""
    return (
        f"CHANGE from {_date(change.started)} on: {_value(metric, change.before)} -> {_value(metric, change.after)}"
        f" {metric.unit} ({said_change(metric, change.change)}, {'better' if change.better else 'WORSE'}), p ="
        f" {change.p:.0e}, {change.points_before} runs before and {change.points_after} after; with it:"
        f" {_news(change.news) or 'no change of the environment'}"
    )


def sentences(history: History) -> list[str]:
    """What was not joined, what does not count, what was left out."""
    lines = list(history.separate)
    for series in history.series:
        left = sum(not one.counts for one in series.points)
        if left:
            lines.append(f"{series.name}: {left} of {len(series.points)} points are marked and left out of changes")
    return list(dict.fromkeys([*lines, *history.remarks]))


def history_json(history: History) -> str:
    """All of it; the same text for the same history."""
    return json_text(dataclasses.asdict(history)) + "\n"


def history_csv(history: History) -> str:
    """A line a point, with all that keys its series; ``change_point`` where a level begins."""
    import pandas as pd

    lines = []
    for series in history.series:
        changed = {one.run for one in series.changes}
        for one in series.points:
            cells = {name.replace(" ", "_"): value for name, value in series.key.items()}
            lines.append(
                {
                    "metric": series.metric.name,
                    "unit": series.metric.unit,
                    "system": series.system,
                    "system_key": series.system_key,
                    "run": one.run,
                    "started": one.started,
                    "version": one.version,
                    "environment": one.environment,
                    "environment_news": "; ".join(one.news),
                    "value": one.value,
                    "low": one.low,
                    "high": one.high,
                    "change": one.change,
                    "marks": "; ".join(one.marks),
                    "counts": one.counts,
                    "change_point": one.run in changed,
                    "synthetic": series.synthetic,
                    **cells,
                }
            )
    return csv_text(pd.DataFrame(lines))


def said_change(metric: Metric, change: float) -> str:
    """Signed, in percent or points."""
    return f"{change:+.2f} points" if metric.in_points else f"{change:+.1f} %"


def _value(metric: Metric, value: float) -> str:
    return f"{value:.{metric.digits}f}" if metric.digits < SCIENTIFIC else f"{value:.1e}"


def _interval(metric: Metric, low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f" ({_value(metric, low)} to {_value(metric, high)})"


def _news(news: tuple[str, ...]) -> str:
    more = len(news) - MOST_NEWS
    return ", ".join(news[:MOST_NEWS]) + (f" and {more} more" if more > 0 else "")


def _date(iso: str) -> str:
    return iso[:16].replace("T", " ")
