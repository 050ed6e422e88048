"""A run's tables, reduced to the size of a page: histograms, percentiles, medians."""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from alexbench.harness.errors import RecordError
from alexbench.harness.files.input_files import RECORD_BYTES_AT_MOST, read_file
from alexbench.harness.records.file_names import BLOCKS, LAYERS, TIMINGS
from alexbench.harness.records.run_records import RunRecord
from alexbench.harness.run_tables import ANCHOR, read_table

BINS: Final = 60
CARRIED: Final = {90.0: 64, 95.0: 130, 99.0: 662, 99.9: 6636}
"""Percentile -> the calls that carry it, by MLPerf's early-stopping rule (harness/judge/early_stopping.py)."""
TAIL: Final = (*(float(one) for one in range(75, 100)), 99.3, 99.5, 99.7, 99.8, 99.9)
MOST_BLOCKS: Final = 2000
"""The most points of the drift, all rows together: more cannot be told apart, and slow a browser."""
_WIDE: Final = 8
"""Times: a slowest call so far from the fastest asks for bins of one ratio, not of one width."""
_SINGLE: Final = "SingleStream"


class UnreadableError(Exception):
    """A file of the run's folder cannot be read; the message says which and why, in a sentence for the page."""


@dataclass(frozen=True, slots=True)
class Latencies:
    """The latency of every settled call at batch 1, in ms.

    ``histogram``: backend, start, end (ms), calls, share (percent of the backend's calls). ``percentiles``: backend,
    percentile, latency (ms), of those from 75 on that the calls carry. ``beyond``: backend -> how many calls are slower
    than the histogram shows. ``logarithmic``: its bins have one ratio, not one width.
    """

    histogram: pd.DataFrame
    percentiles: pd.DataFrame
    calls: dict[str, int]
    beyond: dict[str, int]
    logarithmic: bool = False


@dataclass(frozen=True, slots=True)
class Layers:
    """A comparison of layers with float64. ``rows``: system, layer, largest error over sigma, its bound, bits.

    ``errors``: why a row was not examined; ``images``: how many images were, ``chosen``: why those.
    """

    rows: tuple[tuple[str, str, float, float, float], ...]
    errors: dict[str, str]
    images: int
    chosen: str


def read_frame(path: Path, columns: list[str]) -> pd.DataFrame | None:
    """Columns of a Parquet file; None where there is no such file.

    Raises:
        UnreadableError: it is damaged, or not such a file.
    """
    try:
        found = read_table(path, columns)
    except RecordError as error:  # has the folder in it, which a page that is the same everywhere must not have
        raise UnreadableError(f"{path.name} is damaged: it cannot be read as a table of this run.") from error
    return None if found is None else found[columns]


def read_json(path: Path) -> Any:
    """A JSON file; None where there is no such file.

    Raises:
        UnreadableError: it is damaged.
    """
    try:
        return json.loads(read_file(path, path.name, RecordError, most=RECORD_BYTES_AT_MOST))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError, RecordError) as error:
        raise UnreadableError(f"{path.name} is damaged: {_first_line(error)}.") from error


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")


def timed(record: RunRecord) -> list[str]:
    """The rows that have a speed, in the record's order."""
    return [entry.name for entry in record.systems if entry.performance is not None]


def latencies(folder: Path, record: RunRecord) -> Latencies | None:
    """Latencies at batch 1 from ``timings.parquet``; None where it is not there or has none of these rows.

    Raises:
        UnreadableError: the file is damaged.
    """
    wanted = ["backend", "scenario", "batch", "way", "settled", "ns"]
    frame = read_frame(folder / TIMINGS, wanted)
    if frame is None:
        return None
    frame = frame[(frame["scenario"] == _SINGLE) & (frame["batch"] == 1) & frame["settled"]]
    # The device's own way ("resident") is another boundary.
    frame = frame[(frame["way"] == "loop") & frame["backend"].isin(timed(record))]
    if frame.empty:
        return None
    ms = {name: frame.loc[frame["backend"] == name, "ns"].to_numpy() / 1e6 for name in timed(record)}
    ms = {name: found for name, found in ms.items() if len(found)}
    edges, logarithmic = _edges(list(ms.values()))
    histograms, percentiles = [], []
    for name, found in ms.items():
        counts, _ = np.histogram(found, edges)
        shares = {"calls": counts, "share": np.round(100 * counts / len(found), 3)}
        bounds = {"start": np.round(edges[:-1], 4), "end": np.round(edges[1:], 4)}
        histograms.append(pd.DataFrame({"backend": name, **bounds, **shares}))
        carried = [one for one in TAIL if one <= _farthest(len(found))]
        quantiles = [round(float(one), 4) for one in np.percentile(found, carried)] if carried else []
        percentiles.append(pd.DataFrame({"backend": name, "percentile": carried, "latency": quantiles}))
    return Latencies(
        pd.concat(histograms, ignore_index=True),
        pd.concat([one for one in percentiles if len(one)] or percentiles[:1], ignore_index=True),
        {name: len(found) for name, found in ms.items()},
        {name: int((found > edges[-1]).sum()) for name, found in ms.items()},
        logarithmic,
    )


