"""How long and how finely: the levels of ``--rigor``, each a budget and a target, and what each will take."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from alexbench.harness.measure.rounds import PAUSE_S, Plan

RigorName = Literal["smoke", "standard", "high", "mlperf"]

LEAST_REPLICATES: Final = 3
"""Two differences say little of how processes differ: no run has fewer, whatever its budget."""
MOST_REPLICATES: Final = 30
FULL_ROWS: Final = 4
"""Rows that a level's budget is for: with fewer, as many replicates take less time."""


@dataclass(frozen=True, slots=True)
class Rigor:
    """One level.

    ``budget_s``: seconds that timing may take with FULL_ROWS rows. It measures replicates (one process of every row, in
    turns) until rows that differ by more than a share of ``target`` are told apart, or the budget ends. In each
    process: ``latency`` rounds of ``latency_block_s`` at batch 1; then ``windows`` rounds of ``window_s`` at the
    configured batch size and those of ``sweep``, and at the configured one in the runtime's own way of many batches
    (``offline``). ``profile``: layers too. ``pictures``: how many of the synthetic ones answers are counted on; None:
    all. ``whole_s``: loading, answers and timing together. ``min_duration_s``: LoadGen's, of each of its scenarios.
    """

    name: RigorName
    budget_s: float
    target: float
    latency: Plan
    latency_block_s: float
    windows: Plan
    window_s: float
    sweep: tuple[int, ...] = ()
    offline: bool = False
    profile: bool = False
    pictures: int | None = None
    whole_s: float = math.inf
    loadgen: bool = False
    min_duration_s: float = 0.0


SMOKE: Final = Rigor(
    "smoke",
    budget_s=70.0,
    target=0.02,
    latency=Plan(rounds=5, discarded=1),
    latency_block_s=0.05,
    windows=Plan(rounds=4, discarded=0),
    window_s=0.15,
    pictures=500,
    whole_s=92.0,
)
STANDARD: Final = Rigor(
    "standard",
    budget_s=300.0,
    target=0.01,
    latency=Plan(rounds=12, discarded=1),
    latency_block_s=0.2,
    windows=Plan(rounds=3, discarded=0),
    window_s=0.4,
    sweep=(8, 32),
    offline=True,
    profile=True,
)
HIGH: Final = replace(STANDARD, name="high", budget_s=1200.0, target=0.005)
MLPERF: Final = replace(STANDARD, name="mlperf", loadgen=True, min_duration_s=600.0)
TUNING: Final = replace(SMOKE, latency=Plan(rounds=3, discarded=1), windows=Plan(rounds=2, discarded=0))
"""One stage of a search for settings: in it, each candidate has one process."""
RIGORS: Final[dict[RigorName, Rigor]] = {one.name: one for one in (SMOKE, STANDARD, HIGH, MLPERF)}

ANCHOR_BLOCK_S: Final = 0.05
IMPORT_S: Final = 3.5
"""Starting a worker and importing its runtime: 1 s to 11 s each on two cores."""
LOADING_S: Final = 0.6
"""Loading a network in a process whose runtime is imported: 0.2 to 1 s."""
WARM_UP_S: Final = 0.2
"""At batch 1, in a process whose runtime is imported: the round that is discarded does the rest."""


def replicate_s(rigor: Rigor, rows: int, calls_s: Sequence[float], *, offline: bool, slowness: float = 1.0) -> float:
    """About how long a replicate of ``rows`` backends and the A/A duplicate takes, in seconds.

    ``calls_s``: about how long one call takes at each batch size of the windows; a window is as long as one at least.
    ``slowness``: how many times as long loading takes as on a quiet machine.
    """
    latency = rigor.latency.rounds + rigor.latency.discarded
    windows = rigor.windows.rounds + rigor.windows.discarded
    each = LOADING_S * slowness + WARM_UP_S + latency * (1.1 * rigor.latency_block_s + PAUSE_S)
    sizes = [2 * call + windows * (max(rigor.window_s + call / 2, call) + PAUSE_S) for call in calls_s]
    anchor = (latency + windows) * (ANCHOR_BLOCK_S + PAUSE_S)
    return (rows + 1) * (each + sizes[-1]) + rows * (sum(sizes[:-1]) + offline * sizes[-1]) + anchor
