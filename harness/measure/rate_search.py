"""The highest load that keeps p99 under a bound: Server's rate, or MultiStream's samples per query.

Assumed: p99 grows with the load. Then a bracket (the highest load that held, the lowest that did not) is found from a
start by factors, and halved in logarithm until the two are within the resolution. Measurements are noisy, most of all
near saturation, so one lucky probe decides nothing: the answer has held twice, else the load is stepped down until one
has. Pure but for the ``measure`` it is given, so it is tested on a queue that is computed and not waited for.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from alexbench.harness.errors import UsageError
from alexbench.harness.judge.early_stopping import samples_needed
from alexbench.harness.measure.loadgen_log import LoadGenResult
from alexbench.harness.records.reasons import Reason
from alexbench.harness.records.speed_records import Probe

RESOLUTION: Final = 0.05
"""The answer is at most so much, as a fraction, below a load that did not hold."""
WIDEN: Final = 1.5
CONFIRMING: Final = 3
"""Probes that bisection leaves: one to confirm, or one that does not and two at the next load down."""


@dataclass(frozen=True, slots=True)
class SearchResult:
    """``highest`` load that held twice, with the worse of its two ``p99_ms``, or None and ``because``.

    ``over``: the lowest load above it that did not hold, None where even the highest allowed one held. ``resolution``:
    what was asked for; ``resolved``: whether ``over`` is that near (False when the probes ran out).
    """

    bound_ms: float
    highest: float | None
    p99_ms: float | None
    over: float | None
    resolution: float
    resolved: bool
    because: Reason | None
    probes: tuple[Probe, ...]


Measure = Callable[[float, int], Probe]
"""(load, number of the probe) -> its result: the number gives each probe arrivals of its own."""


def probe_of(load: float, result: LoadGenResult) -> Probe:
    """A LoadGen test as a probe."""
    return Probe(load, result.p99_ms, result.queries, result.valid)


def refuse_bound_below_inference(bound_ms: float, backend: str, p50_ms: float) -> None:
    """Nothing is probed for a bound that one inference alone breaks.

    Raises:
        UsageError: ``bound_ms`` is below ``p50_ms``, the backend's SingleStream median.
    """
    if bound_ms < p50_ms:
        raise UsageError(
            f"--latency-bound {bound_ms:g}: one inference of {backend} takes {p50_ms:.3g} ms here; give more"
        )


class _NoAnswerError(Exception):
    """The search ended without one."""

    def __init__(self, because: Reason) -> None:
        self.because = because


class _Search:
    def __init__(self, measure: Measure, *, bound_ms: float, probes: int, resolution: float, whole: bool) -> None:
        self.probes: list[Probe] = []
        self._measure, self._bound_ms = measure, bound_ms
        self._most, self._factor, self._whole = probes, 1 + resolution, whole

    def holds(self, load: float) -> bool:
        """Probe a load."""
        if len(self.probes) >= self._most:
            raise _NoAnswerError(Reason("no_load_held", limit=self._bound_ms, count=self._most))
        probe = self._measure(load, len(self.probes))
        self.probes.append(probe)
        if probe.p99_ms is None:
            raise _NoAnswerError(
                Reason("too_few_queries", measured=load, count=probe.queries, total=samples_needed(99))
            )
        return probe.p99_ms <= self._bound_ms

    def resolved(self, held: float, over: float) -> bool:
        """Whether nothing is worth trying in between."""
        return over - held <= 1 if self._whole else over <= held * self._factor * (1 + 1e-9)

    def between(self, held: float, over: float) -> float:
        """The load to try next in a bracket."""
        middle = math.sqrt(held * over)
        return float(min(max(round(middle), held + 1), over - 1)) if self._whole else middle

    def wider(self, load: float, *, up: bool) -> float:
        """The next load on the way to a bracket."""
        if self._whole:
            return float(max(load + 1, round(load * WIDEN)) if up else min(load - 1, round(load / WIDEN)))
        return load * WIDEN if up else load / WIDEN

    def below(self, load: float) -> float:
        """One step of the resolution down."""
        return load - 1 if self._whole else load / self._factor

    def left(self) -> int:
        """Probes that may still be made."""
        return self._most - len(self.probes)


def highest_rate(
    measure: Measure,
    *,
    start: float,
    bound_ms: float,
    low: float,
    high: float,
    steps: int,
    resolution: float = RESOLUTION,
    whole: bool = False,
) -> SearchResult:
    """The highest load in [low, high] whose p99 is at most ``bound_ms``, in ``steps`` probes at most.

    ``start`` is where to look first. ``whole``: loads are whole numbers (samples per query), resolved to 1. CONFIRMING
    of the ``steps`` are kept for the end. ``measure`` makes its probes long enough for a p99, or there is no answer.

    Raises:
        ValueError: not 0 < low <= high, or fewer than 2 steps.
    """
    if not 0 < low <= high or steps < 2:
        raise ValueError(f"no search in [{low}, {high}] with {steps} probes")
    search = _Search(measure, bound_ms=bound_ms, probes=steps, resolution=resolution, whole=whole)
    over: float | None = None

    def answer(highest: float | None, because: Reason | None = None) -> SearchResult:
        seen = [probe.p99_ms for probe in search.probes if probe.load == highest and probe.p99_ms is not None]
        resolved = highest is not None and (over is None or search.resolved(highest, over))
        p99_ms = max(seen) if highest is not None else None
        return SearchResult(bound_ms, highest, p99_ms, over, resolution, resolved, because, tuple(search.probes))

    try:
        held, over = _bracket(search, min(max(start, low), high), low, high)
        while over is not None and not search.resolved(held, over) and search.left() > CONFIRMING:
            middle = search.between(held, over)
            if search.holds(middle):
                held = middle
            else:
                over = middle
        times = 1  # it has held once already
        while not all(search.holds(held) for _ in range(times)):
            over, held, times = held, _step_down(search, held, low), 2
        return answer(held)
    except _NoAnswerError as none:
        return answer(None, none.because)


def _bracket(search: _Search, load: float, low: float, high: float) -> tuple[float, float | None]:
    """A load that holds and one above it that does not; None for that one when ``high`` holds."""
    up = search.holds(load)
    while True:
        if up and load >= high:
            return load, None
        if not up and load <= low:
            raise _NoAnswerError(_nothing_holds(search))
        following = min(max(search.wider(load, up=up), low), high)
        held = search.holds(following)
        if held != up:
            return (load, following) if up else (following, load)
        load = following


def _step_down(search: _Search, load: float, low: float) -> float:
    below = search.below(load)
    if below < low:
        raise _NoAnswerError(_nothing_holds(search))
    return below


def _nothing_holds(search: _Search) -> Reason:
    last = search.probes[-1]
    return Reason("lowest_load_failed", measured=last.p99_ms or 0.0, limit=last.load)
