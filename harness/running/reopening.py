"""A finished run opened again: the configuration, weights and pixels that its record names, or none at all.

Read only: what is prepared for it goes into the cache, and nothing into the run's folder.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from alexbench.backends.registry import REFERENCE
from alexbench.harness.config import RunConfig
from alexbench.harness.console.progress import Display
from alexbench.harness.errors import UsageError
from alexbench.harness.files.cache_folder import cache_folder
from alexbench.harness.inputs.gathering import RunInputs, gather, writable
from alexbench.harness.records import file_names
from alexbench.harness.records.run_records import RunRecord
from alexbench.harness.running.resume import changes, configuration_of
from alexbench.harness.running.row import Row
from alexbench.harness.running.starting import start
from alexbench.harness.systems import System
from alexbench.harness.worker.client import WorkerProcess

_WORK: Final = "again"


@dataclass(frozen=True, slots=True, eq=False)
class OpenedRun:
    """A run with the inputs it was made of. ``work``: a folder in the cache, for the logs of its workers."""

    folder: Path
    record: RunRecord
    config: RunConfig
    run_inputs: RunInputs
    work: Path

    def row(self, name: str) -> Row:
        """A row by its name, as the run was asked for it."""
        system = self.config.by_label[name]
        return Row(name, system, python=self.config.interpreter_of(system))

    def start(self, row: Row) -> WorkerProcess:
        """A fresh process of ``row``, loaded as in the run, with its images open.

        Raises:
            AlexBenchError: it does not start, or does not load.
        """
        return start(row, self.config, self.run_inputs, self.work)

    def start_reference(self) -> WorkerProcess:
        """The same of float64, which is always NumPy on the CPU."""
        system = System(REFERENCE, self.config.threads)
        return start(Row(REFERENCE, system), self.config, self.run_inputs, self.work)


def open_again(folder: Path, record: RunRecord, display: Display, *, trusted: Sequence[str] = ()) -> OpenedRun:
    """Gather what the run of ``record`` was made of, and make sure that it is the same.

    Raises:
        UsageError: weights, images or preprocessing are not those of the run; the message names which.
        AlexBenchError: one of them is gone, or cannot be read.
    """
    config = configuration_of(record, folder, trusted=trusted)
    run_inputs = gather(config, cache=cache_folder(), display=display)
    for what, was, now in changes(record, run_inputs.model, run_inputs.data):
        if was:  # else the record is older than the digest
            raise UsageError(
                f"{folder}: the {what} are not those of the run ({was[:12]} then, {now[:12] or 'none'} now); "
                "put them back, or start a new run"
            )
    work = writable(cache_folder()) / _WORK
    (work / file_names.LOGS).mkdir(parents=True, exist_ok=True)
    return OpenedRun(folder, record, config, run_inputs, work)
