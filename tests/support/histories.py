"""A history of runs that never ran."""

from alexbench.reports.history.series import METRICS, Change, History, Point, Series

KEY = {"machine": "d2b54b080d1f", "model": "torchvision", "weights": "abab", "artifact": "", "ran as": "cpu, 2 threads"}
POINTS = tuple(
    Point(
        run=f"run-{day}",
        started=f"2026-11-{day:02}T03:00:00+00:00",
        version="1.0" if day < 4 else "2.0",
        environment="e1",
        news=("torch 1.0 -> 2.0", "a 1 -> 2", "b 1 -> 2", "c 1 -> 2") if day == 4 else (),
        value=10.0 if day < 4 else 11.0,
        low=9.5,
        high=11.5,
        marks=("noisy",) if day == 6 else (),
        counts=day != 6,
        change=None if day in (1, 6) else 10.0 if day == 4 else 0.0,
    )
    for day in range(1, 8)
)
CHANGE = Change("run-4", POINTS[3].started, "2.0", POINTS[3].news, 10.0, 11.0, 10.0, better=False, p=1e-5,
                points_before=3, points_after=3)  # fmt: skip
SPEED = Series(
    METRICS["latency_p50_ms"], "torch", "torch threads=2", KEY, synthetic=True, points=POINTS, changes=(CHANGE,)
)
HISTORY = History("runs", 7, (SPEED,), ("not joined: $x^2$",), ("left out: [bold]damaged[/bold]",))
