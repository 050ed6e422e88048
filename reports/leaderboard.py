"""A run's record to a table: one row a backend, with the ranks that the record holds."""

from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Final

from alexbench.harness.records import BackendRecord, Parity, RunRecord
from alexbench.harness.speed_records import Performance

if TYPE_CHECKING:
    import pandas as pd

COLUMNS: Final = (
    "rank",
    "backend",
    "artifact",
    "status",
    "version",
    "device",
    "precision",
    "precision_known",
    "stored",
    "threads",
    "streams",
    "group",
    "images",
    "skipped",
    "top1",
    "top5",
    "top1_low",
    "top1_high",
    "top5_low",
    "top5_high",
    "top1_correct",
    "chance",
    "accuracy_batch_size",
    "batch_dependence",
    "latency_p50_ms",
    "latency_low_ms",
    "latency_high_ms",
    "latency_vs_best",
    "latency_resolution",
    "latency_p90_ms",
    "latency_p95_ms",
    "latency_p99_ms",
    "latency_cpu_ms",
    "latency_joules",
    "processes",
    "batch_size",
    "images_per_second",
    "images_per_second_low",
    "images_per_second_high",
    "images_per_second_vs_best",
    "images_per_second_resolution",
    "image_cpu_ms",
    "image_joules",
    "offline_images_per_second",
    "offline_images_per_second_low",
    "offline_images_per_second_high",
    "offline_streams",
    "resident_p50_ms",
    "accuracy_images_per_second",
    "gflops",
    "achieved_gflops_per_second",
    "mfu",
    "peak_found",
    "load_s",
    "first_inference_ms",
    "rss_mib",
    "peak_rss_mib",
    "parity",
    "held_to",
    "far_off",
    "max_abs_over_sigma",
    "sqnr_db",
    "effective_bits",
    "computed_as",
    "unmasked",
    "kl",
    "top5_overlap",
    "flips",
    "unexplained_flips",
    "steady",
    "drift",
    "deviation",
    "steal",
    "foreign",
    "noise",
    "synthetic",
    "error",
)


_RESOLUTIONS: Final = {"latency": "latency_resolution", "images/s": "images_per_second_resolution"}

WITHIN: Final = "quantized, within expectation"
OUTSIDE: Final = "quantized, outside expectation"


_INTEGERS: Final = (
    "rank", "images", "skipped", "top1_correct", "processes", "batch_size", "flips", "unexplained_flips",
    "accuracy_batch_size",
)  # fmt: skip


def leaderboard(record: RunRecord) -> "pd.DataFrame":
    """The rows of :func:`leaderboard_rows` as a table; absent values are missing (NaN or None)."""
    import pandas as pd  # 0.3 s of CPU time, which a history of dictionaries is spared

    frame = pd.DataFrame(leaderboard_rows(record), columns=list(COLUMNS))
    return frame.astype(dict.fromkeys(_INTEGERS, "Int64"))


def leaderboard_rows(record: RunRecord) -> list[dict[str, Any]]:
    """One row a backend with COLUMNS; percent, ms, s, MiB as the names say, absent values are None.

    Ranks are the record's (:mod:`alexbench.harness.judge.ranking`): rows that ran alike are one ``group``, ranked among
    themselves; rows that cannot be told apart share a rank. The group of the fastest row comes first, and in it rows by
    rank, those of one rank by images/s (by top-1 in a run without speed); rows without a rank come last. ``*_vs_best``
    are percent more or less than the best ranked row's value in the group, for ranked rows only. ``*_resolution``: by
    how many percent two rows of the run must differ to be told apart, the same in each timed row. ``mfu``: achieved
    over the run's own ceiling, absent where a row is above it at any batch size, for then the peak was not found
    (``peak_found``). ``chance``: whether top-1 is better than guessing. ``precision``: what products work in,
    ``precision_known``: how that is known, ``stored``: the type of the weights. ``noise``: what is unusual about the
    row's blocks, "" if nothing is; missing where nobody looked, as in records older than schema 3.
    """
    rows = [_row(entry, record) for entry in record.backends]
    if any(row["peak_found"] is False for row in rows):  # whoever was above the ceiling has shown it to be none
        for row in rows:
            row |= {"mfu": None, "peak_found": None if row["peak_found"] is None else False}
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        if row["rank"] is not None:
            groups.setdefault(row["group"], []).append(row)
    for group in groups.values():
        _against_best(group)
    heads = sorted(groups, key=lambda name: max(_speed(row) for row in groups[name]), reverse=True)
    rows.sort(key=lambda row: (row["rank"] is None, heads.index(row["group"]) if row["rank"] else 0, *_order(row)))
    return rows


