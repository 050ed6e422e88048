"""A row's noise checks: what the machine did meanwhile. They inform; the row's interval holds what it cost."""

from collections.abc import Sequence
from typing import Final

from alexbench.harness.judge.statistics import STEADY_TOLERANCE, deviation
from alexbench.harness.judge.timing import BlockOf, by_process, drift
from alexbench.harness.speed_records import Noise

DEVIATION_LIMIT: Final = 0.10
STEAL_LIMIT: Final = 0.05
FOREIGN_LIMIT: Final = 0.10
"""Of all cores' time."""


def noise_checks(
    blocks: Sequence[BlockOf], *, steal: float | None, foreign: float | None, throttled: int | None
) -> Noise:
    """What is unusual about a row's blocks at batch 1, and about the machine around all of its blocks.

    ``steal``, ``foreign``: shares of all cores' time; ``throttled``: a count. None where the system does not tell.
    """
    drifted = drift(blocks)
    spread = max(deviation([block.median_ms for block in group]) for group in by_process(blocks))
    failed = []
    if drifted > STEADY_TOLERANCE:
        failed.append(f"no steady state: latency drifted by {_percent(drifted)} (limit {100 * STEADY_TOLERANCE:g} %)")
    if spread > DEVIATION_LIMIT:
        failed.append(f"blocks deviate by {_percent(spread)} (limit {100 * DEVIATION_LIMIT:g} %)")
    if steal is not None and steal > STEAL_LIMIT:
        failed.append(f"the hypervisor took {_percent(steal)} of the cores' time (limit {100 * STEAL_LIMIT:g} %)")
    if foreign is not None and foreign > FOREIGN_LIMIT:
        failed.append(f"other processes used {_percent(foreign)} of the cores' time (limit {100 * FOREIGN_LIMIT:g} %)")
    if throttled:
        failed.append(f"a core was throttled ({throttled} counted)")
    return Noise(drifted, spread, steal, foreign, throttled, tuple(failed))


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
