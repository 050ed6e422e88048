"""What MLPerf LoadGen wrote about a test: its ``mlperf_log_detail.txt``, ``:::MLLOG`` and a JSON object a line.

Key names: loadgen/results.cc of mlcommons/inference. Percentiles are its own: of n sorted latencies the one at index
floor(n p), by query in MultiStream, by sample elsewhere.
"""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from alexbench.harness.errors import WorkerError
from alexbench.harness.judge.early_stopping import carries

DETAIL: Final = "mlperf_log_detail.txt"
_MARK: Final = ":::MLLOG "
_RATES: Final = {
    "SingleStream": "result_qps_with_loadgen_overhead",
    "Server": "result_completed_samples_per_sec",
    "Offline": "result_samples_per_second",
}


@dataclass(frozen=True, slots=True)
class Told:
    """LoadGen's own words: every key's last value, and the messages that it marked as errors."""

    values: dict[str, Any]
    errors: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LoadGenResult:
    """One LoadGen test.

    ``seconds``: wall time from the first query to the last answer. ``samples_per_second``: LoadGen's figure of the
    scenario (Server: completed, not scheduled), and samples over seconds in MultiStream, where it gives none.
    ``p..._ms``: latency of a query, in Server from its scheduled arrival; None when ``queries`` are too few for that
    percentile by MLPerf's early-stopping minimum (p50 11, p90 64, p95 130, p99 662), so always in Offline, which is
    one query. ``min_ms``, ``mean_ms``, ``max_ms``: of queries; of the samples of the one query in Offline.
    ``valid`` and ``reasons``: LoadGen's verdict under the settings it was given, and why not; ``early_stopping`` is
    what it says about its percentile. ``overlatency_queries``: those over Server's bound. ``target_rate``: queries/s
    asked for in Server. ``version``: LoadGen's.
    """

    scenario: str
    queries: int
    samples: int
    samples_per_query: int
    seconds: float
    samples_per_second: float
    min_ms: float
    mean_ms: float
    p50_ms: float | None
    p90_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    max_ms: float
    valid: bool
    reasons: tuple[str, ...]
    early_stopping: str
    overlatency_queries: int | None
    target_rate: float | None
    seed: int
    version: str


def read_detail(path: Path) -> Told:
    """Read a detail log.

    Raises:
        WorkerError: LoadGen left none, or one without a result: the test was cut short.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise WorkerError(f"MLPerf LoadGen left no {path.name} in {path.parent}") from None
    values: dict[str, Any] = {}
    errors = []
    for line in lines:
        if not line.startswith(_MARK):
            continue
        try:
            entry = json.loads(line.removeprefix(_MARK))
        except json.JSONDecodeError:  # LoadGen prints the rate of a single query as -nan
            continue
        values[entry["key"]] = entry["value"]
        if entry["metadata"]["is_error"]:
            errors.append(_one_line(entry["value"]))
    if "result_validity" not in values:
        raise WorkerError(f"{path} has no result: MLPerf LoadGen did not come to its end")
    return Told(values, tuple(errors))


def result_of(told: Told, *, seconds: float, target_rate: float | None, seed: int) -> LoadGenResult:
    """The result of a test from its log, and from what only the driver knows."""
    values = told.values
    scenario = values["effective_scenario"]
    queries, per_query = values["result_query_count"], values["effective_samples_per_query"]
    latency = "query_latency_ns" if scenario == "MultiStream" else "latency_ns"
    of = "per_query_latency_ns" if scenario == "MultiStream" else "latency_ns"

    def percentile_ms(percentile: int) -> float | None:
        value = values[f"result_{percentile}.00_percentile_{of}"]
        return value / 1e6 if carries(percentile, queries) else None

    rate = values.get(_RATES.get(scenario, ""), math.nan)
    valid = values["result_validity"] == "VALID"
    return LoadGenResult(
        scenario=scenario,
        queries=queries,
        samples=queries * per_query,
        samples_per_query=per_query,
        seconds=seconds,
        samples_per_second=float(rate) if math.isfinite(rate) else queries * per_query / seconds,
        min_ms=values[f"result_min_{latency}"] / 1e6,
        mean_ms=values[f"result_mean_{latency}"] / 1e6,
        p50_ms=percentile_ms(50),
        p90_ms=percentile_ms(90),
        p95_ms=percentile_ms(95),
        p99_ms=percentile_ms(99),
        max_ms=values[f"result_max_{latency}"] / 1e6,
        valid=valid,
        reasons=told.errors if valid else _reasons(told),
        early_stopping=_one_line(values["early_stopping_result"]),
        overlatency_queries=values.get("result_overlatency_query_count"),
        target_rate=target_rate,
        seed=seed,
        version=values["loadgen_version"],
    )


def _reasons(told: Told) -> tuple[str, ...]:
    found = [_one_line(told.values.get("result_invalid_reason", "")), *told.errors]
    if not told.values["early_stopping_met"]:
        found.append("early stopping: " + _one_line(told.values["early_stopping_result"]))
    return tuple(reason for reason in found if reason)


def _one_line(text: object) -> str:
    return " ".join(str(text).replace(" * ", " ").split())