def _row(entry: BackendRecord, record: RunRecord) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(COLUMNS)
    row |= {
        "rank": None if record.invalid else entry.rank,
        "backend": entry.name,
        "artifact": None if entry.artifact is None else PurePath(entry.artifact.path).name,
        "status": entry.status,
        "error": entry.error,
        "gflops": record.model.gflops,
        "synthetic": record.model.synthetic or record.data.synthetic,
        "load_s": entry.load_s,
        "first_inference_ms": entry.first_inference_ms,
        "rss_mib": entry.rss_mib,
        "peak_rss_mib": entry.peak_rss_mib,
        "batch_dependence": entry.batch_dependence,
    }
    if entry.effective is not None:
        row |= {"version": entry.effective.version, "device": entry.effective.device[0]}
        row |= {"precision": entry.effective.precision[0], "precision_known": entry.effective.precision[1]}
        row |= {"threads": entry.effective.threads[0], "stored": (entry.effective.stored or (None,))[0]}
        row |= {"streams": entry.effective.streams[0], "group": entry.group}
    if entry.accuracy is not None:
        row |= {"images": entry.accuracy.images, "top1": entry.accuracy.top1, "top5": entry.accuracy.top5}
        row["skipped"] = len(record.data.skipped)
        row |= {
            "top1_correct": entry.accuracy.top1_correct,
            "accuracy_images_per_second": entry.accuracy.images / entry.accuracy.seconds,
            "chance": entry.accuracy.against_guessing,
            "accuracy_batch_size": entry.accuracy.batch_size,
        }
        for metric, interval in (("top1", entry.accuracy.top1_interval), ("top5", entry.accuracy.top5_interval)):
            row[f"{metric}_low"], row[f"{metric}_high"] = interval or (None, None)
    if entry.parity is not None:
        row |= {"parity": _parity(entry.parity, native=entry.artifact is None), "sqnr_db": entry.parity.sqnr_db}
        row |= {"held_to": entry.parity.held_to, "far_off": entry.parity.far_off}
        row |= {"max_abs_over_sigma": entry.parity.max_abs_over_sigma, "flips": entry.parity.flips}
        row |= {"unexplained_flips": entry.parity.unexplained_flips, "kl": entry.parity.kl}
        row |= {"effective_bits": entry.parity.effective_bits, "computed_as": entry.parity.computed_as}
        row |= {"unmasked": entry.parity.unmasked, "top5_overlap": entry.parity.top5_overlap}
    if entry.performance is not None:
        row |= _speed_cells(entry.performance, record)
    return row


def _parity(parity: Parity, *, native: bool) -> str:
    """What a native row must not do, the user's own file may; how good a quantised one is, is an expectation."""
    if parity.quantised:
        return WITHIN if parity.passed else OUTSIDE
    return "ok" if parity.passed else "FAILED" if native else "differs"


def _speed_cells(speed: Performance, record: RunRecord) -> dict[str, Any]:
    latency, throughput = speed.latency, speed.throughput
    achieved = throughput.images_per_second * record.model.gflops
    cells: dict[str, Any] = {
        "latency_p50_ms": latency.p50_ms,
        "latency_low_ms": latency.low_ms,
        "latency_high_ms": latency.high_ms,
        "latency_p90_ms": latency.p90_ms,
        "latency_p95_ms": latency.p95_ms,
        "latency_p99_ms": latency.p99_ms,
        "latency_cpu_ms": latency.cpu_ms,
        "latency_joules": latency.joules,
        "processes": latency.processes,
        "batch_size": throughput.batch_size,
        "images_per_second": throughput.images_per_second,
        "images_per_second_low": throughput.low,
        "images_per_second_high": throughput.high,
        "image_cpu_ms": throughput.cpu_ms,
        "image_joules": throughput.joules,
        "achieved_gflops_per_second": achieved,
        "steady": speed.steady,
        "noise": None if speed.steady else "no steady state",
    }
    cells |= {_RESOLUTIONS[one.of]: 100 * (one.ratio - 1) for one in record.resolutions}
    if record.ceiling is not None:
        windows = [throughput, *speed.sweep, *([] if speed.offline is None else [speed.offline])]
        highest = max(one.images_per_second for one in windows) * record.model.gflops
        found = highest <= record.ceiling.gflops_per_second
        cells |= {"peak_found": found, "mfu": achieved / record.ceiling.gflops_per_second if found else None}
    if speed.offline is not None:
        cells |= {
            "offline_images_per_second": speed.offline.images_per_second,
            "offline_images_per_second_low": speed.offline.low,
            "offline_images_per_second_high": speed.offline.high,
            "offline_streams": speed.offline.streams,
        }
    if speed.resident is not None:
        cells["resident_p50_ms"] = speed.resident.p50_ms
    if speed.noise is not None:
        noise = speed.noise
        cells |= {"drift": noise.drift, "deviation": noise.deviation, "steal": noise.steal, "foreign": noise.foreign}
        cells["noise"] = "; ".join(noise.failed)
    return cells


def _against_best(ranked: list[dict[str, Any]]) -> None:
    for column, best in (("latency_p50_ms", min), ("images_per_second", max)):
        values = [row[column] for row in ranked if row[column] is not None]
        for row in ranked:
            if row[column] is not None:
                row[column.replace("_p50_ms", "") + "_vs_best"] = 100 * (row[column] / best(values) - 1)


def _speed(row: dict[str, Any]) -> float:
    return row["images_per_second"] or 0.0


def _order(row: dict[str, Any]) -> tuple[int, float, float, str]:
    return (row["rank"] or 0, -_speed(row), -(row["top1_correct"] or 0.0), row["backend"])
