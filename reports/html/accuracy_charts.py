"""The figures about answers: speed against accuracy, and where the layers leave float64."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from markupsafe import Markup

from alexbench.harness.records.run_records import RunRecord
from alexbench.reports.html import data, svg
from alexbench.reports.html.figure import UNTIMED, Figure, Missing, Value, legend, places
from alexbench.reports.leaderboard.tradeoffs import Tradeoff, tradeoffs, untold
from alexbench.reports.rows import base_name

_COMPARE: Final = "alexbench compare RUN --layers --keep"


def pareto(record: RunRecord) -> Figure | Missing:
    """Top-1 against images/s, with the rows that no other beats in both.

    Left out where accuracy tells nobody apart: then the leaderboard's bars show it all.
    """
    key, title = "pareto", "Speed against accuracy"
    found = tradeoffs(record)
    why = untold(record, found) if any(entry.performance for entry in record.systems) else UNTIMED
    if why:
        return Missing(key, title, why)
    area = svg.frame(
        svg.linear([end for one in found for end in one.rate_interval]),
        svg.linear([end for one in found for end in one.points_interval]),
    )
    place = places(record)
    best = sorted((one for one in found if not one.beaten), key=lambda one: one.rate)
    above = [part for one in found for part in _crossed(area, one, place[one.row.entry.name])]
    unbeaten = ", ".join(one.row.entry.name for one in reversed(best))
    said = (
        f"No other system is both faster and as accurate as: {unbeaten}. Better is up and to the right; grey marks are"
        f" beaten in both. Lines are 95 % intervals. Top-1 is compared with {base_name(record)}'s, image by image."
    )
    columns = ("system", "FPS", "points", "least", "most", "best")
    rows = tuple(_numbers(one) for one in found)
    front = [area.curve("front", _front(area, best))]
    drawn = svg.plot(area, front, above, x_title="FPS (images/s)", y_title="top-1 difference, points")
    return Figure(key, title, said, columns, rows, drawn, legend(record, [one.row.entry.name for one in found]))


def _numbers(one: Tradeoff) -> tuple[Value, ...]:
    numbers = (round(number, 4) for number in (one.rate, one.points, *one.points_interval))
    return (one.row.entry.name, *numbers, not one.beaten)


def _front(area: svg.Frame, best: Sequence[Tradeoff]) -> list[tuple[float, float]]:
    """Steps through the rows that none beats: the most points at each speed."""
    steps = []
    at = area.x.low
    for place, one in enumerate(best):
        most = max(other.points for other in best[place:])
        steps += [(at, most), (one.rate, most)]
        at = one.rate
    return [*steps, (at, area.y.low)]


def _crossed(area: svg.Frame, one: Tradeoff, place: int) -> list[Markup]:
    """A mark with its two intervals, grey where another row beats it."""
    kind = "error probe" if one.beaten else f"error s{place % svg.COLOURS}"
    low, high = one.rate_interval
    least, most = one.points_interval
    said = f"{one.row.entry.name}: {one.rate:,.1f} FPS, top-1 {one.points:+.2f} points ({least:+.2f} to {most:+.2f})"
    return [
        svg.line(kind, area.at(low, one.points), area.at(high, one.points)),
        svg.line(kind, area.at(one.rate, least), area.at(one.rate, most)),
        svg.mark(*area.at(one.rate, one.points), place, title=said, grey=one.beaten),
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
