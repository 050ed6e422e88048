"""A run as plots, SVG and PNG for README and PRs: the leaderboard, the latencies, and speed against accuracy.

Coloured by Okabe and Ito's palette, which the common colour blindnesses tell apart; colour is never the only sign.
"""

import io
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from alexbench.harness.files.whole_file import write_whole
from alexbench.harness.records.file_names import LATENCY_PICTURES, LEADERBOARD_PICTURES, TIMINGS, TRADEOFF_PICTURES
from alexbench.harness.records.run_records import RunRecord
from alexbench.harness.run_tables import read_table
from alexbench.reports import row_cells
from alexbench.reports.columns import BY_NAME, Column
from alexbench.reports.leaderboard.noise_banner import noise_banner
from alexbench.reports.leaderboard.tradeoffs import Tradeoff, tradeoffs, untold
from alexbench.reports.leaderboard.verdict import price_sentences, verdict
from alexbench.reports.plots.plot_text import DOTS_PER_INCH, STYLE, drawing, plot_text
from alexbench.reports.rows import Row, base_name, rows_of
from alexbench.reports.text.wording import run_line

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, ORANGE, GREY, DARK = "#0072B2", "#D55E00", "#B3B3B3", "#333333"
"""Okabe and Ito 2008: blue, vermillion; and greys."""
_WIDE: Final = 9.0
"""Inches: 1350 pixels, so that at half size a line of 12 points is 12 pixels high."""
_STYLE: Final[dict[str, Any]] = {
    **STYLE,
    "font.size": 12,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
}
_BINS: Final = 80
_SHOWN: Final = 1.3
"""The axis ends so far beyond the slowest row's 90th percentile; a count says how many calls lie farther."""
_LETTERS: Final = 21
"""Characters of a row's name on one line, next to the bars."""
_BOLD_LETTERS: Final = 76
_SMALL_LETTERS: Final = 104
"""Characters on each line above the bars, which reaches from edge to edge."""
_TRADEOFF_ROWS: Final = 7
"""Rows of bars that the plot of speed against accuracy is as high as."""
_VERDICT: Final = 400
"""Letters of a verdict at most: five lines."""


@dataclass(frozen=True, slots=True)
class Picture:
    """Two files' bytes; the same for the same run."""

    svg: bytes
    png: bytes


def write_pictures(folder: Path, record: RunRecord) -> list[Path]:
    """Write ``leaderboard``, ``latency`` and ``tradeoff`` (.svg, .png) into a run's folder, each whole; their paths.

    A run without speed has a leaderboard of top-1 and no latencies; one without any figure has no plot. Speed against
    accuracy is drawn where accuracy tells rows apart.

    Raises:
        RecordError: ``timings.parquet`` is damaged.
    """
    paths = []
    drawn = {
        LEADERBOARD_PICTURES: draw_leaderboard(record),
        LATENCY_PICTURES: draw_latency(record, read_latencies(folder)),
        TRADEOFF_PICTURES: draw_tradeoff(record),
    }
    for names, picture in drawn.items():
        for name, content in zip(names, () if picture is None else (picture.svg, picture.png), strict=False):
            write_whole(folder / name, content)
            paths.append(folder / name)
    return paths


def read_latencies(folder: Path) -> dict[str, NDArray[np.float64]]:
    """Each row's milliseconds of every settled call at batch 1; empty if nothing was timed.

    Raises:
        RecordError: the file is damaged.
    """
    frame = read_table(folder / TIMINGS, ["backend", "scenario", "batch", "way", "settled", "ns"])
    if frame is None:
        return {}
    kept = frame[
        (frame["scenario"] == "SingleStream") & (frame["batch"] == 1) & (frame["way"] == "loop") & frame["settled"]
    ]
    return {str(name): ns.to_numpy(np.float64) / 1e6 for name, ns in kept.groupby("backend", sort=False)["ns"]}


def draw_leaderboard(record: RunRecord) -> Picture | None:
    """FPS and p50 as bars with their intervals; top-1 where there is no speed; None where there is neither."""
    rows = rows_of(record)
    timed = [row for row in rows if row.rate is not None]
    batch = record.configuration.get("batch_size", "")
    panels = {
        f"FPS, batch {batch}: longer is faster": BY_NAME["images_per_second"],
        "p50 ms, batch 1: shorter is faster": BY_NAME["latency_p50_ms"],
    }
    if not timed:
        timed = [row for row in rows if row.entry.accuracy is not None]
        panels = {"top-1 %: longer is better": BY_NAME["top1"]}
    if not timed:
        return None

    def figure() -> "Figure":
        made, axes = _page(record, len(timed), len(panels))
        for place, (ax, (title, column)) in enumerate(zip(axes, panels.items(), strict=True)):
            _bars(ax, timed, column, title)
            if place:
                ax.set_yticklabels([])
        return made

    return _drawn(figure)


