"""Layer times in TensorFlow: the operators in its profiler's trace, by layer.

``tensorflow`` is an argument, or is imported inside the functions only.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any, Final

from alexbench.backends._shared.profiles import WARM_UP, layer_of, medians, summed
from alexbench.harness.models.network import Network

INFERENCE: Final = "alexbench inference"
OPERATOR: Final = re.compile(r"([^:\s]+):(\w+)")
"""The executor's names of what it ran: ``conv1/Conv2D:_FusedConv2D``, the node and the kernel's operator."""
MILLISECONDS_A_PICOSECOND: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Event:
    """One entry of a trace. All threads share one clock."""

    name: str
    start_ps: int
    duration_ps: int


def profile(tf: ModuleType, network: Network, predict: Callable[[], object], *, repeats: int) -> dict[str, float]:
    """Milliseconds by layer of ``predict``; empty if this TensorFlow lacks the reader of its own trace."""
    try:
        from tensorflow.tsl.profiler.protobuf.xplane_pb2 import XSpace
    except ImportError:  # TensorFlow does not guarantee this name; it has changed once
        return {}
    for _ in range(WARM_UP):
        predict()
    with TemporaryDirectory() as folder:
        tf.profiler.experimental.start(folder)
        try:
            for number in range(repeats):
                with tf.profiler.experimental.Trace(INFERENCE, step_num=number):
                    predict()
        finally:
            tf.profiler.experimental.stop()
        (trace,) = Path(folder).rglob("*.xplane.pb")
        space = XSpace.FromString(trace.read_bytes())
    return medians(layer_times(network, list(events(space))))


def events(space: Any) -> Iterator[Event]:
    """The events of an ``XSpace`` on all threads of the host."""
    for plane in space.planes:
        if not plane.name.startswith("/host:CPU"):
            continue
        for line in plane.lines:
            for event in line.events:
                name = plane.event_metadata[event.metadata_id].name
                yield Event(name, line.timestamp_ns * 1000 + event.offset_ps, event.duration_ps)


def layer_times(network: Network, trace: Iterable[Event]) -> list[dict[str, float]]:
    """Milliseconds by layer of each inference of a trace. Its operators are those that began during it."""
    trace = sorted(trace, key=lambda event: event.start_ps)
    inferences = [event for event in trace if event.name == INFERENCE]
    return [
        summed(
            (layer_of(network, match[1], match[2]), event.duration_ps * MILLISECONDS_A_PICOSECOND)
            for event in trace
            if 0 <= event.start_ps - inference.start_ps < inference.duration_ps
            and (match := OPERATOR.fullmatch(event.name))
        )
        for inference in inferences
    ]
