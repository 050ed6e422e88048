"""Tables about speed: latency, images/s by batch size, layers, load generation, noise."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from alexbench.harness.records.reasons import Code
from alexbench.harness.records.speed_records import Generated, Noise, Throughput
from alexbench.reports.columns import BY_NAME, LATENCY, NOISE, Column, show, table_of
from alexbench.reports.rows import Row
from alexbench.reports.table import Cell, Table, interval, number
from alexbench.reports.text.wording import ABSENT

_GUILTY: Final[Mapping[Code, str]] = {
    "drift": "drift",
    "deviation": "deviation",
    "rate_interval": "FPS",
    "steal": "steal",
    "foreign": "others' CPU",
    "throttled": "throttled",
    "control": "A/A control",
}
"""Noise check -> its heading; its words are among the remarks."""


def speed_tables(rows: Sequence[Row]) -> list[Table]:
    """The tables about speed of these rows, in their order; without columns where a run filled none."""
    generated = _by_scenario(rows)
    return [
        table_of("Latency, batch 1", "latency", rows, LATENCY),
        *(_throughput(rows), _layers(rows), _generated(generated), _highest(generated)),
        table_of("Noise checks", "noise", rows, (*NOISE, _VERDICT)),
    ]


def _verdict(noise: Noise) -> str:
    """What is beyond its limit, by heading."""
    found = (_GUILTY.get(one.code, "other") for one in noise.failed)
    return ", ".join(dict.fromkeys(found)) or "quiet"


def _noise_verdict(row: Row) -> str | None:
    speed = row.entry.performance
    return None if speed is None or speed.noise is None else _verdict(speed.noise)


_VERDICT: Final = Column("verdict", str, _noise_verdict, heading="verdict")


def _throughput(rows: Sequence[Row]) -> Table:
    """One column a batch size, then the runtime's own way of many batches at once."""
    table = Table("FPS by batch size", "throughput")
    speeds = [(row, row.entry.performance) for row in rows]
    timed = [(row, speed) for row, speed in speeds if speed is not None]
    sizes = sorted({one.batch_size for _, speed in timed for one in speed.sweep})
    streamed = sorted({speed.offline.batch_size for _, speed in timed if speed.offline is not None})
    if len(sizes) < 2 and not streamed:
        return table
    table.add("system", [row.entry.name for row, _ in timed], numeric=False)
    for size in sizes:
        found = [next((one for one in speed.sweep if one.batch_size == size), None) for _, speed in timed]
        table.add(f"batch {size}", [_rate(one) for one in found])
    for size in streamed:
        offline = [speed.offline for _, speed in timed]
        cells = [_rate(one if one is not None and one.batch_size == size else None) for one in offline]
        table.add(f"many at once, batch {size}", cells, explanation=_MANY)
    streams = BY_NAME["offline_streams"]
    show(table, streams, [streams.cell(row) for row, _ in timed])
    return table


_MANY: Final = "many at once: FPS with several batches in flight; the remarks name each runtime's method."


def _rate(found: Throughput | None) -> Cell:
    """FPS and its bounds, which on a quiet machine are less than 1 apart."""
    if found is None:
        return Cell(ABSENT)
    return number(found.images_per_second, 1, interval(f"{found.low:.1f}", f"{found.high:.1f}"))


def _layers(rows: Sequence[Row]) -> Table:
    """Milliseconds an inference of each group of layers; a group that its profiler has no time for is absent."""
    table = Table("Layers at batch 1, ms by each runtime's own profiler", "layers")
    table.explanation = (
        "Layers: each includes the operations up to the next layer. Profiled in a separate pass after all timing."
    )
    speeds = [(row.entry.name, row.entry.performance) for row in rows]
    profiled = [(name, speed.layers_ms) for name, speed in speeds if speed is not None and speed.layers_ms]
    table.add("system", [name for name, _ in profiled], numeric=False)
    for group in dict.fromkeys(group for _, layers in profiled for group in layers):
        table.add(group, [number(layers.get(group) or None, 2) for _, layers in profiled])
    table.add("sum", [number(sum(layers.values()), 2) for _, layers in profiled])
    return table


def _by_scenario(rows: Sequence[Row]) -> list[tuple[str, Generated]]:
    """All that LoadGen measured, the backends of a scenario together."""
    speeds = [(row.entry.name, row.entry.performance) for row in rows]
    every = [(name, one) for name, speed in speeds if speed is not None for one in speed.generated]
    scenarios = dict.fromkeys(one.scenario for _, one in every)
    return [(name, one) for scenario in scenarios for name, one in every if one.scenario == scenario]


def _generated(found: list[tuple[str, Generated]]) -> Table:
    """What LoadGen measured; why a row is INVALID is among the remarks."""
    versions = {one.loadgen for _, one in found if one.loadgen}
    table = Table(" ".join(["MLPerf LoadGen", *sorted(versions)]), "loadgen")
    table.explanation = "LoadGen: latency of a query; in Server, from its scheduled arrival."

    def add(heading: str, cell: Callable[[Generated], Cell], explanation: str = "") -> None:
        table.add(heading, [cell(one) for _, one in found], explanation=explanation)

    percentiles = BY_NAME["latency_p90_ms"].explanation
    table.add("scenario", [_scenario(one) for _, one in found], numeric=False)
    table.add("system", [name for name, _ in found], numeric=False)
    add("target queries/s", lambda one: number(one.target_rate, 1))
    add("FPS", lambda one: number(one.rate, 1))
    add("p50 ms", lambda one: number(one.p50_ms, 2))
    add("p90", lambda one: number(one.p90_ms, 2), percentiles)
    add("p99", lambda one: number(one.p99_ms, 2), percentiles)
    add("queries", lambda one: number(one.queries, 0))
    table.add("verdict", ["VALID" if one.valid else "INVALID" for _, one in found], numeric=False)
    return table


def _highest(found: list[tuple[str, Generated]]) -> Table:
    """The answer to ``--latency-bound``, where it was asked for."""
    found = [(name, one) for name, one in found if one.bound_ms is not None]
    table = Table("Highest load within the latency bound", "highest-load")
    table.add("scenario", [one.scenario for _, one in found], numeric=False)
    table.add("system", [name for name, _ in found], numeric=False)
    table.add("p99 at most, ms", [number(one.bound_ms, 1) for _, one in found])
    table.add("highest load", [_load(one) for _, one in found], explanation=_HIGHEST)
    table.add("loads tried", [number(len(one.probes) or None, 0) for _, one in found])
    return table


_HIGHEST: Final = "highest load: the largest whose p99 stayed within the bound twice."


def _scenario(one: Generated) -> str:
    return f"{one.scenario}, {one.samples_per_query} a query" if one.scenario == "MultiStream" else one.scenario


def _load(one: Generated) -> Cell:
    if one.highest is None:
        return Cell("none")
    in_samples = one.scenario == "MultiStream"
    return Cell(f"{one.highest:.0f} samples a query" if in_samples else f"{one.highest:.1f} queries/s", one.highest)
