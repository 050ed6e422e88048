"""Does the thread count take effect? Counted over the accuracy pass, or before speed is measured."""

from dataclasses import replace
from typing import Final

from alexbench.harness.config import DEFAULT_BATCH_SIZE, RunConfig
from alexbench.harness.console.progress import Display
from alexbench.harness.contract import Known
from alexbench.harness.errors import UnsupportedOptionError
from alexbench.harness.running.row import Row
from alexbench.harness.worker.protocol.timing import CountThreads

SECONDS: Final = 1.0
ATTEMPTS: Final = 3
"""On a crowded machine a thread may get no turn within a second; one that is there shows in the next."""


def count_threads(rows: list[Row], config: RunConfig, display: Display) -> None:
    """Make every backend's first inference, and count its busy threads into its row.

    More than were asked for is an unfair row; half of them or fewer is a count that did not take effect: both are
    the row's error. On other devices than the CPU host threads say nothing, and nothing is counted.
    """
    with display.step("first inference, and counting threads"):
        for row in rows:
            if row.alive:
                try:
                    _count(row, config)
                except Exception as error:
                    row.fail(error)


def _count(row: Row, config: RunConfig) -> None:
    assert row.worker is not None
    busy = 0
    for _ in range(ATTEMPTS):
        batch_size = min(config.batch_size, DEFAULT_BATCH_SIZE)  # a batch of thousands would take minutes
        counted = row.worker.ask(CountThreads(batch_size, SECONDS))
        row.observed = row.observed.then(counted.observed)
        busy = counted.busy_threads
        if busy == row.system.threads or row.system.device != "cpu":
            break
    note_threads(row, busy)


def note_threads(row: Row, busy: int | None) -> None:
    """Write the number of busy threads into the row; None is unknown.

    Raises:
        UnsupportedOptionError: more than were asked for, or half of them or fewer. Settings may ask for fewer.
    """
    asked = row.system.threads
    if row.system.device != "cpu" or busy is None:
        return
    assert row.effective is not None
    least = row.effective.threads.value if row.system.settings else ""
    wanted = min(asked, int(least)) if least.isdecimal() else asked
    row.effective = replace(row.effective, threads=Known(str(busy), "measured"))
    if busy > asked or 2 * busy <= wanted:
        raise UnsupportedOptionError(
            f"{row.name}: --threads {asked} did not take effect: {busy} threads were busy; see its log"
        )
