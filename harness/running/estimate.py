"""How long a run will take and how much memory, said before it begins: from the plan and the machine as it is now."""

import time
from pathlib import Path
from typing import Final

import numpy as np
import psutil

from alexbench.harness.config import RunConfig
from alexbench.harness.errors import UsageError
from alexbench.harness.inputs.gathering import RunInputs
from alexbench.harness.inputs.model_files import files_of
from alexbench.harness.measure.process import usable_cores
from alexbench.harness.measure.rigor import IMPORT_S, LEAST_REPLICATES, replicate_s
from alexbench.harness.running.accuracy import PARITY_IMAGES
from alexbench.harness.running.row import Row
from alexbench.harness.running.timing.loads import PROBES

OF_SGEMM: Final = 0.7
"""What a runtime reaches at larger batches, as a share of NumPy's matrix product on as many cores: 0.6 to 0.9."""
SIDE: Final = 1024
PRODUCTS: Final = 5
REFERENCE_GFLOPS: Final = 15.0
"""The speed of the float64 reference, on all cores."""
PROBE_S: Final = 20.0
"""LoadGen on one backend and one scenario, until its p99 has its 662 queries, at 50 a second and half as long again."""
RUNTIME_MIB: Final = {"onnxruntime": 150, "openvino": 165, "torch": 300, "tensorflow": 770}
"""A worker's memory without the network's weights: resident at batch 32 in the runs of docs/example (615, 632, 767 and
1,234 MiB), less the file that all share and a copy of it, 233 MiB each."""
OTHER_MIB: Final = 300
_MIB: Final = 2**20


def estimate(config: RunConfig, rows: list[Row], run_inputs: RunInputs) -> str:
    """One line: about how long, how much memory, and of what."""
    there = [row for row in rows if not row.absent]
    count = len(there)
    parts = [f"loading {_said(count * IMPORT_S)}"]
    total = count * IMPORT_S
    gflops, core = run_inputs.model.gflops, gflops_a_core()
    each = sum(1 / row.system.threads for row in there) * gflops / core  # an image on every row, one after the other
    if config.accuracy:
        seconds = len(run_inputs.labels) * each
        seconds += PARITY_IMAGES * gflops / REFERENCE_GFLOPS if run_inputs.weights is not None else 0
        parts.append(f"accuracy on {len(run_inputs.labels)} images {_said(seconds)}")
        total += seconds
    if config.performance:
        calls_s = [size * each / count for size in config.batch_sizes]
        replicate = replicate_s(config.level, count, calls_s, offline=config.offline)
        timing = max(config.timing_s(total), LEAST_REPLICATES * replicate)
        parts.append(f"timing {_said(timing)} at most")
        total += timing
        if config.generated:
            probes = 1 if config.latency_bound is None else 1 + PROBES
            loads = count * len(config.generated) * max(PROBE_S, config.level.min_duration_s) * probes
            parts.append(f"LoadGen {_said(loads)}")
            total += loads
    systems = f"{count} system{'' if count == 1 else 's'}"
    memory = f"{memory_mib(config, there, run_inputs):,} MiB"
    return f"about {_said(total)} and {memory} at rigor {config.rigor}, {systems}: {', '.join(parts)}"


def memory_mib(config: RunConfig, rows: list[Row], run_inputs: RunInputs) -> int:
    """What all workers hold at once, the A/A duplicate among them; a weights file that all map counts once."""
    weights = 0.0 if run_inputs.weights is None else _size_mib(run_inputs.weights)
    each = [
        RUNTIME_MIB.get(row.backend, OTHER_MIB)
        + (weights if row.artifact is None else _size_mib(Path(row.artifact.path)))
        for row in rows
    ]
    return round(weights + sum(each) + (each[0] if config.performance else 0))


def check_memory(config: RunConfig, rows: list[Row], run_inputs: RunInputs, said: str) -> None:
    """Refuse more systems than this machine has memory for. ``said``: the estimate of the run.

    Raises:
        UsageError: they do not fit.
    """
    there = [row for row in rows if not row.absent]
    free = psutil.virtual_memory().available // _MIB
    if memory_mib(config, there, run_inputs) > free:
        raise UsageError(
            f"{len(there)} systems do not fit into memory, {free:,} MiB are free ({said}); name fewer, or make several"
            " runs of them"
        )


def _size_mib(path: Path) -> float:
    return sum(one.stat().st_size for one in files_of(path)) / _MIB


def gflops_a_core() -> float:
    """How fast this machine is now, with whatever else it does: a matrix product of 0.02 s, five times."""
    one = np.ones((SIDE, SIDE), np.float32)
    np.matmul(one, one)  # loads the library
    start = time.perf_counter()
    for _ in range(PRODUCTS):
        np.matmul(one, one)
    return OF_SGEMM * PRODUCTS * 2 * SIDE**3 / 1e9 / (time.perf_counter() - start) / usable_cores()


def _said(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds)):.0f} s"
    # Half minutes: 92 s said as 2 min would be a third too long before anything else is.
    return f"{round(seconds / 30) / 2:g} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
