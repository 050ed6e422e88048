"""How long a run will take and how much memory it needs: printed first, from the plan and the machine as it is now."""

import math
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from math import prod
from pathlib import Path
from statistics import mean
from typing import Final

import numpy as np

from alexbench.harness.config import DEFAULT_BATCH_SIZE, RunConfig
from alexbench.harness.console.progress import duration_words
from alexbench.harness.errors import UsageError
from alexbench.harness.inputs.gathering import RunInputs
from alexbench.harness.inputs.model_files import files_of
from alexbench.harness.measure.process import available_memory, threadpools, usable_cores
from alexbench.harness.measure.rigor import IMPORT_S, LEAST_REPLICATES, replicate_s
from alexbench.harness.models.network import Network, output_shapes
from alexbench.harness.running.accuracy import PARITY_IMAGES
from alexbench.harness.running.row import Row
from alexbench.harness.running.timing.loads import PROBES

OF_SGEMM: Final = 0.7
"""What a runtime reaches at larger batches, as a share of NumPy's matrix product on as many cores: 0.6 to 0.9."""
SIDE: Final = 512
TRIAL_S: Final = 0.5
"""Long enough for the scheduler to give other processes their turns."""
_MOST_WRONG: Final = 20.0
"""By how much one step may correct the estimate of the others."""
REFERENCE_GFLOPS: Final = 15.0
"""The speed of the float64 reference, on all cores."""
PROBE_S: Final = 20.0
"""LoadGen on one backend and one scenario, until its p99 has its 662 queries, at 50 a second and half as long again."""
RUNTIME_MIB: Final = {"onnxruntime": 150, "openvino": 165, "torch": 300, "tensorflow": 770}
"""A worker's memory without the network's weights: resident at batch 32 in the runs of docs/example (615, 632, 767 and
1,234 MiB), less the file that all share and a copy of it, 233 MiB each."""
OTHER_MIB: Final = 300
_MIB: Final = 2**20


class Estimate:
    """What a run will take, made before it begins and corrected by what its steps really took."""

    def __init__(self, config: RunConfig, rows: list[Row], run_inputs: RunInputs) -> None:
        self._config, self._inputs = config, run_inputs
        self._there = [row for row in rows if not row.absent]
        machine = machine_now()
        self._core = machine.gflops_a_core
        self._slowness = machine.slowness
        self._spent = 0.0

    @property
    def loading_s(self) -> float:
        """Starting all workers: in parallel, so that each of them gets its share of a busy machine."""
        return max(len(self._there), self._slowness) * IMPORT_S

    @property
    def accuracy_s(self) -> float:
        """All images on every row."""
        return len(self._inputs.labels) * self._image_s() if self._config.accuracy else 0.0

    @property
    def parity_s(self) -> float:
        """The float64 reference, last of all."""
        if not self._config.accuracy or self._inputs.weights is None:
            return 0.0
        return PARITY_IMAGES * self._inputs.model.gflops / REFERENCE_GFLOPS * self._slowness

    @property
    def timing_s(self) -> float:
        """At most: the budget, or the least replicates, where these take longer."""
        config, count = self._config, len(self._there)
        if not config.performance:
            return 0.0
        calls_s = [size * self._image_s() / count for size in config.batch_sizes]
        replicate = replicate_s(config.level, count, calls_s, offline=config.offline, slowness=self._slowness)
        spent = self._spent or self.loading_s + self.accuracy_s
        return max(config.timing_s(spent), LEAST_REPLICATES * replicate)

    @property
    def loadgen_s(self) -> float:
        """Every scenario of LoadGen on every row."""
        config = self._config
        if not config.performance:
            return 0.0
        probes = 1 if config.latency_bound is None else 1 + PROBES
        return len(self._there) * len(config.generated) * max(PROBE_S, config.level.min_duration_s) * probes

    def words(self) -> str:
        """One line: about how long, how much memory, and of what."""
        parts = {
            "loading": self.loading_s,
            "accuracy": self.accuracy_s + self.parity_s,
            "timing at most": self.timing_s,
            "LoadGen": self.loadgen_s,
        }
        memory = f"{memory_mib(self._config, self._there, self._inputs):,} MiB"
        listed = ", ".join(f"{name} {duration_words(seconds)}" for name, seconds in parts.items() if seconds)
        return f"about {duration_words(sum(parts.values()))}, {memory}: {listed}{self._beyond_budget()}"

    def _beyond_budget(self) -> str:
        budget = self._config.budget
        if budget is None or self.timing_s <= budget:
            return ""
        return f" (--budget is {duration_words(budget)}; the fewest replicates take longer)"

    def loaded(self, seconds: float) -> str:
        """What is left after loading took so long; half of what it was wrong by is taken to hold for later loads.

        It says nothing of computing: importing waits for the disk.
        """
        self._slowness = max(1.0, self._slowness * math.sqrt(_ratio(seconds, self.loading_s)))
        self._spent = seconds
        return self._left(self.accuracy_s + self.timing_s + self.loadgen_s + self.parity_s)

    def answered(self, seconds: float) -> str:
        """What is left after all images took so long."""
        self._core /= _ratio(seconds, self.accuracy_s)
        self._spent += seconds
        return self._left(self.timing_s + self.loadgen_s + self.parity_s)

    def _left(self, seconds: float) -> str:
        return f"  about {duration_words(seconds)} left"

    def _image_s(self) -> float:
        """An image on every row, one after the other."""
        return sum(1 / row.system.threads for row in self._there) * self._inputs.model.gflops / self._core


