"""Rounds: every task gets a block in each, one at a time, in a fresh random order, with a pause between.

So whatever the machine does meanwhile (other processes, a changing clock) affects all alike. A task is whatever can
be asked for a block; this module knows neither processes nor runtimes.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from random import Random
from typing import Final, Literal

Scenario = Literal["SingleStream", "Offline", "Anchor"]

PAUSE_S: Final = 0.06
"""Between blocks: runtimes spin after work (ONNX Runtime burns 30 to 50 CPU-ms)."""


@dataclass(frozen=True, slots=True, order=True)
class Task:
    """Who is to do what: ``way`` is "loop" (call after call), "streams" or "resident"."""

    participant: str
    scenario: Scenario
    batch_size: int
    way: str = "loop"


@dataclass(frozen=True, slots=True)
class Plan:
    """How long to measure: ``rounds`` rounds after ``discarded`` ones that settle."""

    rounds: int
    discarded: int


@dataclass(frozen=True, slots=True)
class Measured:
    """What one block gave.

    ``ns`` of each call, back to back, so that their sum is its wall time, ``images`` in each. ``cpu_ns``: CPU time of
    all threads over the same stretch. In ``whole_ns``, all cores' time around the block, ``stolen_ns`` is what the
    hypervisor took and ``foreign_ns`` what others' processes used (to a tick a core: negative at times); ``joules`` are
    the whole package's. None: not exposed.
    """

    ns: tuple[int, ...]
    images: int
    cpu_ns: int = 0
    whole_ns: int = 0
    stolen_ns: int | None = None
    foreign_ns: int | None = None
    throttled: int | None = None
    joules: float | None = None


@dataclass(frozen=True, slots=True)
class Block:
    """One block of one task, in ``round`` of the ``process``-th process of its participant.

    ``settled``: in the window that figures are made from, which the rounds before it are not.
    """

    task: Task
    process: int
    round: int
    measured: Measured
    settled: bool = True


TimeBlock = Callable[[], Measured]


def run_rounds(
    tasks: Mapping[Task, TimeBlock],
    plan: Plan,
    *,
    seed: int,
    process: int = 0,
    on_round: Callable[[int, int], None],
    on_failure: Callable[[str, Exception], None],
    on_block: Callable[[Block], None] = lambda _: None,
) -> list[Block]:
    """Drive the rounds; the blocks of all participants that came to the end, in the order of measuring.

    A participant that raises is reported to ``on_failure`` and left out from then on, with all of its tasks and blocks.
    ``on_block`` is told each block as it comes, not settled yet, should the rounds not come to their end.
    """
    order = Random(seed)  # noqa: S311  # an order of turns, not a secret
    remaining = dict(tasks)
    blocks: list[Block] = []
    total = plan.discarded + plan.rounds
    for done in range(total):
        turns = sorted(remaining)
        order.shuffle(turns)
        for task in turns:
            if task not in remaining:
                continue
            time.sleep(PAUSE_S)
            try:
                measured = remaining[task]()
            except Exception as error:
                on_failure(task.participant, error)
                remaining = {one: ask for one, ask in remaining.items() if one.participant != task.participant}
                continue
            blocks.append(Block(task, process, done, measured, settled=done >= plan.discarded))
            on_block(replace(blocks[-1], settled=False))
        on_round(done + 1, total)
    return [block for block in blocks if block.task in remaining]
