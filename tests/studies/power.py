"""How often is a slowdown of 1.05, 1.1, 1.2 and 1.5 found, by us and by others, in the same samples?

    python tests/studies/like_rows.py --runs 40 --out FOLDER
    python tests/studies/power.py FOLDER [--draws 2000] [--replicates 3 4 6 12]

FOLDER has runs of two identical rows. Each draw takes replicates of these runs at random, with replacement, each with
both rows and the duplicate as they were measured together, multiplies the times of the second row, and asks whether
the two are apart: 1.0 is the false alarms. Others get the calls of one process each, as they would have measured, and
decide as they do by default or by their documentation: hyperfine by Welch's t test (scripts/welch_ttest.py, p < 0.05),
pytest-benchmark by ``--benchmark-compare-fail=mean:5%``, nvbench by ``nvbench_compare`` (difference of means above the
smaller relative standard deviation), CodSpeed by its threshold of 10 % on the mean.
"""

import argparse
import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from scipy.stats import ttest_ind

from alexbench.harness.judge.block_times import BlockOf, process_values
from alexbench.harness.judge.resolution import Process, tell_apart
from alexbench.harness.records.record_files import read_run
from alexbench.harness.records.speed_records import Measure

FACTORS: Final = (1.0, 1.05, 1.1, 1.2, 1.5)
SCENARIOS: Final[dict[Measure, str]] = {"latency": "SingleStream", "images/s": "Offline"}


@dataclass(frozen=True, slots=True)
class Replicate:
    """Log times of both rows and the duplicate, and the calls of both rows, ns."""

    processes: Sequence[Process]
    calls: tuple[np.ndarray, np.ndarray]


def replicates(folder: Path, of: Measure) -> list[Replicate]:
    """Every replicate of every run in ``folder``."""
    found = []
    for run in sorted(folder.glob("*/timings.parquet")):
        first, second = (row.name for row in read_run(run.parent).systems)
        table = pd.read_parquet(run)
        table = table[table["settled"] & (table["scenario"] == SCENARIOS[of]) & (table["way"] == "loop")]
        blocks: dict[str, list[BlockOf]] = {}
        for (name, batch, process, number), rows in table.groupby(
            ["backend", "batch", "process", "round"], observed=True
        ):
            blocks.setdefault(str(name), []).append(BlockOf(tuple(rows["ns"]), int(batch), int(process), int(number)))
        duplicate = f"{first} A/A"
        values = process_values(
            {first: blocks[first], second: blocks[second]}, (first, blocks.get(duplicate, [])), of=of
        )
        for number in sorted({one.replicate for one in values}):
            calls = tuple(
                np.concatenate([block.ns for block in blocks[name] if block.process == number])
                for name in (first, second)
            )
            found.append(Replicate([one for one in values if one.replicate == number], (calls[0], calls[1])))
    return found


def ours(count: int) -> Callable[[Sequence[Replicate], float, Measure], bool]:
    """Whether ``count`` replicates tell the rows apart."""

    def decide(drawn: Sequence[Replicate], factor: float, of: Measure) -> bool:
        second = drawn[0].processes[1].row
        processes = [
            Process(
                "b" if one.row == second else "a",
                number,
                one.log + (math.log(factor) if one.row == second else 0.0),
                one.drift,
                one.duplicate,
            )
            for number, replicate in enumerate(drawn[:count])
            for one in replicate.processes
        ]
        return tell_apart(processes, of=of).differences[0].apart

    return decide


def hyperfine(drawn: Sequence[Replicate], factor: float, _: Measure) -> bool:
    """Welch's t test on single runs."""
    a, b = drawn[0].calls
    return bool(ttest_ind(a, factor * b, equal_var=False).pvalue < 0.05)


def pytest_benchmark(drawn: Sequence[Replicate], factor: float, _: Measure) -> bool:
    """mean:5%, one-sided: the second is the new one."""
    a, b = drawn[0].calls
    return bool(factor * b.mean() > 1.05 * a.mean())


def nvbench(drawn: Sequence[Replicate], factor: float, _: Measure) -> bool:
    """The difference of means against the smaller noise."""
    a, b = drawn[0].calls[0], factor * drawn[0].calls[1]
    noise = min(a.std(ddof=1) / a.mean(), b.std(ddof=1) / b.mean())
    return bool(abs(b.mean() / a.mean() - 1) > noise)


def codspeed(drawn: Sequence[Replicate], factor: float, _: Measure) -> bool:
    """A threshold of 10 %."""
    a, b = drawn[0].calls
    return bool(factor * b.mean() > 1.1 * a.mean())


def main() -> None:
    """The script."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--draws", type=int, default=2000)
    parser.add_argument("--replicates", type=int, nargs="+", default=[3, 4, 6, 12])
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    rules = {f"alexbench, {count} replicates": ours(count) for count in given.replicates}
    rules |= {"hyperfine (Welch)": hyperfine, "pytest-benchmark, mean:5%": pytest_benchmark}
    rules |= {"nvbench_compare": nvbench, "CodSpeed, 10 %": codspeed}
    print(f"| of | rule | {' | '.join(f'{factor:g}x' for factor in FACTORS)} |\n|---|---|{'---:|' * len(FACTORS)}")
    for of in SCENARIOS:
        known = replicates(given.folder, of)
        draw = random.Random(given.seed)
        drawn = [draw.choices(known, k=max(given.replicates)) for _ in range(given.draws)]
        for name, rule in rules.items():
            shares = [100 * sum(rule(one, factor, of) for one in drawn) / given.draws for factor in FACTORS]
            print(f"| {of} | {name} | {' | '.join(f'{share:.1f} %' for share in shares)} |", flush=True)
        print(f"\n{len(known)} replicates of {of}\n")


if __name__ == "__main__":
    main()
