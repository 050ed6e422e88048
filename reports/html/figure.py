"""What a figure of the page is: a Vega-Lite specification, the table that it draws, and how all of them look."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

SCHEMA: Final = "https://vega.github.io/schema/vega-lite/v6.json"
"""Only a name here: nothing is fetched."""
COLOURS: Final = 8
"""Okabe and Ito's, told apart with every common colour blindness; style.css has them for light and dark."""
SHAPES: Final = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down", "triangle-right", "stroke")
DASHES: Final = ((1, 0), (6, 3), (2, 2), (8, 2, 2, 2), (4, 4), (1, 3), (10, 3), (6, 2, 1, 2))
HEIGHT: Final = 300
UNTIMED: Final = "This run measured no speed."

Cell = str | float | int | bool | None


@dataclass(frozen=True, slots=True)
class Figure:
    """A chart and its data. ``columns``: key, as the specification calls it, and heading with unit; ``rows`` of those.

    ``description`` says in words what is drawn, for who does not see it too. ``spec`` holds no data: the page hands it
    the rows, which are in the page once.
    """

    key: str
    title: str
    description: str
    columns: tuple[tuple[str, str], ...]
    rows: tuple[tuple[Cell, ...], ...]
    spec: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Missing:
    """A figure that has no data, and ``why``."""

    key: str
    title: str
    why: str


def spec(height: int = HEIGHT, **parts: Any) -> dict[str, Any]:
    """A Vega-Lite specification as wide as the page lets it; the rows of its figure are the data set ``rows``."""
    size = {"width": "container", "height": height, "autosize": {"type": "fit-x", "contains": "padding"}}
    return {"$schema": SCHEMA, "data": {"name": "rows"}, **size, "config": _CONFIG, **parts}


def quantity(field: str, title: str, **more: Any) -> dict[str, Any]:
    """A channel of numbers."""
    return {"field": field, "type": "quantitative", "title": title, **more}


def colour(names: Sequence[str]) -> dict[str, Any]:
    """Each system's own colour, the same in all figures."""
    domain = list(names)
    scale = {"domain": domain, "range": [f"var(--c{place % COLOURS + 1})" for place in range(len(domain))]}
    return {"field": "system", "type": "nominal", "scale": scale, "legend": _LEGEND}


def shape(names: Sequence[str]) -> dict[str, Any]:
    """Each system's own shape: colour is never all that tells two apart."""
    scale = {"domain": list(names), "range": [SHAPES[_nth(place, len(SHAPES))] for place in range(len(names))]}
    return {"field": "system", "type": "nominal", "scale": scale, "legend": _LEGEND}


def dash(names: Sequence[str]) -> dict[str, Any]:
    """Each system's own dashes."""
    scale = {"domain": list(names), "range": [list(DASHES[_nth(place, len(DASHES))]) for place in range(len(names))]}
    return {"field": "system", "type": "nominal", "scale": scale, "legend": _LEGEND}


def _nth(place: int, many: int) -> int:
    """Of so many forms; one farther with each turn of the colours, so that two systems of a colour differ."""
    return (place + place // COLOURS) % many


def tooltip(columns: Sequence[tuple[str, str]]) -> list[dict[str, str]]:
    """All of a row, under the headings of the table."""
    return [{"field": key, "title": heading} for key, heading in columns]


_LEGEND: Final = {"orient": "top", "title": None, "direction": "horizontal", "columns": 3, "symbolStrokeWidth": 2}
_INK: Final = "var(--ink)"
_CONFIG: Final[dict[str, Any]] = {
    # Custom properties instead of colours: the same drawing is right in light, in dark and on paper.
    "background": "transparent",
    "font": "system-ui, sans-serif",
    "view": {"stroke": None},
    "axis": {
        "labelColor": _INK,
        "titleColor": _INK,
        "gridColor": "var(--grid)",
        "domainColor": "var(--muted)",
        "tickColor": "var(--muted)",
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "labelFlush": False,
    },
    "legend": {"labelColor": _INK, "titleColor": _INK, "labelFontSize": 12, "labelLimit": 260},
    "text": {"color": _INK},
    # The table under the chart is what a screen reader is to read, not hundreds of marks.
    "mark": {"aria": False},
}
