"""The curves of training runs as a page: the loss of each step, and top-1 after each epoch."""

import base64
import hashlib
import math
from collections.abc import Sequence
from functools import cache
from typing import Any, Final

from markupsafe import Markup

from alexbench.harness.records.training_curves import TrainingCurves
from alexbench.reports.html import svg
from alexbench.reports.html.figure import Figure, Key, series
from alexbench.reports.html.page import asset, template
from alexbench.reports.training.curves import answer

_POINTS: Final = 1000
"""Points of a curve at most; of more steps, each is a mean."""
_MEAN_OF: Final = 40
"""The parts of a curve whose means are drawn as its thick line."""


def curves_page(runs: Sequence[TrainingCurves]) -> str:
    """The page of one run or of several together; the same text for the same runs."""
    said = [line if len(runs) == 1 else f"{one.title}: {line}" for one in runs for line in answer(one)]
    titles = list(dict.fromkeys(one.title for one in runs))
    text: str = template("training.html").render(
        title=titles[0] if len(titles) == 1 else "training runs",
        synthetic=any(one.synthetic for one in runs),
        said=said,
        figures=[figure for figure in (_losses(runs), _accuracy(runs)) if figure is not None],
        policy=_policy(),
        style=asset("style.css"),
    )
    return text


def _losses(runs: Sequence[TrainingCurves]) -> Figure | None:
    points = [_thinned([(step, loss) for step, loss in one.losses if math.isfinite(loss)]) for one in runs]
    every = [point for found in points for point in found]
    if not every:
        return None
    steps = svg.Scale(1, max(2.0, *(step for step, _ in every)))
    area = svg.frame(steps, svg.linear([loss for _, loss in every], zero=True))
    drawn = [area.curve(f"thin s{place % svg.COLOURS}", found) for place, found in enumerate(points) if found]
    drawn += [area.curve(f"line {series(place)}", _means(found)) for place, found in enumerate(points) if found]
    rows = tuple(
        (one.run, step, round(loss, 6)) for one, found in zip(runs, points, strict=True) for step, loss in found
    )
    said = "Cross-entropy of each step's batch (thin), and its mean (thick)."
    columns = ("run", "step", "loss")
    drawing = svg.plot(area, drawn, [], x_title="step", y_title="loss")
    return Figure("loss", "Loss", said, columns, rows, drawing, _legend(runs), wide=True)


def _accuracy(runs: Sequence[TrainingCurves]) -> Figure | None:
    points = [[(one.step, one.top1) for one in run.epochs if one.top1 is not None] for run in runs]
    every = [point for found in points for point in found]
    if not every:
        return None
    chance = runs[0].chance
    steps = svg.Scale(0, max(step for step, _ in every))
    area = svg.frame(steps, svg.linear([chance, *(top1 for _, top1 in every)], zero=True))
    drawn = [area.curve("front", [(steps.low, chance), (steps.high, chance)])]
    drawn += [area.curve(f"line {series(place)}", found) for place, found in enumerate(points) if len(found) > 1]
    marks = [
        svg.mark(*area.at(step, top1), place, title=f"step {step:,}: {top1:.1f} %")
        for place, found in enumerate(points)
        for step, top1 in found
    ]
    rows = tuple((run.run, step, top1) for run, found in zip(runs, points, strict=True) for step, top1 in found)
    said = f"Top-1 of held-out images after each epoch; dashed: chance, {chance:.1f} %."
    drawing = svg.plot(area, drawn, marks, x_title="step", y_title="top-1 %")
    return Figure("top1", "Held-out top-1", said, ("run", "step", "top-1 %"), rows, drawing, _legend(runs), wide=True)


def _legend(runs: Sequence[TrainingCurves]) -> tuple[Key, ...]:
    return tuple(Key(one.title, place) for place, one in enumerate(runs)) if len(runs) > 1 else ()


def _thinned(points: Sequence[tuple[int, float]]) -> list[tuple[int, float]]:
    if len(points) <= _POINTS:
        return list(points)
    return _joined(points, _POINTS)


def _means(points: Sequence[tuple[int, float]]) -> list[tuple[int, float]]:
    """The curve's ends, and between them the means of its parts."""
    if len(points) < 2 * _MEAN_OF:
        return list(points)
    return [points[0], *_joined(points, _MEAN_OF)[1:-1], points[-1]]


def _joined(points: Sequence[tuple[int, float]], count: int) -> list[tuple[int, float]]:
    """``count`` points, each the middle step of a part and the mean of its losses."""
    parts = [points[len(points) * at // count : len(points) * (at + 1) // count] for at in range(count)]
    return [(part[len(part) // 2][0], sum(loss for _, loss in part) / len(part)) for part in parts]


@cache
def _policy() -> Markup:
    """A Content-Security-Policy that lets our own style apply, and nothing else."""
    digest = base64.b64encode(hashlib.sha256(asset("style.css").encode()).digest()).decode()
    parts: tuple[Any, ...] = ("default-src 'none'", "img-src data:", f"style-src 'sha256-{digest}'", "base-uri 'none'")
    return Markup("; ".join(parts))  # noqa: S704 - no data in it
