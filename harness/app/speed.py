"""Speed: rounds at batch 1 and at a larger batch, every worker alive and all but one idle."""

from collections.abc import Callable
from typing import Final

from alexbench.harness.app.config import RunConfig
from alexbench.harness.app.progress import Display
from alexbench.harness.app.row import Row
from alexbench.harness.app.workers import WorkerProcess
from alexbench.harness.judge.timing import performance, windows_agree, without_drift
from alexbench.harness.measure.rounds import Block, Plan, TimeBlock, estimate_s, run_rounds

SINGLE_STREAM: Final = Plan(batch_size=1, rounds=40, block_s=0.1, discarded=3, extensions=3)
"""Rigor `smoke` of the protocol: 40 blocks of 100 ms a backend, after 3 rounds that settle; extended until steady."""

OFFLINE_ROUNDS: Final = 5
OFFLINE_BLOCK_S: Final = 1.0


def measure(rows: list[Row], config: RunConfig, display: Display) -> None:
    """Latency at batch 1 and images/s at the configured batch size, into the rows that are alive."""
    offline = Plan(config.batch_size, OFFLINE_ROUNDS, OFFLINE_BLOCK_S, discarded=1, extensions=3)
    for plan in (SINGLE_STREAM, offline):
        _warm_up(rows, plan)
        alive = {row.name: row for row in rows if row.alive}
        participants = {name: _timer(row.worker) for name, row in alive.items() if row.worker is not None}
        at_least = estimate_s(plan, len(participants))
        title = f"timing at batch {plan.batch_size} in {plan.rounds} rounds (at least {at_least:.0f} s)"
        with display.step(title) as advance:
            blocks = run_rounds(
                participants,
                plan,
                seed=config.seed,
                on_round=advance,
                on_failure=_failing(alive),
                is_steady=_everyone(without_drift if plan is SINGLE_STREAM else windows_agree),
            )
        for block in blocks:
            row = alive[block.participant]
            (row.single_stream if plan is SINGLE_STREAM else row.offline).append(block)
    for row in rows:
        if row.alive:
            single, batched = (
                [block.ns for block in blocks if block.settled] for blocks in (row.single_stream, row.offline)
            )
            row.performance = performance(single, batched, config.batch_size)


def _everyone(holds: Callable[[list[tuple[int, ...]]], bool]) -> Callable[[list[Block]], bool]:
    """Whether ``holds`` of the blocks of each participant."""

    def asked(blocks: list[Block]) -> bool:
        names = {block.participant for block in blocks}
        return all(holds([block.ns for block in blocks if block.participant == name]) for name in names)

    return asked


def _warm_up(rows: list[Row], plan: Plan) -> None:
    """Warm every worker up at this batch size."""
    for row in rows:
        if not row.alive or row.worker is None:
            continue
        try:
            row.worker.ask("warm_up", batch_size=plan.batch_size)
        except Exception as error:
            row.fail(error)


def _failing(rows: dict[str, Row]) -> Callable[[str, Exception], None]:
    return lambda name, error: rows[name].fail(error)


def _timer(worker: WorkerProcess) -> TimeBlock:
    def time_block(batch_size: int, seconds: float) -> list[int]:
        ns: list[int] = worker.ask("time", batch_size=batch_size, seconds=seconds)["ns"]
        return ns

    return time_block
