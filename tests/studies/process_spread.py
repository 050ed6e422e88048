"""How much do processes of one program differ, forked from one that imported the runtime or started anew?

    python tests/studies/process_spread.py [--replicates 12] [--backend onnxruntime --backend tensorflow]

In each replicate, three fresh processes of one backend, loaded in random order, take turns in the rounds of `smoke`: a
child of one fork server (A), a child of another (B), and a new interpreter (C). Printed for latency and images/s: the
standard deviation between processes of each pair (of the difference, over the root of 2), and the mean difference with
its 95 % interval: forked processes are a fair stand-in for fresh ones where A - B is as wide as A - C, and where no
mean is away from 0 by more than its interval.
"""

import argparse
import sys
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from alexbench.harness.judge.statistics import students_half
from alexbench.harness.measure.process import usable_cores
from alexbench.harness.measure.rigor import SMOKE
from alexbench.harness.worker.client import WorkerProcess

sys.path.append(str(Path(__file__).parents[2]))  # last: the repository's `datasets` is not to hide anyone's
from tests.studies.study_timing import load_anew, run_inputs, take_turns

BATCH = 32
PAIRS = ("AB", "AC", "BC")


def _values(workers: dict[str, WorkerProcess], number: int) -> dict[str, tuple[float, float]]:
    """Log milliseconds an image, at batch 1 and at BATCH, of each process."""
    found: dict[str, list[float]] = {name: [] for name in workers}
    for batch, plan, seconds in ((1, SMOKE.latency, SMOKE.latency_block_s), (BATCH, SMOKE.windows, SMOKE.window_s)):
        blocks = take_turns(workers, plan, batch=batch, seconds=seconds, seed=number)
        for name in workers:
            logs = [
                np.log(np.median(one.measured.ns) / 1e6 / batch)
                for one in blocks
                if one.settled and one.task.participant == name
            ]
            found[name].append(float(np.median(logs)))
    return {name: (one[0], one[1]) for name, one in found.items()}


def main() -> None:
    """The script."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replicates", type=int, default=12)
    parser.add_argument("--backend", action="append")
    parser.add_argument("--threads", type=int, default=usable_cores())
    given = parser.parse_args()
    print("| backend | of | pair | sd between processes | mean difference | 95 % |\n|---|---|---|---:|---:|---:|")
    for backend in given.backend or ["onnxruntime", "openvino", "tensorflow", "torch"]:
        values: list[dict[str, tuple[float, float]]] = []
        with run_inputs() as folder, ExitStack() as on_exit:
            servers = {
                name: on_exit.enter_context(
                    WorkerProcess(name, log=folder / f"{name}.log", forks=True, preload=backend)
                )
                for name in "AB"
            }
            for number in range(given.replicates):
                with WorkerProcess("C", log=folder / "C.log") as fresh:
                    workers = {**servers, "C": fresh}
                    load_anew(workers, dict.fromkeys(workers, backend), folder, given.threads, seed=number)
                    values.append(_values(workers, number))
        for place, of in enumerate(("latency", "images/s")):
            for one, other in PAIRS:
                found = [each[one][place] - each[other][place] for each in values]
                spread, half = float(np.std(found, ddof=1)) / 2**0.5, students_half(found, 0.975)
                print(
                    f"| {backend} | {of} | {one} - {other} | {100 * spread:.2f} % | {100 * np.mean(found):+.2f} % |"
                    f" {100 * half:.2f} % |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
