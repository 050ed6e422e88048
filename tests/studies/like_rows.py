"""Does a run rank one of two identical rows above the other? Real runs of one environment twice, 40 s each.

    python tests/studies/like_rows.py [--runs 40] [--first 1] [--beside quiet|load|burn|fragments] [--planted 1.1]
                                      [--out FOLDER]

Each run is ``alexbench run --only performance --budget 20s`` of two rows that are the same program (with --planted, the
second takes so many times as long), with fresh processes and a seed of its own. ``--beside``: a process that burns one
core in random spells of 0.05 to 3 s, or all the time, or that has scattered 12 GB of memory. Printed: a line a run, and
how many runs called the rows apart, with the exact 95 % interval (Clopper and Pearson 1934).
"""

import argparse
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from scipy.stats import beta

from alexbench.harness.console.progress import display_for
from alexbench.harness.records.speed_records import Difference
from alexbench.harness.resolving import resolve
from alexbench.harness.running.pipeline import run

sys.path.append(str(Path(__file__).parents[2]))  # last: the repository's `datasets` is not to hide anyone's
from tests.studies.disturbance import disturbed
from tests.support.slowed import slowed


def exact(count: int, of: int) -> tuple[float, float]:
    """The Clopper-Pearson interval of a share at 95 %."""
    low = float(beta.ppf(0.025, count, of - count + 1)) if count else 0.0
    return low, float(beta.ppf(0.975, count + 1, of - count)) if count < of else 1.0


def _said(one: Difference) -> str:
    return f"{one.ratio:.3f} ({one.low:.3f} to {one.high:.3f}){' **apart**' if one.apart else ''}"


def main() -> None:
    """The script."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=40)
    parser.add_argument("--first", type=int, default=1, help="number, and so seed, of the first run")
    parser.add_argument("--backend", default="onnxruntime")
    parser.add_argument("--beside", default="quiet", choices=("quiet", "load", "burn", "fragments"))
    parser.add_argument("--planted", type=float, default=1.0)
    parser.add_argument("--budget", default="20s")
    parser.add_argument("--out")
    given = parser.parse_args()
    apart: dict[str, int] = {"latency": 0, "images/s": 0, "ranks": 0}
    print("| # | s | replicates | latency | images/s | ranks | can tell apart |\n|---:|---:|---:|---|---|---|---|")
    with TemporaryDirectory() as made, Path(made, "progress.log").open("w", encoding="utf-8") as progress:
        rows = [f"{name}={slowed(Path(made), given.backend, by)}" for name, by in (("a", 1.0), ("b", given.planted))]
        for number in range(given.first, given.first + given.runs):
            values = {
                "backends": (given.backend,), "environments": tuple(rows), "only": "performance", "limit": 64,
                "seed": number, "budget": given.budget, "out": given.out or f"{made}/runs",
            }  # fmt: skip
            begun = time.monotonic()
            with disturbed(given.beside, number):
                record = run(resolve(values), display_for(progress)).record
            took = time.monotonic() - begun
            found = {one.of: one for one in record.differences}
            ranks = [row.rank for row in record.systems]
            for of, one in found.items():
                apart[of] += one.apart
            apart["ranks"] += len(set(ranks)) > 1
            limits = ", ".join(f"{100 * (one.ratio - 1):.1f} %" for one in record.resolutions)
            replicates = record.resolutions[0].processes
            said = " | ".join(_said(found[of]) for of in ("latency", "images/s"))
            print(f"| {number} | {took:.0f} | {replicates} | {said} | {ranks} | {limits} |", flush=True)
    print()
    for of, count in apart.items():
        low, high = exact(count, given.runs)
        print(f"{of}: {count} of {given.runs} ({100 * low:.1f} to {100 * high:.1f} %)")


if __name__ == "__main__":
    main()
