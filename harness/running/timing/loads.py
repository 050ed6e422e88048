"""Load generation: MLPerf's scenarios through LoadGen, row by row in random order, after the rounds.

These cannot take turns in rounds: a queue builds up over seconds. What the machine did meanwhile stands in the rows'
noise checks of the rounds before; the logs of LoadGen stay in the run's folder.
"""

from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any, Final

import numpy as np

from alexbench.harness.config import Asked, RunConfig
from alexbench.harness.console.progress import Display
from alexbench.harness.judge.early_stopping import samples_needed
from alexbench.harness.measure.loadgen import LoadSettings, require_loadgen
from alexbench.harness.measure.loadgen_log import LoadGenResult
from alexbench.harness.measure.rate_search import highest_rate, probe_of, refuse_bound_below_inference
from alexbench.harness.measure.rounds import Task
from alexbench.harness.records.file_names import LOADGEN_LOGS
from alexbench.harness.records.reasons import Reason
from alexbench.harness.records.speed_records import Generated, Probe
from alexbench.harness.running.folder import file_of
from alexbench.harness.running.row import Row
from alexbench.harness.running.timing.figures import settled
from alexbench.harness.worker.protocol.timing import RunLoadgen, TimeCalls, WarmUp

SERVER_SHARE: Final = 0.7
"""A share of the rate of one inference after the other: the load at which Server's latency is measured."""
SAMPLES_PER_QUERY: Final = 8
"""MultiStream's, as in MLPerf Inference since v2.0."""
MOST_SAMPLES_PER_QUERY: Final = 64
OFFLINE_SAMPLES: Final = 24_576
PROBES: Final = 8
LONGEST_MS: Final = 120_000
"""The limit of one test, if rigor sets no minimum: otherwise an overload would be drained to its end."""
NO_BOUND_NS: Final = 10_000_000_000
TRIAL_S: Final = 0.3


def check_loads(rows: list[Row], config: RunConfig) -> None:
    """Refuse what no load could reach, before anything is measured.

    Raises:
        UsageError: one inference of every backend takes longer than the bound.
    """
    if config.latency_bound is None:
        return
    alive = [row for row in rows if row.alive]
    taken: dict[str, float] = {}
    for row in alive:
        with row.failing():
            assert row.worker is not None
            row.worker.ask(WarmUp(1))
            ns = row.worker.ask(TimeCalls(1, TRIAL_S)).ns
            taken[row.name] = float(np.median(ns)) / 1e6
    if taken:
        fastest = min(taken, key=lambda name: taken[name])
        refuse_bound_below_inference(config.latency_bound, fastest, taken[fastest])


def require(config: RunConfig) -> None:
    """LoadGen must be there before anything begins, where it will be needed.

    Raises:
        UsageError: it is not.
    """
    if config.generated:
        asked = [name for name in config.generated if name in config.scenarios]
        require_loadgen(f"--scenario {asked[0]}" if asked else f"--rigor {config.rigor}")


def generate(rows: list[Row], config: RunConfig, folder: Path, display: Display) -> None:
    """Every scenario that is asked for, on every row that is alive, into the rows."""
    order: list[tuple[Row, Asked]] = [(row, scenario) for row in rows if row.alive for scenario in config.generated]
    Random(config.seed).shuffle(order)  # noqa: S311  # an order of turns, not a secret
    for row, scenario in order:
        if row.alive:
            with display.step(f"{row.name}: {scenario} by LoadGen"):
                try:
                    row.generated.append(_Load(row, scenario, config, folder).measure())
                except Exception as error:  # what was measured before stands
                    row.remarks.append(Reason("loadgen_failed", of=scenario, text=str(error)))


