"""Values, changes and dates of a history as text."""

from typing import Final

from alexbench.reports.columns import SCIENTIFIC
from alexbench.reports.history.series import Metric

MOST_NEWS: Final = 3
"""Changes of the environment named in a cell; the rest are counted."""


def change_text(metric: Metric, change: float) -> str:
    """Signed, in percent or points."""
    return f"{change:+.2f} points" if metric.in_points else f"{change:+.1f} %"


def value_text(metric: Metric, value: float) -> str:
    """With the decimals of its metric."""
    return f"{value:.{metric.digits}f}" if metric.digits < SCIENTIFIC else f"{value:.1e}"


def interval_text(metric: Metric, low: float | None, high: float | None) -> str:
    """From low to high, empty where there is none."""
    return "" if low is None or high is None else f"{value_text(metric, low)} to {value_text(metric, high)}"


def news_text(news: tuple[str, ...]) -> str:
    """What of the environment changed, the first few."""
    more = len(news) - MOST_NEWS
    return ", ".join(news[:MOST_NEWS]) + (f" and {more} more" if more > 0 else "")


def date(iso: str) -> str:
    """To the minute."""
    return iso[:16].replace("T", " ")
