"""Charts as SVG that needs no script: a plot stretches with the page, its texts and lines keep their size.

Along x everything is in percent of the plot's width, along y in pixels. A path cannot be in percent, so curves lie in a
nested ``svg`` that is stretched (``preserveAspectRatio="none"``) and whose strokes are not (``vector-effect``). Colours
are classes: style.css has them for light, dark and paper, and no element has a style of its own, which a strict content
policy forbids.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup, escape

from alexbench.harness.files.plain_text import printable

COLOURS: Final = 8
"""Okabe and Ito 2008, told apart with every common colour blindness; style.css has them."""
FORMS: Final = 8
"""Shapes of marks (page.html) and dashes of lines (style.css)."""
NOTHING: Final = Markup()
_STEPS: Final = (1.0, 2.0, 5.0, 10.0)
_UNITS: Final = 1000
"""A share of a stretched plot's own width."""
_BELOW: Final = 22
"""Pixels below a plot, for the texts of its axis."""


@dataclass(frozen=True, slots=True)
class Scale:
    """Values between ``low`` and ``high``, linear or, with ``log``, logarithmic."""

    low: float
    high: float
    log: bool = False

    def share(self, value: float) -> float:
        """Where a value lies: 0 at the low end, 1 at the high end, beyond them outside."""
        if self.log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    def percent(self, value: float) -> str:
        """The same along x."""
        return f"{100 * self.share(value):.2f}%"

    def holds(self, value: float) -> bool:
        """Whether it lies within."""
        return self.low <= value <= self.high

    def ticks(self, most: int = 5) -> list[float]:
        """At most so many round values within."""
        if self.log and self.high / self.low >= 10:
            return _decades(self.low, self.high, most)
        return _round_steps(self.low, self.high, most)


def linear(values: Iterable[float], *, zero: bool = False, margin: float = 0.06) -> Scale:
    """A linear scale with a margin on either side of the values; from ``zero`` it has none below."""
    found = [*values, *([0.0] if zero else [])]
    low, high = min(found), max(found)
    room = margin * (high - low) or margin * abs(high) or 1.0
    return Scale(low if zero and low == 0 else low - room, high + room)


def logarithmic(values: Iterable[float], margin: float = 0.06) -> Scale:
    """A logarithmic scale with a margin on either side of the values, which are above 0."""
    found = list(values)
    low, high = min(found), max(found)
    room = (high / low) ** margin if high > low else 1.1
    return Scale(low / room, high * room, log=True)


