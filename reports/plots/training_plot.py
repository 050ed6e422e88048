"""The curves of a training run as a plot: the loss, and held-out top-1 next to a baseline and to chance."""

import io
from typing import TYPE_CHECKING, Final, Literal

from alexbench.harness.records.training_curves import TrainingCurves
from alexbench.reports.plots.plot_text import DOTS_PER_INCH, drawing, plot_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SIZE: Final = (9.0, 3.4)
_LOSS, _TOP1, _BASELINE = "#0072b2", "#d55e00", "#009e73"
_MEAN_OF: Final = 20
"""Steps that the thick line is a mean of."""


def draw_curves(
    curves: TrainingCurves, *, baseline: tuple[str, float] | None = None, form: Literal["svg", "png"] = "svg"
) -> bytes:
    """Draw them; the same bytes for the same curves. ``baseline``: what top-1 is compared with, in percent."""
    from matplotlib.figure import Figure

    file = io.BytesIO()
    with drawing():
        figure = Figure(figsize=_SIZE, facecolor="white", layout="constrained")
        synthetic = " (SYNTHETIC images)" if curves.synthetic else ""
        figure.suptitle(plot_text(f"{curves.title}{synthetic}"), x=0.01, ha="left", weight="bold")
        left, right = figure.subplots(1, 2)
        _loss(left, curves)
        _accuracy(right, curves, baseline)
        for axes in (left, right):
            axes.set_xlabel("step")
            axes.grid(visible=True, axis="y", color="#dddddd", linewidth=0.8)
            axes.set_axisbelow(True)
            axes.set_ylim(bottom=0)
            for side in ("top", "right"):
                axes.spines[side].set_visible(False)
        metadata = {"Date": None} if form == "svg" else {"Software": None}
        figure.savefig(file, format=form, dpi=DOTS_PER_INCH, metadata=metadata)
    return file.getvalue()


def _loss(axes: "Axes", curves: TrainingCurves) -> None:
    steps, losses = [step for step, _ in curves.losses], [loss for _, loss in curves.losses]
    axes.plot(steps, losses, color=_LOSS, linewidth=0.6, alpha=0.4)
    middles = range(len(losses) - _MEAN_OF + 1)
    means = [sum(losses[at : at + _MEAN_OF]) / _MEAN_OF for at in middles]
    axes.plot([steps[at + _MEAN_OF // 2] for at in middles], means, color=_LOSS, linewidth=1.8)
    axes.set_title(f"loss (thick: mean of {_MEAN_OF} steps)", loc="left")


def _accuracy(axes: "Axes", curves: TrainingCurves, baseline: tuple[str, float] | None) -> None:
    scored = [(one.step, one.top1) for one in curves.epochs if one.top1 is not None]
    axes.plot(*zip(*scored, strict=True), color=_TOP1, marker="o", markersize=4, label="trained")
    if baseline is not None:
        name, value = baseline
        axes.axhline(value, color=_BASELINE, linestyle="-.", linewidth=1.2, label=plot_text(name))
    axes.axhline(curves.chance, color="#777777", linestyle="--", linewidth=1.2, label=f"chance, {curves.chance:g} %")
    axes.set_title("held-out top-1, %", loc="left")
    axes.legend(frameon=False, fontsize=9)
