"""Rounds: every participant gets a block in each, one at a time, in a fresh random order, with a pause between.

So whatever the machine does meanwhile (a neighbour's load, a changing clock) falls on all alike. A participant is
whoever can time a block; this module knows neither processes nor runtimes.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Final

TimeBlock = Callable[[int, float], list[int]]
"""(batch size, seconds) -> nanoseconds of each inference of one block."""

PAUSE_S: Final = 0.06
"""Between blocks: runtimes spin after work (ONNX Runtime burns 30 to 50 CPU-ms)."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How long to measure: ``rounds`` blocks of ``block_s`` seconds each, after ``discarded`` rounds that settle."""

    batch_size: int
    rounds: int
    block_s: float
    discarded: int


@dataclass(frozen=True, slots=True)
class Block:
    """One block of one participant: ``ns`` of each inference, back to back, so that their sum is its wall time."""

    participant: str
    batch_size: int
    round: int
    ns: tuple[int, ...]


def estimate_s(plan: Plan, participants: int) -> float:
    """About how long :func:`run_rounds` takes, in seconds, when inferences are short against blocks."""
    return participants * (plan.rounds + plan.discarded) * (plan.block_s + PAUSE_S)


def run_rounds(
    participants: Mapping[str, TimeBlock],
    plan: Plan,
    *,
    seed: int,
    on_round: Callable[[int, int], None],
    on_failure: Callable[[str, Exception], None],
) -> list[Block]:
    """Drive the rounds; the blocks of those kept.

    A participant that raises is reported to ``on_failure`` and left out from then on, its blocks with it.
    """
    order = Random(seed)  # noqa: S311  # an order of turns, not a secret
    remaining = dict(participants)
    blocks: list[Block] = []
    for round_number in range(-plan.discarded, plan.rounds):
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
            if round_number >= 0:
                blocks.append(Block(name, plan.batch_size, round_number, tuple(ns)))
        on_round(round_number + plan.discarded + 1, plan.rounds + plan.discarded)
    return [block for block in blocks if block.participant in remaining]
