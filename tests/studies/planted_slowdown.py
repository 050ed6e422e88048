"""A slowdown that is known: backends that only sleep, 20 and 22 ms, in worker processes, measured as a run measures.

    python tests/studies/planted_slowdown.py [--repetitions 3]

Each repetition drives the rounds of rigor `smoke` at batch 1 over both. Printed: the paired ratio with its 90 %
interval. Exit code 1 where a ratio is not within 1 point of 10 %.
"""

import argparse
import sys
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from alexbench.harness.contract import Options
from alexbench.harness.judge.block_times import control, latency
from alexbench.harness.measure.rigor import SMOKE
from alexbench.harness.measure.rounds import Measured, Task, run_rounds
from alexbench.harness.running.timing.figures import block_of
from alexbench.harness.worker.client import WorkerProcess
from alexbench.harness.worker.protocol.loading import Load, OpenPixels
from alexbench.harness.worker.protocol.timing import TimeCalls, WarmUp

sys.path.append(str(Path(__file__).parents[2]))  # last: the repository's `datasets` is not to hide anyone's
from tests.studies.sleeping import sleeper
from tests.studies.study_timing import CARD

SLEEPS_MS = (22, 20)


def block(worker: WorkerProcess) -> Measured:
    """One block at batch 1."""
    timed = worker.ask(TimeCalls(1, SMOKE.latency_block_s))
    return Measured(tuple(timed.ns), 1, timed.cpu_ns)


def main() -> None:
    """The script."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=3)
    given = parser.parse_args()
    bad = False
    print("| # | p50 of 22 ms | p50 of 20 ms | ratio | 90 % interval |\n|---:|---:|---:|---:|---:|")
    for number in range(1, given.repetitions + 1):
        with TemporaryDirectory() as name, ExitStack() as on_exit:
            folder, tasks = Path(name), {}
            side = CARD.preprocessing.crop
            np.save(folder / "pixels.npy", np.zeros((1, side, side, 3), np.uint8))
            for ms in SLEEPS_MS:
                worker = WorkerProcess(f"{ms}", log=folder / f"{ms}.log", python=sleeper(ms, folder))
                on_exit.enter_context(worker)
                worker.ask(Load("sleeping", "owt", side, folder / "none", Options(1)))
                worker.ask(OpenPixels(folder / "pixels.npy", CARD.preprocessing))
                worker.ask(WarmUp(1))
                tasks[Task(str(ms), "SingleStream", 1)] = partial(block, worker)
            blocks = run_rounds(tasks, SMOKE.latency, seed=number, on_round=lambda *_: None, on_failure=lambda *_: None)
        settled = [[block_of(b) for b in blocks if b.settled and b.task.participant == str(ms)] for ms in SLEEPS_MS]
        found = control("sleeping", *settled)
        slow, fast = map(latency, settled)
        bad |= not 1.09 <= found.ratio <= 1.11
        interval = f"{found.low:.4f}-{found.high:.4f}"
        print(
            f"| {number} | {slow.p50_ms:.3f} ms | {fast.p50_ms:.3f} ms | {found.ratio:.4f} | {interval} |", flush=True
        )
    sys.exit(bad)


if __name__ == "__main__":
    main()
