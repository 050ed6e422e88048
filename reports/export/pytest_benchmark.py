"""A run's timings as pytest-benchmark writes its own, for its ``compare`` and for github-action-benchmark.

A round is a block that was settled. Its time is, of latency at batch 1, the block's median call; of images/s, the
window's wall time over its images: so ``ops`` are inferences and images a second.
"""

from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from alexbench.harness.errors import RecordError
from alexbench.harness.files.plain_text import json_text
from alexbench.harness.records.file_names import BLOCKS, TIMINGS
from alexbench.harness.records.machine_key import machine_key
from alexbench.harness.records.run_records import RunRecord, SystemRecord
from alexbench.reports.export.flat_table import digest_key, git_of
from alexbench.reports.text.reason_words import words

FORMAT: Final = "5.0.0"
"""pytest-benchmark's version whose JSON this is."""
TIMING_COLUMNS: Final = ("backend", "scenario", "batch", "way", "process", "round", "settled", "ns")
BLOCK_COLUMNS: Final = ("backend", "scenario", "batch", "way", "process", "round", "images")
_BLOCK: Final = ["backend", "scenario", "batch", "way", "process", "round"]
_BENCHMARK: Final = ["backend", "scenario", "batch", "way"]
_NAMES: Final = {
    ("SingleStream", "loop"): "latency",
    ("SingleStream", "resident"): "latency_resident",
    ("Offline", "loop"): "image",
    ("Offline", "streams"): "image_streams",
}
"""What is timed, by scenario and way: an inference, or an image of many."""


def pytest_benchmark_json(record: RunRecord, timings: pd.DataFrame, blocks: pd.DataFrame) -> str:
    """The JSON text. ``timings``, ``blocks``: a run's Parquet files, of which the settled blocks of its rows are taken.

    Raises:
        RecordError: they have not the columns, or nothing of these rows.
    """
    _require(timings, TIMING_COLUMNS, TIMINGS)
    _require(blocks, BLOCK_COLUMNS, BLOCKS)
    settled = timings[timings["settled"]].groupby(_BLOCK, sort=False)["ns"].agg(["median", "sum", "count"])
    whole = settled.reset_index().merge(blocks[list(BLOCK_COLUMNS)], on=_BLOCK)
    entries = {entry.name: entry for entry in record.systems if entry.performance is not None}
    benchmarks = []
    for key, group in whole.groupby(_BENCHMARK, sort=False):
        backend, scenario, batch, way = map(str, key)
        if backend in entries and (scenario, way) in _NAMES:
            benchmarks.append(_benchmark(record, entries[backend], _NAMES[scenario, way], int(batch), group))
    if not benchmarks:
        raise RecordError(f"{TIMINGS} has no settled timing of this run's rows; restore it or run again")
    content = {
        "machine_info": _machine_info(record),
        "commit_info": _commit_info(record),
        "benchmarks": sorted(benchmarks, key=lambda one: str(one["fullname"])),
        "datetime": record.started,
        "version": FORMAT,
    }
    return json_text(content, indent=4) + "\n"


def _require(frame: pd.DataFrame, columns: tuple[str, ...], file: str) -> None:
    missing = [name for name in columns if name not in frame.columns]
    if missing:
        raise RecordError(f"{file} has no column {', '.join(missing)}: it is of an older alexbench; run again")


def _benchmark(record: RunRecord, entry: SystemRecord, what: str, batch: int, blocks: pd.DataFrame) -> dict[str, Any]:
    """One benchmark; its name is the same in every run of the same options, so that runs are joined by it."""
    whole = blocks["median"] if what.startswith("latency") else blocks["sum"] / (blocks["count"] * blocks["images"])
    ran, speed = entry.effective, entry.performance
    params: dict[str, Any] = {"system": entry.name, "batch": batch}
    if ran is not None:
        params |= {"device": ran.device[0], "precision": ran.precision[0], "threads": ran.threads[0]}
    param = "-".join(str(value) for value in params.values())
    noise = None if speed is None or speed.noise is None else [words(one) for one in speed.noise.failed]
    return {
        "group": f"{what}, batch {batch}",
        "name": f"{what}[{param}]",
        "fullname": f"alexbench/{record.model.card}::{what}[{param}]",
        "params": params,
        "param": param,
        "extra_info": {
            "key": entry.system.key,
            "version": None if ran is None else ran.version,
            "weights_digest": record.model.weights_digest,
            "rigor": record.configuration.get("rigor"),
            "synthetic": record.model.synthetic or record.data.synthetic,
            "rank": None if record.invalid else entry.rank,
            "resolution_percent": {one.of: 100 * (one.ratio - 1) for one in record.resolutions},
            "noise": noise,
            "invalid": [words(one) for one in record.invalid],
            "top1": None if entry.accuracy is None else entry.accuracy.top1,
            "top5": None if entry.accuracy is None else entry.accuracy.top5,
        },
        "options": {},
        "stats": _stats(whole.to_numpy(np.float64) / 1e9, int(blocks["count"].median())),
    }


def _stats(seconds: NDArray[np.float64], iterations: int) -> dict[str, Any]:
    """What pytest-benchmark derives from the rounds (N,); ``iterations``: calls in a round."""
    mean = float(seconds.mean())
    deviation = float(seconds.std(ddof=1)) if len(seconds) > 1 else 0.0
    first, median, third = (float(value) for value in np.percentile(seconds, (25, 50, 75)))
    low, high = first - 1.5 * (third - first), third + 1.5 * (third - first)
    beyond_range = int(((seconds < low) | (seconds > high)).sum())
    beyond_deviation = int(((seconds < mean - deviation) | (seconds > mean + deviation)).sum())
    return {
        "min": float(seconds.min()),
        "max": float(seconds.max()),
        "mean": mean,
        "stddev": deviation,
        "rounds": len(seconds),
        "median": median,
        "iqr": third - first,
        "q1": first,
        "q3": third,
        "iqr_outliers": beyond_range,
        "stddev_outliers": beyond_deviation,
        "outliers": f"{beyond_deviation};{beyond_range}",
        "ld15iqr": float(seconds[seconds >= low].min()),
        "hd15iqr": float(seconds[seconds <= high].max()),
        "ops": 1 / mean,
        "total": float(seconds.sum()),
        "data": seconds.tolist(),
        "iterations": iterations,
    }


def _machine_info(record: RunRecord) -> dict[str, Any]:
    machine, environment = record.machine, record.environment
    system, _, release = str(machine.get("os") or "").partition(" ")
    return {
        "node": digest_key(machine_key(machine)),
        "processor": machine.get("architecture"),
        "machine": machine.get("architecture"),
        "python_implementation": environment.get("implementation", "CPython"),
        "python_version": environment.get("python"),
        "release": release,
        "system": system,
        "cpu": {"brand_raw": machine.get("cpu"), "count": machine.get("logical_cores")},
    }


def _commit_info(record: RunRecord) -> dict[str, Any]:
    """The commit of alexbench itself, where it ran from a clone."""
    git = git_of(record)
    return {
        "id": git.get("commit"),
        "time": None,
        "author_time": None,
        "dirty": git.get("dirty"),
        "project": "alexbench",
        "branch": git.get("branch"),
    }
