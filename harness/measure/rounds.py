"""Rounds: every task gets a block in each, one at a time, in a fresh random order, with a pause between.

So whatever the machine does meanwhile (a neighbour's load, a changing clock) falls on all alike. A task is whatever can
be asked for a block; this module knows neither processes nor runtimes.
"""

import time
from collections.abc import Callable, Container, Mapping
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
    """How long to measure: ``rounds`` rounds after ``discarded`` ones that settle.

    Where that was not steady, half as many rounds again are added, ``extensions`` times at most, and the last
    ``rounds`` of all count; or, with ``keeps_all``, all but the discarded ones, where nothing has to settle.
    """

    rounds: int
    discarded: int
    extensions: int = 0
    keeps_all: bool = False


@dataclass(frozen=True, slots=True)
class Measured:
    """What one block gave.

    ``ns`` of each call, back to back, so that their sum is its wall time, ``images`` in each. ``cpu_ns``: CPU time of
    all threads over the same stretch. Of ``whole_ns``, all cores' time around the block, ``stolen_ns`` is what the
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


def estimate_s(seconds: Mapping[Task, float], plan: Plan) -> float:
    """How long :func:`run_rounds` takes at least, of blocks of ``seconds``: one ends with the call that overruns it."""
    return (plan.rounds + plan.discarded) * sum(each + PAUSE_S for each in seconds.values())


def run_rounds(
    tasks: Mapping[Task, TimeBlock],
    plan: Plan,
    *,
    seed: int,
    process: int = 0,
    on_round: Callable[[int, int], None],
    on_failure: Callable[[str, Exception], None],
    is_steady: Callable[[list[Block]], bool] = lambda _: True,
    on_block: Callable[[Block], None] = lambda _: None,
) -> list[Block]:
    """Drive the rounds; the blocks of all participants that came to the end, in the order of measuring.

    A participant that raises is reported to ``on_failure`` and left out from then on, with all of its tasks and blocks.
    ``is_steady`` is asked of the blocks of the window after the planned rounds and after each extension. ``on_block``
    is told each block as it comes, not settled yet, should the rounds not come to their end.
    """
    order = Random(seed)  # noqa: S311  # an order of turns, not a secret
    remaining = dict(tasks)
    blocks: list[Block] = []
    total = plan.discarded + plan.rounds
    extensions = done = 0
    while done < total:
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
            blocks.append(Block(task, process, done, measured))
            on_block(replace(blocks[-1], settled=False))
        done += 1
        on_round(done, total)
        if done == total and extensions < plan.extensions and not is_steady(_window(blocks, plan, done, remaining)):
            extensions += 1
            total += plan.rounds // 2
    first = plan.discarded if plan.keeps_all else done - plan.rounds
    return [replace(block, settled=block.round >= first) for block in blocks if block.task in remaining]


def _window(blocks: list[Block], plan: Plan, done: int, remaining: Container[Task]) -> list[Block]:
    first = plan.discarded if plan.keeps_all else done - plan.rounds
    return [block for block in blocks if block.round >= first and block.task in remaining]
