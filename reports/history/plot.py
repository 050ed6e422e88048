"""A history as a plot: one panel per metric, one line per series; the same bytes for the same history."""

import io
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Literal

from alexbench.reports.history.series import History, Series
from alexbench.reports.plots.plot_text import DOTS_PER_INCH, drawing, plot_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS: Final = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000")
"""Okabe and Ito's, told apart with every common colour blindness; yellow left out, for it is not seen on white."""
MARKERS: Final = ("o", "s", "^", "D", "v", "P", "X")
_PANEL: Final = (9.0, 3.0)
"""Width and height in inches, for letters of 10 points: at half size they are still read."""
_LINE: Final = 0.2
_LETTERS: Final = 110
"""Letters of a legend that fit side by side; each label takes so many more for its key:"""
_KEY: Final = 8
_MOST_PERCENT: Final = 100.5
"""No axis goes further, and a line at 100 % is still seen whole."""


def draw_history(history: History, form: Literal["svg", "png"] = "svg") -> bytes:
    """Draw it. Points that do not count are hollow; matplotlib is imported here, so that reports are without it."""
    from matplotlib.figure import Figure

    panels: dict[str, list[Series]] = {}
    for series in history.series:
        panels.setdefault(series.metric.name, []).append(series)
    legends = _legends([_labels(found) for found in panels.values()])
    heights = [_PANEL[1] + _LINE * _rows(labels) for labels in legends] or [1.0]
    file = io.BytesIO()
    with drawing():
        figure = Figure(figsize=(_PANEL[0], sum(heights)), facecolor="white", layout="constrained")
        lines = map(plot_text, title(history).splitlines())
        figure.suptitle("\n".join(lines), x=0.01, ha="left", weight="bold")
        if not panels:
            figure.text(0.5, 0.5, "no run has these metrics", ha="center", va="center")
        else:
            drawn = figure.subplots(len(panels), 1, squeeze=False, gridspec_kw={"height_ratios": heights})
            for axes, found, labels in zip(drawn[:, 0], panels.values(), legends, strict=True):
                _panel(axes, found)
                if labels:
                    _legend(axes, labels)
        metadata = {"Date": None} if form == "svg" else {"Software": None}
        figure.savefig(file, format=form, dpi=DOTS_PER_INCH, metadata=metadata)
    return file.getvalue()


def title(history: History) -> str:
    """The models and machines that are drawn, how many runs, and from when to when."""
    dates = sorted(one.started[:10] for series in history.series for one in series.points)
    models = _one_of("models", [series.key.get("model", "") for series in history.series])
    machines = _one_of("machines", [series.machine for series in history.series])
    synthetic = " on SYNTHETIC data" if any(series.synthetic for series in history.series) else ""
    span = "" if not dates else f", {dates[0]}" if dates[0] == dates[-1] else f", {dates[0]} to {dates[-1]}"
    whose = f"{models}{synthetic}\n{machines}: " if history.series else ""
    return f"{whose}{history.runs} run{'' if history.runs == 1 else 's'}{span}"


def _one_of(kind: str, names: list[str]) -> str:
    found = list(dict.fromkeys(names))
    return found[0] if len(found) == 1 else f"{len(found)} {kind}"


def _legends(labels: list[list[str]]) -> list[list[str]]:
    """The labels below each panel; below the last one alone where all panels have the same."""
    return [[] for _ in labels[1:]] + labels[-1:] if all(one == labels[0] for one in labels) else labels


def _legend(axes: "Axes", labels: list[str]) -> None:
    axes.legend(
        loc="upper left",
        bbox_to_anchor=(0, -0.22),
        ncols=_columns(labels),
        frameon=False,
        fontsize=9,
        borderaxespad=0,
    )


def _columns(labels: list[str]) -> int:
    """As many as fit side by side."""
    return max(1, min(len(labels), _LETTERS // (max(map(len, labels), default=1) + _KEY)))


def _rows(labels: list[str]) -> int:
    return -(-len(labels) // _columns(labels)) if labels else 0


def _panel(axes: "Axes", found: list[Series]) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    metric = found[0].metric
    for place, (series, label) in enumerate(zip(found, _labels(found), strict=True)):
        _line(axes, series, place, label)
    hollow = "; hollow: does not count" if any(not one.counts for series in found for one in series.points) else ""
    axes.set_title(f"{metric.title} ({metric.better} is better{hollow})", loc="left")
    if metric.in_points:
        axes.set_ylim(top=min(axes.get_ylim()[1], _MOST_PERCENT))
    axes.grid(visible=True, axis="y", color="#dddddd", linewidth=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    locator = AutoDateLocator()  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]


def _line(axes: "Axes", series: Series, place: int, label: str) -> None:
    from matplotlib.dates import date2num

    colour, marker = COLOURS[place % len(COLOURS)], MARKERS[place // len(COLOURS) % len(MARKERS)]
    stamps = date2num([_time(one.started) for one in series.points])  # type: ignore[no-untyped-call]
    times = {one.run: float(stamp) for one, stamp in zip(series.points, stamps, strict=True)}
    counted = [one for one in series.points if one.counts]
    x, y = [times[one.run] for one in counted], [one.value for one in counted]
    axes.plot(x, y, color=colour, linewidth=1.2, marker=marker, markersize=4, label=label)
    for one in counted:
        if one.low is not None and one.high is not None:
            axes.plot([times[one.run]] * 2, [one.low, one.high], color=colour, linewidth=0.8, alpha=0.6)
    others = [one for one in series.points if not one.counts]
    if others:
        x, y = [times[one.run] for one in others], [one.value for one in others]
        axes.plot(x, y, color=colour, linestyle="none", marker=marker, markersize=5, fillstyle="none")
    for change in series.changes:
        axes.axvline(times[change.run], color=colour, linestyle="--", linewidth=1)
        text = f"{series.system} {change.version} {change.change:+.1f}{' points' if series.metric.in_points else ' %'}"
        axes.annotate(
            plot_text(text),
            (times[change.run], 1),
            xycoords=("data", "axes fraction"),
            xytext=(3, -2),
            textcoords="offset points",
            rotation=90,
            va="top",
            fontsize=8,
            color=colour,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1, "alpha": 0.85},
        )


def _labels(found: list[Series]) -> list[str]:
    """The system of each series of a panel, and how it differs from the others."""
    common = {
        name for name, value in found[0].key.items() if value and all(series.key[name] == value for series in found)
    }
    return [_label(series, common) for series in found]


def _label(series: Series, common: set[str]) -> str:
    key = {**series.key, "machine": series.machine or series.key.get("machine", "")}
    own = [f"{name} {value}" for name, value in key.items() if value and name not in common]
    return plot_text(", ".join([series.system, *own]))


def _time(iso: str) -> datetime:
    found = datetime.fromisoformat(iso)
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
