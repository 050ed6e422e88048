"""Starting a row's worker and letting it load: the same way for the first process of a backend and for every other."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import cast

from alexbench.harness.config import RunConfig
from alexbench.harness.contract import ArtifactFacts, Options, Precision
from alexbench.harness.errors import ExitCode, UnsupportedOptionError, UsageError
from alexbench.harness.inputs.gathering import RunInputs
from alexbench.harness.inputs.model_files import artifact_of, artifact_record, look_into
from alexbench.harness.measure.process import usable_cores
from alexbench.harness.records import file_names
from alexbench.harness.records.reasons import Reason
from alexbench.harness.running import folder as run_folder
from alexbench.harness.running.row import Row
from alexbench.harness.systems import System
from alexbench.harness.trust import confined_to
from alexbench.harness.worker.client import WorkerProcess
from alexbench.harness.worker.protocol.loading import Load, LoadArtifact, Loaded


def options_of(system: System) -> Options:
    """What a backend is asked for."""
    precision = cast("Precision", system.precision)  # Options refuses any other
    if precision == "int8":  # a file, which runs as it was written
        precision = "fp32"
    return Options(system.threads, system.device, precision, system.settings)


def check_has_file(system: System) -> None:
    """Refuse int8 of a network where nothing quantizes it: fp32 would run.

    Raises:
        UnsupportedOptionError: the message says how to get a file.
    """
    if system.precision == "int8" and system.artifact is None:
        raise UnsupportedOptionError(
            f"{system.backend}: int8 needs a file here; alexbench quantize CARD --to {system.backend} writes one,"
            f" then --artifact {system.backend}=FILE"
        )


def check_holds(system: System, path: str, facts: ArtifactFacts) -> None:
    """Refuse a file that is named as int8 and is not.

    Raises:
        UnsupportedOptionError: the message says what it computes in.
    """
    if system.precision == "int8" and facts.precision != "int8":
        raise UnsupportedOptionError(
            f"{system.backend}: asked for int8, but {path} computes in {facts.precision}, and a file runs as it is;"
            " leave int8 out, or name an int8 file (alexbench quantize writes one)"
        )


def log_of(name: str, folder: Path) -> Path:
    """The log of a participant's processes."""
    return folder / file_names.LOGS / f"{run_folder.file_of(name)}.log"


def start_empty(row: Row, name: str, config: RunConfig, folder: Path) -> WorkerProcess:
    """A process with nothing loaded; it forks where it will be restarted, and on the CPU only."""
    restarts = row.system.device == "cpu" and config.performance
    return WorkerProcess(
        name,
        log=log_of(name, folder),
        python=row.interpreter,
        writable=confined_to(row.artifact, folder),
        forks=restarts,
        preload=row.backend,
    )


def start(
    row: Row,
    config: RunConfig,
    run_inputs: RunInputs,
    folder: Path,
    *,
    called: str | None = None,
    again: WorkerProcess | None = None,
) -> WorkerProcess:
    """A fresh process of the row's backend, loaded and with the images open.

    What it found of an artifact, said of itself and took to load goes into ``row``. ``called``: its name in messages.
    ``again``: a worker that an earlier call returned, which is restarted and returned in place of a new one.

    Raises:
        AlexBenchError: it does not start, or does not load; the process is gone then.
    """
    name = called or row.name
    worker = again or start_empty(row, name, config, folder)
    try:
        worker.restart()  # one that is fresh is left as it is
        answer = _load(worker, row, run_inputs, log_of(name, folder))
        row.loads_s.append(answer.load_s)
        if row.effective is None:
            row.effective = row.loaded_as = answer.effective
        fed = run_inputs.opened.preprocessing if row.seen is None else row.seen.preprocessing
        worker.ask(replace(run_inputs.opened, preprocessing=fed))
    except BaseException:
        worker.kill()
        raise
    return worker


def _load(worker: WorkerProcess, row: Row, run_inputs: RunInputs, log: Path) -> Loaded:
    """The network from its weights, or the user's file, which is looked into before the first load."""
    options = options_of(row.system)
    file = row.file
    if file is None:
        assert run_inputs.weights is not None
        return worker.ask(
            Load(row.backend, run_inputs.network.name, run_inputs.card.preprocessing.crop, run_inputs.weights, options)
        )
    artifact = artifact_of(file, run_inputs.card, run_inputs.outputs)
    if row.seen is None:
        row.seen = look_into(row.backend, artifact, options, run_inputs.card, log, python=row.interpreter)
        row.found = artifact_record(file, row.seen)
        check_holds(row.system, file.path, row.seen.facts)
        row.observed = replace(row.observed, batch_dependence=row.seen.facts.batch_dependence)  # at another batch
        if run_inputs.background_assumed(row.seen.facts.outputs):
            row.remarks.append(Reason("background_assumed", count=row.seen.facts.outputs))
    asked = replace(artifact, outputs=row.seen.facts.outputs)
    return worker.ask(LoadArtifact(row.backend, asked, row.seen.facts, options))


def load_all(rows: list[Row], config: RunConfig, run_inputs: RunInputs, folder: Path, on_exit: ExitStack) -> None:
    """Start a worker for each row and let it load; what is wrong with the input of one named by name ends the run."""
    present = [row for row in rows if not row.absent]
    for row in present:
        on_exit.callback(row.end)
    with ThreadPoolExecutor(usable_cores()) as threads:  # importing a runtime keeps one core busy
        list(threads.map(lambda row: start_worker(row, config, folder), present))
    for row in present:
        with row.failing():
            try:
                if row.worker is not None:
                    row.worker = start(row, config, run_inputs, folder, again=row.worker)
            except UnsupportedOptionError as error:
                row.refuse(error)
        if row.error_code == ExitCode.USAGE and not row.unsupported and not config.all_backends:
            raise UsageError(row.error)
    check_refused(rows, config)
    refused = [row for row in rows if row.error_code == ExitCode.USAGE]
    if refused and not any(row.alive for row in rows):
        raise UsageError("; ".join(f"{row.error}" for row in refused))


def start_worker(row: Row, config: RunConfig, folder: Path) -> None:
    """Give the row a process with nothing loaded; one that does not start is the row's error."""
    with row.failing():
        row.worker = start_empty(row, row.name, config, folder)


def check_refused(rows: list[Row], config: RunConfig) -> None:
    """A system that its runtime cannot run is a row with that status, unless it is all that was requested.

    Raises:
        UnsupportedOptionError: it was named by itself, or its backend was named and nothing else of it can run; without
            names, no backend can.
        UsageError: it is the base.
    """
    of_backend: dict[str, list[Row]] = {}
    for row in rows:
        if row.unsupported and row.name in config.exact:
            raise UnsupportedOptionError(row.error)
        if row.absent and row.name == config.base:
            raise UsageError(f"--base {row.name}: {row.error}")
        of_backend.setdefault("" if config.all_backends else row.backend, []).append(row)
    for some in of_backend.values():
        if all(row.missing or row.unsupported for row in some):
            said = dict.fromkeys(row.error or "" for row in some if row.unsupported)
            raise UnsupportedOptionError("; ".join(said))
