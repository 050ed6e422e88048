"""What a run can tell apart: rows as the means of several short processes, and how far two must be from each other.

The model, docs/evidence/resolution.md: log time = row + replicate + process + error. A *replicate* is one process of
every row, measured in the same rounds, so that whatever the machine did then falls on all of them. How much two
processes of one program differ is estimated from the run itself: restarts, the A/A duplicate, all rows. Rounds inside
a process never narrow that.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm
from scipy.stats import t as student

from alexbench.harness.judge.statistics import Interval
from alexbench.harness.records.speed_records import Difference, Measure, Resolution

ALPHA: Final = 0.05
"""Chance that any two rows that are alike are called apart, over all pairs and all looks of one run."""
PRIOR_FREEDOM: Final = 4.0
PRIOR_SD: Final[Mapping[Measure, float]] = {"latency": 0.015, "images/s": 0.015}
"""How processes of one program spread, as a share: measured on other machines, docs/evidence/resolution.md."""
MANY: Final = 10
"""So many replicates are looked at four times."""
ROUNDING: Final = 1e-12
"""In logarithms: less than a clock can resolve. Such sizes are arbitrary, and so are degrees of freedom from them."""
OTHERS_WEIGHT: Final = 0.5
"""How far degrees of freedom of other rows count in a pair's, whose rows may vary more or less than those."""


@dataclass(frozen=True, slots=True)
class Process:
    """One process of a row in a replicate: ``log`` of the time of its typical block, any unit of time.

    ``drift``: how much the second half of its blocks was slower than the first, as a difference of logarithms.
    ``duplicate``: it is the A/A duplicate, which shows how much processes differ and is not part of the row's figure.
    """

    row: str
    replicate: int
    log: float
    drift: float = 0.0
    duplicate: bool = False


@dataclass(frozen=True, slots=True)
class Spread:
    """A variance of processes, of logarithms, with its degrees of freedom. ``freedom`` 0: nothing is known."""

    variance: float
    freedom: float

    def with_prior(self, sd: float) -> "Spread":
        """Joined by stored measurements of ``sd``, as a scaled inverse chi-squared with PRIOR_FREEDOM.

        They count where this run's own variance is not above theirs: else they would make an answer finer than what
        was seen here, and call one pair of like rows in ten apart (tests/studies/error_rates.py).
        """
        if self.freedom > 0 and self.variance > sd**2:
            return self
        freedom = self.freedom + PRIOR_FREEDOM
        return Spread((self.freedom * self.variance + PRIOR_FREEDOM * sd**2) / freedom, freedom)


@dataclass(frozen=True, slots=True)
class Apart:
    """Every row's log time with its 95 % interval, every pair, and what the run can tell apart."""

    times: Mapping[str, Interval]
    differences: tuple[Difference, ...]
    resolution: Resolution | None


@dataclass(frozen=True, slots=True, eq=False)
class _Fit:
    """Least squares of participants (rows, and the duplicate) and replicates.

    ``rows``: places of ``estimates``; ``covariance`` (participants, participants), to be multiplied by a variance.
    ``squares`` and ``freedom`` (rows,): of what is left, the duplicate's with its row's. ``logs``: (row, replicate) ->
    log time.
    """

    rows: list[str]
    estimates: NDArray[np.float64]
    covariance: NDArray[np.float64]
    squares: NDArray[np.float64]
    freedom: NDArray[np.float64]
    counts: NDArray[np.float64]
    drifts: NDArray[np.float64]
    logs: Mapping[tuple[str, int], float]

    @property
    def pooled(self) -> Spread:
        """The spread of all rows together."""
        return _spread(float(self.squares.sum()), float(self.freedom.sum()))

    def row(self, place: int) -> Spread:
        """The spread of one row's processes."""
        return _spread(float(self.squares[place]), float(self.freedom[place]))

    def pair(self, one: int, other: int) -> Spread:
        """The spread of the processes of two rows: at least their own, and at least that of all rows."""
        pooled = self.pooled
        a, b = self.row(one), self.row(other)
        if not a.freedom or not b.freedom:
            return pooled
        own = Spread((a.variance + b.variance) / 2, _satterthwaite(a, b))
        variance = max(own.variance, pooled.variance)
        if len(self.rows) == 2:  # nobody else to learn from: and what is left of each holds half of the other's
            variance = max(variance, self._direct(one, other))
        return Spread(variance, own.freedom + OTHERS_WEIGHT * (pooled.freedom - a.freedom - b.freedom))

    def _direct(self, one: int, other: int) -> float:
        """Half the variance of the differences replicate by replicate; 0 of fewer than two."""
        first, second = self.rows[one], self.rows[other]
        both = [at for row, at in self.logs if row == first and (second, at) in self.logs]
        differences = [self.logs[first, at] - self.logs[second, at] for at in both]
        return float(np.var(differences, ddof=1)) / 2 if len(differences) > 1 else 0.0

    def error(self, one: int, other: int, sd: float) -> tuple[float, float]:
        """Standard error of a pair's difference, and its degrees of freedom."""
        contrast = np.zeros(len(self.covariance))
        contrast[one], contrast[other] = 1.0, -1.0
        spread = self.pair(one, other).with_prior(sd)
        systematic = float(self.drifts[one] ** 2 + self.drifts[other] ** 2) / 12
        return math.sqrt(spread.variance * float(contrast @ self.covariance @ contrast) + systematic), spread.freedom


