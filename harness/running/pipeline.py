"""``alexbench run``: load every backend, accuracy and parity, then speed in rounds, and a record of it all.

The order matters. All backends load before anything is measured, so that a flag which one of them must refuse is
refused in seconds. Accuracy goes backend by backend; speed in rounds, with every worker alive and all but one idle.
"""

import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
from filelock import FileLock, Timeout

import alexbench.harness
from alexbench.harness.config import RunConfig
from alexbench.harness.console.progress import Display
from alexbench.harness.errors import ExitCode, UsageError, WorkerError
from alexbench.harness.files.cache_folder import cache_folder
from alexbench.harness.files.out_file import check_folder
from alexbench.harness.files.scratch import scratch
from alexbench.harness.inputs.early_checks import check_early
from alexbench.harness.inputs.gathering import RunInputs, gather, writable
from alexbench.harness.inputs.model_files import programs_of, with_digests
from alexbench.harness.judge.published import comparisons_of
from alexbench.harness.judge.ranking import ranked
from alexbench.harness.measure.conditions import conditions
from alexbench.harness.measure.environment import environment
from alexbench.harness.measure.machine import machine
from alexbench.harness.quantization.calibration import calibration_of
from alexbench.harness.quantization.files import ToQuantize, quantized_file
from alexbench.harness.records import file_names
from alexbench.harness.records.file_names import RUN_FILE
from alexbench.harness.records.paired_records import RowPair
from alexbench.harness.records.reasons import Reason
from alexbench.harness.records.record_files import read_run
from alexbench.harness.records.run_records import RunRecord, Status
from alexbench.harness.running import folder as run_folder
from alexbench.harness.running.accuracy import evaluate, hold_against_reference, offset_of
from alexbench.harness.running.chosen_rows import (
    check_options,
    distributions_of,
    other_environments,
    rows_of,
    with_backends,
)
from alexbench.harness.running.estimate import Estimate, check_memory
from alexbench.harness.running.resume import check_unchanged, configuration_of, trust_flags, with_same_files
from alexbench.harness.running.row import Row
from alexbench.harness.running.row_pairs import row_pairs
from alexbench.harness.running.starting import load_all
from alexbench.harness.running.table_checks import check_tables
from alexbench.harness.running.threads import count_threads
from alexbench.harness.running.thumbnails import write_thumbnails
from alexbench.harness.running.timing import loads
from alexbench.harness.running.timing.duplicate import Duplicate, duplicate_of
from alexbench.harness.running.timing.replicates import Bench, Speed
from alexbench.harness.worker.client import telling
from alexbench.harness.worker.protocol.lifecycle import ReadMemory


@dataclass(frozen=True, slots=True)
class _Prepared:
    """What was found and made before the run has a folder. ``others``: the environments of rows with their own."""

    run_inputs: RunInputs
    others: dict[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """Where the run is, what it says, and the command's exit code."""

    folder: Path
    record: RunRecord
    exit_code: ExitCode


def run(config: RunConfig, display: Display) -> Outcome:
    """Carry out one run.

    Raises:
        AlexBenchError: an error that the user can fix, found before any measurement; no folder remains.
        KeyboardInterrupt: passed on, after the record was marked interrupted and every worker ended.
    """
    out = Path(config.out)
    was_there = check_folder(out)
    check_early(config)
    config = with_digests(with_backends(config))
    rows = rows_of(config)
    started = datetime.now(UTC)
    with telling(display.say, limit_s=config.silence_limit, option="--silence-limit"):
        return _run(config, rows, out, started, display, was_there=was_there)


def _run(
    config: RunConfig, rows: list[Row], out: Path, started: datetime, display: Display, *, was_there: bool
) -> Outcome:
    """From what is prepared to the record."""
    with scratch(writable(cache_folder()), "run") as logs:
        prepared = _prepare(config, rows, logs, display)
    # Only now: whatever ends the command while it prepares, no folder without a record is left.
    folder = run_folder.create(out, Path(config.model).stem, started)
    try:
        with _alone(folder):
            return _carry_out(config, rows, folder, started.isoformat(timespec="seconds"), None, display, prepared)
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt) and (folder / RUN_FILE).exists():
            with suppress(OSError):  # the terminal may be gone
                again = f"alexbench run --resume {folder}{trust_flags(programs_of(config))}"
                display.say(f"interrupted; continue with: {again}")
        if not was_there:
            with suppress(OSError):  # if it is empty
                out.rmdir()
        raise