def _round_steps(low: float, high: float, most: int) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten."""
    wanted = (high - low) / most
    power = 10.0 ** math.floor(math.log10(wanted))
    step = next(power * one for one in _STEPS if power * one >= wanted * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    # Divided where the step is below 1: 3 * 0.1 is not 0.3.
    return [place * step if step >= 1 else place / round(1 / step) for place in range(first, last + 1)]


def _decades(low: float, high: float, most: int) -> list[float]:
    """Powers of ten, with 2 and 5 times them where there is room, thinned where there are too many."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    for between in ((1, 2, 5), (1, 3), (1,)):
        found = [one * 10.0**power for power in range(first, last + 1) for one in between]
        found = [value for value in found if low <= value <= high]
        if len(found) <= most:
            return found
    step = -(-len(found) // most)
    return found[::step]


def tick_text(value: float) -> str:
    """A round value in few characters: 1,500, 0.25, 1e-7."""
    if value and not 1e-3 <= abs(value) < 1e6:
        digits, exponent = f"{value:.3e}".split("e")
        return f"{float(digits):g}e{int(exponent)}"
    return f"{value:,.10g}"


def form(place: int) -> int:
    """A system's shape and dashes; one farther with each turn of the colours, so that two of a colour differ."""
    return (place + place // COLOURS) % FORMS


def plain(said: str) -> Markup:
    """Text as the page may show it; what is markup already stays so."""
    return said if isinstance(said, Markup) else escape(printable(said))


def mark(x: str, y: float, place: int, *, hollow: bool = False, title: str = "", grey: bool = False) -> Markup:
    """The mark of the system at this place, at ``x`` (percent) and ``y`` (pixels); ``title`` appears on hovering."""
    kind = f"mark {'hollow ' if hollow else ''}{'probe' if grey else f's{place % COLOURS}'}"
    said = Markup("<title>{}</title>").format(plain(title)) if title else NOTHING
    return Markup('<use href="#mark-{}" x="{}" y="{:.1f}" class="{}">{}</use>').format(form(place), x, y, kind, said)


def line(kind: str, start: tuple[str, float], end: tuple[str, float]) -> Markup:
    """A straight line between two points in percent and pixels; ``kind``: its classes."""
    return Markup('<line class="{}" x1="{}" y1="{:.1f}" x2="{}" y2="{:.1f}"/>').format(kind, *start, *end)


def text(kind: str, x: str, y: float, said: str) -> Markup:
    """A text, aligned by its classes."""
    return Markup('<text class="{}" x="{}" y="{:.1f}">{}</text>').format(kind, x, y, plain(said))


def rectangle(kind: str, start: float, end: float, y: float, height: float) -> Markup:
    """A bar from one share of the width to another."""
    sizes = (100 * start, y, 100 * max(end - start, 0.0), height)
    return Markup('<rect class="{}" x="{:.2f}%" y="{:.1f}" width="{:.2f}%" height="{:.1f}"/>').format(kind, *sizes)


def interval(scale: Scale, low: float, high: float, y: float, *, half: float = 4) -> Markup:
    """A whisker along x."""
    ends = scale.percent(low), scale.percent(high)
    strokes = [line("whisker", (ends[0], y), (ends[1], y))]
    strokes += [line("whisker", (end, y - half), (end, y + half)) for end in ends]
    return NOTHING.join(strokes)


def svg(height: float, parts: Iterable[Markup], kind: str = "pane") -> Markup:
    """A drawing as wide as its element."""
    body = NOTHING.join(parts)
    return Markup('<svg class="{}" width="100%" height="{:.0f}" aria-hidden="true">{}</svg>').format(kind, height, body)


def stretched(height: float, paths: Iterable[Markup]) -> Markup:
    """Curves of :func:`curve`, which end at the edges of the plot."""
    body = NOTHING.join(paths)
    return Markup(
        '<svg class="curves" width="100%" height="{0:.0f}" viewBox="0 0 {1} {0:.0f}" preserveAspectRatio="none">'
        "{2}</svg>"
    ).format(height, _UNITS, body)


def curve(kind: str, points: Sequence[tuple[float, float]], *, closed: bool = False) -> Markup:
    """A path through points: the share of the width, and pixels."""
    steps = "L".join(f"{_UNITS * x:.1f} {y:.1f}" for x, y in points)
    return Markup('<path class="{}" d="M{}{}"/>').format(kind, steps, "Z" if closed else "")


@dataclass(frozen=True, slots=True)
class Frame:
    """The area of a plot: two scales, its height in pixels, and the places of its ticks, each with its text."""

    x: Scale
    y: Scale
    height: int
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]

    def at(self, x: float, y: float) -> tuple[str, float]:
        """A point in percent and pixels."""
        return self.x.percent(x), self.down(y)

    def down(self, y: float) -> float:
        """Pixels from the top."""
        return self.height * (1 - self.y.share(y))

    def curve(self, kind: str, points: Iterable[tuple[float, float]]) -> Markup:
        """A path through points in the values of the scales."""
        return curve(kind, [(self.x.share(x), self.down(y)) for x, y in points])


def frame(
    x: Scale,
    y: Scale,
    height: int = 260,
    *,
    x_ticks: Sequence[tuple[float, str]] | None = None,
    y_ticks: Sequence[tuple[float, str]] | None = None,
) -> Frame:
    """With round ticks where none are given."""
    return Frame(
        x, y, height, tuple(_ticks(x) if x_ticks is None else x_ticks), tuple(_ticks(y) if y_ticks is None else y_ticks)
    )


def _ticks(scale: Scale) -> list[tuple[float, str]]:
    return [(one, tick_text(one)) for one in scale.ticks()]


def x_axis(scale: Scale, ticks: Sequence[tuple[float, str]], height: float) -> list[Markup]:
    """Grid lines over the whole height, and below them the texts."""
    places = [(scale.percent(one), said) for one, said in ticks]
    lines = [line("grid", (place, 0), (place, height)) for place, _ in places]
    return [*lines, *(text("tick below", place, height + 16, said) for place, said in places)]


def panes(area: Frame, curves: Iterable[Markup], above: Iterable[Markup]) -> Markup:
    """A plot with its axes: grid, curves, and what is above them; the y axis stands in a column of its own."""
    levels = [(area.down(one), said) for one, said in area.y_ticks]
    grid = [line("grid", ("0%", y), ("100%", y)) for y, _ in levels]
    labels = [text("tick left", "100%", y + 4, said) for y, said in levels]
    wide = 10 + 7 * max((len(said) for _, said in area.y_ticks), default=1)
    pane = [*grid, *x_axis(area.x, area.x_ticks, area.height), stretched(area.height, curves), *above]
    scale = Markup('<svg class="scale" width="{}" height="{}" aria-hidden="true">{}</svg>')
    sides = scale.format(wide, area.height + _BELOW, NOTHING.join(labels)), svg(area.height + _BELOW, pane)
    return Markup('<div class="panes">{}{}</div>').format(*sides)


def plot(area: Frame, curves: Iterable[Markup], above: Iterable[Markup], *, x_title: str, y_title: str) -> Markup:
    """The same with a title for each axis."""
    title = Markup('<p class="axis-title{}">{}</p>')
    return title.format("", plain(y_title)) + panes(area, curves, above) + title.format(" x", plain(x_title))


def rows_plot(
    rows: Sequence[tuple[str, Sequence[Markup]]], scale: Scale, *, height: float, x_title: str, kind: str = "rows"
) -> Markup:
    """A plot with a named row for each thing, all on one scale, whose axis stands below the last."""
    places = _ticks(scale)
    grid = [line("grid", (scale.percent(one), 0), (scale.percent(one), height)) for one, _ in places]
    made = [
        Markup('<span class="row-name">{}</span>{}').format(plain(name), svg(height, [*grid, *parts]))
        for name, parts in rows
    ]
    axis = svg(20, [text("tick below", scale.percent(one), 14, said) for one, said in places])
    foot = Markup('<span class="row-name axis-title">{}</span>{}').format(plain(x_title), axis)
    return Markup('<div class="{}">{}{}</div>').format(kind, NOTHING.join(made), foot)
