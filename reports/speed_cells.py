"""Cells of the tables about speed: latency, images/s by batch size, layers, load generation, noise."""

from collections.abc import Callable

from alexbench.harness.records import BackendRecord, RunRecord
from alexbench.harness.speed_records import Generated, Latency, Performance, Throughput
from alexbench.reports.table import Table
from alexbench.reports.wording import ABSENT


def speed_tables(record: RunRecord) -> list[Table]:
    """The tables that this run filled."""
    rows = [(entry.name, entry.performance) for entry in record.backends if entry.performance is not None]
    if not rows:
        return []
    made = [_latency(record.backends), _throughput(rows), _layers(rows), _generated(rows), _noise(rows)]
    return [table for table in made if len(table.headings) > 1]


def _latency(entries: tuple[BackendRecord, ...]) -> Table:
    """Batch 1. Nothing but p50 where the samples carry no more."""
    rows = [(entry, entry.performance) for entry in entries if entry.performance is not None]
    table = Table("Latency, batch 1")
    table.add("backend", [entry.name for entry, _ in rows], numeric=False)

    def add(heading: str, cell: Callable[[Latency], str]) -> None:
        table.add(heading, [cell(speed.latency) for _, speed in rows])

    add("p50 ms", lambda found: f"{found.p50_ms:.2f}")
    add("p90", lambda found: _known(found.p90_ms, 2))
    add("p95", lambda found: _known(found.p95_ms, 2))
    add("p99", lambda found: _known(found.p99_ms, 2))
    add("samples", lambda found: str(found.samples))
    add("blocks", lambda found: str(found.blocks))
    add("processes", lambda found: str(found.processes) if found.processes > 1 else ABSENT)
    add("CPU ms", lambda found: _known(found.cpu_ms, 1))
    add("J", lambda found: _known(found.joules, 3))
    table.add("on device, ms", [ABSENT if (on := speed.resident) is None else f"{on.p50_ms:.2f}" for _, speed in rows])
    table.add("load s", [_known(entry.load_s, 2) for entry, _ in rows])
    table.add("first ms", [_known(entry.first_inference_ms, 1) for entry, _ in rows])
    return table


def _throughput(rows: list[tuple[str, Performance]]) -> Table:
    """One column a batch size, then the runtime's own way of many batches at once."""
    table = Table("Images/s by batch size")
    sizes = sorted({one.batch_size for _, speed in rows for one in speed.sweep})
    if len(sizes) < 2 and not any(speed.offline for _, speed in rows):
        return table
    table.add("backend", [name for name, _ in rows], numeric=False)
    for size in sizes:
        found = [next((one for one in speed.sweep if one.batch_size == size), None) for _, speed in rows]
        table.add(f"batch {size}", [ABSENT if one is None else _rate(one) for one in found])
    offline = [speed.offline for _, speed in rows]
    table.add("many at once", [ABSENT if one is None else _rate(one) for one in offline])
    table.add("batch", [ABSENT if one is None else str(one.batch_size) for one in offline])
    table.add("how", [ABSENT if one is None else one.way for one in offline], numeric=False)
    return table


def _layers(rows: list[tuple[str, Performance]]) -> Table:
    """Milliseconds an inference of each group of layers, by the runtime's own profiler."""
    table = Table("Layers, ms an inference at batch 1, by each runtime's own profiler")
    profiled = [(name, speed.layers_ms) for name, speed in rows if speed.layers_ms]
    table.add("backend", [name for name, _ in profiled], numeric=False)
    for group in dict.fromkeys(group for _, layers in profiled for group in layers):
        table.add(group, [_known(layers.get(group), 2) for _, layers in profiled])
    table.add("sum", [f"{sum(layers.values()):.2f}" for _, layers in profiled])
    return table


def _generated(rows: list[tuple[str, Performance]]) -> Table:
    """What LoadGen measured, a line a backend and scenario."""
    table = Table("MLPerf LoadGen")
    found = [(name, one) for name, speed in rows for one in speed.generated]
    table.add("backend", [name for name, _ in found], numeric=False)

    def add(heading: str, cell: Callable[[Generated], str], *, numeric: bool = True) -> None:
        table.add(heading, [cell(one) for _, one in found], numeric=numeric)

    add("scenario", _scenario, numeric=False)
    add("asked, queries/s", lambda one: _known(one.target_rate, 1))
    add("samples/s", lambda one: f"{one.rate:.1f}")
    add("p50 ms", lambda one: _known(one.p50_ms, 2))
    add("p90", lambda one: _known(one.p90_ms, 2))
    add("p99", lambda one: _known(one.p99_ms, 2))
    add("queries", lambda one: str(one.queries))
    add("bound ms", lambda one: _known(one.bound_ms, 1))
    add("highest load", _highest)
    add("verdict", lambda one: "VALID" if one.valid else "INVALID: " + "; ".join(one.reasons), numeric=False)
    return table


def _noise(rows: list[tuple[str, Performance]]) -> Table:
    """The certificates."""
    table = Table("Noise certificates")
    certified = [(name, speed.noise) for name, speed in rows if speed.noise is not None]
    table.add("backend", [name for name, _ in certified], numeric=False)
    table.add("drift", [_percent(one.drift) for _, one in certified])
    table.add("between blocks", [_percent(one.deviation) for _, one in certified])
    table.add("steal", [_percent(one.steal) for _, one in certified])
    table.add("others' CPU", [_percent(one.foreign) for _, one in certified])
    table.add("throttled", [ABSENT if one.throttled is None else str(one.throttled) for _, one in certified])
    table.add("", ["; ".join(one.failed) or "quiet" for _, one in certified], numeric=False)
    return table


def _known(value: float | None, digits: int) -> str:
    return ABSENT if value is None else f"{value:.{digits}f}"


def _percent(share: float | None) -> str:
    return ABSENT if share is None else f"{100 * share:.1f} %"


def _rate(found: Throughput) -> str:
    return f"{found.images_per_second:.1f} ({found.low:.0f}-{found.high:.0f})"


def _scenario(one: Generated) -> str:
    return f"{one.scenario}, {one.samples_per_query} a query" if one.scenario == "MultiStream" else one.scenario


def _highest(one: Generated) -> str:
    if one.bound_ms is None:
        return ABSENT
    if one.highest is None:
        return "none"
    return f"{one.highest:.0f} samples" if one.scenario == "MultiStream" else f"{one.highest:.1f} queries/s"
