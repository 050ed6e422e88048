"""The flat table of many runs to series that may be joined, and where each changed its level.

What must be equal for two values to stand in one series: the machine, the card with its weights (or the artifact), the
pixels, how it ran (device, precision, threads, streams), the batch, the rigor, the system by its key. What may differ
is the environment: the runtime's version and all else that is installed; a point is labelled with it.
"""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from alexbench.harness.errors import unknown_name
from alexbench.harness.history.index import gather, systems_in
from alexbench.harness.judge.change_points import ChangePoint, change_points
from alexbench.harness.records.file_names import RUN_FILE
from alexbench.reports.history.series import Change, History, Metric, Point, Series, metrics_named
from alexbench.reports.row_cells import PARITY_FAILED

KEY: Final = {
    "machine": "machine",
    "model": "model",
    "weights_digest": "weights",
    "artifact_digest": "artifact",
    "pixels_digest": "data",
    "group": "ran as",
    "batch_size": "batch",
    "rigor": "rigor",
}
"""Column -> what it is called. ``group`` holds device, precision, threads and streams, as the leaderboard ranks by."""
_MACHINE: Final = ("cpu", "logical_cores", "usable_cores", "memory_mib", "os", "gpus")
_OF_POINT: Final = (
    "run", "started", "system", "backend", "key", "status", "run_status", "version", "environment",
    "environment_versions", "invalid", "noise", "parity", "synthetic", "error", "chance",
)  # fmt: skip
_SHORT: Final = 12
_GUESSES: Final = {"no better": "top-1 at chance"}


def history(folder: Path, *, metrics: Sequence[str] = (), backends: Sequence[str] = ()) -> History:
    """Series of ``metrics`` (default: top1, latency_p50_ms, images_per_second) over the runs in ``folder``.

    ``backends``: also names of systems. A series is called as the newest run calls its system.

    Raises:
        UsageError: no such folder, metric or backend; the message lists the known.
    """
    wanted = metrics_named(metrics)
    needed = {*KEY, *_MACHINE, *_OF_POINT, *(name for one in wanted for name in (one.name, one.low, one.high) if name)}
    gathered = gather(folder, sorted(needed))
    known = systems_in(gathered.rows)
    for name in backends:
        if name not in known:
            raise unknown_name("backend", name, known)
    records = [row for row in gathered.rows if not backends or {row["backend"], row["system"]} & {*backends}]
    called = {row["key"]: row["system"] for row in records}
    series, separate = [], []
    for metric in wanted:
        with_value = [row for row in records if _number(row, metric.name) is not None]
        for system in sorted({called[row["key"]] for row in with_value}):
            joined: dict[tuple[str, ...], list[dict[str, Any]]] = {}
            for row in with_value:
                if called[row["key"]] == system:
                    joined.setdefault(tuple(_text(row[name]) for name in ("key", *_keys(metric))), []).append(row)
            groups = list(joined.values())
            series += [_series(metric, system, group) for group in groups]
            if len(groups) > 1:
                separate.append(
                    f"{system}: {metric.title}: {len(groups)} series, not joined: {_differing(metric, groups)}"
                )
    remarks = [*gathered.remarks, *_errors(records)]
    runs = len({point.run for one in series for point in one.points})
    return History(str(folder), runs, tuple(series), tuple(separate), tuple(remarks), without=gathered.runs - runs)


def _keys(metric: Metric) -> dict[str, str]:
    """KEY; the batch of images/s is nothing to accuracy, and a run of accuracy alone has none."""
    return {column: name for column, name in KEY.items() if column != "batch_size" or metric.of != "accuracy"}


def _series(metric: Metric, system: str, records: Sequence[dict[str, Any]]) -> Series:
    points: list[Point] = []
    before: dict[str, Any] | None = None
    last: float | None = None
    for row in records:
        marks, counts = _marks(row, metric)
        value = float(row[metric.name])
        change = _change(metric, last, value) if counts and last is not None else None
        points.append(
            Point(
                run=row["run"],
                started=row["started"],
                version=_text(row["version"]),
                environment=row["environment"],
                news=() if before is None else _news(before, row),
                value=value,
                low=_number(row, metric.low),
                high=_number(row, metric.high),
                marks=marks,
                counts=counts,
                change=change,
            )
        )
        before, last = row, value if counts else last
    counted = [point for point in points if point.counts]
    by_run = {row["run"]: row for row in records}
    found = change_points([point.value for point in counted])
    changes = tuple(_level(metric, counted, one, by_run) for one in found)
    key = {name: _shown(records[0], column) for column, name in _keys(metric).items()}
    return Series(
        metric=metric,
        system=system,
        system_key=records[0]["key"],
        key=key,
        synthetic=bool(records[0]["synthetic"]),
        points=tuple(points),
        changes=changes,
        machine=f"{_text(records[0]['cpu'])} ({_text(records[0]['usable_cores'])} cores)",
    )


