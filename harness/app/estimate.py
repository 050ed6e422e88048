"""How long a run will take, said before it begins: of the plan, and of what the parts took on two cores."""

from typing import Final

from alexbench.harness.app.accuracy import PARITY_IMAGES
from alexbench.harness.app.config import RunConfig
from alexbench.harness.app.loads import PROBES
from alexbench.harness.app.material import Material
from alexbench.harness.app.row import Row
from alexbench.harness.measure.rigor import IMPORT_S, LEAST_REPLICATES, replicate_s

GFLOPS_A_CORE: Final = 80.0
"""At larger batches: 60 to 160 GFLOP/s a core on the machines that this was written on."""
REFERENCE_GFLOPS: Final = 15.0
"""Of the float64 reference, on all cores."""
PROBE_S: Final = 20.0
"""LoadGen on one backend and one scenario, until its p99 has its 662 queries, at 50 a second and half as long again."""


def estimate(config: RunConfig, rows: list[Row], material: Material) -> str:
    """One line: about how long, and of what."""
    count = sum(not row.missing for row in rows)
    parts = [f"loading {_said(count * IMPORT_S)}"]
    total = count * IMPORT_S
    gflops = material.model.gflops
    if config.accuracy:
        seconds = count * len(material.labels) * gflops / (GFLOPS_A_CORE * config.threads)
        seconds += PARITY_IMAGES * gflops / REFERENCE_GFLOPS if material.weights is not None else 0
        parts.append(f"accuracy on {len(material.labels)} pictures {_said(seconds)}")
        total += seconds
    if config.performance:
        calls_s = [size * gflops / (GFLOPS_A_CORE * config.threads) for size in config.batch_sizes]
        replicate = replicate_s(config.level, count, calls_s, offline=config.offline)
        timing = max(config.budget_s, LEAST_REPLICATES * replicate)
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


def _said(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds)):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
