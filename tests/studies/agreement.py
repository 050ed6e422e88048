"""OpenVINO by our timing against OpenVINO's own benchmark_app: p50 at batch 1, and Offline images/s, in turns.

    python tests/studies/agreement.py [--pairs 8] [--seconds 4] [--threads N] [--batch 32] [--file IR]
    python tests/studies/agreement.py --set NAME=VALUE ...

`owt` with seeded weights, fp32, the same threads and streams. In each pair one stretch of ours (a fresh worker process)
and one run of benchmark_app, a process of its own, in random order. Latency: one stream, benchmark_app
`-api sync`, its median. Offline: streams as our THROUGHPUT hint chose them, benchmark_app `-api async`, its throughput.
With `--file` (an IR with a normalised input, as `alexbench quantize` writes it): images/s with one stream instead of
Offline. With `--set`: images/s of calls with these settings, next to benchmark_app `-hint throughput`.

Printed: benchmark_app's figure over ours with its 90 % interval (bootstrap over pairs). Exit code 1 where an interval
reaches beyond 5 %.
"""

import argparse
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

import numpy as np

from alexbench.backends.openvino_.adapter import OpenVinoBackend
from alexbench.harness.measure.process import usable_cores
from alexbench.harness.measure.rounds import PAUSE_S
from alexbench.harness.worker.client import WorkerProcess
from alexbench.harness.worker.protocol.timing import OpenStream, TimeCalls, TimeStream, WarmUp

sys.path.append(str(Path(__file__).parents[2]))  # last: the repository's `datasets` is not to hide anyone's
from tests.studies.study_timing import SEED, loaded, model, paired_ratio, run_inputs

TOLERANCE = 0.05


def export(folder: Path) -> Path:
    """The graph that our adapter compiles, as benchmark_app reads it."""
    path = folder / "model.xml"
    OpenVinoBackend().export(model(), path, OpenVinoBackend.export_formats[0], {})
    return path


def benchmark_app(path: Path, *arguments: str, seconds: float, batch: int) -> str:
    """What it prints."""
    command = ["benchmark_app", "-m", str(path), "-d", "CPU", "-infer_precision", "f32", "-t", str(int(seconds))]
    command += ["-shape", f"[{batch},3,224,224]", *arguments]
    program = str(Path(sys.executable).with_name(command[0]))
    return subprocess.run([program, *command[1:]], check=True, capture_output=True, text=True).stdout


def figure(printed: str, what: str) -> float:
    """A number of its report."""
    found = re.search(rf"{what}:\s+([\d.]+)", printed)
    if found is None:
        raise SystemExit(f"benchmark_app printed no {what}:\n{printed}")
    return float(found[1])


def pairs(count: int, ours: Callable[[], float], theirs: Callable[[], float]) -> list[tuple[float, float]]:
    """(benchmark_app's, ours) of each pair."""
    order, made = Random(SEED), []
    for number in range(count):
        found = {}
        for name, ask in order.sample([("ours", ours), ("theirs", theirs)], 2):
            time.sleep(PAUSE_S)
            found[name] = ask()
        made.append((found["theirs"], found["ours"]))
        print(f"  pair {number + 1}: benchmark_app {found['theirs']:.2f}, ours {found['ours']:.2f}", flush=True)
    return made


def streamed(worker: WorkerProcess, batch: int, seconds: float, jobs: int) -> float:
    """Images/s of as many batches as fit."""
    each = worker.ask(TimeStream(batch, 2 * jobs)).ns[0] / 1e9 / (2 * jobs)
    batches = jobs * max(2, round(seconds / each / jobs))
    return batch * batches / (worker.ask(TimeStream(batch, batches)).ns[0] / 1e9)


def main() -> None:
    """The script."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--threads", type=int, default=usable_cores())
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--file", type=Path, help="an IR instead of the network")
    parser.add_argument("--set", nargs="*", metavar="NAME=VALUE", help="compare with -hint throughput")
    given = parser.parse_args()
    settings = tuple((name, value) for name, _, value in (one.partition("=") for one in given.set or ()))
    bad, lines = False, []
    with run_inputs() as folder:
        path = given.file or export(folder)
        seconds, threads = given.seconds, ("-nthreads", str(given.threads))

        def fresh() -> WorkerProcess:
            return loaded("ours", "openvino", folder, given.threads, settings=settings, file=given.file)

        def p50_ms() -> float:
            with fresh() as worker:
                return float(np.median(worker.ask(TimeCalls(1, seconds)).ns)) / 1e6

        def their_p50_ms() -> float:
            one = (*threads, "-nstreams", "1", "-hint", "none", "-api", "sync")
            return figure(benchmark_app(path, *one, seconds=seconds, batch=1), "Median")

        def jobs_of(worker: WorkerProcess) -> int:
            streams = worker.ask(OpenStream(given.batch)).streams
            assert streams is not None
            return int(streams.value)

        jobs = 0
        if given.set is None and given.file is None:
            with fresh() as one:
                jobs = jobs_of(one)

        def rate() -> float:
            with fresh() as worker:
                return streamed(worker, given.batch, seconds, jobs_of(worker))

        def their_rate() -> float:
            many = (*threads, "-nstreams", str(jobs), "-hint", "none", "-api", "async")
            return figure(benchmark_app(path, *many, seconds=seconds, batch=given.batch), "Throughput")

        def looped() -> float:
            with fresh() as worker:
                worker.ask(WarmUp(given.batch))
                return given.batch * 1e9 / float(np.median(worker.ask(TimeCalls(given.batch, seconds)).ns))

        def hinted() -> float:
            one = (*threads, "-nstreams", "1", "-hint", "none", "-api", "sync")
            many = one if given.set is None else ("-hint", "throughput")  # it takes no threads with a hint: all cores
            return figure(benchmark_app(path, *many, seconds=seconds, batch=given.batch), "Throughput")

        compared = [("p50, batch 1, ms", p50_ms, their_p50_ms), ("Offline images/s", rate, their_rate)]
        if given.set is not None:
            compared = [(f"images/s with {given.set}, -hint throughput", looped, hinted)]
        elif given.file is not None:
            compared = [("p50, batch 1, ms", p50_ms, their_p50_ms), ("images/s, one stream", looped, hinted)]
        for what, ours, theirs in compared:
            print(what)
            made = pairs(given.pairs, ours, theirs)
            ratio = paired_ratio(made)
            bad |= not (ratio.low >= 1 - TOLERANCE and ratio.high <= 1 + TOLERANCE)
            medians = " | ".join(f"{float(np.median(side)):.2f}" for side in zip(*made, strict=True))
            lines.append(f"| {what} | {medians} | {ratio.value:.4f} | {ratio.low:.4f}-{ratio.high:.4f} |")
    print("\n| | benchmark_app | ours | ratio | 90 % interval |\n|---|---:|---:|---:|---:|")
    print("\n".join(lines))
    print(f"\n{given.threads} threads, {jobs} streams Offline, batch {given.batch}, {given.pairs} pairs of {seconds} s")
    sys.exit(bad)


if __name__ == "__main__":
    main()