def draw_latency(record: RunRecord, latencies: dict[str, NDArray[np.float64]]) -> Picture | None:
    """How the calls at batch 1 are spread, a row above the other on one scale; None where nothing was timed."""
    rows = [row for row in rows_of(record) if len(latencies.get(row.entry.name, ()))]
    if not rows:
        return None
    samples = [latencies[row.entry.name] for row in rows]
    low = min(float(one.min()) for one in samples)
    high = _SHOWN * max(float(np.percentile(one, 90)) for one in samples)

    def figure() -> "Figure":
        made, (ax,) = _page(record, len(rows), 1)
        for place, (row, found) in enumerate(zip(rows, samples, strict=True)):
            _ridge(ax, place, found, (low, high), row)
        _name_rows(ax, rows)
        ax.set_xlim(low - 0.02 * (high - low), high + 0.02 * (high - low))
        ax.grid(axis="x", color="#dddddd")
        title = "latency at batch 1, ms: every timed call; line: p50, dotted: p90"
        ax.set_title(title, loc="left", fontsize=12, color=DARK)
        return made

    return _drawn(figure)


def draw_tradeoff(record: RunRecord) -> Picture | None:
    """Top-1 against FPS, beaten rows grey; None where that shows nothing."""
    found = tradeoffs(record)
    if untold(record, found):
        return None
    tall = max(_TRADEOFF_ROWS, len(found))

    def figure() -> "Figure":
        made, (ax,) = _page(record, tall, 1, said=price_sentences(record) or None)
        for place, one in enumerate(found, 1):
            _place(ax, place, one)
            name = f"{place} {_lines(one.row.entry.name)}"
            ax.text(-0.305, 1 - (place - 0.5) / tall, name, transform=ax.transAxes, va="center")
        ax.margins(x=0.1, y=0.15)
        ax.grid(color="#dddddd")
        base = plot_text(base_name(record) or "")
        title = f"right: more FPS; up: more points of top-1 than {base}; grey: another is faster and no less accurate"
        ax.set_title(title, loc="left", fontsize=12, color=DARK, x=-0.305)
        ax.yaxis.tick_right()
        ax.spines[["left", "right"]].set_visible(False)
        left, bottom, width, height = ax.get_position().bounds
        ax.set_position((left, bottom, 0.95 * width, height))
        ax.set_xlabel("FPS", loc="right", labelpad=1)
        return made

    return _drawn(figure)


def _place(ax: "Axes", place: int, one: Tradeoff) -> None:
    """A mark with its two intervals and its number."""
    colour = GREY if one.beaten else BLUE
    ax.plot(one.rate_interval, (one.points, one.points), color=colour, linewidth=2)
    ax.plot((one.rate, one.rate), one.points_interval, color=colour, linewidth=2)
    ax.plot(one.rate, one.points, "o", color=colour, markersize=17, markeredgecolor="white")
    style: dict[str, Any] = {"ha": "center", "va": "center", "size": 10, "weight": "bold"}
    ax.text(one.rate, one.points, str(place), color=DARK if one.beaten else "white", **style)


def _page(
    record: RunRecord, rows: int, panels: int, said: Sequence[str] | None = None
) -> "tuple[Figure, Sequence[Axes]]":
    """The figure with its title (``said``; None: the verdict) and lines, and its panels side by side."""
    from matplotlib.figure import Figure

    lines = _lines_above(record, verdict(record) if said is None else said)
    above, below, tall = 0.55 + sum(line.height for line in lines), 0.45, 0.62 * max(rows, 2)
    height = above + tall + below
    figure = Figure(figsize=(_WIDE, height), facecolor="white")
    y = height - 0.12
    for line in lines:
        y -= line.height
        style: dict[str, Any] = {"weight": "bold", "size": 14} if line.bold else {"size": 11, "color": DARK}
        figure.text(0.02, y / height, line.text, va="bottom", **style)
    left, right, gap = 0.235, 0.985, 0.035
    wide = (right - left - gap * (panels - 1)) / panels
    axes = [
        figure.add_axes((left + place * (wide + gap), below / height, wide, tall / height)) for place in range(panels)
    ]
    return figure, axes


