"""The figures about latency at batch 1: its distribution, and its slowest calls."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from markupsafe import Markup

from alexbench.harness.records.file_names import TIMINGS
from alexbench.harness.records.run_records import RunRecord
from alexbench.harness.records.speed_records import Latency
from alexbench.reports.columns import BY_NAME
from alexbench.reports.html import data, svg
from alexbench.reports.html.figure import UNTIMED, Figure, Missing, legend, places, series, speeds, timed

_NO_FILE: Final = "{} is not in the run's folder: the run is older than that file, or it was moved without it."
_LEAST: Final = 20
"""Calls: fewer make no distribution."""
_RIDGE: Final = 52
_BASE: Final = _RIDGE - 4
_PEAK: Final = 38
_TAIL: Final = (75.0, 90.0, 95.0, 99.0, 99.9)


def ridgelines(folder: Path, record: RunRecord) -> Figure | Missing:
    """How often which latency was seen, a row for each system on one scale."""
    key, title = "latency", "Latency at batch 1"
    found = of_folder(data.latencies, folder, record, TIMINGS)
    if isinstance(found, str):
        return Missing(key, title, found)
    most = max(found.calls.values())
    if most < _LEAST:
        return Missing(key, title, f"At most {most} calls of a system were timed: too few to show a distribution.")
    edges = sorted({*found.histogram["start"], *found.histogram["end"]})
    scale = svg.Scale(edges[0], edges[-1], log=found.logarithmic)
    place = places(record)
    lines = [
        (
            _named(entry.name, speed.latency),
            _ridge(found.histogram, entry.name, scale, speed.latency, place[entry.name]),
        )
        for entry, speed in speeds(record)
        if entry.name in found.calls
    ]
    lowest = min((speed.latency.p50_ms, entry.name) for entry, speed in speeds(record))
    beyond = sum(found.beyond.values())
    counts = sorted(found.calls.values())
    calls = f"{counts[0]:,}" if counts[0] == counts[-1] else f"{counts[0]:,} to {counts[-1]:,}"
    said = (
        f"Lowest p50: {lowest[1]}, {BY_NAME['latency_p50_ms'].text(lowest[0])} ms. Every timed call ({calls} per"
        " system); each ridge is as high as its fullest bin. Line: p50, as in the table; dotted: p90."
        + (f" {beyond:,} slower {'call is' if beyond == 1 else 'calls are'} beyond the right end." if beyond else "")
    )
    columns = ("system", "from ms", "to ms", "calls", "share of calls %")
    shown = found.histogram[found.histogram["calls"] > 0]
    drawn = svg.rows_plot(lines, scale, height=_RIDGE, x_title="ms", kind="rows ridges")
    return Figure(key, title, said, columns, plain_rows(shown), drawn, wide=True)


def _named(name: str, latency: Latency) -> Markup:
    shown = BY_NAME["latency_p50_ms"].text(latency.p50_ms)
    return Markup('{} <span class="aside">{} ms</span>').format(svg.plain(name), shown)


def _ridge(histogram: Any, name: str, scale: svg.Scale, latency: Latency, place: int) -> Sequence[Markup]:
    """A histogram above its line, then the percentiles that the table has: they are not made again from the calls."""
    mine = histogram[histogram["backend"] == name]
    heights = _BASE - _PEAK * mine["calls"] / max(1, mine["calls"].max())
    steps = [(0.0, float(_BASE))]
    for start, end, height in zip(mine["start"], mine["end"], heights, strict=True):
        steps += [(scale.share(start), height), (scale.share(end), height)]
    steps.append((1.0, float(_BASE)))
    drawn = [svg.stretched(_RIDGE, [svg.curve(f"ridge s{place % svg.COLOURS}", steps, closed=True)])]
    for value, kind in ((latency.p50_ms, "median"), (latency.p90_ms, "ninetieth")):
        if value is not None and scale.holds(value):
            drawn.append(svg.line(kind, (scale.percent(value), 4), (scale.percent(value), _BASE)))
    return drawn


def slowest_calls(folder: Path, record: RunRecord) -> Figure | Missing:
    """The slow end of the distribution, as far as the calls carry it."""
    key, title = "percentiles", "Slowest calls"
    found = of_folder(data.latencies, folder, record, TIMINGS)
    if isinstance(found, str):
        return Missing(key, title, found)
    frame = found.percentiles
    if frame.empty:
        most = max(found.calls.values())
        return Missing(key, title, f"At most {most} calls of a system were timed: too few for p90 (64 are needed).")
    x = svg.Scale(_rarity(_TAIL[0]), _rarity(float(frame["percentile"].max())) * 1.1, log=True)
    ticks = [(_rarity(one), f"p{one:g}") for one in _TAIL if x.holds(_rarity(one))]
    area = svg.frame(x, svg.logarithmic(frame["latency"]), x_ticks=ticks)
    place = places(record)
    names = [name for name in timed(record) if name in set(frame["backend"])]
    curves = []
    for name in names:
        mine = frame[frame["backend"] == name]
        points = zip(map(_rarity, mine["percentile"]), mine["latency"], strict=True)
        curves.append(area.curve(f"line {series(place[name])}", points))
    said = (
        "Percentiles of all timed calls at batch 1, as far as there are enough calls (MLPerf's early-stopping minimum)."
        " Lower is faster; a steep line is a long tail."
    )
    drawn = svg.plot(area, curves, (), x_title="percentile", y_title="latency, ms")
    return Figure(
        key, title, said, ("system", "percentile", "latency ms"), plain_rows(frame), drawn, legend(record, names)
    )


def _rarity(percentile: float) -> float:
    """One call in so many is slower: 10 at the 90th percentile, 100 at the 99th."""
    return 100 / (100 - percentile)


def of_folder(read: Callable[[Path, RunRecord], Any], folder: Path, record: RunRecord, name: str) -> Any:
    """What ``read`` finds in the folder, or as a sentence why it finds nothing."""
    if not timed(record):
        return UNTIMED
    try:
        found = read(folder, record)
    except data.UnreadableError as error:
        return str(error)
    if found is not None:
        return found
    return f"{name} has nothing about these systems." if (folder / name).exists() else _NO_FILE.format(name)


def plain_rows(frame: Any) -> tuple[tuple[Any, ...], ...]:
    """A frame's rows as plain values."""
    return tuple(zip(*(frame[column].tolist() for column in frame.columns), strict=True))
