"""The figures about latency: its distribution at batch 1, and its drift over the rounds."""

from pathlib import Path
from typing import Any, Final

from alexbench.harness.records.file_names import BLOCKS, TIMINGS
from alexbench.harness.records.run_records import RunRecord
from alexbench.reports.html import data
from alexbench.reports.html.figure import UNTIMED, Figure, Missing, colour, dash, quantity, spec, tooltip

_NO_FILE: Final = "{} is not in the run's folder: the run is older than that file, or it was moved without it."


def latency_histogram(folder: Path, record: RunRecord) -> Figure | Missing:
    """How often which latency was seen at batch 1."""
    key, title = "latency", "Latency at batch 1"
    found = _of_folder(data.latencies, folder, record, TIMINGS)
    if isinstance(found, str):
        return Missing(key, title, found)
    columns = (
        *(("system", "system"), ("start", "from ms"), ("end", "to ms")),
        *(("calls", "calls"), ("share", "share of calls %")),
    )
    beyond = sum(found.beyond.values())
    said = (
        f"Every settled call of {', '.join(f'{name} ({count:,})' for name, count in found.calls.items())}, in "
        f"{data.BINS} bins of one width; higher is more often, farther left is faster."
        + (f" Beyond the right end: {beyond:,}; the percentiles have them." if beyond else "")
    )
    names = data.timed(record)
    drawn = spec(
        layer=[
            {"mark": {"type": "area", "interpolate": "step-after", "fillOpacity": 0.13}},
            {
                "mark": {"type": "line", "interpolate": "step-after", "strokeWidth": 2},
                "encoding": {"strokeDash": dash(names)},
            },
        ],
        encoding={
            "x": quantity("start", "latency, ms", scale={"zero": False, "nice": False}),
            "y": quantity("share", "share of calls, %", stack=None),
            "color": colour(names),
            "tooltip": tooltip(columns),
        },
    )
    return Figure(key, title, said, columns, _rows(found.histogram), drawn)


def latency_percentiles(folder: Path, record: RunRecord) -> Figure | Missing:
    """The whole distribution, its slow end included."""
    key, title = "percentiles", "Percentiles of latency at batch 1"
    found = _of_folder(data.latencies, folder, record, TIMINGS)
    if isinstance(found, str):
        return Missing(key, title, found)
    columns = (("system", "system"), ("percentile", "percentile"), ("latency", "latency ms"))
    said = (
        "What share of the calls took at most how long, on a logarithmic scale. With few calls "
        f"({min(found.calls.values()):,} at least here) the last percentiles are single calls and carry no claim."
    )
    names = data.timed(record)
    drawn = spec(
        mark={"type": "line", "strokeWidth": 2},
        encoding={
            "x": quantity("percentile", "percentile"),
            "y": quantity("latency", "latency, ms", scale={"type": "log", "nice": False, "padding": 8}),
            "color": colour(names),
            "strokeDash": dash(names),
            "tooltip": tooltip(columns),
        },
    )
    return Figure(key, title, said, columns, _rows(found.percentiles), drawn)


def drift(folder: Path, record: RunRecord) -> Figure | Missing:
    """Block medians round after round."""
    key, title = "drift", "Drift over rounds"
    frame = _of_folder(data.drift, folder, record, BLOCKS)
    if isinstance(frame, str):
        return Missing(key, title, frame)
    columns = (
        *(("system", "system"), ("process", "process"), ("round", "round")),
        *(("settled", "settled"), ("latency", "median ms")),
    )
    names = [*data.timed(record), *([data.ANCHOR] if data.ANCHOR in set(frame["backend"]) else [])]
    anchor = " The anchor is one fixed computation: where it moves, the machine does." if data.ANCHOR in names else ""
    said = (
        "The median latency of each block at batch 1 in the order they were measured, a line for each process; hollow "
        f"points had not settled and count in no figure. A level line is a steady machine.{anchor}"
    )
    encoding = {
        "x": quantity("round", "round", axis={"tickMinStep": 1, "format": "d"}),
        "y": quantity("latency", "median of a block, ms", scale={"type": "log", "nice": False, "padding": 8}),
        "color": colour(names),
        "tooltip": tooltip(columns),
    }
    by_process = {"detail": {"field": "process"}, "strokeDash": dash(names)}
    hollow: dict[str, Any] = {"type": "point", "filled": False, "size": 26, "strokeWidth": 1.2}
    drawn = spec(
        encoding=encoding,
        layer=[
            {"mark": {"type": "line", "strokeWidth": 1.6}, "encoding": by_process},
            {"transform": [{"filter": "!datum.settled"}], "mark": hollow},
        ],
    )
    return Figure(key, title, said, columns, _rows(frame), drawn)


def _of_folder(read: Any, folder: Path, record: RunRecord, name: str) -> Any:
    """What ``read`` finds in the folder, or as a sentence why it finds nothing."""
    if not data.timed(record):
        return UNTIMED
    try:
        found = read(folder, record)
    except data.UnreadableError as error:
        return str(error)
    if found is not None:
        return found
    return f"{name} has nothing about these rows." if (folder / name).exists() else _NO_FILE.format(name)


def _rows(frame: Any) -> tuple[tuple[Any, ...], ...]:
    """A frame's rows as plain values."""
    return tuple(zip(*(frame[column].tolist() for column in frame.columns), strict=True))
