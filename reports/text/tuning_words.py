"""The words of settings and of what they gain."""

from collections.abc import Mapping, Sequence
from typing import Final

from alexbench.harness.records.effective import Effective
from alexbench.harness.records.speed_records import Gain, Measure
from alexbench.harness.records.tuning_records import Settings, Tuning
from alexbench.reports.text.reason_words import words

AS_SHIPPED: Final = "as shipped"
_BY: Final[Mapping[Measure, str]] = {"images/s": "FPS", "latency": "latency"}


def settings_words(settings: Settings) -> str:
    """``NUM_STREAMS=2, reshape=static``; without any, that the runtime is as shipped."""
    return ", ".join(f"{name}={value}" for name, value in settings) or AS_SHIPPED


def settings_line(settings: Settings, ran: Effective | None, tuning: Tuning | None) -> str:
    """A row's settings, each with how it is known that it took effect, and where those of a tuned row come from.

    Empty for a row without either.
    """
    known = {} if ran is None else ran.applied
    said = ", ".join(f"{name}={value}" + (f" ({known[name][1]})" if name in known else "") for name, value in settings)
    if tuning is None:
        return f"settings: {said}." if said else ""
    if tuning.reason is not None:
        return f"settings: {AS_SHIPPED}; {words(tuning.reason)}."
    tried = sum(one.status == "measured" and bool(one.settings) for one in tuning.tried)
    search = f"a search of {tuning.cost_s:.0f} s ({tuning.made[:10]})"
    if not said:
        return f"settings: {AS_SHIPPED}; none of {tried} candidates was faster in {search}."
    return f"settings: {said}; chosen among {tried} candidates in {search}."


def gain_words(gain: Gain) -> str:
    """``1.12x (1.05 to 1.20)``."""
    return f"{gain.ratio:.2f}x ({gain.low:.2f} to {gain.high:.2f})"


def verdict_line(gains: Sequence[tuple[str, Measure, Gain]]) -> str:
    """What tuning gains beyond doubt, row by row, and for which rows nothing; empty without gains."""
    sure: list[tuple[str, Measure, Gain]] = [
        (name, of, gain) for name, of, gain in gains if gain.apart and gain.ratio > 1
    ]
    slower = list(dict.fromkeys(name for name, _, gain in gains if gain.apart and gain.ratio < 1))
    known = {name for name, _, _ in sure} | set(slower)
    rest = list(dict.fromkeys(name for name, _, _ in gains if name not in known))
    said = [f"{name} is {gain_words(gain)} as fast by {_BY[of]}" for name, of, gain in sure]
    said += [f"{', '.join(slower)}: slower than as shipped"] if slower else []
    said += [f"no gain beyond doubt for {', '.join(rest)}"] if rest else []
    return f"Tuning: {'; '.join(said)}." if said else ""
