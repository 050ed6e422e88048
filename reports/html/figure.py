"""What a figure of the page is: a drawing, the table of its data, and when a chart says nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from alexbench.harness.records.run_records import RunRecord, SystemRecord
from alexbench.harness.records.speed_records import Performance
from alexbench.reports.html.svg import COLOURS, form
from alexbench.reports.rows import rows_of

UNTIMED: Final = "This run measured no speed."

Value = str | float | int | bool | None


@dataclass(frozen=True, slots=True)
class Key:
    """An entry of a legend: a system with the classes of its colour and dashes, and its mark."""

    name: str
    place: int

    @property
    def kind(self) -> str:
        """The classes of its line."""
        return series(self.place)

    @property
    def form(self) -> int:
        """Its mark's number."""
        return form(self.place)


@dataclass(frozen=True, slots=True)
class Figure:
    """A chart and its data. ``said``: what it shows, the answer first; ``columns``: headings; ``rows``: of those.

    ``legend``: the systems that are told apart by colour, mark and dashes, in the order of their ranks.
    """

    key: str
    title: str
    said: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Value, ...], ...]
    drawing: Markup
    legend: tuple[Key, ...] = ()
    wide: bool = False


@dataclass(frozen=True, slots=True)
class Missing:
    """A figure that has no data, or whose data say nothing, and ``why``."""

    key: str
    title: str
    why: str


def series(place: int) -> str:
    """The classes of a system's line: its colour and its dashes."""
    return f"s{place % COLOURS} d{form(place)}"


def timed(record: RunRecord) -> list[str]:
    """The rows that have a speed, in the order of the leaderboard: by rank."""
    return [entry.name for entry, _ in speeds(record)]


def speeds(record: RunRecord) -> list[tuple[SystemRecord, Performance]]:
    """The same with their speeds."""
    entries = [row.entry for row in rows_of(record)]
    return [(entry, entry.performance) for entry in entries if entry.performance is not None]


def places(record: RunRecord) -> dict[str, int]:
    """Each row's place on the leaderboard, from 0: the same colour, mark and dashes in all figures."""
    return {row.entry.name: place for place, row in enumerate(rows_of(record))}


def legend(record: RunRecord, names: Sequence[str]) -> tuple[Key, ...]:
    """Those of the leaderboard's rows that a figure shows; none of a single one."""
    found = tuple(Key(name, place) for name, place in places(record).items() if name in set(names))
    return found if len(found) > 1 else ()
