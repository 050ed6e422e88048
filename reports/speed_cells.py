"""Cells of the tables about speed: latency, images/s by batch size, layers, load generation, noise."""

from collections.abc import Callable, Sequence
from typing import Final

from alexbench.harness.records import BackendRecord
from alexbench.harness.speed_records import Generated, Latency, Noise, Performance, Throughput
from alexbench.reports.table import Table
from alexbench.reports.wording import ABSENT

_GUILTY: Final = {
    "no steady state": "drift",
    "blocks deviate": "deviation",
    "images/s are known": "images/s",
    "the hypervisor": "steal",
    "other processes": "others' CPU",
    "a core was throttled": "throttled",
    "the A/A control": "A/A control",
}
"""How a sentence of a failed certificate begins -> the heading of what failed; the sentence is among the remarks."""


def speed_tables(entries: Sequence[BackendRecord]) -> list[Table]:
    """The tables about speed of these rows, in their order; without columns where a run filled none."""
    rows = [(entry.name, entry.performance) for entry in entries if entry.performance is not None]
    generated = _by_scenario(rows)
    return [
        *(_latency(rows), _throughput(rows), _layers(rows)),
        *(_generated(generated), _highest(generated), _noise(rows)),
    ]


def rate(images_per_second: float, low: float, high: float) -> str:
    """Images/s and their bounds, which on a quiet machine are less than 1 apart."""
    return f"{images_per_second:.1f} ({low:.1f}-{high:.1f})"


def _latency(rows: list[tuple[str, Performance]]) -> Table:
    """Batch 1. Nothing but p50 where the samples carry no more."""
    table = Table("Latency, batch 1")
    table.add("backend", [name for name, _ in rows], numeric=False)

    def add(heading: str, cell: Callable[[Latency], str]) -> None:
        table.add(heading, [cell(speed.latency) for _, speed in rows])

    add("p50 ms", lambda found: f"{found.p50_ms:.2f}")
    add("p90", lambda found: _known(found.p90_ms, 2))
    add("p95", lambda found: _known(found.p95_ms, 2))
    add("p99", lambda found: _known(found.p99_ms, 2))
    table.add("on device ms", [ABSENT if (on := speed.resident) is None else f"{on.p50_ms:.2f}" for _, speed in rows])
    add("CPU ms", lambda found: _known(found.cpu_ms, 1))
    add("J", lambda found: _known(found.joules, 3))
    add("samples (blocks)", lambda found: f"{found.samples} ({found.blocks})")
    several = any(speed.latency.processes > 1 for _, speed in rows)
    add("processes", lambda found: str(found.processes) if several else ABSENT)
    return table


def _throughput(rows: list[tuple[str, Performance]]) -> Table:
    """One column a batch size, then the runtime's own way of many batches at once."""
    table = Table("Images/s by batch size")
    sizes = sorted({one.batch_size for _, speed in rows for one in speed.sweep})
    streamed = sorted({speed.offline.batch_size for _, speed in rows if speed.offline is not None})
    if len(sizes) < 2 and not streamed:
        return table
    table.add("backend", [name for name, _ in rows], numeric=False)

    def add(heading: str, found: list[Throughput | None]) -> None:
        table.add(heading, [ABSENT if one is None else rate(one.images_per_second, one.low, one.high) for one in found])

    for size in sizes:
        add(f"batch {size}", [next((one for one in speed.sweep if one.batch_size == size), None) for _, speed in rows])
    offline = [speed.offline for _, speed in rows]
    for size in streamed:
        add(
            f"many at once, batch {size}",
            [one if one is not None and one.batch_size == size else None for one in offline],
        )
    table.add("inferences at once", [ABSENT if one is None else one.streams for one in offline])
    return table


def _layers(rows: list[tuple[str, Performance]]) -> Table:
    """Milliseconds an inference of each group of layers; a group that its profiler has no time for is absent."""
    table = Table("Layers at batch 1, ms by each runtime's own profiler")
    profiled = [(name, speed.layers_ms) for name, speed in rows if speed.layers_ms]
    table.add("backend", [name for name, _ in profiled], numeric=False)
    for group in dict.fromkeys(group for _, layers in profiled for group in layers):
        table.add(group, [_known(layers.get(group) or None, 2) for _, layers in profiled])
    table.add("sum", [f"{sum(layers.values()):.2f}" for _, layers in profiled])
    return table


