"""One search: a backend's candidates next to the runtime as shipped, by successive halving on the usual rounds."""

import time
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from alexbench.harness.config import RunConfig
from alexbench.harness.console.progress import Display
from alexbench.harness.errors import AlexBenchError, WorkerError
from alexbench.harness.inputs.gathering import RunInputs
from alexbench.harness.judge.halving import STAGES, winners
from alexbench.harness.measure.process import available_memory, usable_cores
from alexbench.harness.measure.rigor import TUNING
from alexbench.harness.records import file_names
from alexbench.harness.records.reasons import Reason
from alexbench.harness.records.speed_records import Measure
from alexbench.harness.records.tuning_records import Figure, MadeFor, Settings, Tried, Tuning, Winner
from alexbench.harness.running import folder as run_folder
from alexbench.harness.running.accuracy import parity_of
from alexbench.harness.running.estimate import memory_mib
from alexbench.harness.running.pipeline import quantize_rows
from alexbench.harness.running.row import Row
from alexbench.harness.running.starting import start
from alexbench.harness.running.timing.narrowing import Narrowing
from alexbench.harness.running.timing.replicates import Speed
from alexbench.harness.systems import System, untuned
from alexbench.harness.tuning.candidates import candidates_of
from alexbench.harness.worker.client import telling
from alexbench.harness.worker.protocol.scoring import WriteLogits

SILENCE_S: Final = 60.0
"""A candidate that is silent for longer hangs, or is not worth the wait."""
_MIB: Final = 2**20


@dataclass(frozen=True, slots=True)
class Searching:
    """What every search of a command has in common."""

    config: RunConfig
    run_inputs: RunInputs
    display: Display


class _SearchedRow(Row):
    """A row whose log is gone when its error is read."""

    def fail(self, error: Exception) -> None:
        """See :meth:`Row.fail`."""
        Row.fail(self, WorkerError(error.message) if isinstance(error, WorkerError) else error)


class DefaultFailedError(AlexBenchError):
    """The runtime as shipped does not run: there is nothing to compare with."""


def search(system: System, made_for: MadeFor, given: Searching, folder: Path) -> Tuning:
    """Measure the candidates of ``system`` (its profile and settings do not count); ``folder`` is for logs.

    Raises:
        DefaultFailedError: the runtime as shipped does not run.
    """
    begun = time.monotonic()
    plain, tried = untuned(system), candidates_of(system)
    measured = [one for one in tried if one.status == "measured"]
    rows, config = _rows(plain, [one.settings for one in measured], given)
    rows, without = _that_fit(rows, config, given.run_inputs)
    logs = _narrowed(rows, config, given, folder)
    default = rows[0]
    if default.error is not None or not all(default.name in mine for mine in logs.values()):
        raise DefaultFailedError(f"{default.name}: {default.error}")
    found, by_name = {row.system.settings: row for row in rows[1:]}, {row.name: row for row in rows}
    running = [row.name for row in rows if row.error is None]
    return Tuning(
        made_for=made_for,
        made=datetime.now(UTC).isoformat(timespec="seconds"),
        cost_s=round(time.monotonic() - begun, 1),
        winners=tuple(Winner(of, by_name[name].system.settings) for of, name in winners(logs, running).items()),
        tried=(_tried(default), *(_outcome(one, found, without) for one in tried)),
    )


def _rows(plain: System, settings: Sequence[Settings], given: Searching) -> tuple[list[Row], RunConfig]:
    """The runtime as shipped, then each candidate; and the configuration in which these are all of the systems."""
    systems = (plain, *(replace(plain, settings=one) for one in settings))
    config = replace(
        given.config, systems=systems, base=None, exact=(), only="performance", rigor="smoke", scenarios=(), tunings=()
    )
    rows: list[Row] = [
        _SearchedRow(label, one, python=config.interpreter_of(one)) for label, one in config.by_label.items()
    ]
    return rows, config


def _that_fit(rows: list[Row], config: RunConfig, run_inputs: RunInputs) -> tuple[list[Row], set[Settings]]:
    """As many rows as there is memory for, and the settings of those that there is none for."""
    free, count = available_memory() // _MIB, len(rows)
    while count > 1 and memory_mib(config, rows[:count], run_inputs) > free:
        count -= 1
    return rows[:count], {row.system.settings for row in rows[count:]}


