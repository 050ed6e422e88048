"""The gate rule: is the head worse than the base, by more than is tolerated, and can these measurements say so?

Time: FAIL where the whole interval of the ratio is beyond the tolerance, PASS where it is inside, INCONCLUSIVE between.
Base and head of the same rounds are compared round by round; those of two runs each with the anchor of its own rounds,
and the two differences resampled each on its own. The source and its false alarms: docs/gates.md.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from alexbench.harness.gate_records import Direction, GateVerdict
from alexbench.harness.judge.paired import equivalence_bounds
from alexbench.harness.judge.statistics import BOOTSTRAP_SEED, Interval, resampled, students_half

Place = tuple[int, int]
"""(process, round): blocks of one place were measured within seconds of each other."""

FEW: Final = 8
"""Fewer blocks than this have no percentiles to speak of: Student's interval of their mean is taken."""
RESTARTS: Final = 3
FINE: Final = 3.0
"""Percent. Processes of one program differ by 1.3 to 1.8 %: what is nearer to equal takes RESTARTS of them to judge."""
CLOSE: Final = 0.1
"""Of the tolerance: an estimate so near to it is decided by no number of rounds that anyone would wait for."""
MOST_ROUNDS: Final = 100_000
TOO_FEW: Final = (
    f"processes of one program differ by 1.3 to 1.8 %: a tolerance below {FINE:g} % needs {RESTARTS} of each"
    " (--rigor standard)"
)


@dataclass(frozen=True, slots=True)
class TimeFinding:
    """How many times the base's time the head takes, and the verdict on it.

    ``rounds``: of the head; ``processes``: of the side that has fewer. ``detectable``: the ratio that would just FAIL
    with an interval as wide. ``more_rounds``: about how many would decide, were the estimate right; None where it is
    decided, or no reasonable number would.
    """

    ratio: Interval
    verdict: GateVerdict
    rounds: int
    processes: int
    detectable: float
    more_rounds: int | None = None
    why: str = ""


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
        return self._within(self.tolerance)

    def clear(self, found: Interval) -> bool:
        """Whether an interval of logarithms is further off than processes of one program are from each other."""
        least, most = self._within(FINE)
        return found.low > most or found.high < least

    def _within(self, percent: float) -> tuple[float, float]:
        part = percent / 100
        less, more = -math.inf if part >= 1 else math.log1p(-part), math.log1p(part)
        least, most = (-more, -less) if self.rate else (less, more)
        return (least if self.direction == "two-sided" else -math.inf), most


def paired_times(base: Mapping[Place, float], head: Mapping[Place, float], allowed: Allowed) -> TimeFinding:
    """Judge times of the same rounds.

    Raises:
        ValueError: they share no round.
    """
    shared = sorted(set(base) & set(head))
    if not shared:
        raise ValueError("base and head share no round")
    logs = {place: math.log(head[place] / base[place]) for place in shared}
    return _judged(_interval(logs), len(logs), processes_of(logs), allowed)


def anchored_times(base: Mapping[Place, float], head: Mapping[Place, float], allowed: Allowed) -> TimeFinding:
    """Judge times of two runs, each already divided by the anchor of its round."""
    logs = [{place: math.log(value) for place, value in one.items()} for one in (base, head)]
    before, after = map(_interval, logs)
    value = after.value - before.value
    # Independent: widths add as squares. To either side, for neither distribution need be symmetric.
    low = value - math.hypot(after.value - after.low, before.high - before.value)
    high = value + math.hypot(after.high - after.value, before.value - before.low)
    processes = min(map(processes_of, logs))
    return _judged(Interval(value, low, high), len(logs[1]), processes, allowed)


def processes_of(places: Iterable[Place]) -> int:
    """How many processes these blocks are of."""
    return len({process for process, _ in places})


def _interval(logs: Mapping[Place, float]) -> Interval:
    """Of the median of logarithms, 90 %, over rounds; over processes where they are enough to say how these differ."""
    values = np.asarray(list(logs.values()))
    processes = [
        np.asarray([value for (process, _), value in logs.items() if process == one])
        for one in sorted({process for process, _ in logs})
    ]
    middle = float(np.median(values))
    if len(processes) >= RESTARTS:
        found = _student([float(np.median(one)) for one in processes], middle)
        within = _resampled(processes, middle)
        return Interval(middle, min(found.low, within.low), max(found.high, within.high))
    if len(values) < FEW:
        return _student(list(values), float(np.mean(values)))
    return _resampled(processes, middle)


def _resampled(processes: Sequence[NDArray[np.float64]], middle: float) -> Interval:
    """Rounds resampled within their process, 5th and 95th percentile of the medians."""
    random = np.random.default_rng(BOOTSTRAP_SEED)
    drawn = [resampled(one, random) for one in processes]
    low, high = np.percentile(np.median(np.concatenate(drawn, axis=1), axis=1), [5, 95])
    return Interval(middle, float(low), float(high))


def _student(values: Sequence[float], middle: float) -> Interval:
    if len(values) < 2:
        return Interval(middle, -math.inf, math.inf)
    half = students_half(values, 0.95)
    return Interval(middle, middle - half, middle + half)


def _judged(logs: Interval, rounds: int, processes: int, allowed: Allowed) -> TimeFinding:
    """Of an interval of logarithms of time."""
    least, most = allowed.logs
    verdict: GateVerdict = "INCONCLUSIVE"
    why, more = "", None
    if logs.low > most or logs.high < least:
        verdict = "FAIL"
    elif least < logs.low and logs.high < most:
        verdict = "PASS"
    else:
        more = _more_until_clear(logs, (least, most), rounds)
        if not math.isfinite(logs.high - logs.low):
            why = "so few blocks have no interval"
        elif more is None:
            why = "the estimate is at the tolerance itself"
    few = allowed.tolerance < FINE and processes < RESTARTS
    if few and verdict != "INCONCLUSIVE" and not allowed.clear(logs):
        verdict, why = "INCONCLUSIVE", TOO_FEW
    detectable = _exp(most + logs.value - logs.low)
    ratio = Interval(_exp(logs.value), _exp(logs.low), _exp(logs.high))
    return TimeFinding(ratio, verdict, rounds, processes, detectable, more, why)


def _more_until_clear(found: Interval, bounds: Sequence[float], count: int) -> int | None:
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
    return more if 0 < more <= MOST_ROUNDS else None


def _exp(value: float) -> float:
    return math.exp(value) if value < 700 else math.inf


@dataclass(frozen=True, slots=True)
class LossFinding:
    """How the head's accuracy differs from the base's on the same pictures, in points, head less base.

    ``allowed``: pictures that may be lost, on balance. ``low`` and ``high``: at 90 %, of ever more such pictures.
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
    """Judge whether each was right on each picture, (N,) both, N at least 1; ``tolerance`` in points.

    Not ``sample``: these pictures are all that is asked about, and their count decides. One picture may always be lost:
    rounding turns one, and of few pictures one is many points. ``sample``: they stand for others, and the interval of
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
    """Of one value each, which has no interval: whether ``change`` (percent) is worse by more than ``tolerance``."""
    worse = {"lower-is-better": change, "higher-is-better": -change, "two-sided": abs(change)}[direction]
    return "FAIL" if worse > tolerance else "PASS"
