"""What a history is: metrics, their series over runs, and where a series changed its level."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from alexbench.harness.errors import unknown_name
from alexbench.reports.columns import COLUMNS


@dataclass(frozen=True, slots=True)
class Metric:
    """A column that has a trend. ``low``, ``high``: the columns of its interval, empty where it has none.

    ``of``: what it is of, for an INVALID measurement says nothing of speed and takes nothing from accuracy.
    ``better``: which way. Differences of percent are in points, all others in percent. ``title``: with its unit.
    """

    name: str
    unit: str
    of: Literal["accuracy", "speed", "memory"]
    better: Literal["higher", "lower"]
    low: str
    high: str
    digits: int
    title: str = ""

    @property
    def in_points(self) -> bool:
        """Whether a difference is of percent."""
        return self.unit == "%"


_TITLES: Final = {
    "latency_p50_ms": "p50 ms",
    "latency_p90_ms": "p90 ms",
    "latency_p99_ms": "p99 ms",
    "offline_images_per_second": "FPS, many at once",
    "images_per_second": "FPS",
}
"""Where the leaderboard's heading leaves out a unit, or has one too many."""
METRICS: Final = {
    column.name: Metric(
        name=column.name,
        unit=column.unit,
        of=column.trend.of,
        better=column.trend.better,
        low=column.low,
        high=column.high,
        digits=column.digits if column.trend.digits is None else column.trend.digits,
        title=_TITLES.get(column.name) or column.heading or f"{column.name}, {column.unit}",
    )
    for column in COLUMNS
    if column.trend is not None
}
DEFAULT_METRICS: Final = ("top1", "latency_p50_ms", "images_per_second")


def metrics_named(names: Sequence[str]) -> tuple[Metric, ...]:
    """Those of METRICS, the default ones for no names.

    Raises:
        UsageError: one is unknown; the message lists those that are known.
    """
    for name in names:
        if name not in METRICS:
            raise unknown_name("metric", name, METRICS)
    return tuple(METRICS[name] for name in dict.fromkeys(names or DEFAULT_METRICS))


@dataclass(frozen=True, slots=True)
class Point:
    """One run of a series. ``run``: its folder's name; ``started``: UTC, ISO 8601.

    ``environment``: its key; ``news``: what of it is other than at the point before. ``marks``: what qualifies the
    value; ``counts``: whether change points and changes see it. ``change``: against the point before that counts, in
    percent or points (see Metric); None at the first, and where it does not count.
    """

    run: str
    started: str
    version: str
    environment: str
    news: tuple[str, ...]
    value: float
    low: float | None
    high: float | None
    marks: tuple[str, ...]
    counts: bool
    change: float | None


@dataclass(frozen=True, slots=True)
class Change:
    """A change of level from the run ``run`` on: means before and after, and what of the environment changed there.

    ``change``: in percent or points. ``p``: that both are one level. ``points_*``: how many runs each mean is of.
    """

    run: str
    started: str
    version: str
    news: tuple[str, ...]
    before: float
    after: float
    change: float
    better: bool
    p: float
    points_before: int
    points_after: int


@dataclass(frozen=True, slots=True)
class Series:
    """A metric of a system over runs that share ``key``: all else that must be equal for values to be joined.

    ``system``: its label in the newest run; ``system_key``: its key in all of them; ``machine``: processor and cores.
    """

    metric: Metric
    system: str
    system_key: str
    key: dict[str, str]
    synthetic: bool
    points: tuple[Point, ...]
    changes: tuple[Change, ...] = ()
    machine: str = ""

    @property
    def name(self) -> str:
        """As headings have it."""
        return f"{self.system}: {self.metric.title}"


@dataclass(frozen=True, slots=True)
class History:
    """Series of the runs in a folder. ``runs``: how many are in a series; ``without``: how many are in none.

    ``separate``: what was not joined, and why; ``remarks``: what was left out.
    """

    folder: str
    runs: int
    series: tuple[Series, ...]
    separate: tuple[str, ...] = ()
    remarks: tuple[str, ...] = field(default=())
    without: int = 0
