"""The machine probe: fixed work in the same rounds, which tells a change of the machine from a runtime's.

A matrix product and a matrix-vector product over 234 MB, as much as AlexNet's fully connected layers: at batch 1 those
are bound by memory, so that a product of matrices alone would miss bandwidth noise. Both are NumPy's BLAS.
"""

import time
from dataclasses import dataclass
from typing import Final

import numpy as np

from alexbench.harness.measure.clock import quiet_interpreter

SIDE: Final = 1024
ROWS: Final = 14_305
"""x 4,096 floats: the 58.6 M weights of `owt`'s fully connected layers."""
COLUMNS: Final = 4096
SGEMM_FLOPS: Final = 2 * SIDE**3
SGEMV_BYTES: Final = 4 * ROWS * COLUMNS


@dataclass(frozen=True, slots=True)
class AnchorBlock:
    """``ns`` of each call (both products), back to back, and of the fastest of either product alone."""

    ns: list[int]
    cpu_ns: int
    sgemm_ns: int
    sgemv_ns: int


class Anchor:
    """Holds the arrays; ``threads`` is what BLAS may use, in this process, from now on."""

    def __init__(self, threads: int) -> None:
        # Imported here alone: it sets KMP_DUPLICATE_LIB_OK, which is not a runtime's default.
        from threadpoolctl import threadpool_limits

        threadpool_limits(threads, user_api="blas")
        random = np.random.Generator(np.random.PCG64(1))
        self._left, self._right = (random.random((SIDE, SIDE), np.float32) for _ in range(2))
        self._product = np.empty((SIDE, SIDE), np.float32)
        self._matrix = random.random((ROWS, COLUMNS), np.float32)
        self._vector, self._image = random.random(COLUMNS, np.float32), np.empty(ROWS, np.float32)

    def time_block(self, seconds: float) -> AnchorBlock:
        """Calls for ``seconds``, the first of them made and not counted; at least two are."""
        sgemm: list[int] = []
        sgemv: list[int] = []
        with quiet_interpreter():
            end = time.perf_counter_ns() + int(seconds * 1e9)
            self._call()
            cpu, last = time.process_time_ns(), time.perf_counter_ns()
            while last < end or len(sgemm) < 2:
                np.matmul(self._left, self._right, out=self._product)
                between = time.perf_counter_ns()
                np.dot(self._matrix, self._vector, out=self._image)
                now = time.perf_counter_ns()
                sgemm.append(between - last)
                sgemv.append(now - between)
                last = now
            cpu = time.process_time_ns() - cpu
        return AnchorBlock([a + b for a, b in zip(sgemm, sgemv, strict=True)], cpu, min(sgemm), min(sgemv))

    def _call(self) -> None:
        np.matmul(self._left, self._right, out=self._product)
        np.dot(self._matrix, self._vector, out=self._image)
