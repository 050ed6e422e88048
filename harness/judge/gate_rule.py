"""The gate rule: is the head worse than the base by more than is allowed, and can these measurements show it?

Time: FAIL where the whole interval of the ratio is beyond the tolerance, PASS where it is inside, INCONCLUSIVE between.
Base and head of the same rounds are compared round by round; those of two runs each with the machine probe of its own
rounds. Processes are the unit, as in :mod:`alexbench.harness.judge.resolution`: rounds inside one never narrow the
interval.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from alexbench.harness.judge.paired_tests import equivalence_bounds
from alexbench.harness.judge.resolution import OTHERS_WEIGHT, PRIOR_SD, Spread
from alexbench.harness.judge.statistics import Interval
from alexbench.harness.records.gate_records import Direction, GateVerdict
from alexbench.harness.records.speed_records import Measure, Resolution

Place = tuple[int, int]
"""(process, round): blocks of one place were measured within seconds of each other."""

LEVEL: Final = 0.90
"""The confidence of the interval by which a gate decides."""
WIDE: Final = 0.95
"""The confidence of the interval that a comparison shows."""
CLOSE: Final = 0.1
"""A share of the tolerance: to decide an estimate this near to it would take too many processes."""
MOST_PROCESSES: Final = 1000


@dataclass(frozen=True, slots=True)
class Known:
    """How much processes of one program differed in a run, of one measure, and in stored measurements elsewhere."""

    spread: Spread
    prior_sd: float


def known_of(resolutions: Iterable[Resolution], of: Measure) -> Known:
    """What a run's record says; one older than schema 5 says nothing."""
    found = [one for one in resolutions if one.of == of and one.measured is not None]
    deviation, freedom = (found[0].measured or 0.0, found[0].freedom) if found else (0.0, 0.0)
    return Known(Spread(deviation * deviation, freedom), PRIOR_SD[of])


@dataclass(frozen=True, slots=True)
class TimeFinding:
    """How many times the base's time the head takes, at 90 %, and the verdict on it. ``wide``: the same at 95 %.

    ``rounds``: of the head; ``processes``: of the side that has fewer. ``detectable``: the ratio that would just FAIL
    with an interval as wide. ``more_processes``: about how many would decide, were the estimate right; None where it is
    decided, or no reasonable number would. ``at_tolerance``: it is open, and no number would.
    """

    ratio: Interval
    wide: Interval
    verdict: GateVerdict
    rounds: int
    processes: int
    detectable: float
    more_processes: int | None = None
    at_tolerance: bool = False


@dataclass(frozen=True, slots=True)
class Allowed:
    """How far a time, or with ``rate`` its inverse, may be from the base's: ``tolerance`` in percent of the base's.

    ``direction``: "two-sided" allows as much either way; anything else, whatever is no worse.
    """

    tolerance: float
    direction: Direction
    rate: bool = False

    @property
    def logs(self) -> tuple[float, float]:
        """The least and the most that the logarithm of head's time over base's may be."""
        part = self.tolerance / 100
        less, more = -math.inf if part >= 1 else math.log1p(-part), math.log1p(part)
        least, most = (-more, -less) if self.rate else (less, more)
        return (least if self.direction == "two-sided" else -math.inf), most


def paired_times(
    base: Mapping[Place, float], head: Mapping[Place, float], allowed: Allowed, known: Known
) -> TimeFinding:
    """Judge times of the same rounds; ``known``: of how processes differed in that run.

    Raises:
        ValueError: they share no round.
    """
    shared = sorted(set(base) & set(head))
    if not shared:
        raise ValueError("base and head share no round")
    logs = {place: math.log(head[place] / base[place]) for place in shared}
    found, wide = (_interval(logs, known, level, of_two=True) for level in (LEVEL, WIDE))
    return _judged(found, wide, len(logs), processes_of(logs), allowed)


def anchored_times(
    base: Mapping[Place, float], head: Mapping[Place, float], allowed: Allowed, known: Sequence[Known]
) -> TimeFinding:
    """Judge times of two runs, each divided by the machine probe of its round. ``known``: of base and head."""
    logs = [{place: math.log(value) for place, value in one.items()} for one in (base, head)]
    found, wide = (_between(logs, known, level) for level in (LEVEL, WIDE))
    return _judged(found, wide, len(logs[1]), min(map(processes_of, logs)), allowed)


def _between(logs: Sequence[Mapping[Place, float]], known: Sequence[Known], level: float) -> Interval:
    """Head less base, of two runs: independent, so widths add as squares."""
    before, after = (_interval(one, spread, level) for one, spread in zip(logs, known, strict=True))
    half = math.hypot(after.value - after.low, before.value - before.low)
    value = after.value - before.value
    return Interval(value, value - half, value + half)


def processes_of(places: Iterable[Place]) -> int:
    """How many processes these blocks are of."""
    return len({process for process, _ in places})


