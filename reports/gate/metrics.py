"""A check of a gate in words: its metric, its change, what is allowed."""

from typing import Final

from alexbench.harness.records.gate_records import Judged
from alexbench.reports.columns import BY_NAME
from alexbench.reports.text.wording import ABSENT

_NAMES: Final = {
    "latency_p50_ms": "p50 ms",
    "images_per_second": "FPS",
    "parity": "parity, SQNR dB",
    "macs": "MACs",
    "parameters": "parameters",
    "ran": "ran to the end",
    "speed_up": "speed-up over fp32",
    "price_points": "top-1 lost against fp32, points",
}
"""What a gate calls otherwise than a leaderboard, or what is not a column of one."""
_IN_SENTENCES: Final = {
    "top1": "top-1",
    "top5": "top-5",
    "latency_p50_ms": "p50",
    "parity": "parity",
    "peak_rss_mib": "peak memory",
    "load_s": "load time",
    "price_points": "points of top-1 lost against fp32",
}
"""Names without a unit."""
_PRICES: Final = ("speed_up", "price_points")
_OWN: Final = ("parity", "macs", "parameters", "ran", *_PRICES)
POINTS: Final = ("top1", "top5")
"""Accuracies: their changes are in points, all others in percent."""


def metric_name(one: Judged) -> str:
    """A metric as it is headed."""
    return _NAMES[one.metric] if one.metric in _NAMES else BY_NAME[one.metric].heading


def check_name(one: Judged) -> str:
    """A row and a metric in a sentence."""
    metric = _IN_SENTENCES.get(one.metric) or metric_name(one)
    return f"{one.row} {metric}".strip()


def value_text(one: Judged, value: float | None) -> str:
    """A value of its metric."""
    if one.metric in _PRICES and value is not None:
        return f"{value:.2f}x" if one.metric == "speed_up" else f"{value:.2f}"
    if one.metric not in _OWN:
        return BY_NAME[one.metric].text(value)
    return ABSENT if value is None else f"{value:.1f}" if one.metric == "parity" else f"{value:,.0f}"


def change_text(one: Judged) -> str:
    """Head less base, with its interval where it has one."""
    interval = interval_text(one)
    return change_alone(one) + (f" ({interval})" if interval != ABSENT else "")


def change_alone(one: Judged) -> str:
    """Head less base."""
    if one.change is None:
        return ABSENT
    digits, unit = _precision(one)
    return f"{one.change:+.{digits}f}{unit}"


def outcome_text(one: Judged) -> str:
    """The change, or of a price its value; "" for neither."""
    if one.metric in _PRICES:
        return "" if one.head is None else value_text(one, one.head)
    return "" if one.change is None else change_alone(one)


def interval_text(one: Judged) -> str:
    """The 90 % interval of the change, in its unit."""
    if one.change is None or one.low is None or one.high is None:
        return ABSENT
    digits, _ = _precision(one)
    return f"{one.low:+.{digits}f} to {one.high:+.{digits}f}"


def _precision(one: Judged) -> tuple[int, str]:
    """Decimals and unit of a change."""
    digits, unit = (2, " points") if one.metric in POINTS else (1, " %")
    while one.verdict == "FAIL" and one.change and round(one.change, digits) == 0 and digits < 9:
        digits += 1  # a failure is not shown as no change
    return digits, unit


def allowed_text(one: Judged) -> str:
    """How much worse it may be, and which way that is."""
    rule = one.rule
    if one.metric in ("parity", "ran"):
        return "none"
    if one.metric in ("macs", "parameters"):
        return "equal"
    if one.metric in _PRICES:
        return f"at least {rule.tolerance:g}x" if one.metric == "speed_up" else f"at most {rule.tolerance:g}"
    unit = "points" if one.metric in POINTS else "%"
    sign = {"lower-is-better": "+", "higher-is-better": "-", "two-sided": "+-"}[rule.direction]
    return f"{sign}{rule.tolerance:g} {unit}"
