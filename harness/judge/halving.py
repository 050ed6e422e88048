"""Successive halving (Jamieson and Talwalkar 2016, AISTATS): which candidates stay, and which is fastest.

Selection flatters its winner. What it gains is therefore measured again, in fresh processes, and never read from here.
"""

from collections.abc import Collection, Mapping
from typing import Final

from alexbench.harness.records.speed_records import Measure

STAGES: Final = 2
FEWEST: Final = 2
"""Candidates that the last stage has, next to the default: one for each measure."""


ABOUT: Final = 0.03
"""Log of times that are about the same. A second row for another goal must be worth its place."""


def survivors(logs: Mapping[Measure, Mapping[str, float]], running: Collection[str], default: str) -> list[str]:
    """The better half of the ``running`` candidates, each by the measure that it is best in, and the ``default``.

    ``logs``: of each measure, candidate -> log of its time.
    """
    others = [name for name in running if name != default and all(name in mine for mine in logs.values())]
    places = [sorted(others, key=mine.__getitem__) for mine in logs.values()]
    best_first = sorted(others, key=lambda name: min(mine.index(name) for mine in places))
    return [default, *best_first[: max(FEWEST, (len(others) + 1) // 2)]]


def winners(logs: Mapping[Measure, Mapping[str, float]], running: Collection[str]) -> dict[Measure, str]:
    """Measure -> the one of ``running`` with the least time; the same for all where it is about as fast by each."""
    found: dict[Measure, str] = {
        of: min((name for name in running if name in mine), key=mine.__getitem__) for of, mine in logs.items()
    }
    lost = {
        name: [mine[name] - mine[found[of]] for of, mine in logs.items()]
        for name in running
        if all(name in mine for mine in logs.values())
    }
    about = [name for name, each in lost.items() if max(each) <= ABOUT]
    return dict.fromkeys(found, min(about, key=lambda name: sum(lost[name]))) if about else found
