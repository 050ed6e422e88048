"""The figures about answers: accuracy against latency, and where the layers leave float64."""

from pathlib import Path
from typing import Any, Final

from alexbench.harness.records.run_records import RunRecord
from alexbench.reports.html import data
from alexbench.reports.html.figure import UNTIMED, Figure, Missing, colour, dash, quantity, shape, spec, tooltip

_COMPARE: Final = "alexbench compare RUN --layers --keep"


def pareto(record: RunRecord) -> Figure | Missing:
    """Accuracy against latency, with the rows that no other beats in both."""
    key, title = "pareto", "Accuracy against latency"
    columns = (
        *(("system", "system"), ("p50", "p50 ms"), ("p50_low", "low ms"), ("p50_high", "high ms")),
        *(("top1", "top-1 %"), ("top1_low", "low %"), ("top1_high", "high %"), ("unbeaten", "unbeaten")),
    )
    both = [(entry, entry.performance, entry.accuracy) for entry in record.systems]
    found: list[tuple[Any, ...]] = []
    for entry, speed, accuracy in both:
        if speed is not None and accuracy is not None:
            low, high = accuracy.top1_interval or (accuracy.top1, accuracy.top1)
            latency = speed.latency
            place = (latency.p50_ms, latency.low_ms, latency.high_ms, accuracy.top1, low, high)
            found.append((entry.name, *(round(one, 4) for one in place)))
    if len(found) < 2:
        timed, answered = any(speed for _, speed, _ in both), any(accuracy for _, _, accuracy in both)
        missing = UNTIMED if not timed else "This run measured no accuracy." if not answered else ""
        return Missing(key, title, missing or "One row has both: there is nothing to weigh it against.")
    rows = tuple((*row, not any(_beats(other, row) for other in found)) for row in found)
    names = data.timed(record)
    around = {"scale": {"zero": False, "padding": 24}}
    x = quantity("p50", "p50 latency, ms (faster to the left)", **around)
    y = quantity("top1", "top-1, %", **around)
    rule = {"type": "rule", "strokeWidth": 1.5}
    drawn = spec(
        encoding={"color": colour(names)},
        layer=[
            {
                "transform": [{"filter": "datum.unbeaten"}],
                "mark": {"type": "line", "interpolate": "step-after", "color": "var(--muted)", "strokeDash": [4, 4]},
                "encoding": {"x": x, "y": y, "color": {"value": "var(--muted)"}},
            },
            {"mark": rule, "encoding": {"x": {**x, "field": "p50_low"}, "x2": {"field": "p50_high"}, "y": y}},
            {"mark": rule, "encoding": {"x": x, "y": {**y, "field": "top1_low"}, "y2": {"field": "top1_high"}}},
            {
                "mark": {"type": "point", "size": 110, "strokeWidth": 2, "filled": True},
                "encoding": {"x": x, "y": y, "shape": shape(names), "tooltip": tooltip(columns)},
            },
        ],
    )
    unbeaten = ", ".join(str(row[0]) for row in rows if row[-1])
    said = (
        "The median latency at batch 1 and the share right at top-1, with their 95 % intervals where they have one; "
        f"better is up and to the left. No other row is both as fast and as right as: {unbeaten}."
    )
    return Figure(key, title, said, columns, rows, drawn)


def _beats(one: tuple[Any, ...], other: tuple[Any, ...]) -> bool:
    """Whether ``one`` is nowhere worse and somewhere better, by p50 and top-1."""
    return one[1] <= other[1] and one[4] >= other[4] and (one[1], one[4]) != (other[1], other[4])


def divergence(folder: Path, record: RunRecord) -> Figure | Missing:
    """Each layer's error against float64, and the bound it is held to."""
    key, title = "divergence", "Divergence from float64, layer by layer"
    try:
        looked = data.layers(folder, record)
    except data.UnreadableError as error:
        return Missing(key, title, str(error))
    if looked is None:
        return Missing(key, title, f"The layers were not compared: {_COMPARE} does, then alexbench report RUN.")
    found = looked.rows
    failed = "".join(f" {name} was not looked at: {_sentence(why)}" for name, why in looked.errors.items())
    if not found:
        return Missing(key, title, failed.strip() or "No row's layers were looked at.")
    columns = (
        *(("system", "system"), ("layer", "layer"), ("error", "max abs error over sigma")),
        *(("bound", "bound"), ("bits", "effective bits")),
    )
    # A logarithmic scale has no place for an exact answer: the table has its 0.
    order = list(dict.fromkeys(row[1] for row in found))
    timed = data.timed(record)  # first, so that each keeps the colour it has in the other figures
    names = [*timed, *(name for name in dict.fromkeys(row[0] for row in found) if name not in timed)]
    layer_axis = {"field": "layer", "type": "ordinal", "sort": order, "title": None, "axis": {"labelAngle": -40}}
    scale = {"type": "log", "nice": False, "padding": 12}
    value = quantity("error", "max abs error over sigma", scale=scale, axis={"format": ".0e", "tickCount": 6})
    grey = {"color": {"value": "var(--muted)"}}
    drawn = spec(
        encoding={"x": layer_axis, "color": colour(names)},
        layer=[
            {
                "mark": {"type": "line", "color": "var(--muted)", "strokeDash": [2, 3]},
                "encoding": {"y": {**value, "field": "bound"}, **grey, "detail": {"field": "system"}},
            },
            {
                "transform": [{"filter": "datum.error > 0"}],
                "mark": {"type": "line", "strokeWidth": 2},
                "encoding": {"y": value, "strokeDash": dash(names)},
            },
            {
                "transform": [{"filter": "datum.error > 0"}],
                "mark": {"type": "point", "filled": True, "size": 60},
                "encoding": {"y": value, "shape": shape(names), "tooltip": tooltip(columns)},
            },
        ],
    )
    over = list(dict.fromkeys(f"{row[0]} at {row[1]}" for row in found if row[2] > row[3]))
    verdict = f"Over their bound: {', '.join(over)}." if over else "All keep to their bound."
    said = (
        f"Largest error of each layer's output in standard deviations, on {looked.images} pictures ({looked.chosen}); "
        f"dotted: what rounding may do. {verdict}{failed}"
    )
    return Figure(key, title, said, columns, found, drawn)


def _sentence(words: str) -> str:
    return f"{' '.join(words.split()).rstrip('.')}."