def _ratio(took: float, expected: float) -> float:
    return min(max(took / expected, 1 / _MOST_WRONG), _MOST_WRONG) if expected else 1.0


def memory_mib(config: RunConfig, rows: list[Row], run_inputs: RunInputs) -> int:
    """What all workers hold at once, the A/A duplicate among them; a weights file that all map counts once.

    A batch counts beyond the 32 images of RUNTIME_MIB: at least a layer's inputs and outputs.
    """
    weights = 0.0 if run_inputs.weights is None else _size_mib(run_inputs.weights)
    batch = max(config.batch_sizes) if config.performance else min(config.batch_size, len(run_inputs.labels))
    images = max(0, batch - DEFAULT_BATCH_SIZE) * _image_mib(run_inputs.card.build_network())
    each = [
        RUNTIME_MIB.get(row.backend, OTHER_MIB)
        + (weights if row.artifact is None else _size_mib(Path(row.artifact.path)))
        + images
        for row in rows
    ]
    return round(weights + sum(each) + sum(each[:1] if config.performance else []))


def check_memory(config: RunConfig, rows: list[Row], run_inputs: RunInputs, said: str) -> None:
    """Refuse more systems than this machine has memory for. ``said``: the estimate of the run.

    Raises:
        UsageError: they do not fit.
    """
    there = [row for row in rows if not row.absent]
    free = available_memory() // _MIB
    if memory_mib(config, there, run_inputs) > free:
        raise UsageError(
            f"{_systems(len(there))} do not fit into memory: {free:,} MiB are free ({said});"
            f" {_fewer(len(there), config)}"
        )


def _systems(count: int) -> str:
    return f"{count} system{'' if count == 1 else 's'}"


def _fewer(count: int, config: RunConfig) -> str:
    """What to do where ``count`` systems are too many."""
    batch = "give a smaller --batch-size" if config.batch_size > DEFAULT_BATCH_SIZE else ""
    fewer = "name fewer, or split them into several runs" if count > 1 else ""
    return " or ".join(filter(None, (batch, fewer))) or "close other programs, or use a machine with more memory"


def _image_mib(network: Network) -> float:
    """The most that an image takes between two layers, what goes in and what comes out, in fp32."""
    values = [prod(network.input_shape), *map(prod, output_shapes(network).values())]
    return 4 * max(map(sum, pairwise(values))) / _MIB


def _size_mib(path: Path) -> float:
    return sum(one.stat().st_size for one in files_of(path)) / _MIB


@dataclass(frozen=True, slots=True)
class MachineNow:
    """How fast the machine is with whatever else it does: GFLOP/s of a core, and how much slower than alone."""

    gflops_a_core: float
    slowness: float


def machine_now() -> MachineNow:
    """From matrix products on a thread per core over half a second: their rate, and how long each waited for its core.

    Each product is on one thread. BLAS's own threads would wait for each other, busily, wherever one of them has lost
    its core to another process: up to half as fast as a runtime is then, and other at every moment.
    """
    cores = usable_cores()
    with threadpools().threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(cores) as pool:
        found = list(pool.map(lambda _: _products(), range(cores)))
    rates, waits = zip(*found, strict=True)
    return MachineNow(OF_SGEMM * mean(rates), max(1.0, mean(waits)))


def _products() -> tuple[float, float]:
    """GFLOP/s of this thread, and how many times as long it takes as on a core of its own."""
    one = np.ones((SIDE, SIDE), np.float32)
    np.matmul(one, one)  # loads the library
    products, start, cpu = 0, time.perf_counter(), time.thread_time()
    while (took := time.perf_counter() - start) < TRIAL_S or not products:
        np.matmul(one, one)
        products += 1
    return products * 2 * SIDE**3 / 1e9 / took, took / max(time.thread_time() - cpu, took / _MOST_WRONG)
