"""TensorFlow's trace, cut into inferences and layers."""

from types import SimpleNamespace
from typing import Any

import pytest

from alexbench.backends.tensorflow_.profile import INFERENCE, Event, events, layer_times
from tests.support.toy_network import TOY

MS = 10**9  # picoseconds in a millisecond


def inference(start_ms: int, conv_ms: int) -> list[Event]:
    """As TensorFlow 2.21 names what it does: operators are ``node:Operator``."""
    start = start_ms * MS
    return [
        Event(INFERENCE, start, 50 * MS),
        Event("EagerLocalExecute: __inference_forward_112", start + MS, 48 * MS),
        Event("ExecutorState::Process", start + MS, 40 * MS),
        Event("conv1/BiasAdd/ReadVariableOp:ReadVariableOp", start + MS, MS),
        Event("relu1/Relu:_MklNativeFusedConv2D", start + 2 * MS, conv_ms * MS),
        Event("norm1/LRN:LRN", start + 20 * MS, 3 * MS),
        Event("_SOURCE:NoOp", start + 30 * MS, 2 * MS),
    ]


def test_operators_are_added_by_layer_and_all_else_is_left_out() -> None:
    (times,) = layer_times(TOY, inference(0, 7))
    assert times == pytest.approx({"conv1": 8.0, "norm1": 3.0, "": 2.0})


def test_an_operator_belongs_to_the_inference_that_it_began_in() -> None:
    """Threads are listed one after the other, so that the trace is in no order."""
    trace = [*inference(100, 9), *inference(0, 7), Event("norm1/LRN:LRN", 60 * MS, MS)]
    assert [times["conv1"] for times in layer_times(TOY, trace)] == pytest.approx([8.0, 10.0])


def test_only_the_hosts_plane_is_read_and_its_threads_have_one_clock() -> None:
    def plane(name: str, *lines: Any) -> SimpleNamespace:
        return SimpleNamespace(name=name, lines=lines, event_metadata={4: SimpleNamespace(name="norm1/LRN:LRN")})

    def line(timestamp_ns: int) -> SimpleNamespace:
        ran = SimpleNamespace(metadata_id=4, offset_ps=5, duration_ps=6)
        return SimpleNamespace(timestamp_ns=timestamp_ns, events=[ran])

    space = SimpleNamespace(planes=[plane("/host:CPU", line(1), line(2)), plane("/device:GPU:0", line(3))])
    assert list(events(space)) == [Event("norm1/LRN:LRN", 1005, 6), Event("norm1/LRN:LRN", 2005, 6)]
