"""The figures about speed besides latency: images/s by batch size, the roofline, time of each layer."""

from alexbench.harness.records.run_records import RunRecord, SystemRecord
from alexbench.harness.records.speed_records import Performance, Throughput
from alexbench.reports.columns import BYTES
from alexbench.reports.html import data
from alexbench.reports.html.figure import UNTIMED, Figure, Missing, colour, dash, quantity, shape, spec, tooltip


def throughput(record: RunRecord) -> Figure | Missing:
    """Images/s against batch size, with bounds; the runtime's own way of many at once as points."""
    key, title = "throughput", "Throughput against batch size"
    columns = (
        *(("system", "system"), ("way", "way"), ("batch", "batch size")),
        *(("rate", "images/s"), ("low", "low"), ("high", "high")),
    )
    speeds = _speeds(record)
    rows = [
        (entry.name, "one after the other" if one.way == "loop" else one.way, one.batch_size, *_bounds(one))
        for entry, speed in speeds
        for one in [*_sweep(speed), *([] if speed.offline is None else [speed.offline])]
    ]
    if not rows:
        return Missing(key, title, UNTIMED)
    sizes = sorted({row[2] for row in rows})
    if len(sizes) < 2:
        return Missing(key, title, "One batch size was measured; --rigor standard and above measure a sweep of them.")
    names = data.timed(record)
    by_doubling = {"type": "log", "base": 2, "nice": False, "padding": 16}
    loops = "datum.way === 'one after the other'"
    encoding = {
        "x": quantity("batch", "batch size", scale=by_doubling, axis={"values": sizes}),
        "color": colour(names),
        "tooltip": tooltip(columns),
    }
    rate = {"y": quantity("rate", "images/s", scale={"zero": True})}
    drawn = spec(
        encoding=encoding,
        layer=[
            {"mark": {"type": "rule"}, "encoding": {"y": quantity("low", "images/s"), "y2": {"field": "high"}}},
            {
                "transform": [{"filter": loops}],
                "mark": {"type": "line", "strokeWidth": 2},
                "encoding": {**rate, "strokeDash": dash(names)},
            },
            {
                "mark": {"type": "point", "size": 70, "strokeWidth": 2},
                "encoding": {
                    **rate,
                    "shape": shape(names),
                    "fill": {"condition": {"test": loops, "value": None}, **colour(names)},
                },
            },
        ],
    )
    said = (
        "Images over wall time of a steady window, with its bounds. Hollow points on lines: one batch after the other; "
        "filled points: each runtime's own way of many batches at once, where it has one."
    )
    return Figure(key, title, said, columns, tuple(rows), drawn)


def roofline(record: RunRecord) -> Figure | Missing:
    """Achieved GFLOP/s under what the machine reached in this run."""
    key, title = "roofline", "Roofline"
    speeds = _speeds(record)
    if not speeds:
        return Missing(key, title, UNTIMED)
    if record.ceiling is None or not (record.ceiling.kernels and record.ceiling.streams):
        return Missing(key, title, "This run did not measure what the machine can reach at most.")
    if not (record.model.macs and record.model.parameters):
        return Missing(key, title, "The record does not say how much the network computes.")
    peak, stream = record.ceiling.gflops_per_second, record.ceiling.gb_per_second
    columns = (
        *(("system", "system"), ("batch", "batch size"), ("intensity", "FLOP a byte")),
        *(("achieved", "GFLOP/s"), ("share", "share of the roof %")),
    )
    rows: list[tuple[str, int, float, float, float]] = []
    for entry, speed in speeds:
        precision = "fp32" if entry.effective is None else entry.effective.precision[0]
        for batch, rate in sorted({1: 1e3 / speed.latency.p50_ms, **_rates(speed)}.items()):
            read = BYTES.get(precision, 4) * record.model.parameters
            intensity, achieved = 2 * record.model.macs * batch / read, rate * record.model.gflops
            share = 100 * achieved / min(peak, stream * intensity)
            rows.append((entry.name, batch, round(intensity, 4), round(achieved, 3), round(share, 2)))
    low, high = min(row[2] for row in rows) / 2, max(row[2] for row in rows) * 2
    knee = peak / stream
    corners = sorted({low, min(max(knee, low), high), high})
    roof = [{"intensity": one, "achieved": min(peak, stream * one)} for one in corners]
    names = data.timed(record)
    logarithmic = {"type": "log", "nice": False}
    axis = quantity("intensity", "FLOP a byte of weights", scale={**logarithmic, "domain": [low, high]})
    encoding = {
        "x": axis,
        "y": quantity("achieved", "GFLOP/s", scale={**logarithmic, "padding": 12}),
    }
    drawn = spec(
        encoding=encoding,
        layer=[
            {"data": {"values": roof}, "mark": {"type": "line", "strokeWidth": 3, "color": "var(--muted)"}},
            {
                "mark": {"type": "point", "size": 70, "strokeWidth": 2},
                "encoding": {"color": colour(names), "shape": shape(names), "tooltip": tooltip(columns)},
            },
            {
                "mark": {"type": "text", "align": "left", "dx": 8, "dy": 9, "fontSize": 11},
                "encoding": {"text": {"field": "batch", "type": "nominal"}},
            },
        ],
    )
    said = (
        f"The grey roof is what anything reached on this machine meanwhile: {peak:.0f} GFLOP/s, and "
        f"{stream:.1f} GB/s from memory. Each point is a row at the batch size beside it. Its place to the right "
        "counts only the weights, read once a batch: with what else is moved it would stand farther left."
    )
    return Figure(key, title, said, columns, tuple(rows), drawn)


def layers(record: RunRecord) -> Figure | Missing:
    """Milliseconds of each group of layers."""
    key, title = "layers", "Time of each layer"
    columns = (("system", "system"), ("layer", "layers"), ("ms", "ms an inference"))
    rows = [
        (entry.name, layer, round(ms, 4)) for entry, speed in _speeds(record) for layer, ms in speed.layers_ms.items()
    ]
    if not rows:
        why = UNTIMED if not _speeds(record) else "No row was profiled; --rigor standard and above do that."
        return Missing(key, title, why)
    names = data.timed(record)
    order = list(dict.fromkeys(row[1] for row in rows))
    drawn = spec(
        height=max(220, 14 * len(order) * len({row[0] for row in rows}) + 8 * len(order)),
        mark={"type": "bar"},
        encoding={
            "y": {"field": "layer", "type": "nominal", "sort": order, "title": None},
            "yOffset": {"field": "system", "type": "nominal", "scale": {"domain": list(names)}},
            "x": quantity("ms", "ms an inference at batch 1"),
            "color": colour(names),
            "tooltip": tooltip(columns),
        },
    )
    said = (
        "By each runtime's own profiler at batch 1, in a pass of its own after all timing; a layer has with it what "
        "follows up to the next. In each group the bars stand in the order of the legend."
    )
    return Figure(key, title, said, columns, tuple(rows), drawn)


def _speeds(record: RunRecord) -> list[tuple[SystemRecord, Performance]]:
    return [(entry, entry.performance) for entry in record.systems if entry.performance is not None]


def _sweep(speed: Performance) -> list[Throughput]:
    """One batch after the other, by size; the configured one is not twice among them."""
    by_size = {one.batch_size: one for one in [speed.throughput, *speed.sweep]}
    return [by_size[size] for size in sorted(by_size)]


def _rates(speed: Performance) -> dict[int, float]:
    return {one.batch_size: one.images_per_second for one in _sweep(speed)}


def _bounds(one: Throughput) -> tuple[float, float, float]:
    return round(one.images_per_second, 3), round(one.low, 3), round(one.high, 3)
