"""The answer of a history in a few sentences: which levels changed, and which cannot be judged yet."""

from collections.abc import Iterator, Sequence
from typing import Final

from alexbench.reports.history.series import History, Series
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
        longest = max(map(_counted, history.series))
        said.append(
            f"Too few runs to find a change: a series needs {LEAST_POINTS} points, and the longest of {short} has"
            f" {longest}."
        )
    elif short:
        few = f"{short} of {_series(len(history.series))} have fewer than {LEAST_POINTS} points"
        said.append(f"{few}, too few to find a change.")
    return [*said, *(_apart(history.series) if short else [])]


def _apart(series: Sequence[Series]) -> list[str]:
    """In what runs differ that would else be one series."""
    keys: dict[tuple[str, str], list[dict[str, str]]] = {}
    for one in series:
        keys.setdefault((one.metric.name, one.system), []).append(one.key)
    differing = {
        name: None for found in keys.values() for name in found[0] if len({key.get(name, "") for key in found}) > 1
    }
    return [f"Runs that differ in {', '.join(differing)} are separate series."] if differing else []


def _changed(series: Sequence[Series], *, better: bool) -> Iterator[str]:
    """One sentence; metrics of one system that changed together are named together."""
    found = [(one, one.changes[-1]) for one in series if one.changes and one.changes[-1].better == better]
    together: dict[tuple[str, str, tuple[str, ...]], list[str]] = {}
    for one, change in found:
        size = f"{one.metric.title} {change_text(one.metric, change.change)}"
        together.setdefault((one.system, change.started, change.news), []).append(size)
    if found:
        named = "; ".join(_named(*key, sizes) for key, sizes in list(together.items())[:_NAMED])
        more = f"; and {len(together) - _NAMED} more" if len(together) > _NAMED else ""
        yield f"{'Better' if better else 'Worse'} in {len(found)} of {_series(len(series))}: {named}{more}."


def _named(system: str, started: str, news: tuple[str, ...], sizes: Sequence[str]) -> str:
    cause = f" ({news_text(news)})" if news else ""
    return f"{system} {' and '.join(sizes)} since {date(started)[:10]}{cause}"


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
