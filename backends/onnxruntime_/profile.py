"""Layer times in ONNX Runtime: the kernel times of its own trace, by layer."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from alexbench.backends._shared.profiles import MILLISECONDS_A_MICROSECOND, WARM_UP, layer_of, medians, summed
from alexbench.harness.models.network import Network

KERNEL: Final = "_kernel_time"
INFERENCE: Final = "model_run"


def profile(
    network: Network, predict: Callable[[], object], end: Callable[[], str], *, repeats: int
) -> dict[str, float]:
    """Milliseconds by layer of ``predict``, whose session traces. ``end`` ends the trace and returns its path."""
    for _ in range(WARM_UP + repeats):
        predict()
    events = json.loads(Path(end()).read_text(encoding="utf-8"))
    return medians(layer_times(network, events)[-repeats:])


def layer_times(network: Network, events: Sequence[Mapping[str, Any]]) -> list[dict[str, float]]:
    """Milliseconds by layer of each inference in a trace. Its kernels precede its ``model_run``."""
    inferences: list[dict[str, float]] = []
    kernels: list[tuple[str, float]] = []
    for event in events:
        name = event["name"]
        if name == INFERENCE:
            inferences.append(summed(kernels))
            kernels = []
        elif name.endswith(KERNEL):
            layer = layer_of(network, name.removesuffix(KERNEL), event["args"]["op_name"])
            kernels.append((layer, event["dur"] * MILLISECONDS_A_MICROSECOND))
    return inferences
