"""A history on the terminal, as JSON and as CSV."""

import dataclasses
from collections.abc import Iterator
from typing import Final, TextIO

from alexbench.harness.files.plain_text import json_text
from alexbench.reports.export.flat_table import csv_text
from alexbench.reports.history.answer import answer, trend
from alexbench.reports.history.series import Change, History, Metric, Series
from alexbench.reports.history.words import change_text, date, interval_text, news_text, value_text
from alexbench.reports.table import Table
from alexbench.reports.text.wording import ABSENT, short_version

_OF_A_TABLE: Final = ("machine", "model", "ran as")
"""What series of one table have in common."""
_COLUMNS: Final = ("weights", "artifact", "data", "rigor")
"""What else keeps series apart, a column where they differ in it; a batch size is FPS's own."""


def print_history(history: History, *, details: bool = False, last: int = 0, stream: TextIO | None = None) -> None:
    """Print the answer and a line per series; with ``details`` a table of each, its ``last`` points (0: all)."""
    from alexbench.reports.terminal import Terminal

    terminal = Terminal(stream)
    terminal.answer(answer(history))
    without = f", and {history.without} without these metrics" if history.without else ""
    terminal.line(f"{history.folder}: {history.runs} run{'' if history.runs == 1 else 's'}{without}")
    for table in summaries(history):
        terminal.table(table)
    for series in history.series if details else ():
        table = table_of(series, last=last)
        terminal.line(f"\n{table.title}", "bold")
        terminal.line(key_line(series))
        terminal.cells(table)
        hidden = len(series.points) - len(table.rows)
        if hidden:
            terminal.line(f"{hidden} older left out (--last 0 shows all)")
        for change in series.changes:
            terminal.line(change_line(series.metric, change))
    terminal.remarks(sentences(history) if details else list(history.remarks))
    if history.series and not details:
        terminal.line("\n--details lists every point, and why some series were not joined.")


def summaries(history: History) -> list[Table]:
    """A line per series, in a table for each model, machine and way of running."""
    groups: dict[tuple[str, ...], list[Series]] = {}
    for series in history.series:
        groups.setdefault(tuple(series.key.get(name, "") for name in _OF_A_TABLE), []).append(series)
    machines = {(series.machine, series.key.get("machine", "")) for series in history.series}
    alike = len({name for name, _ in machines}) < len(machines)
    return [_summary(found, machine_key=alike) for found in groups.values()]


def _summary(group: list[Series], *, machine_key: bool) -> Table:
    """``machine_key``: whether the title needs the machine's key, as another machine has the same processor."""
    newest = [series.points[-1] for series in group]
    table = Table("; ".join(_title(group[0], machine_key=machine_key)))
    table.add("system", [series.system for series in group], numeric=False)
    table.add("metric", [series.metric.title for series in group], numeric=False)
    for name in _COLUMNS:
        values = [series.key.get(name, "") for series in group]
        if len(set(values)) > 1:
            table.add(name, [value or ABSENT for value in values], numeric=False)
    table.add("last", [value_text(one.metric, one.points[-1].value) for one in group])
    intervals = [interval_text(one.metric, one.points[-1].low, one.points[-1].high) or ABSENT for one in group]
    table.add("95 % interval", intervals, extra=True)
    changes = [
        ABSENT if one.change is None else change_text(of.metric, one.change)
        for of, one in zip(group, newest, strict=True)
    ]
    table.add("change", changes)
    table.add("trend", [trend(one) for one in group], numeric=False)
    table.add("runs", [str(len(one.points)) for one in group], extra=True)
    table.add("mark", [", ".join(one.marks) or ABSENT for one in newest], numeric=False, extra=True)
    return table


def _title(series: Series, *, machine_key: bool) -> Iterator[str]:
    key = series.key
    synthetic = "SYNTHETIC: " if series.synthetic else ""
    own = f" (machine {key.get('machine', '')})" if machine_key else ""
    yield f"{synthetic}{key.get('model', '')} on {series.machine or key.get('machine', '')}{own}"
    if key.get("ran as"):
        yield key["ran as"]


def table_of(series: Series, *, last: int = 0) -> Table:
    """The points, oldest first."""
    metric, points = series.metric, series.points[-last:]
    table = Table(f"{series.name} ({metric.better} is better)")
    table.add("date (UTC)", [date(one.started) for one in points], numeric=False)
    table.add("version", [short_version(one.version) or ABSENT for one in points], numeric=False)
    first = not last or last >= len(series.points)
    news = [
        one.environment if first and place == 0 else news_text(one.news) or "same" for place, one in enumerate(points)
    ]
    table.add("value", [value_text(metric, one.value) for one in points])
    table.add("95 % interval", [interval_text(metric, one.low, one.high) or ABSENT for one in points], extra=True)
    table.add("change", [ABSENT if one.change is None else change_text(metric, one.change) for one in points])
    changed = {one.run for one in series.changes}
    marks = [", ".join([*one.marks, *(["CHANGE"] if one.run in changed else [])]) or ABSENT for one in points]
    table.add("mark", marks, numeric=False)
    table.add("environment", news, numeric=False)
    table.add("run", [one.run for one in points], numeric=False, extra=True)
    return table


def key_line(series: Series) -> str:
    """What all points of a series have in common."""
    synthetic = "SYNTHETIC; " if series.synthetic else ""
    return synthetic + ", ".join(f"{name} {value}" for name, value in series.key.items() if value)


def change_line(metric: Metric, change: Change) -> str:
    """A change of level in a sentence."""
    return (
        f"CHANGE since {date(change.started)}: {value_text(metric, change.before)} ->"
        f" {value_text(metric, change.after)} ({change_text(metric, change.change)},"
        f" {'better' if change.better else 'WORSE'}), p = {change.p:.0e}, {change.points_before} runs before and"
        f" {change.points_after} after; with it: {news_text(change.news) or 'no change of the environment'}"
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
    """All of it, the answer first; the same text for the same history."""
    return json_text({"answer": answer(history), **dataclasses.asdict(history)}) + "\n"


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
