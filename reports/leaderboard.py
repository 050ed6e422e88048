"""A run's record to a table: one row a backend, ranked where the measurement can carry a rank."""

from pathlib import PurePath
from typing import Any, Final

import pandas as pd

from alexbench.harness.records import BackendRecord, RunRecord

COLUMNS: Final = (
    "rank",
    "backend",
    "artifact",
    "status",
    "version",
    "device",
    "precision",
    "threads",
    "images",
    "skipped",
    "top1",
    "top5",
    "top1_correct",
    "latency_p50_ms",
    "latency_low_ms",
    "latency_high_ms",
    "latency_vs_best",
    "batch_size",
    "images_per_second",
    "images_per_second_low",
    "images_per_second_high",
    "images_per_second_vs_best",
    "accuracy_images_per_second",
    "gflops",
    "achieved_gflops_per_second",
    "load_s",
    "first_inference_ms",
    "peak_rss_mib",
    "parity",
    "max_abs_over_sigma",
    "sqnr_db",
    "flips",
    "unexplained_flips",
    "steady",
    "synthetic",
    "error",
)


_PARITY: Final = {
    (False, True): "ok",
    (True, True): "ok",
    (False, False): "FAILED",
    (True, False): "differs",
}
"""By (is an artifact, passed): what a native row must not do, the user's own file may."""


def leaderboard(record: RunRecord) -> pd.DataFrame:
    """One row a backend with COLUMNS; percent, ms, s, MiB as the names say, absent values are missing (NaN or None).

    By rank, and rows of one rank by images/s (by top-1 in a run without speed); rows that are not ranked come last.
    ``rank`` is one more than the number of rows that are better beyond doubt: rows that cannot be told apart share one.
    ``*_vs_best`` are percent more or less than the best ranked row's value, for ranked rows only.
    """
    rows = [_row(entry, record) for entry in record.backends]
    _rank(rows)
    for column, best in (("latency_p50_ms", min), ("images_per_second", max)):
        values = [row[column] for row in rows if row["rank"] is not None and row[column] is not None]
        name = column.replace("_p50_ms", "") + "_vs_best"
        for row in rows:
            ranked = row["rank"] is not None and row[column] is not None
            row[name] = 100 * (row[column] / best(values) - 1) if ranked else None
    rows.sort(key=_order)
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    integers = ("rank", "images", "skipped", "top1_correct", "batch_size", "flips", "unexplained_flips")
    return frame.astype(dict.fromkeys(integers, "Int64"))


def _row(entry: BackendRecord, record: RunRecord) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(COLUMNS)
    row |= {
        "backend": entry.name,
        "artifact": None if entry.artifact is None else PurePath(entry.artifact.path).name,
        "status": entry.status,
        "error": entry.error,
        "gflops": record.model.gflops,
        "synthetic": record.model.synthetic or record.data.synthetic,
        "load_s": entry.load_s,
        "first_inference_ms": entry.first_inference_ms,
        "peak_rss_mib": entry.peak_rss_mib,
    }
    if entry.effective is not None:
        row |= {"version": entry.effective.version, "device": entry.effective.device[0]}
        row |= {"precision": entry.effective.precision[0], "threads": entry.effective.threads[0]}
    if entry.accuracy is not None:
        row |= {"images": entry.accuracy.images, "top1": entry.accuracy.top1, "top5": entry.accuracy.top5}
        row["skipped"] = len(record.data.skipped)
        row |= {
            "top1_correct": entry.accuracy.top1_correct,
            "accuracy_images_per_second": entry.accuracy.images / entry.accuracy.seconds,
        }
    if entry.parity is not None:
        row |= {"parity": _PARITY[entry.artifact is not None, entry.parity.passed], "sqnr_db": entry.parity.sqnr_db}
        row |= {"max_abs_over_sigma": entry.parity.max_abs_over_sigma, "flips": entry.parity.flips}
        row["unexplained_flips"] = entry.parity.unexplained_flips
    if entry.performance is not None:
        latency, throughput = entry.performance.latency, entry.performance.throughput
        row |= {"latency_p50_ms": latency.p50_ms, "latency_low_ms": latency.low_ms, "latency_high_ms": latency.high_ms}
        row |= {
            "batch_size": throughput.batch_size,
            "images_per_second": throughput.images_per_second,
            "images_per_second_low": throughput.low,
            "images_per_second_high": throughput.high,
            "achieved_gflops_per_second": throughput.images_per_second * record.model.gflops,
            "steady": entry.performance.steady,
        }
    return row


def _rank(rows: list[dict[str, Any]]) -> None:
    """Rank rows that ended well, are the same function as the reference, and were steady.

    By speed where any of them has one, else by top-1; in an interrupted run some may have neither.
    """
    ranked = [
        row
        for row in rows
        if row["status"] == "ok" and row["parity"] not in ("FAILED", "differs") and row["steady"] is not False
    ]
    by_speed = any(row["images_per_second"] is not None for row in ranked)
    ranked = [row for row in ranked if row["images_per_second" if by_speed else "top1_correct"] is not None]
    for row in ranked:
        if by_speed:
            better = [one for one in ranked if one["images_per_second_low"] > row["images_per_second_high"]]
        else:
            better = [one for one in ranked if one["top1_correct"] > row["top1_correct"]]
        row["rank"] = 1 + len(better)


def _order(row: dict[str, Any]) -> tuple[bool, int, float, float, str]:
    return (
        row["rank"] is None,
        row["rank"] or 0,
        -(row["images_per_second"] or 0.0),
        -(row["top1_correct"] or 0.0),
        row["backend"],
    )
