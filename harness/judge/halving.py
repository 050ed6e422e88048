"""Successive halving (Jamieson and Talwalkar 2016, AISTATS): which candidates stay, and which is fastest.

Selection flatters its winner. What it gains is therefore measured again, in fresh processes, and never read from here.
"""

from collections.abc import Collection, Mapping
from typing import Final

from alexbench.harness.records.speed_records import Measure

STAGES: Final = 2
FEWEST: Final = 2
"""Candidates that the last stage has, next to the default: one for each measure."""


def survivors(logs: Mapping[Measure, Mapping[str, float]], running: Collection[str], default: str) -> list[str]:
    """The better half of the ``running`` candidates, each by the measure that it is best in, and the ``default``.

    ``logs``: of each measure, candidate -> log of its time.
    """
    others = [name for name in running if name != default and all(name in mine for mine in logs.values())]
    places = [sorted(others, key=mine.__getitem__) for mine in logs.values()]
    best_first = sorted(others, key=lambda name: min(mine.index(name) for mine in places))
    return [default, *best_first[: max(FEWEST, (len(others) + 1) // 2)]]


def fastest(logs: Mapping[str, float], running: Collection[str]) -> str:
    """The one of ``running`` with the least time."""
    return min((name for name in running if name in logs), key=logs.__getitem__)
