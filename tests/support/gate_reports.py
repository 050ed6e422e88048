"""Reports of gates that nobody ran."""

from dataclasses import replace

from alexbench.harness.records.gate_records import GateReport, GateSide, Judged, Rule
from alexbench.harness.records.reasons import Reason
from tests.support.records import reasons

LATENCY = Rule("latency_p50_ms", 5.0, "lower-is-better", "paired", required=True)
SLOW = Judged(
    "torch",
    LATENCY,
    "FAIL",
    base=20.0,
    head=24.0,
    change=20.0,
    low=18.5,
    high=21.5,
    mode="paired",
    why=reasons("both times"),
)
FINE = Judged(
    "torch",
    Rule("top1", 0.1, "higher-is-better", "exact", required=True),
    "PASS",
    base=57.0,
    head=57.1,
    change=0.1,
    low=-0.2,
    high=0.4,
    mode="exact",
    why=(Reason("lost"), Reason("gained", count=1, total=1000)),
)
MEMORY = Judged(
    "torch",
    Rule("peak_rss_mib", 20.0, "lower-is-better", "value", required=False),
    "FAIL",
    base=500.0,
    head=900.0,
    change=80.0,
    mode="value",
)


def gate_report(*judged: Judged, **changes: object) -> GateReport:
    side = GateSide("runs/a", "2026-11-21", "0.2.0", {"torch": "2.13.0"})
    found = GateReport(
        base=side,
        head=replace(side, name="runs/b"),
        policy="built-in",
        model="torchvision",
        data="1000 images",
        synthetic=True,
        judged=judged,
    )
    return replace(found, **changes)  # type: ignore[arg-type]
