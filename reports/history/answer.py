"""The answer of a history in a few sentences: which levels changed, and which cannot be judged yet."""

from collections.abc import Iterator, Sequence
from typing import Final

from alexbench.reports.history.series import Change, History, Series
from alexbench.reports.history.words import change_text, date, news_text

LEAST_POINTS: Final = 6
"""Runs that a series needs before a change of its level can be found; as in harness/judge/change_points.py."""
_NAMED: Final = 3


def answer(history: History) -> list[str]:
    """What got worse, what got better, else that nothing did; each by its last change of level."""
    if not history.series:
        return ["No run here has these metrics."]
    said = [*_changed(history.series, better=False), *_changed(history.series, better=True)]
    short = sum(_counted(one) < LEAST_POINTS for one in history.series)
    judged = len(history.series) - short
    if not said and judged:
        said.append(f"No level changed in {_series(judged)} over {_runs(history.runs)}.")
    if short and not judged:
        said.append(f"Too few runs to find a change: {_series(short)} with fewer than {LEAST_POINTS} points each.")
    elif short:
        said.append(f"{_series(short)} with fewer than {LEAST_POINTS} points: too few to find a change.")
    return said


def _changed(series: Sequence[Series], *, better: bool) -> Iterator[str]:
    found = [(one, one.changes[-1]) for one in series if one.changes and one.changes[-1].better == better]
    if found:
        named = "; ".join(_named(one, change) for one, change in found[:_NAMED])
        more = f"; and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
        word = "Better" if better else "Worse"
        yield f"{word} in {len(found)} of {_series(len(series))}: {named}{more}."


def _named(series: Series, change: Change) -> str:
    cause = f" ({news_text(change.news)})" if change.news else ""
    title = f"{series.system} {series.metric.title}"
    return f"{title} {change_text(series.metric, change.change)} since {date(change.started)[:10]}{cause}"


def _counted(series: Series) -> int:
    return sum(one.counts for one in series.points)


def trend(series: Series) -> str:
    """Where a level went, in a cell."""
    if series.changes:
        last = series.changes[-1]
        word = "better" if last.better else "WORSE"
        return f"{word} {change_text(series.metric, last.change)} since {date(last.started)[:10]}"
    return "steady" if _counted(series) >= LEAST_POINTS else "too few runs"


def _series(count: int) -> str:
    return f"{count} series"


def _runs(count: int) -> str:
    return f"{count} run{'' if count == 1 else 's'}"
