"""What our timing adds: its loop against a bare loop around the same call, in the same process, block by block.

    python tests/studies/overhead.py [BACKEND ...] [--pairs 148] [--block-s 0.1] [--threads N]

`owt` with seeded weights, batch 1, a process a backend. In each pair one block of ``harness.measure.clock.time_block``
and one of a bare loop (two readings of the clock around all calls), in random order. Printed: the ratio of a call's
mean time, ours over bare, with its 90 % interval (bootstrap over pairs), and what a call costs around a backend that
does nothing. Exit code 1 where an interval reaches beyond 1 %, or a call around nothing costs more than 20 us.
"""

import argparse
import gc
import json
import subprocess
import sys
import time
from pathlib import Path
from random import Random

import numpy as np
from numpy.typing import NDArray

from alexbench.backends.registry import backend_class, backend_names
from alexbench.harness.contract import Options
from alexbench.harness.measure.clock import freeze_what_is_loaded, time_block, warm_up
from alexbench.harness.measure.process import usable_cores
from alexbench.harness.measure.rounds import PAUSE_S

sys.path.append(str(Path(__file__).parents[2]))  # last: the repository's `datasets` is not to hide anyone's
from tests.studies.study_timing import SEED, model, paired_ratio

TOLERANCE = 0.01
NULL_LIMIT_US = 20.0


def bare_ns(predict, pixels: NDArray[np.float32], seconds: float) -> float:  # type: ignore[no-untyped-def]
    """Mean nanoseconds of a call, by two readings around all of them; how many there are was counted before."""
    predict(pixels)
    start = time.perf_counter_ns()
    predict(pixels)
    calls = max(2, int(seconds * 1e9 / (time.perf_counter_ns() - start)))
    gc.disable()
    start = time.perf_counter_ns()
    for _ in range(calls):
        predict(pixels)
    elapsed = time.perf_counter_ns() - start
    gc.enable()
    return elapsed / calls


def pairs_of(backend: str, count: int, seconds: float, threads: int) -> list[tuple[float, float]]:
    """(ours, bare) of each pair, mean nanoseconds of a call."""
    runtime = backend_class(backend)()
    runtime.load(model(), Options(threads=threads))
    shape = model().network.input_shape
    axes = (0, 1, 2) if runtime.input_layout == "NCHW" else (1, 2, 0)
    pixels = np.random.default_rng(SEED).standard_normal((1, *(shape[axis] for axis in axes)), dtype=np.float32)
    warm_up(runtime.predict, pixels)
    freeze_what_is_loaded()
    order, pairs = Random(SEED), []
    for _ in range(count):
        found = {}
        for which in order.sample(["ours", "bare"], 2):
            time.sleep(PAUSE_S)
            if which == "ours":
                found[which] = float(np.mean(time_block(runtime.predict, pixels, seconds=seconds).ns))
            else:
                found[which] = bare_ns(runtime.predict, pixels, seconds)
        pairs.append((found["ours"], found["bare"]))
    return pairs


def null_us() -> float:
    """Microseconds of our own in a call around a backend that returns what it has."""
    logits = np.zeros((1, 1000), np.float32)
    block = time_block(lambda _: logits, np.zeros((1, 3, 224, 224), np.float32), seconds=0.5)
    return float(np.mean(block.ns)) / 1e3


def main() -> None:
    """The script."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("backends", nargs="*", default=list(backend_names()))
    parser.add_argument("--pairs", type=int, default=148)
    parser.add_argument("--block-s", type=float, default=0.1)
    parser.add_argument("--threads", type=int, default=usable_cores())
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        print(json.dumps(pairs_of(given.backends[0], given.pairs, given.block_s, given.threads)))
        return
    bad = False
    print("| backend | ours / bare | 90 % interval | pairs |\n|---|---:|---:|---:|")
    for backend in given.backends:
        command = [sys.executable, __file__, backend, "--child", "--pairs", str(given.pairs)]
        command += ["--block-s", str(given.block_s), "--threads", str(given.threads)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        ratio = paired_ratio([(ours, bare) for ours, bare in json.loads(done.stdout.splitlines()[-1])])
        bad |= not (ratio.low >= 1 - TOLERANCE and ratio.high <= 1 + TOLERANCE)
        print(f"| {backend} | {ratio.value:.4f} | {ratio.low:.4f}-{ratio.high:.4f} | {given.pairs} |", flush=True)
    null = null_us()
    print(f"\na call around nothing: {null:.2f} us")
    sys.exit(bad or null > NULL_LIMIT_US)


if __name__ == "__main__":
    main()
