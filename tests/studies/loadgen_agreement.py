"""ONNX Runtime's median latency by our clock against MLPerf LoadGen's SingleStream, in one process.

    python tests/studies/loadgen_agreement.py [--pairs 8] [--seconds 3] [--threads N]

Stretches alternate, in a random order within each pair, 60 ms apart: a stretch of ``harness.measure.clock.time_block``
and one of LoadGen's, both warmed up, on one loaded network (``owt``, seeded weights and inputs, batch 1). Printed:
the ratio of the medians, LoadGen's over ours, with its 90 % interval (bootstrap over pairs). Exit code 1 where that
interval reaches beyond 5 %: the two clocks disagree, or the machine was too noisy.
"""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
from numpy.typing import NDArray

from alexbench.backends.onnxruntime_.adapter import OnnxRuntimeBackend
from alexbench.harness.contract import Model, Options
from alexbench.harness.measure.clock import freeze_what_is_loaded, time_block, warm_up
from alexbench.harness.measure.loadgen import LIBRARY_SAMPLES, LoadSettings, drive, require_loadgen
from alexbench.harness.measure.process import usable_cores
from alexbench.harness.measure.rounds import PAUSE_S
from alexbench.harness.models.network import get_network
from alexbench.harness.models.seeded import seeded_weights

TOLERANCE: Final = 0.05
SEED: Final = 20261121
REPEATS: Final = 4000


def ratio_interval(ours: list[float], theirs: list[float]) -> tuple[float, float, float]:
    """The median ratio, and the 5th and 95th percentile of its bootstrap over pairs."""
    ratios = np.log(np.array(theirs) / np.array(ours))
    drawn = np.random.default_rng(SEED).integers(0, len(ratios), (REPEATS, len(ratios)))
    low, high = np.percentile(np.median(ratios[drawn], axis=1), [5, 95])
    return float(np.exp(np.median(ratios))), float(np.exp(low)), float(np.exp(high))


def measure(pairs: int, seconds: float, threads: int) -> tuple[list[float], list[float]]:
    """Medians in ms, by our clock and by LoadGen's, pair by pair."""
    network = get_network("owt", input_size=224)
    backend = OnnxRuntimeBackend()
    backend.load(Model(network, seeded_weights(network.parameter_shapes, SEED)), Options(threads=threads))
    draw = np.random.default_rng(SEED)
    samples = [draw.standard_normal((1, *network.input_shape), dtype=np.float32) for _ in range(LIBRARY_SAMPLES)]
    warm_up(backend.predict, samples[0])
    freeze_what_is_loaded()
    expected_ms = float(np.median(time_block(backend.predict, samples[0], seconds=0.5).ns)) / 1e6
    asked = LoadSettings(min_duration_ms=int(seconds * 1e3), min_query_count=64, expected_latency_ms=expected_ms)

    def by_our_clock(pixels: NDArray[np.float32]) -> float:
        warm_up(backend.predict, pixels)  # as drive does
        return float(np.median(time_block(backend.predict, pixels, seconds=seconds).ns)) / 1e6

    def by_loadgen(folder: Path) -> float:
        p50_ms = drive("SingleStream", backend.predict, samples, asked, folder).p50_ms
        if p50_ms is None:
            raise SystemExit("too few queries for a median: give more --seconds")
        return p50_ms

    ours: list[float] = []
    theirs: list[float] = []
    order = Random(SEED)
    with TemporaryDirectory(prefix="loadgen-") as folder:
        turns: list[tuple[list[float], Callable[[], float]]] = [
            (ours, lambda: by_our_clock(samples[0])),
            (theirs, lambda: by_loadgen(Path(folder))),
        ]
        for pair in range(pairs):
            order.shuffle(turns)
            for kept, stretch in turns:
                time.sleep(PAUSE_S)
                kept.append(stretch())
            print(f"pair {pair + 1}: ours {ours[-1]:.3f} ms, LoadGen {theirs[-1]:.3f} ms", flush=True)
    backend.close()
    return ours, theirs


def main() -> int:
    """Print the ratio; 1 if it is not within the tolerance."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--threads", type=int, default=usable_cores())
    asked = parser.parse_args()
    require_loadgen("this script")
    ours, theirs = measure(asked.pairs, asked.seconds, asked.threads)
    ratio, low, high = ratio_interval(ours, theirs)
    agree = low >= 1 / (1 + TOLERANCE) and high <= 1 + TOLERANCE
    print(
        f"onnxruntime, owt, batch 1, {asked.threads} threads, {asked.pairs} x {asked.seconds:g} s: "
        f"p50 ours {np.median(ours):.3f} ms, LoadGen {np.median(theirs):.3f} ms; "
        f"LoadGen / ours {ratio:.4f}, 90 % interval {low:.4f} to {high:.4f}: "
        + (f"within {TOLERANCE:.0%}" if agree else f"NOT within {TOLERANCE:.0%}")
    )
    return 0 if agree else 1


if __name__ == "__main__":
    sys.exit(main())
