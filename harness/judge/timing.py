"""Blocks of timings to the figures that are shown."""

from collections.abc import Sequence

import numpy as np

from alexbench.harness.judge.statistics import is_even, is_steady, median_interval
from alexbench.harness.records import Latency, Performance, Throughput


def latency(blocks_ns: Sequence[Sequence[int]]) -> Latency:
    """Batch-1 latency: the median of block medians with its interval over blocks."""
    interval = median_interval([float(np.median(block)) / 1e6 for block in blocks_ns])
    return Latency(interval.value, interval.low, interval.high, len(blocks_ns), sum(map(len, blocks_ns)))


def throughput(blocks_ns: Sequence[Sequence[int]], batch_size: int) -> Throughput:
    """Images over wall time of all windows together; never batch / median, which hides every slow inference."""
    rates = [len(block) * batch_size / (sum(block) / 1e9) for block in blocks_ns]
    images = sum(map(len, blocks_ns)) * batch_size
    return Throughput(batch_size, images / (sum(map(sum, blocks_ns)) / 1e9), min(rates), max(rates), len(blocks_ns))


def without_drift(blocks_ns: Sequence[Sequence[int]]) -> bool:
    """Whether block medians agree from the first half of the blocks to the second."""
    return is_steady([float(np.median(block)) for block in blocks_ns])


def windows_agree(blocks_ns: Sequence[Sequence[int]]) -> bool:
    """Whether all windows ran at about the same rate."""
    return is_even([len(block) / sum(block) for block in blocks_ns])


def performance(single_ns: Sequence[Sequence[int]], batch_ns: Sequence[Sequence[int]], batch_size: int) -> Performance:
    """Both figures, and whether they are of a steady state.

    Batch-1 blocks must agree from the first half to the second, and the windows of images/s with each other.
    """
    steady = without_drift(single_ns) and windows_agree(batch_ns)
    return Performance(latency(single_ns), throughput(batch_ns, batch_size), steady)