def _spread(squares: float, freedom: float) -> Spread:
    return Spread(squares / freedom, freedom) if freedom > 1e-9 else Spread(0.0, 0.0)


def _satterthwaite(one: Spread, other: Spread) -> float:
    """Degrees of freedom of a sum of two variances (Satterthwaite 1946)."""
    below = one.variance**2 / one.freedom + other.variance**2 / other.freedom
    return (one.variance + other.variance) ** 2 / below if below else one.freedom + other.freedom


def _beyond_noise(
    own: NDArray[np.float64], drifts: NDArray[np.float64], counts: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The square of each row's mean drift, less what chance alone makes of it: that is in the spread already."""
    means = own @ drifts / counts
    squares = own @ np.square(drifts) - counts * np.square(means)
    chance = np.where(counts > 1, squares / np.maximum(counts - 1, 1) / counts, np.square(means))
    beyond: NDArray[np.float64] = np.clip(np.square(means) - chance, 0, None)
    return beyond


def _fit(processes: Sequence[Process]) -> _Fit:
    rows = list(dict.fromkeys(one.row for one in processes if not one.duplicate))
    known = [one for one in processes if one.row in rows]
    participants = rows + list(dict.fromkeys(one.row for one in known if one.duplicate))
    of = np.array(
        [
            len(rows) + participants[len(rows) :].index(one.row) if one.duplicate else rows.index(one.row)
            for one in known
        ]
    )
    replicates = sorted({one.replicate for one in known})
    design = np.zeros((len(known), len(participants) + len(replicates)))
    design[np.arange(len(known)), of] = 1
    design[np.arange(len(known)), [len(participants) + replicates.index(one.replicate) for one in known]] = 1
    logs = np.array([one.log for one in known])
    inverse: NDArray[np.float64] = np.asarray(np.linalg.pinv(design.T @ design), np.float64)
    solved = inverse @ design.T @ logs
    left = logs - design @ solved
    left[np.abs(left) < ROUNDING] = 0.0
    leverage: NDArray[np.float64] = np.clip(1 - np.einsum("ij,jk,ik->i", design, inverse, design), 0, None)
    belongs = np.array([[float(one.row == row) for one in known] for row in rows])
    own = belongs * np.array([float(not one.duplicate) for one in known])
    counts = own @ np.ones(len(known))
    drifts = np.array([one.drift for one in known])
    return _Fit(
        rows,
        solved[: len(rows)] + solved[len(participants) :].mean(),  # in the average replicate
        inverse[: len(participants), : len(participants)],
        belongs @ np.square(left),
        belongs @ leverage,
        counts,
        np.sqrt(_beyond_noise(own, drifts, counts)),
        {(one.row, one.replicate): one.log for one in known if not one.duplicate},
    )


def tell_apart(
    processes: Sequence[Process],
    *,
    of: Measure,
    families: Iterable[Sequence[str]] | None = None,
    level: float = ALPHA,
    looks: int = 1,
    spent: float = ALPHA,
) -> Apart:
    """Every pair of rows, with intervals that hold for all pairs together, and which of them differ beyond doubt.

    ``processes``: of all rows and the A/A duplicate, under its row's name. ``families``: rows that may be compared;
    None: all of them. ``level``: chance of a false difference among all pairs at this look; ``looks`` and ``spent`` are
    for the record. Pairs are apart by Holm's rule (1979) at ``level``; intervals and the resolution are Bonferroni's.
    """
    if all(one.duplicate for one in processes):
        return Apart({}, (), None)
    fit, sd = _fit(processes), PRIOR_SD[of]
    wanted = [fit.rows] if families is None else [[row for row in family if row in fit.rows] for family in families]
    pairs = [pair for family in wanted for pair in combinations(family, 2)]
    places = [(fit.rows.index(one), fit.rows.index(other)) for one, other in pairs]
    found = [_pair(fit, one, other, sd, level / max(1, len(pairs))) for one, other in places]
    apart = _holm([p for *_, p in found], level)
    differences = tuple(
        Difference(of, one, other, _exp(value), _exp(value - half), _exp(value + half), is_apart)
        for (one, other), (value, half, _), is_apart in zip(pairs, found, apart, strict=True)
    )
    pooled = fit.pooled
    joined = pooled.with_prior(sd)
    halves = [half for _, half, _ in found] or [_single(fit, sd, level)]
    resolution = Resolution(
        of=of,
        ratio=_exp(max(halves)),
        deviation=math.sqrt(joined.variance),
        measured=math.sqrt(pooled.variance) if pooled.freedom else None,
        freedom=pooled.freedom,
        prior=joined.freedom > pooled.freedom,
        processes=int(fit.counts.min()),
        looks=looks,
        spent=spent,
    )
    return Apart({row: _row(fit, place, sd) for place, row in enumerate(fit.rows)}, differences, resolution)


def _pair(fit: _Fit, one: int, other: int, sd: float, level: float) -> tuple[float, float, float]:
    """(log of one's time over the other's, half of its interval, p)."""
    error, freedom = fit.error(one, other, sd)
    value = float(fit.estimates[one] - fit.estimates[other])
    half = float(student.ppf(1 - level / 2, freedom)) * error
    p = 1.0 if not error and not value else 0.0 if not error else 2 * float(student.sf(abs(value) / error, freedom))
    return value, half, p


def _row(fit: _Fit, place: int, sd: float) -> Interval:
    """A row's own log time with its 95 % interval, over processes."""
    own, pooled = fit.row(place), fit.pooled
    spread = (own if own.freedom >= 2 and own.variance > pooled.variance else pooled).with_prior(sd)
    error = math.sqrt(spread.variance / fit.counts[place] + float(fit.drifts[place]) ** 2 / 12)
    half = float(student.ppf(0.975, spread.freedom)) * error
    value = float(fit.estimates[place])
    return Interval(value, value - half, value + half)


def _single(fit: _Fit, sd: float, level: float) -> float:
    """Where there is one row: what two rows, measured like it, would have to differ by."""
    spread = fit.pooled.with_prior(sd)
    error = math.sqrt(2 * spread.variance / float(fit.counts.min()))
    return float(student.ppf(1 - level / 2, spread.freedom)) * error


def _holm(chances: Sequence[float], level: float) -> list[bool]:
    """Which hypotheses fall: the smallest p against level / m, the next against level / (m - 1), until one stands."""
    fallen = [False] * len(chances)
    for left, place in enumerate(sorted(range(len(chances)), key=chances.__getitem__)):
        if chances[place] > level / (len(chances) - left):
            break
        fallen[place] = True
    return fallen


def _exp(value: float) -> float:
    return math.exp(min(value, 700.0))


def looks_of(replicates: int) -> tuple[int, ...]:
    """After how many of ``replicates`` replicates to look whether rows are told apart: four times at most.

    Each look costs width, so few replicates have two: at three fifths, and at the end.
    """
    shares = (0.6, 1.0) if replicates < MANY else (0.4, 0.6, 0.8, 1.0)
    return tuple(sorted({max(min(replicates, 3), math.ceil(replicates * share)) for share in shares}))


def level_at(look: int, looks: Sequence[int], *, last: bool) -> float:
    """How much of ALPHA the ``look``-th look (from 0) may use; the ``last`` one has whatever is left.

    ``looks``: replicates done at each. O'Brien and Fleming's boundary as a spending function (Lan and DeMets 1983),
    each look at its own increment: by Boole's inequality that holds at any degrees of freedom, and costs a twentieth
    of the width against boundaries for dependent looks. A look is the last by time or plan, never by what it shows.
    """
    before = _spent(looks[look - 1] / looks[-1]) if look else 0.0
    return ALPHA - before if last else _spent(looks[look] / looks[-1]) - before


def _spent(fraction: float) -> float:
    return 2 * float(norm.sf(norm.ppf(1 - ALPHA / 2) / math.sqrt(fraction)))
