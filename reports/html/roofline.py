"""The roofline: what each system reached of what the machine can do."""

from typing import Final

from markupsafe import Markup

from alexbench.harness.records.run_records import RunRecord, SystemRecord
from alexbench.harness.records.speed_records import Ceiling, Performance
from alexbench.reports.columns import BYTES
from alexbench.reports.html import svg
from alexbench.reports.html.figure import UNTIMED, Figure, Missing, legend, places, series, speeds
from alexbench.reports.html.speed_charts import rates

_CLOSE: Final = 0.1
"""A share of the width: labels nearer to each other would overlap."""
_WIDE: Final = 0.75
"""A share of the width: beyond it, a label has no room to the right."""
_NARROW: Final = 0.18
"""The share of the width: up to it, a label has no room to the left."""

_NO_INT8: Final = "int8 systems are left out: the roof was not measured with int8 kernels."


def roofline(record: RunRecord) -> Figure | Missing:
    """Achieved GFLOP/s under what the machine reached in this run."""
    key, title = "roofline", "Roofline"
    if not speeds(record):
        return Missing(key, title, UNTIMED)
    if record.ceiling is None or not (record.ceiling.kernels and record.ceiling.streams):
        return Missing(key, title, "This run did not measure what the machine can reach.")
    if not (record.model.macs and record.model.parameters):
        return Missing(key, title, "The record does not say how much the network computes.")
    under = [(entry, speed) for entry, speed in speeds(record) if _precision(entry) != "int8"]
    if not under:
        return Missing(key, title, _NO_INT8)
    rows = [row for entry, speed in under for row in _points(record, record.ceiling, entry, speed)]
    precisions = list(dict.fromkeys(row[5] for row in rows))
    area = _under_the_roof(rows, record.ceiling, len(precisions))
    place = places(record)
    curves = [_roof(area, record.ceiling)]
    above = [*_roof_labels(area, record.ceiling), *_batch_labels(area, rows, precisions)]
    for name in (entry.name for entry, _ in under):
        mine = [row for row in rows if row[0] == name]
        curves.append(area.curve(f"thin {series(place[name])}", [(row[2], row[3]) for row in mine]))
        above += [_mark(area, row, place[name]) for row in mine]
    best = max(rows, key=lambda row: row[4])
    said = (
        f"Nearest to the roof: {best[0]} at batch {best[1]}, {best[4]:.0f} % of it. The grey roof is the most that"
        " anything reached on this machine in this run. Along x only the weights count, read once a batch."
        + (f" {_NO_INT8}" if len(under) < len(speeds(record)) else "")
    )
    columns = ("system", "batch size", "FLOP per byte", "GFLOP/s", "share of the roof %", "precision")
    drawn = svg.plot(area, curves, above, x_title="FLOP per byte of weights", y_title="GFLOP/s")
    return Figure(key, title, said, columns, tuple(rows), drawn, legend(record, [entry.name for entry, _ in under]))


Point = tuple[str, int, float, float, float, str]
"""A row at a batch size: name, batch, FLOP per byte, GFLOP/s, percent of the roof there, precision."""


def _precision(entry: SystemRecord) -> str:
    return "fp32" if entry.effective is None else entry.effective.precision[0]


def _points(record: RunRecord, ceiling: Ceiling, entry: SystemRecord, speed: Performance) -> list[Point]:
    precision = _precision(entry)
    read = BYTES.get(precision, 4) * record.model.parameters
    found = []
    for batch, rate in sorted({1: 1e3 / speed.latency.p50_ms, **rates(speed)}.items()):
        intensity, achieved = 2 * record.model.macs * batch / read, rate * record.model.gflops
        share = 100 * achieved / _reached(ceiling, intensity)
        found.append((entry.name, batch, round(intensity, 4), round(achieved, 3), round(share, 2), precision))
    return found


def _reached(ceiling: Ceiling, intensity: float) -> float:
    """The roof: the least of what arithmetic and memory allow, GFLOP/s."""
    return min(ceiling.gflops_per_second, ceiling.gb_per_second * intensity)


def _mark(area: svg.Frame, point: Point, place: int) -> Markup:
    name, batch, intensity, achieved, share, _ = point
    said = f"{name}, batch {batch}: {achieved:,.0f} GFLOP/s, {share:.0f} % of the roof"
    return svg.mark(*area.at(intensity, achieved), place, title=said)


def _under_the_roof(rows: list[Point], ceiling: Ceiling, precisions: int) -> svg.Frame:
    """With room below for a line of batch sizes of each precision."""
    low, high = min(row[2] for row in rows) / 1.6, max(row[2] for row in rows) * 1.6
    heights = [*(row[3] for row in rows), _reached(ceiling, low), _reached(ceiling, high)]
    y = svg.logarithmic(heights, margin=0.14)
    below = svg.Scale(y.low / (y.high / y.low) ** (0.06 * precisions), y.high, log=True)
    return svg.frame(svg.Scale(low, high, log=True), below)


def _roof(area: svg.Frame, ceiling: Ceiling) -> Markup:
    knee = ceiling.gflops_per_second / ceiling.gb_per_second
    corners = sorted({area.x.low, min(max(knee, area.x.low), area.x.high), area.x.high})
    return area.curve("roof", [(one, _reached(ceiling, one)) for one in corners])


def _roof_labels(area: svg.Frame, ceiling: Ceiling) -> list[Markup]:
    """What the roof is, once for each part of it that is in the plot: above it, on either side of the knee."""
    knee = ceiling.gflops_per_second / ceiling.gb_per_second
    share = area.x.share(knee)
    above = area.down(_reached(ceiling, min(knee, area.x.high))) - 6
    made = []
    if share < _WIDE:
        made.append(svg.text("label after", f"{100 * max(share, 0.0) + 1.5:.1f}%", above, _arithmetic(ceiling)))
    elif share < 1:
        made.append(svg.text("label before", "99%", above, _arithmetic(ceiling)))
    if share > _NARROW:
        memory = f"{ceiling.gb_per_second:.1f} GB/s"
        made.append(svg.text("label before", f"{100 * min(share, _WIDE) - 1.5:.1f}%", above, memory))
    return made


def _arithmetic(ceiling: Ceiling) -> str:
    return f"{ceiling.gflops_per_second:.0f} GFLOP/s"


def _batch_labels(area: svg.Frame, rows: list[Point], precisions: list[str]) -> list[Markup]:
    """Each batch size once, at the foot of the plot; a line for each precision, whose weights have other sizes."""
    made = []
    for line, precision in enumerate(reversed(precisions)):
        places = sorted({(row[2], row[1]) for row in rows if row[5] == precision})
        first = f"{precision}, batch " if len(precisions) > 1 else "batch "
        for number, (intensity, batch) in enumerate(_apart(area, places)):
            said = f"{'' if number else first}{batch}"
            made.append(svg.text("label middle", area.x.percent(intensity), area.height - 6 - 14 * line, said))
    return made


def _apart(area: svg.Frame, places: list[tuple[float, int]]) -> list[tuple[float, int]]:
    """Those that are not too near to the one before."""
    kept: list[tuple[float, int]] = []
    for one in places:
        if not kept or area.x.share(one[0]) - area.x.share(kept[-1][0]) > _CLOSE:
            kept.append(one)
    return kept