def _marks(row: dict[str, Any], metric: Metric) -> tuple[tuple[str, ...], bool]:
    """What qualifies a value, and whether it counts all the same."""
    marks, counts = [], True
    if row["invalid"]:
        marks.append("INVALID")
        counts = metric.of != "speed"
    if _text(row["noise"]):
        marks.append("noisy")
    if row["parity"] == PARITY_FAILED:
        marks.append(f"parity {PARITY_FAILED}")
        counts = counts and metric.of != "speed"
    if _text(row["chance"]) in _GUESSES:
        marks.append(_GUESSES[_text(row["chance"])])
        counts = counts and metric.of != "speed"
    if row["status"] == "error":
        marks.append("error")
        counts = False
    if row["run_status"] != "complete":
        marks.append(_text(row["run_status"]))
    return tuple(marks), counts


def _change(metric: Metric, before: float, after: float) -> float | None:
    if metric.in_points:
        return after - before
    return 100 * (after / before - 1) if before else None


def _level(metric: Metric, points: Sequence[Point], found: ChangePoint, rows: dict[str, dict[str, Any]]) -> Change:
    """A change point in the words of runs. Its news are against the last run that counts before it."""
    point, before = points[found.index], points[found.index - 1]
    return Change(
        run=point.run,
        started=point.started,
        version=point.version,
        news=_news(rows[before.run], rows[point.run]),
        before=found.before,
        after=found.after,
        change=_change(metric, found.before, found.after) or 0.0,
        better=(found.after > found.before) == (metric.better == "higher"),
        p=found.p,
        points_before=found.points_before,
        points_after=found.points_after,
    )


def _news(before: dict[str, Any], after: dict[str, Any]) -> tuple[str, ...]:
    """What of the environment is other than it was; the runtime's version first."""
    if before["environment"] == after["environment"] and _text(before["version"]) == _text(after["version"]):
        return ()
    old, new = (json.loads(row["environment_versions"]) for row in (before, after))
    news = [
        f"{name} {old.get(name, 'none')} -> {new.get(name, 'none')}"
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name)
    ]
    if _text(before["version"]) != _text(after["version"]):
        news.insert(0, f"{after['system']} {_text(before['version'])} -> {_text(after['version'])}")
    return tuple(dict.fromkeys(news))


def _differing(metric: Metric, groups: Sequence[Sequence[dict[str, Any]]]) -> str:
    """In what the runs of several series differ, with the values."""
    firsts = [group[0] for group in groups]
    said = []
    for column, name in _keys(metric).items():
        values = dict.fromkeys(_shown(row, column) for row in firsts)
        if len(values) > 1:
            said.append(f"{name} ({' / '.join(value or 'none' for value in values)})")
    if len({_text(row["machine"]) for row in firsts}) > 1:
        said.append(f"the machines differ in {_machines(firsts)}")
    if not said:
        said.append(f"the system ({' / '.join(row['key'] for row in firsts)})")
    return "; ".join(said)


def _machines(rows: Sequence[dict[str, Any]]) -> str:
    parts = []
    for column in _MACHINE:
        values = dict.fromkeys(_text(row[column]) for row in rows)
        if len(values) > 1:
            parts.append(f"{column} ({' / '.join(value or 'none' for value in values)})")
    return ", ".join(parts) or f"what else their records hold (machine in {RUN_FILE})"


def _errors(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Rows in error: they have no values, and silence would hide them."""
    return [f"{row['run']}: {row['system']}: {_line(row['error'])}" for row in rows if row["status"] == "error"]


def _shown(row: dict[str, Any], column: str) -> str:
    text = _text(row[column])
    return text[:_SHORT] if column.endswith("digest") else text


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _line(value: Any) -> str:
    return " ".join(_text(value).split())


def _number(row: dict[str, Any], column: str) -> float | None:
    """A finite number, or None."""
    if not column or row[column] is None:
        return None
    value = float(row[column])
    return value if math.isfinite(value) else None
