"""A row's noise checks: what the machine did meanwhile. They inform; the row's interval holds what it cost."""

from collections.abc import Sequence
from typing import Final

from alexbench.harness.judge.block_times import BlockOf, by_process, drift
from alexbench.harness.judge.statistics import STEADY_TOLERANCE, deviation
from alexbench.harness.records.reasons import NoiseCode, Reason
from alexbench.harness.records.speed_records import Noise

DEVIATION_LIMIT: Final = 0.10
STEAL_LIMIT: Final = 0.05
FOREIGN_LIMIT: Final = 0.10
"""Shares of all cores' time."""


def noise_checks(
    blocks: Sequence[BlockOf], *, steal: float | None, foreign: float | None, throttled: int | None
) -> Noise:
    """What is unusual about a row's blocks at batch 1, and about the machine around all of its blocks.

    ``steal``, ``foreign``: shares of all cores' time; ``throttled``: a count. None where the system does not tell.
    """
    drifted = drift(blocks)
    spread = max(deviation([block.median_ms for block in group]) for group in by_process(blocks))
    shares: tuple[tuple[NoiseCode, float | None, float], ...] = (
        ("drift", drifted, STEADY_TOLERANCE),
        ("deviation", spread, DEVIATION_LIMIT),
        ("steal", steal, STEAL_LIMIT),
        ("foreign", foreign, FOREIGN_LIMIT),
    )
    failed = [
        Reason(code, measured=100 * share, limit=100 * limit)
        for code, share, limit in shares
        if share is not None and share > limit
    ]
    failed += [Reason("throttled", count=throttled)] if throttled else []
    return Noise(drifted, spread, steal, foreign, throttled, tuple(failed))
