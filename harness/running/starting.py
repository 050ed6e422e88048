"""Starting a row's worker and letting it load: the same way for the first process of a backend and for every other."""

from dataclasses import replace
from pathlib import Path
from typing import cast

from alexbench.harness.config import RunConfig
from alexbench.harness.contract import ArtifactFacts, Options, Precision
from alexbench.harness.errors import UnsupportedOptionError
from alexbench.harness.inputs.gathering import RunInputs
from alexbench.harness.inputs.model_files import artifact_of, artifact_record, look_into
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
