"""Is the A/A control honest when the machine is not quiet? Two processes of one backend, a random burner beside them.

    python tests/benchmarks/aa_honesty.py [--repetitions 20] [--backend onnxruntime] [--quiet] [--fragmented]

Each repetition starts both processes anew and drives the rounds of rigor `smoke` at batch 1 (40 blocks of 100 ms each,
another backend and the anchor between them), while a process of ours burns CPU on one core for random spells of 0.05
to 3 s, idle as long in between. Printed, as a Markdown table: the ratio of the two with its 90 % interval, and beside
it what an unpaired test of single inferences would have said (Mann-Whitney, p < 0.05). Exit code 1 where more than 1
in 20 intervals exclude 1 by more than 2.5 %.
"""

import argparse
import random
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, nullcontext
from functools import partial
from pathlib import Path

from scipy.stats import mannwhitneyu

from alexbench.harness.app.figures import block_of
from alexbench.harness.app.workers import WorkerProcess
from alexbench.harness.judge.statistics import Interval, excludes_one_by
from alexbench.harness.judge.timing import CONTROL_TOLERANCE, control
from alexbench.harness.measure.ballast import fragments_held
from alexbench.harness.measure.process import usable_cores
from alexbench.harness.measure.rigor import ANCHOR_BLOCK_S, SMOKE
from alexbench.harness.measure.rounds import Block, Measured, Plan, Task, run_rounds

sys.path.append(str(Path(__file__).parents[2]))  # last: the repository's `datasets` is not to hide anyone's
from tests.support.timing import loaded, material

BURNER = """
import random, sys, time
draw = random.Random(int(sys.argv[1]))
while True:
    end = time.monotonic() + draw.uniform(0.05, 3)
    while time.monotonic() < end:
        sum(range(10_000))
    time.sleep(draw.uniform(0.05, 3))
"""


def block(worker: WorkerProcess, seconds: float) -> Measured:
    """One block at batch 1."""
    answer = worker.ask("time", batch_size=1, seconds=seconds)
    return Measured(tuple(answer["ns"]), 1, answer["cpu_ns"])


def anchor_block(worker: WorkerProcess) -> Measured:
    """One block of the anchor."""
    return Measured(tuple(worker.ask("time_anchor", seconds=ANCHOR_BLOCK_S)["ns"]), 1)


def repetition(backend: str, beside: str, folder: Path, number: int, threads: int, *, hold: bool) -> list[Block]:
    """The settled blocks of all, from fresh processes."""
    with ExitStack() as on_exit:
        tasks: dict[Task, Callable[[], Measured]] = {}
        with fragments_held() if hold else nullcontext():
            for name, runtime in (("A", backend), ("A'", backend), (beside, beside)):
                worker = on_exit.enter_context(loaded(name, runtime, folder, threads))
                tasks[Task(name, "SingleStream", 1)] = partial(block, worker, SMOKE.latency_block_s)
        anchor = on_exit.enter_context(WorkerProcess("anchor", log=folder / "anchor.log"))
        anchor.ask("open_anchor", threads=threads)
        tasks[Task("anchor", "Anchor", 1)] = partial(anchor_block, anchor)
        plan = Plan(SMOKE.latency.rounds, SMOKE.latency.discarded)
        blocks = run_rounds(tasks, plan, seed=number, on_round=lambda *_: None, on_failure=_give_up)
    return [one for one in blocks if one.settled]


def _give_up(name: str, error: Exception) -> None:
    raise SystemExit(f"{name}: {error}")


def main() -> None:
    """The script."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=20)
    parser.add_argument("--backend", default="onnxruntime")
    parser.add_argument("--beside", default="openvino")
    parser.add_argument("--threads", type=int, default=usable_cores())
    parser.add_argument("--quiet", action="store_true", help="no burner")
    parser.add_argument("--fragmented", action="store_true", help="do not hold fragments of memory while they load")
    given = parser.parse_args()
    excluded = naive = 0
    print("| # | A / A' | 90 % interval | excludes 1 by | single inferences, p |\n|---:|---:|---:|---:|---:|")
    with material() as folder:
        for number in range(1, given.repetitions + 1):
            time.sleep(random.Random(number).uniform(0, 1))  # so that spells do not line up
            burner = None
            if not given.quiet:
                burner = subprocess.Popen([sys.executable, "-c", BURNER, str(number)])
            try:
                blocks = repetition(
                    given.backend, given.beside, folder, number, given.threads, hold=not given.fragmented
                )
            finally:
                if burner is not None:
                    burner.kill()
                    burner.wait()
            mine, other = ([one for one in blocks if one.task.participant == name] for name in ("A", "A'"))
            found = control(given.backend, [*map(block_of, mine)], [*map(block_of, other)])
            away = excludes_one_by(Interval(found.ratio, found.low, found.high))
            excluded += away > CONTROL_TOLERANCE
            single = ([ns for each in side for ns in each.measured.ns] for side in (mine, other))
            p = float(mannwhitneyu(*single).pvalue)
            naive += p < 0.05
            interval = f"{found.low:.4f}-{found.high:.4f}"
            print(f"| {number} | {found.ratio:.4f} | {interval} | {100 * away:.2f} % | {p:.3f} |", flush=True)
    print(f"\nexcluded 1 by more than 2.5 %: {excluded} of {given.repetitions}")
    print(f"single inferences called it a difference (p < 0.05): {naive} of {given.repetitions}")
    sys.exit(excluded > given.repetitions / 20)


if __name__ == "__main__":
    main()
