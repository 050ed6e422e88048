"""The timing seam: everything between two readings of the clock, in the worker, for whatever satisfies the contract.

``predict`` takes a host array and returns a host array, blocking until the logits are there; so the clock stands
around one plain call. What surrounds it (warm-up, garbage collection) is here too and nowhere else.
"""

import gc
import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Predict = Callable[[NDArray[np.float32]], Any]

WARM_UP_ITERATIONS: Final = 3
WARM_UP_SECONDS: Final = 0.4
LONG_CALL_S: Final = 0.1
"""Calls this long find the caches' contents to matter by less than one in a hundred: docs/evidence/resolution.md."""
LEAST_CALLS: Final = 3


def freeze_what_is_loaded() -> None:
    """Take what is there now out of every later collection: with TensorFlow each of them would cost 0.17 s."""
    gc.collect()
    gc.freeze()


@contextmanager
def quiet_interpreter() -> Iterator[None]:
    """No garbage collection inside: collected before, as it was after."""
    was_enabled = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def first_inference_ns(predict: Predict, pixels: NDArray[np.float32]) -> int:
    """Wall time of one call, in nanoseconds: the one that finds everything cold."""
    start = time.perf_counter_ns()
    predict(pixels)
    return time.perf_counter_ns() - start


def warm_up(predict: Predict, pixels: NDArray[np.float32], *, seconds: float = WARM_UP_SECONDS) -> int:
    """Call until both WARM_UP_ITERATIONS and ``seconds`` are reached; the number of calls."""
    start = time.perf_counter()
    calls = 0
    while calls < WARM_UP_ITERATIONS or time.perf_counter() - start < seconds:
        predict(pixels)
        calls += 1
    return calls


@dataclass(frozen=True, slots=True)
class Timed:
    """``ns`` of each call, back to back, and ``cpu_ns`` that all threads of the process used over the same stretch."""

    ns: list[int]
    cpu_ns: int


def time_block(predict: Predict, pixels: NDArray[np.float32], *, seconds: float) -> Timed:
    """Consecutive calls for ``seconds``, the one that is at work then included: the nanoseconds of each.

    The first call of a block, which finds the caches another worker left, is made but not counted; LEAST_CALLS follow
    at least, so that their median is not that of one which was paused. A call of LONG_CALL_S counts from the first,
    and may be alone: more rounds of fewer calls then say more in the same time. The readings are back to back: the sum
    of the list is the wall time of the window.
    """
    with quiet_interpreter():
        cpu = time.process_time_ns()
        readings = [time.perf_counter_ns()]
        end = readings[0] + int(seconds * 1e9)
        predict(pixels)
        readings.append(time.perf_counter_ns())
        least = 1
        if readings[1] - readings[0] < LONG_CALL_S * 1e9:
            cpu, readings, least = time.process_time_ns(), readings[1:], LEAST_CALLS
        while readings[-1] < end or len(readings) <= least:
            predict(pixels)
            readings.append(time.perf_counter_ns())
        cpu = time.process_time_ns() - cpu
    return Timed([after - before for before, after in itertools.pairwise(readings)], cpu)


def time_once(work: Callable[[list[NDArray[np.float32]]], object], batches: list[NDArray[np.float32]]) -> Timed:
    """One call with everything: how long all of it took."""
    with quiet_interpreter():
        cpu, start = time.process_time_ns(), time.perf_counter_ns()
        work(batches)
        end = time.perf_counter_ns()
        return Timed([end - start], time.process_time_ns() - cpu)