@dataclass(frozen=True, slots=True)
class _Line:
    """A line above the panels. ``height``: in inches."""

    text: str
    bold: bool = False

    @property
    def height(self) -> float:
        return 0.3 if self.bold else 0.24


def _lines_above(record: RunRecord, said: Sequence[str]) -> list[_Line]:
    """What the figure says, what disturbed it, and what the run covers."""
    wrapped = textwrap.wrap(plot_text(" ".join(said), longest=_VERDICT), _BOLD_LETTERS)
    banner = noise_banner(record)
    noise = textwrap.wrap(plot_text(banner, longest=_VERDICT), _SMALL_LETTERS)
    covers = f"AlexBench: {run_line(record, noisy=bool(banner))}; {record.started[:10]}"
    about = textwrap.wrap(plot_text(covers, longest=_VERDICT), _SMALL_LETTERS)
    return [*(_Line(line, bold=True) for line in wrapped), *map(_Line, [*noise, *about])]


def _colour(row: Row) -> str:
    return GREY if row.rank is None else BLUE


def _bars(ax: "Axes", rows: Sequence[Row], column: Column, title: str) -> None:
    lengths = [column.number(row) or 0.0 for row in rows]
    bounds = [column.bounds(row) for row in rows]
    ends = [length if found is None else found[1] for length, found in zip(lengths, bounds, strict=True)]
    for place, (row, length, found) in enumerate(zip(rows, lengths, bounds, strict=True)):
        hatch = "//" if row.rank is None else None
        ax.barh(place, length, height=0.62, color=_colour(row), hatch=hatch, edgecolor="white")
        if found is not None:
            ax.plot(found, (place, place), color="black", linewidth=2, solid_capstyle="butt")
            for edge in found:
                ax.plot((edge, edge), (place - 0.14, place + 0.14), color="black", linewidth=2)
        beside = max(ends[place], length) + 0.02 * max(ends)
        ax.text(beside, place, column.text(length), va="center", weight="bold")
    ax.set_xlim(0, 1.24 * max(ends))
    _name_rows(ax, rows)
    ax.grid(axis="x", color="#dddddd")
    ax.set_title(title, loc="left", fontsize=12, color=DARK)


def _name_rows(ax: "Axes", rows: Sequence[Row]) -> None:
    """From above, each with what it is not."""
    names = [_lines(row_cells.called(row).text) + ("\nnot ranked" if row.rank is None else "") for row in rows]
    ax.set_yticks(range(len(rows)), labels=names)
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(len(rows) - 0.4, -0.6)


def _lines(name: str) -> str:
    """As the room next to the bars allows: on two lines where it is long, and the middle left out of a longer one."""
    first, *rest = textwrap.wrap(plot_text(name), _LETTERS) or [""]
    second = " ".join(rest)
    if len(second) > _LETTERS:
        half = _LETTERS // 2
        second = f"{second[:half]}\N{HORIZONTAL ELLIPSIS}{second[-half:]}"
    return f"{first}\n{second}" if second else first


def _ridge(ax: "Axes", place: int, found: NDArray[np.float64], shown: tuple[float, float], row: Row) -> None:
    """A histogram above its line, as high as its own fullest bin; the leaderboard's p50, p90, and what is beyond."""
    counts, edges = np.histogram(found, bins=_BINS, range=shown)
    heights = 0.72 * counts / max(1, counts.max())
    ax.stairs(place + 0.3 - heights, edges, baseline=place + 0.3, fill=True, color=_colour(row))
    ax.plot(shown, (place + 0.3, place + 0.3), color=DARK, linewidth=0.8)
    for column, style in (("latency_p50_ms", "-"), ("latency_p90_ms", ":")):
        at = BY_NAME[column].number(row)
        if at is not None and shown[0] <= at <= shown[1]:
            ax.plot((at, at), (place - 0.42, place + 0.3), color="black", linewidth=2, linestyle=style)
    beyond = int((found > shown[1]).sum())
    label = f"{len(found):,} calls" + (f", {beyond:,} beyond" if beyond else "")
    ax.text(shown[1], place - 0.4, label, ha="right", va="top", size=10, color=DARK)


def _drawn(figure: Any) -> Picture:
    """Both files. matplotlib is imported here, so that reports are imported without it."""
    svg, png = io.BytesIO(), io.BytesIO()
    with drawing(_STYLE):
        made = figure()
        made.savefig(svg, format="svg", metadata={"Date": None})
        made.savefig(png, format="png", dpi=DOTS_PER_INCH, metadata={"Software": None})
    return Picture(svg.getvalue(), png.getvalue())