def _edges(calls: list[NDArray[np.float64]]) -> tuple[NDArray[np.float64], bool]:
    """The edges of the bins, and whether they have one ratio.

    One slow call out of thousands would leave all others in one bin: the last half percent is beyond the histogram.
    """
    first = min(float(found.min()) for found in calls)
    last = float(np.nextafter(max(float(np.quantile(found, 0.995)) for found in calls), np.inf))
    if first > 0 and last > _WIDE * first:
        return np.geomspace(first, last, BINS + 1), True
    return np.linspace(first, max(last, first + 1e-3), BINS + 1), False


def _farthest(calls: int) -> float:
    """The highest percentile that so many calls carry, 0 for none."""
    return max((percentile for percentile, least in CARRIED.items() if calls >= least), default=0.0)


def drift(folder: Path, record: RunRecord) -> pd.DataFrame | None:
    """Block medians at batch 1 in the order they were measured: backend, process, round, settled, latency (ms).

    Those of the machine probe (:data:`ANCHOR`) are among them. Evenly thinned where there are over MOST_BLOCKS.
    None where ``blocks.parquet`` is not there or has none of these rows.

    Raises:
        UnreadableError: the file is damaged.
    """
    columns = ["backend", "scenario", "batch", "way", "process", "round", "settled", "median_ns"]
    frame = read_frame(folder / BLOCKS, columns)
    if frame is None:
        return None
    single = (frame["scenario"] == _SINGLE) & (frame["way"] == "loop") & frame["backend"].isin(timed(record))
    anchor = (frame["scenario"] == "Anchor") & (frame["way"] == "latency")
    frame = frame[(frame["batch"] == 1) & (single | anchor)]
    if not (frame["backend"] != ANCHOR).any():
        return None
    step = -(-len(frame) // MOST_BLOCKS)
    place = frame.groupby(["backend", "process"]).cumcount()
    frame = frame[place % step == 0]
    latency = (frame["median_ns"] / 1e6).round(4)
    return frame[["backend", "process", "round", "settled"]].assign(latency=latency).reset_index(drop=True)


def layers(folder: Path, record: RunRecord) -> Layers | None:
    """What ``layers.json`` says of this run's rows; None where there is none.

    Raises:
        UnreadableError: the file is damaged, holds something else, or is of a run with other rows.
    """
    data = read_json(folder / LAYERS)
    if data is None:
        return None
    try:
        found = tuple(
            (
                str(row["name"]),
                str(one["layer"]),
                _finite(one["max_abs_over_sigma"]),
                _finite(one["bound"]),
                _finite(one["bits"]),
            )
            for row in data["rows"]
            for one in row["layers"]
        )
        names = {str(row["name"]) for row in data["rows"]}
        errors = {str(row["name"]): str(row["error"]) for row in data["rows"] if row.get("error")}
        looked = Layers(found, errors, len(data["images"]), str(data["chosen"]))
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
        raise UnreadableError(f"{LAYERS} is left out: it holds no comparison of layers.") from error
    strangers = sorted(names - {entry.name for entry in record.systems})
    if strangers:
        raise UnreadableError(f"{LAYERS} is left out: it is of another run, with rows {', '.join(strangers)}.")
    return looked


def _finite(value: Any) -> float:
    """A figure of a comparison, which are all finite.

    Raises:
        ValueError: it is not finite; TypeError: it is not a number.
    """
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{value!r} is not finite")
    return number
