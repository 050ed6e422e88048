"""A heat map of differences, as SVG and PNG: numbers in coloured cells, the colours centred at 0."""

import io
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from alexbench.reports.plots.plot_text import DOTS_PER_INCH, drawing, plot_text
from alexbench.reports.text.wording import ABSENT

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap, Normalize
    from matplotlib.figure import Figure

ORANGE_BLUE: Final = ("#8c3f04", "#c65f0e", "#f0953f", "#fdc98b", "#f7f7f7", "#b2d2ea", "#6baed6", "#2f7fbd", "#0b4a8a")
"""Loss to gain, after ColorBrewer's: told apart with every common colour blindness, by hue and lightness."""
NOTHING: Final = "#e4e4e4"
LEAST_SPAN: Final = 2.0
"""The least points at the ends of the colours: if nothing costs anything, half a point must look small."""
_TICKS: Final = (1, 5, 10, 20, 40, 60, 80)
_CELL: Final = (0.86, 0.36)
"""Width and height in inches, for numbers of 10 points: at half size they are still read."""
_LETTER: Final = 0.088
"""Inches that a letter of DejaVu Sans takes at 10 points, the bold ones and the wide ones included."""
_LINE: Final = 0.22


@dataclass(frozen=True, slots=True)
class HeatMap:
    """What is drawn.

    ``rows`` and ``columns``: labels, level by level; a level that equals the adjacent one is written once.
    ``values``: rows of cells, None where there is none. ``clear``: which of them are set bold. ``own``: the row and
    column of the cell that all are compared with. ``lines``: under the title; ``notes``: under the map.
    """

    title: str
    lines: tuple[str, ...]
    row_heading: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    columns: tuple[tuple[str, ...], ...]
    values: tuple[tuple[float | None, ...], ...]
    clear: tuple[tuple[bool, ...], ...]
    own: tuple[int, int]
    unit: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Drawn:
    """Two files' bytes; the same for the same map."""

    svg: bytes
    png: bytes


def said(value: float | None) -> str:
    """A cell's number: signed, with one decimal."""
    if value is None:
        return ABSENT
    rounded = round(value, 1)
    return f"{rounded:+.1f}" if rounded else "0.0"


def draw(heat_map: HeatMap) -> Drawn:
    """Draw it. matplotlib is imported here, so that reports are imported without it."""
    svg, png = io.BytesIO(), io.BytesIO()
    with drawing():
        figure = _figure(heat_map)
        figure.savefig(svg, format="svg", metadata={"Date": None})
        figure.savefig(png, format="png", dpi=DOTS_PER_INCH, metadata={"Software": None})
    return Drawn(svg.getvalue(), png.getvalue())


def _figure(heat_map: HeatMap) -> "Figure":
    from matplotlib.colors import FuncNorm, LinearSegmentedColormap
    from matplotlib.figure import Figure

    labels = [_letters(heat_map, level) * _LETTER + 0.2 for level in range(len(heat_map.row_heading))]
    left, right, below = 0.3 + sum(labels), 1.2, 0.3 + _LINE * len(heat_map.notes)
    above = 0.6 + _LINE * len(heat_map.lines) + 0.3 * len(heat_map.columns[0]) + 0.4
    wide, high = _CELL[0] * len(heat_map.columns), max(_CELL[1] * len(heat_map.rows), 4 * _CELL[1])
    texts = max(1.45 * len(heat_map.title), *(len(one) for one in ("", *heat_map.lines, *heat_map.notes)))
    width, height = max(left + wide + right, 0.8 * _LETTER * texts + 0.6), above + high + below
    figure = Figure(figsize=(width, height), facecolor="white")
    axes = figure.add_axes((left / width, below / height, wide / width, high / height))
    axes.set(xlim=(0, len(heat_map.columns)), ylim=(len(heat_map.rows), 0), autoscale_on=False)

    colours = LinearSegmentedColormap.from_list("orange-blue", ORANGE_BLUE).with_extremes(bad=NOTHING)
    values = np.array([[np.nan if one is None else one for one in row] for row in heat_map.values], dtype=np.float64)
    widest = max(LEAST_SPAN, float(np.nanmax(np.abs(values))))
    # By the root: a loss of 1 must show next to one of 50.
    norm = FuncNorm((_root, _square), vmin=-widest, vmax=widest)
    axes.pcolormesh(np.ma.masked_invalid(values), cmap=colours, norm=norm, edgecolors="white", linewidth=1.5)
    _numbers(axes, heat_map, [[colours(norm(one)) for one in row] for row in values])
    _labels(axes, heat_map, labels)
    bar = figure.add_axes(((left + wide + 0.25) / width, below / height, 0.16 / width, high / height))
    _bar(bar, norm, colours, values, heat_map.unit)

    top = height - 0.32
    figure.text(0.3 / width, top / height, plot_text(heat_map.title), weight="bold", size=13, va="center")
    for place, line in enumerate(heat_map.lines, 1):
        figure.text(0.3 / width, (top - 0.06 - _LINE * place) / height, plot_text(line), va="center", color="#333333")
    for place, line in enumerate(reversed(heat_map.notes)):
        figure.text(0.3 / width, (0.17 + _LINE * place) / height, plot_text(line), va="center", size=9, color="#333333")
    return figure


