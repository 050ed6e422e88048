"""A row's noise certificate: what the machine did meanwhile, and whether the figures can stand on it."""

from collections.abc import Sequence
from typing import Final

from alexbench.harness.judge.statistics import STEADY_TOLERANCE, deviation
from alexbench.harness.judge.timing import BlockOf, by_process, worst_drift
from alexbench.harness.speed_records import Control, Noise, Throughput

DEVIATION_LIMIT: Final = 0.10
STEAL_LIMIT: Final = 0.05
FOREIGN_LIMIT: Final = 0.10
"""Of all cores' time."""
WIDTH_LIMIT: Final = 0.10
"""Half the interval of images/s."""


def certificate(
    blocks: Sequence[BlockOf],
    windows: Throughput,
    *,
    steal: float | None,
    foreign: float | None,
    throttled: int | None,
    controls: Sequence[Control],
) -> Noise:
    """The certificate of a row from its settled blocks at batch 1, its images/s, and what was seen around all blocks.

    ``steal``, ``foreign``: shares of all cores' time; ``throttled``: a count. None where the system does not tell.
    ``controls``: the run's; without any nothing is known of this machine's ability to tell rows apart.
    """
    drifted = worst_drift(blocks)
    spread = max(deviation([block.median_ms for block in group]) for group in by_process(blocks))
    width = (windows.high - windows.low) / 2 / windows.images_per_second
    failed = []
    if drifted > STEADY_TOLERANCE:
        failed.append(f"no steady state: latency drifted by {_percent(drifted)} (limit {100 * STEADY_TOLERANCE:g} %)")
    if spread > DEVIATION_LIMIT:
        failed.append(f"blocks deviate by {_percent(spread)} (limit {100 * DEVIATION_LIMIT:g} %)")
    if width > WIDTH_LIMIT:
        failed.append(f"images/s are known to {_percent(width)} only (limit {100 * WIDTH_LIMIT:g} %)")
    if steal is not None and steal > STEAL_LIMIT:
        failed.append(f"the hypervisor took {_percent(steal)} of the cores' time (limit {100 * STEAL_LIMIT:g} %)")
    if foreign is not None and foreign > FOREIGN_LIMIT:
        failed.append(f"other processes used {_percent(foreign)} of the cores' time (limit {100 * FOREIGN_LIMIT:g} %)")
    if throttled:
        failed.append(f"a core was throttled ({throttled} counted)")
    if not controls:
        failed.append("the A/A control is missing")
    for one in controls:
        if not one.passed:
            failed.append(f"the A/A control of {one.of} differs from itself")
        elif not one.decides:
            failed.append(f"the A/A control of {one.of} decides nothing")
    return Noise(drifted, spread, steal, foreign, throttled, tuple(failed))


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