class _Load:
    """One scenario on one row."""

    def __init__(self, row: Row, scenario: Asked, config: RunConfig, folder: Path) -> None:
        self._row, self._scenario, self._config = row, scenario, config
        self._logs = folder / LOADGEN_LOGS
        single = settled(row.blocks, Task(row.name, "SingleStream", 1).__eq__)
        self._p50_ms = float(np.median([block.median_ms for block in single]))
        self._rate = sum(len(block.ns) for block in single) / (sum(sum(block.ns) for block in single) / 1e9)
        batched = settled(row.blocks, lambda task: (task.scenario, task.way) == ("Offline", "loop"))
        self._image_ms = min([self._p50_ms, *(1e3 / block.rate for block in batched)])

    def measure(self) -> Generated:
        """At the usual load; then the highest one under the user's bound, where there is one."""
        usual = self._run(self._settings(), 0)
        found = _record(usual, None)
        bound = self._config.latency_bound
        if bound is None or self._scenario not in ("Server", "MultiStream"):
            return found
        found = replace(found, bound_ms=bound)
        if bound < self._p50_ms:  # this row's; another may be fast enough
            return found
        search = highest_rate(self._probe, bound_ms=bound, steps=PROBES, **self._range())
        reasons = (*found.reasons, search.because) if search.because is not None else found.reasons
        return replace(found, highest=search.highest, probes=search.probes, reasons=reasons)

    def _range(self) -> dict[str, Any]:
        if self._scenario == "MultiStream":
            return {"start": SAMPLES_PER_QUERY, "low": 1, "high": MOST_SAMPLES_PER_QUERY, "whole": True}
        return {"start": SERVER_SHARE * self._rate, "low": 0.02 * self._rate, "high": 1.2 * self._rate}

    def _settings(self, load: float | None = None, number: int = 0) -> LoadSettings:
        config, level = self._config, self._config.level
        shortest = round(1000 * level.min_duration_s)
        common: dict[str, Any] = {
            "min_duration_ms": max(1000, shortest),
            "min_query_count": samples_needed(99),
            "max_duration_ms": 0 if shortest else LONGEST_MS,
            "seed": config.seed * 1000 + number,
        }
        bound = NO_BOUND_NS if config.latency_bound is None else round(config.latency_bound * 1e6)
        match self._scenario:
            case "SingleStream":
                return LoadSettings(**common, expected_latency_ms=self._p50_ms)
            case "MultiStream":
                samples = SAMPLES_PER_QUERY if load is None else int(load)
                return LoadSettings(**common, samples_per_query=samples, expected_latency_ms=samples * self._image_ms)
            case "Server":
                rate = SERVER_SHARE * self._rate if load is None else load
                return LoadSettings(**common, target_rate=rate, latency_bound_ns=bound)
            case _:  # Offline
                size = config.batch_size
                common["min_query_count"] = OFFLINE_SAMPLES
                return LoadSettings(**common, batch_size=size, expected_latency_ms=size * self._image_ms)

    def _probe(self, load: float, number: int) -> Probe:
        return probe_of(load, self._run(self._settings(load, number + 1), number + 1))

    def _run(self, settings: LoadSettings, number: int) -> LoadGenResult:
        assert self._row.worker is not None
        logs = self._logs / f"{file_of(self._row.name)}-{self._scenario}-{number}"
        logs.mkdir(parents=True, exist_ok=True)
        return self._row.worker.ask(RunLoadgen(self._scenario, settings, logs))


def _record(result: LoadGenResult, bound_ms: float | None) -> Generated:
    return Generated(
        scenario=result.scenario,  # type: ignore[arg-type]  # LoadGen was given one of the four
        queries=result.queries,
        samples=result.samples,
        seconds=result.seconds,
        rate=result.samples_per_second,
        p50_ms=result.p50_ms,
        p90_ms=result.p90_ms,
        p95_ms=result.p95_ms,
        p99_ms=result.p99_ms,
        valid=result.valid,
        reasons=tuple(Reason("loadgen", text=one) for one in result.reasons),
        target_rate=result.target_rate,
        samples_per_query=result.samples_per_query,
        bound_ms=bound_ms,
        loadgen=result.version,
    )
