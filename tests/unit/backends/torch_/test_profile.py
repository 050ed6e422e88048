"""torch's operators count under the layer whose module called them; the ranges around them do not count."""

from types import SimpleNamespace
from typing import Any

import pytest

from alexbench.backends.torch_.profile import LAYER, layer_times


def event(name: str, microseconds: float, *children: Any) -> SimpleNamespace:
    took = SimpleNamespace(elapsed_us=lambda: microseconds)
    return SimpleNamespace(name=name, time_range=took, cpu_children=list(children))


def test_the_operators_of_a_layer_count_and_its_range_does_not() -> None:
    inner = event("aten::mkldnn_convolution", 990.0)
    layer = event(f"{LAYER}conv1", 1050.0, event("aten::conv2d", 1000.0, inner))
    assert layer_times(event("run", 2000.0, layer)) == pytest.approx({"conv1": 1.0})


def test_what_is_called_outside_the_layers_is_no_layers() -> None:
    run = event("run", 900.0, event("aten::to", 20.0), event(f"{LAYER}drop6", 30.0), event("aten::to", 5.0))
    assert layer_times(run) == pytest.approx({"": 0.025, "drop6": 0.0})
