"""Training throughput in rounds: every runtime in turns, in several processes, a block of steps at a time."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Literal, Protocol

from alexbench.harness.judge.block_times import BlockOf, throughput
from alexbench.harness.measure.rounds import Block, Measured, Plan, Task, run_rounds
from alexbench.harness.records.speed_records import Throughput
from alexbench.harness.running.timing.figures import blocks_of

Way = Literal["memory", "data"]
"""Batches that lie in memory, or that are read and decoded as they are needed."""
WAYS: Final[tuple[Way, ...]] = ("memory", "data")
REPLICATES: Final = 3
PLAN: Final = Plan(rounds=3, discarded=1)


class Participant(Protocol):
    """A runtime in a fresh process, ready to train."""

    def block(self, way: Way) -> Measured:
        """Some steps one after the other; ``images`` are those of one step."""
        ...

    def close(self) -> None:
        """End the process."""
        ...


Open = Callable[[], Participant]


@dataclass(slots=True)
class Timings:
    """The blocks of all replicates, and what failed: name -> why."""

    blocks: list[Block]
    failed: dict[str, str]

    def fail(self, name: str, error: Exception) -> None:
        """Keep the first reason for which ``name`` failed."""
        self.failed.setdefault(name, str(error))

    def rate(self, name: str, way: Way, batch: int) -> Throughput | None:
        """Images/s with its interval over processes; None where there is no block."""
        found: Sequence[BlockOf] = blocks_of(self.blocks, _task(name, way, batch))
        return throughput(found, batch) if len(found) > 1 and name not in self.failed else None


def measure(
    participants: Mapping[str, Open],
    *,
    batch: int,
    seed: int,
    plan: Plan = PLAN,
    replicates: int = REPLICATES,
    ways: Sequence[Way] = WAYS,
    on_round: Callable[[int, int], None] = lambda *_: None,
) -> Timings:
    """Time all participants in the same rounds; in each replicate, every one is a fresh process.

    A participant that fails is left out from then on, and reported; the others go on.
    """
    timings = Timings([], {})
    rounds = plan.rounds + plan.discarded
    for replicate in range(replicates):
        opened = _opened(participants, timings)
        try:
            tasks = {_task(name, way, batch): partial(one.block, way) for name, one in opened.items() for way in ways}
            timings.blocks += run_rounds(
                tasks,
                plan,
                seed=seed + replicate,
                process=replicate,
                on_round=lambda done, _, first=replicate * rounds: on_round(first + done, replicates * rounds),  # type: ignore[misc]
                on_failure=timings.fail,
            )
        finally:
            for one in opened.values():
                one.close()
    return timings


def _opened(participants: Mapping[str, Open], timings: Timings) -> dict[str, Participant]:
    opened: dict[str, Participant] = {}
    for name, open_one in participants.items():
        if name in timings.failed:
            continue
        try:
            opened[name] = open_one()
        except Exception as error:
            timings.failed[name] = str(error)
    return opened


def _task(name: str, way: Way, batch: int) -> Task:
    return Task(name, "Offline", batch, way)