def resume(folder: Path, display: Display, *, trusted: Sequence[str] = ()) -> Outcome:
    """Go on with a run that was interrupted, killed, or lost a worker: what its own record says it is.

    Whole batches of the accuracy pass are kept; the rest of it, parity and all of the speed are measured now.
    ``trusted``: the programs that it may run, where its record names any.

    Raises:
        AlexBenchError: not a run, one that is still running, or inputs that are no longer what they were.
    """
    before = read_run(folder)
    config = configuration_of(before, folder, trusted=trusted)
    if before.status == "complete" and not (folder / file_names.UNFINISHED).exists():
        check_tables(folder, before)
        display.say(f"{folder} is complete: nothing is left to do")
        return Outcome(folder, before, exit_code(before))
    check_early(config)
    config = with_same_files(before, config, folder)
    rows = rows_of(config)
    with _alone(folder), telling(display.say, limit_s=config.silence_limit, option="--silence-limit"):
        with scratch(writable(cache_folder()), "run") as logs:
            prepared = _prepare(config, rows, logs, display)
        return _carry_out(config, rows, folder, before.started, before, display, prepared)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Nobody else works on this run meanwhile; a lock that a killed command left counts for nothing."""
    lock = FileLock(folder / file_names.LOCK, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise UsageError(f"--resume {folder}: that run is still running") from None
    try:
        yield
    finally:
        shutil.rmtree(folder / file_names.SCRATCH, ignore_errors=True)
        lock.release()
        (folder / file_names.LOCK).unlink(missing_ok=True)


def _prepare(config: RunConfig, rows: list[Row], logs: Path, display: Display) -> _Prepared:
    """All that needs no folder of the run: what cannot be, and the images and weights."""
    loads.require(config)
    others = other_environments(rows, logs)
    check_options(rows, config, logs)
    run_inputs = gather(config, cache=cache_folder(), display=display)
    return _Prepared(quantize_rows(config, rows, run_inputs, logs, display), others)


def quantize_rows(config: RunConfig, rows: list[Row], run_inputs: RunInputs, logs: Path, display: Display) -> RunInputs:
    """Make the int8 file of each row that needs one, shared by rows of one backend; the inputs left to score."""
    wanted = [row for row in rows if row.system in config.quantized and not row.absent]
    if not wanted:
        return run_inputs
    cache = writable(cache_folder())
    assert run_inputs.weights is not None
    given = ToQuantize(run_inputs.card, run_inputs.weights, run_inputs.model.weights_digest)
    calibration, left = calibration_of(config, run_inputs, cache, display)
    for row in wanted:
        row.quantized, row.quantization = quantized_file(
            row.backend,
            given,
            config.quantization,
            calibration,
            cache=cache,
            log=logs / "quantize.log",
            display=display,
        )
    return left


def _carry_out(
    config: RunConfig,
    rows: list[Row],
    folder: Path,
    started: str,
    before: RunRecord | None,
    display: Display,
    prepared: _Prepared,
) -> Outcome:
    (folder / file_names.SCRATCH).mkdir(exist_ok=True)
    with ExitStack() as on_exit:
        run_inputs = prepared.run_inputs
        with nullcontext() if before is not None else _gone_on_error(folder):
            if before is not None:
                check_unchanged(before, run_inputs.model, run_inputs.data, folder)
            record = _first_record(config, run_inputs, started, rows, prepared.others)
            if before is None:
                run_folder.write_record(folder, record)
            begun = time.monotonic()
            estimate = Estimate(config, rows, run_inputs)
            aa_duplicate = _start(rows, config, run_inputs, folder, display, on_exit, estimate)
        return _measure(config, run_inputs, rows, aa_duplicate, record, folder, display, begun, estimate)


@contextmanager
def _gone_on_error(folder: Path) -> Iterator[None]:
    """Nothing was measured yet: a folder of it would only confuse."""
    try:
        yield
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _start(
    rows: list[Row],
    config: RunConfig,
    run_inputs: RunInputs,
    folder: Path,
    display: Display,
    on_exit: ExitStack,
    estimate: Estimate,
) -> Duplicate | None:
    """Load every row and, where speed is measured, the duplicate that is returned."""
    said = estimate.words()
    check_memory(config, rows, run_inputs, said)
    display.say(said)
    begun = time.monotonic()
    with display.step("loading " + ", ".join(row.name for row in rows if not row.absent)):
        load_all(rows, config, run_inputs, folder, on_exit)
    display.say(estimate.loaded(time.monotonic() - begun))
    if not config.accuracy:  # else counted while accuracy is measured
        count_threads(rows, config, display)
    aa_duplicate = duplicate_of(rows) if config.performance else None
    if aa_duplicate is not None:
        on_exit.callback(aa_duplicate.end)
    loads.check_loads(rows, config)
    return aa_duplicate


def _measure(
    config: RunConfig,
    run_inputs: RunInputs,
    rows: list[Row],
    aa_duplicate: Duplicate | None,
    record: RunRecord,
    folder: Path,
    display: Display,
    begun: float,
    estimate: Estimate,
) -> Outcome:
    status: Status = "interrupted"
    speed = Speed()
    run_folder.write_record(folder, record)
    try:
        if config.accuracy:
            answering = time.monotonic()
            evaluate(rows, config, run_inputs, folder, display)
            if config.performance:
                display.say(estimate.answered(time.monotonic() - answering))
            record = replace(record, pairs=_write_answers(rows, run_inputs, folder, record.base))
        if config.performance:
            Bench(speed, rows, aa_duplicate, config, run_inputs, folder, display, begun=begun).measure()
        for row in rows:
            if row.alive and row.worker is not None:
                with row.failing():
                    if row.observed.peak_rss_mib is None:
                        peak = row.worker.ask(ReadMemory()).memory.peak_rss_mib
                        row.observed = replace(row.observed, peak_rss_mib=peak)
                    row.worker.close()
        if config.accuracy:
            try:
                record = replace(record, reference=hold_against_reference(rows, config, run_inputs, folder, display))
            except WorkerError as error:  # a row like any other: what was measured stands
                record = replace(record, notes=(*record.notes, Reason("parity_failed", text=str(error))))
            write_thumbnails(folder, run_inputs)
        status = "complete"
    except Exception:
        status = "failed"
        raise
    finally:
        backends, differences, resolutions = ranked(
            [row.record() for row in rows], speed.values, level=speed.level, looks=speed.looks, spent=speed.spent
        )
        record = replace(
            record,
            status=status,
            finished=_now(),
            systems=backends,
            comparisons=comparisons_of(backends, run_inputs.model, run_inputs.data),
            controls=speed.controls,
            ceiling=speed.ceiling,
            invalid=speed.invalid,
            differences=differences,
            resolutions=resolutions,
            conditions={**record.conditions, "during": speed.during, "after": conditions()},
        )
        run_folder.write_timings(folder, [*(block for row in rows for block in row.blocks), *speed.others])
        run_folder.write_record(folder, record)
    code = exit_code(record)
    if code != ExitCode.FAILED:
        shutil.rmtree(folder / file_names.UNFINISHED, ignore_errors=True)
    return Outcome(folder, record, code)


def _write_answers(rows: list[Row], run_inputs: RunInputs, folder: Path, base: str | None) -> tuple[RowPair, ...]:
    """Into ``predictions.parquet`` and ``samples.parquet``; and compares the rows' accuracies."""
    prepared = run_inputs.prepared
    bad = {one.place: one.reason for one in prepared.skipped}
    run_folder.write_samples(folder, run_inputs.names, prepared.labels, prepared.picture_digests, bad)
    frames = [
        run_folder.predictions(
            row.name,
            row.top,
            run_inputs.names,
            run_inputs.labels,
            run_inputs.good,
            label_offset=offset_of(row, run_inputs),
            classes=run_inputs.class_count,
        )
        for row in rows
        if row.top is not None
    ]
    run_folder.write_predictions(folder, frames)
    if not frames:
        return ()
    records = [row.record() for row in rows]
    return row_pairs(pd.concat(frames, ignore_index=True), run_inputs.data, records, base)