def _narrowed(
    rows: list[Row], config: RunConfig, given: Searching, folder: Path
) -> Mapping[Measure, Mapping[str, float]]:
    """The logs of times in the last stage."""
    run_inputs, display = given.run_inputs, given.display
    for name in (file_names.SCRATCH, file_names.LOGS):
        (folder / name).mkdir()
    with ExitStack() as on_exit:
        for row in rows:
            on_exit.callback(row.end)
        run_inputs = quantize_rows(config, rows, run_inputs, folder, display)
        on_exit.enter_context(telling(display.say, limit_s=config.silence_limit or SILENCE_S, option="--silence-limit"))
        _build(rows, config, run_inputs, folder, display)
        if rows[0].error is not None:
            raise DefaultFailedError(f"{rows[0].name}: {rows[0].error}")
        bench = Narrowing(
            Speed(), rows, None, config, run_inputs, folder, display, begun=time.monotonic(), level=TUNING
        )
        return bench.narrow(rows[0], STAGES)


def _build(rows: Sequence[Row], config: RunConfig, run_inputs: RunInputs, folder: Path, display: Display) -> None:
    """Load each row and let it answer, several at once: whatever compiles does so here, and nothing is timed.

    A row with other scores than the runtime as shipped is dropped, and so is one that is silent for too long.
    """
    default, candidates = rows[0], rows[1:]

    def build(row: Row) -> None:
        with row.failing():
            row.worker = start(row, config, run_inputs, folder)
            row.parity_logits = _answers(row, config, run_inputs, folder)

    with display.step(f"building {len(candidates)} candidates"):
        pending = list(rows)
        if default.file is not None:
            build(pending.pop(0))
            for row in candidates:  # all run the same file, which is looked into once
                row.seen, row.found = default.seen, default.found
        with ThreadPoolExecutor(usable_cores()) as threads:
            list(threads.map(build, pending))
    for row in candidates:
        if row.alive and default.alive:
            with row.failing():
                _compare(row, default)


def _answers(row: Row, config: RunConfig, run_inputs: RunInputs, folder: Path) -> NDArray[np.float32]:
    """Scores at both batch sizes that are timed."""
    images = tuple(range(min(config.batch_size, len(run_inputs.labels))))
    logits = []
    for batch in (config.batch_size, 1):
        assert row.worker is not None
        out = folder / file_names.SCRATCH / f"{run_folder.file_of(row.name)}-{batch}.npy"
        row.worker.ask(WriteLogits(images if batch > 1 else images[:1], batch, out))
        logits.append(np.load(out))
    return np.concatenate(logits)


def _compare(row: Row, default: Row) -> None:
    """The row's parity; one that is outside of its precision's tolerance is dropped."""
    assert default.parity_logits is not None
    row.parity = parity_of(row, default.parity_logits.astype(np.float64))
    if not row.parity.passed:
        row.error = "other scores"
        row.end()


def _outcome(one: Tried, found: Mapping[Settings, Row], without: Collection[Settings]) -> Tried:
    if one.status != "measured":
        return one
    if one.settings in without:
        return replace(one, status="left_out", reason=Reason("no_memory"))
    return _tried(found[one.settings])


def _tried(row: Row) -> Tried:
    """What became of a row."""
    settings, parity, speed = row.system.settings, row.parity, row.performance
    if parity is not None and not parity.passed:
        limit = parity.tolerance_max_abs_over_sigma
        return Tried(settings, "wrong", Reason("other_scores", measured=parity.max_abs_over_sigma, limit=limit))
    if row.error is not None or speed is None:
        return Tried(settings, "failed", Reason("candidate_failed", text=row.error or "it was not timed"))
    p50, rate = speed.latency, speed.throughput
    return Tried(
        settings,
        "measured",
        stages=p50.processes,
        p50_ms=Figure(*(round(value, 4) for value in (p50.p50_ms, p50.low_ms, p50.high_ms))),
        images_per_second=Figure(*(round(value, 3) for value in (rate.images_per_second, rate.low, rate.high))),
    )
