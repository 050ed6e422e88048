"""How long a run will take, said before it begins: from the plan, and from how fast the machine is now."""

import time
from typing import Final

import numpy as np

from alexbench.harness.app.accuracy import PARITY_IMAGES
from alexbench.harness.app.config import RunConfig
from alexbench.harness.app.loads import PROBES
from alexbench.harness.app.material import Material
from alexbench.harness.app.row import Row
from alexbench.harness.measure.process import usable_cores
from alexbench.harness.measure.rigor import IMPORT_S, LEAST_REPLICATES, replicate_s

OF_SGEMM: Final = 0.7
"""What a runtime reaches at larger batches, as a share of NumPy's matrix product on as many cores: 0.6 to 0.9."""
SIDE: Final = 1024
PRODUCTS: Final = 5
REFERENCE_GFLOPS: Final = 15.0
"""Of the float64 reference, on all cores."""
PROBE_S: Final = 20.0
"""LoadGen on one backend and one scenario, until its p99 has its 662 queries, at 50 a second and half as long again."""


def estimate(config: RunConfig, rows: list[Row], material: Material) -> str:
    """One line: about how long, and of what."""
    count = sum(not row.missing for row in rows)
    parts = [f"loading {_said(count * IMPORT_S)}"]
    total = count * IMPORT_S
    gflops, rate = material.model.gflops, gflops_a_core() * config.threads
    if config.accuracy:
        seconds = count * len(material.labels) * gflops / rate
        seconds += PARITY_IMAGES * gflops / REFERENCE_GFLOPS if material.weights is not None else 0
        parts.append(f"accuracy on {len(material.labels)} pictures {_said(seconds)}")
        total += seconds
    if config.performance:
        calls_s = [size * gflops / rate for size in config.batch_sizes]
        replicate = replicate_s(config.level, count, calls_s, offline=config.offline)
        timing = max(config.timing_s(total), LEAST_REPLICATES * replicate)
        parts.append(f"timing {_said(timing)} at most")
        total += timing
        if config.generated:
            probes = 1 if config.latency_bound is None else 1 + PROBES
            each = max(PROBE_S, config.level.min_duration_s)
            loads = count * len(config.generated) * each * probes
            parts.append(f"LoadGen {_said(loads)}")
            total += loads
    backends = f"{count} backend{'' if count == 1 else 's'}"
    return f"about {_said(total)} at rigor {config.rigor}, {backends}: {', '.join(parts)}"


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