def _first_record(
    config: RunConfig, run_inputs: RunInputs, started: str, rows: list[Row], others: dict[str, dict[str, Any]]
) -> RunRecord:
    distributions = tuple(name for row in rows if not row.missing for name in distributions_of(row.backend))
    return RunRecord(
        status="running",
        started=started,
        finished=None,
        alexbench_version=alexbench.harness.__version__,
        configuration=asdict(config),
        model=run_inputs.model,
        data=run_inputs.data,
        machine=machine(),
        environment=asdict(environment(distributions)) | ({"backends": others} if others else {}),
        conditions={"before": conditions()},
        notes=run_inputs.notes,
        base=config.base,
    )


def exit_code(record: RunRecord) -> ExitCode:
    """1: a row is in error or not shown to be the same function as float64. 3: its speeds are unreliable."""
    failed = any(row.status == "error" for row in record.systems)
    # An artifact may be a quantised model, or other weights: that it differs is shown, and no failure.
    native = [row for row in record.systems if row.artifact is None]
    unequal = any(row.parity is not None and not row.parity.passed for row in native)
    parity_lost = bool(native) and record.configuration.get("only") != "performance" and record.reference is None
    if failed or unequal or parity_lost:
        return ExitCode.FAILED
    return ExitCode.INCONCLUSIVE if record.invalid else ExitCode.OK


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