def _letters(heat_map: HeatMap, level: int) -> int:
    """The length of the longest label of a level of the rows."""
    return max(len(heat_map.row_heading[level]), *(len(row[level]) for row in heat_map.rows))


def _root(value: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.sign(value) * np.sqrt(np.abs(value)))


def _square(value: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.sign(value) * np.square(value))


def _bar(axes: "Axes", norm: "Normalize", colours: "Colormap", values: NDArray[np.float64], unit: str) -> None:
    """The scale, no farther than the values go."""
    from matplotlib.cm import ScalarMappable

    bar = axes.figure.colorbar(ScalarMappable(norm, colours), cax=axes)
    low, high = min(-LEAST_SPAN, float(np.nanmin(values))), max(LEAST_SPAN, float(np.nanmax(values)))
    ticks = [tick for tick in (*(-one for one in reversed(_TICKS)), 0, *_TICKS) if low <= tick <= high]
    bar.set_ticks(ticks, labels=[_tick(tick) for tick in ticks])
    bar.minorticks_off()
    axes.set_ylim(low, high)
    for spine in axes.spines.values():
        spine.set_visible(False)
    bar.set_label(unit)


def _tick(value: int) -> str:
    """A tick's number."""
    return f"{value:+d}".replace("-", "\N{MINUS SIGN}") if value else "0"


def _numbers(axes: "Axes", heat_map: HeatMap, colours: list[list[Any]]) -> None:
    """Each cell's value, dark on light and light on dark; a frame around the own one."""
    from matplotlib.patches import Rectangle

    for y, row in enumerate(heat_map.values):
        for x, value in enumerate(row):
            red, green, blue = colours[y][x][:3] if value is not None else (1.0, 1.0, 1.0)
            dark = 0.2126 * red + 0.7152 * green + 0.0722 * blue < 0.45  # Rec. 709's lightness
            axes.text(
                x + 0.5,
                y + 0.5,
                said(value).replace("-", "\N{MINUS SIGN}") if value is not None else ABSENT,
                ha="center",
                va="center",
                color="white" if dark else "black" if value is not None else "#888888",
                weight="bold" if heat_map.clear[y][x] else "normal",
            )
    y, x = heat_map.own
    axes.add_patch(Rectangle((x, y), 1, 1, fill=False, edgecolor="black", linewidth=2.2, clip_on=False, zorder=3))


def _labels(axes: "Axes", heat_map: HeatMap, widths: list[float]) -> None:
    """Columns above and rows to the left, level by level, with a line where the outermost level changes."""
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)
    rows, columns = len(heat_map.rows), len(heat_map.columns)
    inch = rows / max(_CELL[1] * rows, 4 * _CELL[1])
    levels = len(heat_map.columns[0])
    for level in range(levels):
        above = -0.1 * inch if level == levels - 1 else -(0.3 * (levels - 1 - level) + 0.35) * inch
        for first, last in _runs([column[: level + 1] for column in heat_map.columns]):
            text = "\n".join(heat_map.columns[first][level].rsplit(" ", 1))
            axes.text((first + last) / 2, above, text, ha="center", va="bottom")
            if level < levels - 1 and last < columns:
                axes.plot((last, last), (above, rows), color="#555555", linewidth=1, clip_on=False)
    x = -sum(widths) / _CELL[0]
    for level, width in enumerate(widths):
        axes.text(x, -0.1 * inch, heat_map.row_heading[level], va="bottom", weight="bold")
        for first, last in _runs([row[: level + 1] for row in heat_map.rows]):
            axes.text(x, first + 0.5, heat_map.rows[first][level], va="center")
            if level == 0 and last < rows and len(widths) > 1:
                axes.plot((x, columns), (last, last), color="#555555", linewidth=1, clip_on=False)
        x += width / _CELL[0]


def _runs(keys: list[tuple[str, ...]]) -> list[tuple[int, int]]:
    """(first, after the last) of every run of equal keys."""
    starts = [place for place, key in enumerate(keys) if place == 0 or key != keys[place - 1]]
    return list(pairwise([*starts, len(keys)]))
