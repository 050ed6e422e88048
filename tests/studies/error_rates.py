"""How often are rows that are alike called apart? Made-up processes, judged as a run judges them.

    python tests/studies/error_rates.py [--draws 10000] [--quick] [--target 2] [--processes 2]

Each draw is a run whose rows are all alike: log times of processes are normal around what the machine did in their
replicate, the first row has an A/A duplicate, and a run looks, goes on with the rows that are tied, and stops as
`harness/running/timing/replicates.py` does, by :func:`tell_apart` itself. Processes deviate by 0.5, 1 and 2 times the
prior's standard deviation: all rows alike, one row 2 or 3 times as much (the last; or the first, which the duplicate
is of), or rows from 1 to 3 times. Printed, as a Markdown table: how many draws called any pair apart, with the exact
95 % interval (Clopper and Pearson 1934), the median of what the runs said they can tell apart, and the mean number of
replicates.
All of it takes about an hour on two cores. ``--quick``: 2 and 4 rows, alike and the last one 3 times, one look and two;
five minutes. Exit code 1 where an interval lies
wholly above 5.5 %.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from multiprocessing import Pool
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from alexbench.harness.judge.resolution import PRIOR_SD, Apart, Process, level_at, looks_of, tell_apart
from alexbench.harness.measure.process import usable_cores
from alexbench.harness.measure.rigor import SMOKE
from alexbench.harness.records.speed_records import Measure

SEED: Final = 20261130
OF: Final[Measure] = "latency"
MACHINE: Final = 3.0
"""Deviation of replicates, in that of processes: it cancels, whatever it is."""
CHUNK: Final = 250
"""Draws of one random generator, so that a table does not depend on the number of processes."""
LIMIT: Final = 0.055
ROWS: Final = (2, 3, 4, 6)
TIMES_PRIOR: Final = (0.5, 1.0, 2.0)
LOOKS: Final = ((3,), (4,), (5,), looks_of(6), looks_of(12))
SPREADS: Final = ("alike", "last 2x", "last 3x", "first 3x", "1x to 3x")


@dataclass(frozen=True, slots=True)
class Case:
    """Runs of ``rows`` rows that are looked at after ``looks`` replicates; ``prior``: deviation in the prior's."""

    rows: int
    spread: str
    prior: float
    looks: tuple[int, ...]

    @property
    def deviations(self) -> NDArray[np.float64]:
        """The spread of each row's processes, (rows,)."""
        found = np.ones(self.rows)
        if self.spread == "1x to 3x":
            found = np.linspace(1, 3, self.rows)
        elif self.spread != "alike":
            which, times = self.spread.split()
            found[0 if which == "first" else -1] = float(times.removesuffix("x"))
        return found * self.prior * PRIOR_SD[OF]


@dataclass(frozen=True, slots=True)
class Ended:
    """One run: whether any pair was called apart, what it said it can tell apart, and its replicates."""

    wrong: bool
    ratio: float
    replicates: int


def cases(*, quick: bool) -> Iterator[Case]:
    """All that are tried."""
    if quick:
        yield from (Case(*one) for one in product((2, 4), ("alike", "last 3x"), (1.0, 2.0), (LOOKS[0], LOOKS[3])))
    else:
        yield from (Case(*one) for one in product(ROWS, SPREADS, TIMES_PRIOR, LOOKS))


def one_run(case: Case, target: float, random: np.random.Generator) -> Ended:
    """Replicate after replicate, with looks between, until it knows or the last look."""
    deviations = case.deviations
    logs = random.normal(size=(case.looks[-1], case.rows + 1)) * np.append(deviations, deviations[0])
    logs += random.normal(scale=MACHINE * deviations.max(), size=(case.looks[-1], 1))
    chosen, done = list(range(case.rows)), 0
    processes: list[Process] = []
    for look, until in enumerate(case.looks):
        for at in range(done, until):
            processes += [Process(f"{row}", at, float(logs[at, row])) for row in chosen]
            if 0 in chosen:
                processes.append(Process("0", at, float(logs[at, -1]), duplicate=True))
        done, last = until, until == case.looks[-1]
        found = tell_apart(processes, of=OF, level=level_at(look, case.looks, last=last))
        if last or knows(found, target):
            break
        tied = {int(name) for one in found.differences if not one.apart for name in (one.one, one.other)}
        chosen = [row for row in chosen if row in tied] or chosen
    assert found.resolution is not None
    return Ended(any(one.apart for one in found.differences), found.resolution.ratio, done)


def knows(found: Apart, target: float) -> bool:
    """Whether a run would stop: it can tell apart what was asked for, or all pairs are."""
    fine = found.resolution is not None and found.resolution.ratio <= 1 + target
    return fine or all(one.apart for one in found.differences)


def chunk(asked: tuple[int, Case, int, int, float]) -> tuple[int, list[Ended]]:
    """Some draws of one case, with its number."""
    number, case, first, count, target = asked
    random = np.random.default_rng([SEED, number, first])
    return number, [one_run(case, target, random) for _ in range(count)]


def line(case: Case, found: Sequence[Ended]) -> tuple[str, bool]:
    """A row of the table, and whether its error is beyond doubt too frequent."""
    wrong = sum(one.wrong for one in found)
    exact = binomtest(wrong, len(found)).proportion_ci(0.95, method="exact")
    ratio = float(np.median([one.ratio for one in found]))
    said = [
        f"{case.rows}",
        case.spread,
        f"{case.prior:g}",
        ", ".join(map(str, case.looks)),
        f"{100 * wrong / len(found):.2f} %",
        f"{100 * exact.low:.2f} to {100 * exact.high:.2f} %",
        f"{100 * (ratio - 1):.1f} %",
        f"{np.mean([one.replicates for one in found]):.1f}",
    ]
    return f"| {' | '.join(said)} |", exact.low > LIMIT


def main() -> None:
    """The script."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=10_000)
    parser.add_argument("--quick", action="store_true", help="a few cases only")
    parser.add_argument("--target", type=float, default=100 * SMOKE.target, help="percent, as --resolution of a run")
    parser.add_argument("--processes", type=int, default=usable_cores())
    given = parser.parse_args()
    asked = list(cases(quick=given.quick))
    chunks = [
        (number, case, first, min(CHUNK, given.draws - first), given.target / 100)
        for number, case in enumerate(asked)
        for first in range(0, given.draws, CHUNK)
    ]
    print("| rows | processes deviate | times the prior | looks at replicates | called apart | 95 % interval", end=" ")
    print("| median resolution | mean replicates |\n|---:|---|---:|---|---:|---|---:|---:|", flush=True)
    found: list[Ended] = []
    too_many = 0
    with Pool(given.processes) as pool:
        for number, ended in pool.imap(chunk, chunks):  # in order: a case ends when its draws are all there
            found += ended
            if len(found) == given.draws:
                said, beyond = line(asked[number], found)
                print(said, flush=True)
                too_many += beyond
                found = []
    print(f"\n{given.draws:,} draws a row of this table; beyond doubt above {100 * LIMIT:g} %: {too_many}")
    sys.exit(too_many > 0)


if __name__ == "__main__":
    main()
