"""The A/A duplicate: one row's system a second time, so that every run knows what this machine can tell apart."""

from dataclasses import dataclass
from pathlib import Path

from alexbench.harness.config import RunConfig
from alexbench.harness.console.progress import Display
from alexbench.harness.inputs.gathering import RunInputs
from alexbench.harness.running.row import Row
from alexbench.harness.running.starting import start
from alexbench.harness.worker.client import WorkerProcess


@dataclass(slots=True)
class Duplicate:
    """The A/A duplicate: a second process of ``row``, started and warmed up like the first."""

    row: Row
    worker: WorkerProcess | None = None

    @property
    def name(self) -> str:
        """Its name among the participants."""
        return f"{self.row.name} A/A"

    def start(self, config: RunConfig, run_inputs: RunInputs, folder: Path, display: Display) -> None:
        """A fresh process, by a restart if possible. Without one there is no control, and a message reports that."""
        first = self.row
        copy = Row(first.name, first.system, seen=first.seen, found=first.found, python=first.python)
        try:
            called = f"{self.row.name}-duplicate"
            self.worker = start(copy, config, run_inputs, folder, called=called, again=self.worker)
        except Exception as error:
            display.say(f"no A/A control: the duplicate of {self.row.name} did not load: {error}")
            self.end()

    def end(self) -> None:
        """Its process, if it has one, is gone afterwards."""
        if self.worker is not None:
            self.worker.kill()
            self.worker = None


def duplicate_of(rows: list[Row]) -> Duplicate | None:
    """A duplicate, not yet started, of the first row that is alive."""
    return next((Duplicate(row) for row in rows if row.alive), None)
