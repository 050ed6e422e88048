"""How long and how often: the levels of ``--rigor``, and what each will take."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from alexbench.harness.measure.rounds import PAUSE_S, Plan

RigorName = Literal["smoke", "standard", "high", "mlperf"]


@dataclass(frozen=True, slots=True)
class Rigor:
    """One level.

    ``processes``: how many times each backend is started anew. In each: ``latency`` rounds of ``latency_block_s`` at
    batch 1, with the anchor and the A/A duplicate among them; then ``windows`` rounds of ``window_s`` at the configured
    batch size and those of ``sweep``, and at the configured one in the runtime's own way of many batches (``offline``).
    ``profile``: layers too. ``min_duration_s``: LoadGen's, of each of its scenarios.
    """

    name: RigorName
    processes: int
    latency: Plan
    latency_block_s: float
    windows: Plan
    window_s: float
    sweep: tuple[int, ...] = ()
    offline: bool = False
    profile: bool = False
    loadgen: bool = False
    min_duration_s: float = 0.0


SMOKE: Final = Rigor(
    "smoke",
    processes=1,
    latency=Plan(rounds=40, discarded=2, extensions=3),
    latency_block_s=0.1,
    windows=Plan(rounds=4, discarded=0, extensions=3, keeps_all=True),
    window_s=0.4,
)
STANDARD: Final = Rigor(
    "standard",
    processes=3,
    latency=Plan(rounds=30, discarded=3, extensions=3),
    latency_block_s=0.2,
    windows=Plan(rounds=3, discarded=0, extensions=2, keeps_all=True),
    window_s=1.0,
    sweep=(8, 32),
    offline=True,
    profile=True,
)
HIGH: Final = replace(STANDARD, name="high", processes=10)
MLPERF: Final = replace(STANDARD, name="mlperf", loadgen=True, min_duration_s=600.0)
RIGORS: Final[dict[RigorName, Rigor]] = {one.name: one for one in (SMOKE, STANDARD, HIGH, MLPERF)}

ANCHOR_BLOCK_S: Final = 0.05
LOADING_S: Final = 3.0
"""Starting a worker, importing its runtime and building the network: 1 to 6 s each on two cores."""
CEILINGS_S: Final = 0.2
"""A block of a runtime's own kernels: three calls of 4 GFLOP on each of two networks."""


def timing_s(rigor: Rigor, rows: int, calls_s: Sequence[float], *, offline: bool) -> float:
    """About how long all rounds of ``rows`` backends take, in seconds, where nothing has to be extended.

    ``calls_s``: about how long one call takes at each batch size of the windows. A block is three calls at least.
    """
    latency = rigor.latency.rounds + rigor.latency.discarded
    each = 1.1 * rigor.latency_block_s + PAUSE_S
    anchor = ANCHOR_BLOCK_S + PAUSE_S
    one = latency * ((rows + 1) * each + anchor)
    windows = [max(rigor.window_s + call / 2, 3 * call) + PAUSE_S for call in calls_s]
    in_a_round = rows * (sum(windows) + CEILINGS_S) + windows[-1] + anchor + rows * offline * windows[-1]
    return rigor.processes * (one + rigor.windows.rounds * in_a_round)


def restarts_s(rigor: Rigor, rows: int) -> float:
    """About how long it takes to start everything anew for each process but the first."""
    return (rigor.processes - 1) * (rows + 2) * LOADING_S
