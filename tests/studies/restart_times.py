"""Seconds until a restarted worker has loaded: a forked child and a new interpreter, as a table in Markdown.

    python tests/studies/restart_times.py [RUNTIME ...] [--restarts 5] [--threads 2]

`owt` with seeded weights. Both kinds of worker take turns. The file caches are warm: the first start is not counted.
"""

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

from alexbench.backends.registry import backend_names
from alexbench.harness.contract import Options
from alexbench.harness.worker.client import WorkerProcess

sys.path.append(str(Path(__file__).parents[2]))  # last: the repository's `datasets` is not to hide anyone's
from alexbench.harness.conformance.cases import Case, write_seeded_weights
from alexbench.harness.conformance.driving import load

CASE = Case("owt", 224)


def restarted(worker: WorkerProcess, backend: str, weights: Path, options: Options) -> float:
    """Seconds of a restart and a load."""
    start = time.perf_counter()
    worker.restart()
    load(worker, backend, CASE, weights, options)
    return time.perf_counter() - start


def row(backend: str, weights: Path, options: Options, restarts: int) -> str:
    """A line of the table."""
    log = weights.with_name(f"{backend}.log")
    with WorkerProcess(backend, log=log) as fresh, WorkerProcess(backend, log=log, forks=True, preload=backend) as fork:
        both = {"fork": (fork, list[float]()), "new": (fresh, list[float]())}
        for worker, _ in both.values():
            restarted(worker, backend, weights, options)
        for _ in range(restarts):
            for worker, seconds in both.values():
                seconds.append(restarted(worker, backend, weights, options))
    cells = (f"{statistics.median(found):.2f} ({min(found):.2f} to {max(found):.2f})" for _, found in both.values())
    return f"| {backend} | {' | '.join(cells)} |"


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runtimes", nargs="*", default=backend_names(), metavar="RUNTIME")
    parser.add_argument("--restarts", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        weights = write_seeded_weights(CASE.network, Path(folder))
        print("| runtime | forked child, s | new interpreter, s |\n|---|---:|---:|")
        for backend in asked.runtimes:
            print(row(backend, weights, Options(threads=asked.threads), asked.restarts), flush=True)


if __name__ == "__main__":
    main()