def _by_scenario(rows: list[tuple[str, Performance]]) -> list[tuple[str, Generated]]:
    """All that LoadGen measured, the backends of a scenario together."""
    every = [(name, one) for name, speed in rows for one in speed.generated]
    scenarios = dict.fromkeys(one.scenario for _, one in every)
    return [(name, one) for scenario in scenarios for name, one in every if one.scenario == scenario]


def _generated(found: list[tuple[str, Generated]]) -> Table:
    """What LoadGen measured; why a row is INVALID is among the remarks."""
    versions = {one.loadgen for _, one in found if one.loadgen}
    table = Table(" ".join(["MLPerf LoadGen", *sorted(versions)]))

    def add(heading: str, cell: Callable[[Generated], str], *, numeric: bool = True) -> None:
        table.add(heading, [cell(one) for _, one in found], numeric=numeric)

    add("scenario", _scenario, numeric=False)
    table.add("backend", [name for name, _ in found], numeric=False)
    add("target queries/s", lambda one: _known(one.target_rate, 1))
    add("samples/s", lambda one: f"{one.rate:.1f}")
    add("p50 ms", lambda one: _known(one.p50_ms, 2))
    add("p90", lambda one: _known(one.p90_ms, 2))
    add("p99", lambda one: _known(one.p99_ms, 2))
    add("queries", lambda one: str(one.queries))
    add("verdict", lambda one: "VALID" if one.valid else "INVALID", numeric=False)
    return table


def _highest(found: list[tuple[str, Generated]]) -> Table:
    """The answer to ``--latency-bound``, where it was asked for."""
    found = [(name, one) for name, one in found if one.bound_ms is not None]
    table = Table("Highest load within the latency bound")
    table.add("scenario", [one.scenario for _, one in found], numeric=False)
    table.add("backend", [name for name, _ in found], numeric=False)
    table.add("p99 at most, ms", [_known(one.bound_ms, 1) for _, one in found])
    table.add("highest load", [_load(one) for _, one in found])
    table.add("loads tried", [str(len(one.probes)) if one.probes else ABSENT for _, one in found])
    return table


def _noise(rows: list[tuple[str, Performance]]) -> Table:
    """What was unusual about the rows and the machine."""
    table = Table("Noise checks")
    certified = [(name, speed.noise) for name, speed in rows if speed.noise is not None]
    table.add("backend", [name for name, _ in certified], numeric=False)
    table.add("drift", [_percent(one.drift) for _, one in certified])
    table.add("deviation", [_percent(one.deviation) for _, one in certified])
    table.add("steal", [_percent(one.steal) for _, one in certified])
    table.add("others' CPU", [_percent(one.foreign) for _, one in certified])
    table.add("throttled", [ABSENT if one.throttled is None else str(one.throttled) for _, one in certified])
    table.add("verdict", [_verdict(one) for _, one in certified], numeric=False)
    return table


def _verdict(noise: Noise) -> str:
    """What is beyond its limit, by heading."""
    found = (next((word for start, word in _GUILTY.items() if one.startswith(start)), "other") for one in noise.failed)
    return ", ".join(dict.fromkeys(found)) or "quiet"


def _known(value: float | None, digits: int) -> str:
    return ABSENT if value is None else f"{value:.{digits}f}"


def _percent(share: float | None) -> str:
    return ABSENT if share is None else f"{100 * share:.1f} %"


def _scenario(one: Generated) -> str:
    return f"{one.scenario}, {one.samples_per_query} a query" if one.scenario == "MultiStream" else one.scenario


def _load(one: Generated) -> str:
    if one.highest is None:
        return "none"
    return f"{one.highest:.0f} samples a query" if one.scenario == "MultiStream" else f"{one.highest:.1f} queries/s"