def _interval(logs: Mapping[Place, float], known: Known, level: float, *, of_two: bool = False) -> Interval:
    """The interval of the mean of processes' medians of logarithms. ``of_two``: differences of two processes each."""
    processes = [
        float(np.median([value for (process, _), value in logs.items() if process == one]))
        for one in sorted({process for process, _ in logs})
    ]
    value, count, times = float(np.mean(processes)), len(processes), 2 if of_two else 1
    own = float(np.var(processes, ddof=1)) / times if count > 1 else 0.0
    freedom = (count - 1) + OTHERS_WEIGHT * known.spread.freedom
    spread = Spread(max(own, known.spread.variance), freedom).with_prior(known.prior_sd)
    half = float(student.ppf((1 + level) / 2, spread.freedom)) * math.sqrt(times * spread.variance / count)
    return Interval(value, value - half, value + half)


def _judged(logs: Interval, wide: Interval, rounds: int, processes: int, allowed: Allowed) -> TimeFinding:
    """The verdict from intervals of logarithms of time; the narrow one decides."""
    least, most = allowed.logs
    verdict: GateVerdict = "INCONCLUSIVE"
    more = None
    if logs.low > most or logs.high < least:
        verdict = "FAIL"
    elif least < logs.low and logs.high < most:
        verdict = "PASS"
    else:
        more = _more_until_clear(logs, (least, most), processes, MOST_PROCESSES)
    detectable = _exp(most + logs.value - logs.low)
    ratio, wide = (Interval(_exp(one.value), _exp(one.low), _exp(one.high)) for one in (logs, wide))
    at_tolerance = verdict == "INCONCLUSIVE" and more is None
    return TimeFinding(ratio, wide, verdict, rounds, processes, detectable, more, at_tolerance)


def _more_until_clear(found: Interval, bounds: Sequence[float], count: int, most: int = 100_000) -> int | None:
    """An interval narrows with the root of what it is of: how many more until it is clear of bounds it lies across.

    None where the estimate is at a bound itself, or so many that nobody has them.
    """
    needed = 0.0
    for bound in bounds:
        if not found.low <= bound <= found.high:
            continue
        away = abs(bound - found.value)
        half = found.value - found.low if bound < found.value else found.high - found.value
        if not math.isfinite(half) or away <= CLOSE * abs(bound):
            return None
        needed = max(needed, count * (half / away) ** 2)
    more = math.ceil(needed) - count
    return more if 0 < more <= most else None


def _exp(value: float) -> float:
    return math.exp(value) if value < 700 else math.inf


@dataclass(frozen=True, slots=True)
class LossFinding:
    """How the head's accuracy differs from the base's on the same images, in points, head less base.

    ``allowed``: images that may be lost, on balance. ``low`` and ``high``: at 90 %, of ever more such images.
    """

    lost: int
    gained: int
    images: int
    allowed: int
    change: float
    low: float
    high: float
    verdict: GateVerdict
    more_images: int | None = None


def lost_pictures(
    base: NDArray[np.bool_],
    head: NDArray[np.bool_],
    *,
    tolerance: float,
    direction: Direction,
    sample: bool,
) -> LossFinding:
    """Judge whether each was right on each image, (N,) both, N at least 1; ``tolerance`` in points.

    Not ``sample``: these images are all that is asked about, and their count decides. One image may always be lost:
    rounding turns one, and of few images one is many points. ``sample``: they stand for others, and the interval of
    the difference decides.
    """
    images = len(base)
    lost, gained = int((base & ~head).sum()), int((head & ~base).sum())
    low, high = equivalence_bounds(lost, gained, images)
    allowed = max(1, math.floor(tolerance * images / 100 + 1e-9))
    net = lost - gained
    worst = abs(net) if direction == "two-sided" else net
    verdict: GateVerdict = "FAIL" if worst > allowed else "PASS"
    more = None
    if sample:
        two_sided = direction == "two-sided"
        if high < -tolerance or (two_sided and low > tolerance):
            verdict = "FAIL"
        elif low > -tolerance and (not two_sided or high < tolerance):
            verdict = "PASS"
        else:
            verdict = "INCONCLUSIVE"
            bounds = (-tolerance, tolerance) if two_sided else (-tolerance,)
            more = _more_until_clear(Interval(-100 * net / images, low, high), bounds, images)
    return LossFinding(lost, gained, images, allowed, -100 * net / images, low, high, verdict, more)


def change_of(base: float, head: float) -> float:
    """In percent of the base."""
    return 100 * (head / base - 1)


def value_verdict(change: float, *, tolerance: float, direction: Direction) -> GateVerdict:
    """For single values, without an interval: whether ``change`` (percent) is worse by more than ``tolerance``."""
    worse = {"lower-is-better": change, "higher-is-better": -change, "two-sided": abs(change)}[direction]
    return "FAIL" if worse > tolerance else "PASS"
