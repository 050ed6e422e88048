"""Rounds: every participant gets a block in each, one at a time, in a fresh random order, with a pause between.

So whatever the machine does meanwhile (a neighbour's load, a changing clock) falls on all alike. A participant is
whoever can time a block; this module knows neither processes nor runtimes.
"""

import time
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, replace
from random import Random
from typing import Final

TimeBlock = Callable[[int, float], list[int]]
"""(batch size, seconds) -> nanoseconds of each inference of one block."""

PAUSE_S: Final = 0.06
"""Between blocks: runtimes spin after work (ONNX Runtime burns 30 to 50 CPU-ms)."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How long to measure: ``rounds`` blocks of ``block_s`` seconds each, after ``discarded`` rounds that settle.

    Where that was not steady, half as many rounds again are added, ``extensions`` times at most, and the last
    ``rounds`` of all count.
    """

    batch_size: int
    rounds: int
    block_s: float
    discarded: int
    extensions: int = 0


@dataclass(frozen=True, slots=True)
class Block:
    """One block of one participant: ``ns`` of each inference, back to back, so that their sum is its wall time.

    ``settled``: in the window that figures are made from, which the rounds before it are not.
    """

    participant: str
    batch_size: int
    round: int
    ns: tuple[int, ...]
    settled: bool = True


def estimate_s(plan: Plan, participants: int) -> float:
    """How long :func:`run_rounds` takes at least, in seconds: a block ends with the inference that overruns it."""
    return participants * (plan.rounds + plan.discarded) * (plan.block_s + PAUSE_S)


def run_rounds(
    participants: Mapping[str, TimeBlock],
    plan: Plan,
    *,
    seed: int,
    on_round: Callable[[int, int], None],
    on_failure: Callable[[str, Exception], None],
    is_steady: Callable[[list[Block]], bool] = lambda _: True,
) -> list[Block]:
    """Drive the rounds; the blocks of all that came to the end, in the order of measuring.

    A participant that raises is reported to ``on_failure`` and left out from then on, its blocks with it. ``is_steady``
    is asked of the blocks of the window after the planned rounds and after each extension.
    """
    order = Random(seed)  # noqa: S311  # an order of turns, not a secret
    remaining = dict(participants)
    blocks: list[Block] = []
    total = plan.discarded + plan.rounds
    extensions = done = 0
    while done < total:
        names = sorted(remaining)
        order.shuffle(names)
        for name in names:
            time.sleep(PAUSE_S)
            try:
                ns = remaining[name](plan.batch_size, plan.block_s)
            except Exception as error:
                on_failure(name, error)
                del remaining[name]
                continue
            blocks.append(Block(name, plan.batch_size, done, tuple(ns)))
        done += 1
        on_round(done, total)
        if done == total and extensions < plan.extensions and not is_steady(_window(blocks, plan, done, remaining)):
            extensions += 1
            total += plan.rounds // 2
    first = done - plan.rounds
    return [replace(block, settled=block.round >= first) for block in blocks if block.participant in remaining]


def _window(blocks: list[Block], plan: Plan, done: int, remaining: Container[str]) -> list[Block]:
    return [block for block in blocks if block.round >= done - plan.rounds and block.participant in remaining]
