"""A search that never was."""

from typing import Any, Final

from alexbench.harness.records.reasons import Reason
from alexbench.harness.records.tuning_records import Figure, MadeFor, Tried, Tuning, Winner

MADE_FOR: Final = MadeFor("openvino", "openvino 2026.4", "digest", "weights", "torchvision", "fp32", 2, 32)
STREAMS: Final = (("NUM_STREAMS", "2"),)
STATIC: Final = (("reshape", "static"),)
TRIED: Final = (
    Tried((), "measured", stages=3, p50_ms=Figure(20.0, 19.0, 21.0), images_per_second=Figure(80.0, 79.0, 81.0)),
    Tried(STREAMS, "measured", stages=3, p50_ms=Figure(30.0, 29.0, 31.0), images_per_second=Figure(90.0, 89.0, 91.0)),
    Tried(STATIC, "measured", stages=2, p50_ms=Figure(19.0, 18.0, 20.0), images_per_second=Figure(81.0, 80.0, 82.0)),
    Tried((("x", "1"),), "failed", Reason("candidate_failed", text="it ended with signal 9")),
    Tried((("y", "1"),), "wrong", Reason("other_scores", measured=0.1, limit=1e-4)),
    Tried((("compile", "default"),), "left_out", Reason("needs", text="a C++ compiler")),
)


def tuning(*, latency: Any = STATIC, rate: Any = STREAMS, **changes: Any) -> Tuning:
    """Different winners by each measure."""
    from dataclasses import replace

    winners = (Winner("latency", latency), Winner("images/s", rate))
    return replace(Tuning(MADE_FOR, "2026-11-30T12:00:00+00:00", 41.5, winners, TRIED), **changes)
