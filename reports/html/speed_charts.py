"""Other speed charts than latency and the roofline: FPS by batch size, and the time of each layer."""

from typing import Final

from markupsafe import Markup

from alexbench.harness.records.run_records import RunRecord
from alexbench.harness.records.speed_records import Performance, Throughput
from alexbench.reports.html import svg
from alexbench.reports.html.figure import UNTIMED, Figure, Missing, legend, places, series, speeds, timed

_LOOP: Final = "one by one"
_CLOSE: Final = 0.06
"""A share of the width: labels nearer to each other would overlap."""


def throughput(record: RunRecord) -> Figure | Missing:
    """FPS against batch size, with intervals; the runtime's own way of many at once as filled points."""
    key, title = "throughput", "FPS by batch size"
    rows = [
        (entry.name, _LOOP if one.way == "loop" else one.way, one.batch_size, *_bounds(one))
        for entry, speed in speeds(record)
        for one in [*sweep(speed), *([] if speed.offline is None else [speed.offline])]
    ]
    if not rows:
        return Missing(key, title, UNTIMED)
    sizes = sorted({row[2] for row in rows})
    if len(sizes) < 2:
        return Missing(key, title, "One batch size was measured; --rigor standard and above measure several.")
    area = svg.frame(
        svg.logarithmic(sizes),
        svg.linear([row[5] for row in rows], zero=True),
        x_ticks=[(size, str(size)) for size in _apart(sizes)],
    )
    place = places(record)
    curves, above = [], []
    for name in timed(record):
        loops = sorted((row for row in rows if row[0] == name and row[1] == _LOOP), key=lambda row: row[2])
        curves.append(area.curve(f"line {series(place[name])}", [(row[2], row[3]) for row in loops]))
    for name, way, batch, rate, low, high in rows:
        said = f"{name}, batch {batch}, {way}: {rate:,.1f} FPS ({low:,.1f} to {high:,.1f})"
        above.append(svg.line(f"error s{place[name] % svg.COLOURS}", area.at(batch, low), area.at(batch, high)))
        above.append(svg.mark(*area.at(batch, rate), place[name], hollow=way == _LOOP, title=said))
    best = max(rows, key=lambda row: row[3])
    many = " Filled marks: many batches at once." if any(row[1] != _LOOP for row in rows) else ""
    said = (
        f"Most: {best[0]} with {best[3]:,.0f} FPS at batch {best[2]}. Lines with hollow marks: one batch after the"
        f" other, with intervals.{many}"
    )
    columns = ("system", "way", "batch size", "FPS", "low", "high")
    drawn = svg.plot(area, curves, above, x_title="batch size", y_title="FPS (images/s)")
    return Figure(key, title, said, columns, tuple(rows), drawn, legend(record, timed(record)))


def _apart(sizes: list[int]) -> list[int]:
    """Batch sizes whose labels do not overlap; the last is always among them."""
    scale = svg.logarithmic(sizes)
    kept = [sizes[-1]]
    for size in reversed(sizes[:-1]):
        if scale.share(kept[-1]) - scale.share(size) > _CLOSE:
            kept.append(size)
    return kept[::-1]


def layers(record: RunRecord) -> Figure | Missing:
    """Milliseconds of each group of layers, as dots: a row for each, so that systems stand on one line."""
    key, title = "layers", "Time of each layer"
    rows = [
        (entry.name, layer, round(ms, 4)) for entry, speed in speeds(record) for layer, ms in speed.layers_ms.items()
    ]
    if not rows:
        why = UNTIMED if not speeds(record) else "No system was profiled; --rigor standard and above do that."
        return Missing(key, title, why)
    place = places(record)
    scale = svg.linear([row[2] for row in rows], zero=True)
    lines = []
    for layer in dict.fromkeys(row[1] for row in rows):
        mine = [(name, ms) for name, one, ms in rows if one == layer]
        lines.append((layer, [_dot(scale, name, layer, ms, place[name]) for name, ms in mine]))
    slowest = max(rows, key=lambda row: row[2])
    said = (
        f"Slowest: {slowest[1]} of {slowest[0]}, {slowest[2]:.1f} ms. Each runtime's own profiler measured this at"
        " batch 1, after all timing. A layer includes what follows it up to the next."
    )
    drawn = svg.rows_plot(lines, scale, height=26, x_title="ms per inference")
    names = [name for name in timed(record) if name in {row[0] for row in rows}]
    return Figure(key, title, said, ("system", "layers", "ms per inference"), tuple(rows), drawn, legend(record, names))


def _dot(scale: svg.Scale, name: str, layer: str, ms: float, place: int) -> Markup:
    return svg.mark(scale.percent(ms), 13, place, title=f"{name}, {layer}: {ms:.2f} ms")


def sweep(speed: Performance) -> list[Throughput]:
    """One batch after the other, by size; the configured one is not twice among them."""
    by_size = {one.batch_size: one for one in [speed.throughput, *speed.sweep]}
    return [by_size[size] for size in sorted(by_size)]


def rates(speed: Performance) -> dict[int, float]:
    """Batch size -> FPS, one batch after the other."""
    return {one.batch_size: one.images_per_second for one in sweep(speed)}


def _bounds(one: Throughput) -> tuple[float, float, float]:
    return round(one.images_per_second, 3), round(one.low, 3), round(one.high, 3)
