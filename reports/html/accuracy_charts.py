"""The figures about answers: accuracy against latency, and where the layers leave float64."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from markupsafe import Markup

from alexbench.harness.records.run_records import RunRecord
from alexbench.reports.html import data, svg
from alexbench.reports.html.figure import UNTIMED, Figure, Missing, legend, places
from alexbench.reports.rows import rows_of

_COMPARE: Final = "alexbench compare RUN --layers --keep"
Place = tuple[str, float, float, float, float, float, float]
"""Name; p50 with its interval, ms; top-1 with its interval, percent."""


def pareto(record: RunRecord) -> Figure | Missing:
    """Accuracy against latency, with the rows that no other beats in both.

    Left out where accuracy tells nobody apart: then the leaderboard's bars have said it all.
    """
    key, title = "pareto", "Accuracy against latency"
    found = _places(record)
    why = _says_nothing(record, found)
    if why:
        return Missing(key, title, why)
    rows = tuple((*row, not any(_beats(other, row) for other in found)) for row in found)
    area = svg.frame(
        svg.linear([end for row in found for end in row[1:4]]), svg.linear([end for row in found for end in row[4:7]])
    )
    place = places(record)
    best = sorted(row for row in found if not any(_beats(other, row) for other in found))
    above = [part for row in found for part in _crossed(area, row, place[row[0]])]
    unbeaten = ", ".join(row[0] for row in sorted(best, key=lambda row: row[1]))
    said = (
        f"No other system is both as fast and as accurate as: {unbeaten}. Better is up and to the left; lines are 95 %"
        " intervals."
    )
    columns = ("system", "p50 ms", "low ms", "high ms", "top-1 %", "low %", "high %", "unbeaten")
    steps = [area.curve("front", _front(area, sorted(best, key=lambda row: row[1])))]
    drawn = svg.plot(area, steps, above, x_title="p50 at batch 1, ms", y_title="top-1, %")
    return Figure(key, title, said, columns, rows, drawn, legend(record, [row[0] for row in found]))


def _places(record: RunRecord) -> list[Place]:
    found = []
    for row in rows_of(record):
        speed, accuracy = row.entry.performance, row.entry.accuracy
        if speed is not None and accuracy is not None:
            low, high = accuracy.top1_interval or (accuracy.top1, accuracy.top1)
            latency = speed.latency
            numbers = (latency.p50_ms, latency.low_ms, latency.high_ms, accuracy.top1, low, high)
            p50, p50_low, p50_high, top1, top1_low, top1_high = (round(one, 4) for one in numbers)
            found.append((row.entry.name, p50, p50_low, p50_high, top1, top1_low, top1_high))
    return found


def _says_nothing(record: RunRecord, found: Sequence[Place]) -> str:
    """Why there is nothing to weigh, "" where there is.

    Top-1 that differs by no more than chance is not an axis: the paired tests decide, where the record has them.
    """
    if len(found) < 2:
        if not any(entry.performance for entry in record.systems):
            return UNTIMED
        if not any(entry.accuracy for entry in record.systems):
            return "This run measured no accuracy."
        return "One system has both: there is nothing to compare it with."
    if len({row[4] for row in found}) < 2:
        return f"All have the same top-1 ({found[0][4]:.2f} %): only speed tells them apart."
    shown = {row[0] for row in found}
    pairs = [one for one in record.pairs if {one.base, one.other} <= shown]
    if pairs and all(one.top1.interval[0] <= 0 <= one.top1.interval[1] for one in pairs):
        return "No system's top-1 differs from the base's beyond chance: only speed tells them apart."
    return ""


def _beats(one: Place, other: Place) -> bool:
    """Whether ``one`` is nowhere worse and somewhere better, by p50 and top-1."""
    return one[1] <= other[1] and one[4] >= other[4] and (one[1], one[4]) != (other[1], other[4])


def _front(area: svg.Frame, best: Sequence[Place]) -> list[tuple[float, float]]:
    """Steps through the rows that none beats, from the foot of the plot to its right edge."""
    steps = [(best[0][1], area.y.low)]
    for row in best:
        steps += [(row[1], steps[-1][1]), (row[1], row[4])]
    return [*steps, (area.x.high, steps[-1][1])]


def _crossed(area: svg.Frame, row: Place, place: int) -> list[Markup]:
    """A mark with its two intervals."""
    name, p50, p50_low, p50_high, top1, top1_low, top1_high = row
    kind = f"error s{place % svg.COLOURS}"
    said = f"{name}: {p50:.2f} ms, top-1 {top1:.2f} %"
    return [
        svg.line(kind, area.at(p50_low, top1), area.at(p50_high, top1)),
        svg.line(kind, area.at(p50, top1_low), area.at(p50, top1_high)),
        svg.mark(*area.at(p50, top1), place, title=said),
    ]


def divergence(folder: Path, record: RunRecord) -> Figure | Missing:
    """Each layer's error against float64, and the bound it is held to."""
    key, title = "divergence", "Divergence from float64 by layer"
    try:
        looked = data.layers(folder, record)
    except data.UnreadableError as error:
        return Missing(key, title, str(error))
    if looked is None:
        return Missing(key, title, f"The layers were not compared: {_COMPARE} does, then alexbench report RUN.")
    found = looked.rows
    failed = "".join(f" {name} was not examined: {_sentence(why)}" for name, why in looked.errors.items())
    if not found:
        return Missing(key, title, failed.strip() or "No system's layers were examined.")
    if not any(row[2] > 0 for row in found):
        return Missing(key, title, f"Every layer has float64's output exactly.{failed}")
    over = list(dict.fromkeys(f"{row[0]} at {row[1]}" for row in found if row[2] > row[3]))
    answer = f"Above the bound: {', '.join(over)}." if over else "All layers are within their bounds."
    said = (
        f"{answer} Largest error of each layer's output in standard deviations, on {looked.images} images"
        f" ({looked.chosen}); the grey bar is what rounding may do.{failed}"
    )
    columns = ("system", "layer", "max abs error over sigma", "bound", "effective bits")
    names = list(dict.fromkeys(row[0] for row in found))
    drawn = _by_layer(found, places(record))
    return Figure(key, title, said, columns, found, drawn, legend(record, names))


def _by_layer(found: Sequence[tuple[str, str, float, float, float]], place: dict[str, int]) -> Markup:
    """A line for each layer; a logarithmic scale has no place for an exact answer: the table has its 0."""
    scale = svg.logarithmic([end for row in found for end in row[2:4] if end > 0])
    lines = []
    for layer in dict.fromkeys(row[1] for row in found):
        mine = [row for row in found if row[1] == layer]
        bounds = sorted({row[3] for row in mine if row[3] > 0})
        drawn = [svg.line("bound", (scale.percent(one), 4), (scale.percent(one), 22)) for one in bounds]
        for name, _, error, bound, bits in mine:
            if error > 0:
                said = f"{name}, {layer}: {error:.1e}, bound {bound:.1e}, {bits:.1f} bits"
                drawn.append(svg.mark(scale.percent(error), 13, place[name], title=said))
        lines.append((layer, drawn))
    return svg.rows_plot(lines, scale, height=26, x_title="error / sigma")


def _sentence(words: str) -> str:
    return f"{' '.join(words.split()).rstrip('.')}."
