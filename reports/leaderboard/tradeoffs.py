"""Speed against accuracy: how each row's top-1 differs from the base's, and which rows another one beats in both."""

from dataclasses import dataclass, replace

from alexbench.harness.records.run_records import RunRecord
from alexbench.reports.columns import BY_NAME
from alexbench.reports.leaderboard.price import prices
from alexbench.reports.rows import Row, rows_of

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Tradeoff:
    """A row with its ``rate``, images/s, and ``points``: its top-1 less the base's, with 95 % intervals.

    ``points`` is paired, image by image, and 0 for the base itself. ``beaten``: another row is faster beyond its
    interval and has no fewer points.
    """

    row: Row
    rate: float
    rate_interval: Interval
    points: float
    points_interval: Interval
    beaten: bool = False


def tradeoffs(record: RunRecord) -> list[Tradeoff]:
    """All rows with speed and a top-1 that is paired with the base's, in the leaderboard's order."""
    found = [one for one in map(_tradeoff, rows_of(record)) if one is not None]
    return [replace(one, beaten=any(_beats(other, one) for other in found)) for one in found]


def _tradeoff(row: Row) -> Tradeoff | None:
    base, rate = row.base, row.rate
    if base is None or rate is None or row.entry.accuracy is None:
        return None
    bounds = BY_NAME["images_per_second"].bounds(row) or (rate, rate)
    if base.entry.name == row.entry.name:
        return Tradeoff(row, rate, bounds, 0.0, (0.0, 0.0))
    pair = row.pair(base)
    if pair is None:
        return None
    return Tradeoff(row, rate, bounds, pair.top1.difference, pair.top1.interval)


def _beats(one: Tradeoff, other: Tradeoff) -> bool:
    return one.rate_interval[0] > other.rate_interval[1] and one.points >= other.points


def untold(record: RunRecord, found: list[Tradeoff]) -> str:
    """Why speed against accuracy shows nothing, "" where it does.

    Top-1 that differs by no more than chance is not an axis; except for the price of a precision, which may be nothing.
    """
    if len(found) < 2:
        if not any(entry.accuracy for entry in record.systems):
            return "This run measured no accuracy."
        return "Fewer than two systems have speed and top-1 on the same images."
    if prices(record):
        return ""
    if all(one.points == 0 for one in found):
        return "All have the same top-1: only speed tells them apart."
    if all(one.points_interval[0] <= 0 <= one.points_interval[1] for one in found):
        return "No system's top-1 differs from the base's beyond chance: only speed tells them apart."
    return ""
