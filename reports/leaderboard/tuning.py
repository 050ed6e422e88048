"""What tuning gains: each tuned row next to its own row with default settings, and the candidates that were tried."""

from dataclasses import dataclass
from typing import Final

from alexbench.harness.records.plain_rows import untuned_row
from alexbench.harness.records.run_records import RunRecord
from alexbench.harness.records.speed_records import Gain, Measure, gain_between
from alexbench.harness.records.tuning_records import Figure, Tried, TriedStatus, Tuning
from alexbench.harness.systems import TUNED_LATENCY
from alexbench.reports.rows import Row, rows_of
from alexbench.reports.table import Cell, Notes, Table, interval, number
from alexbench.reports.text.reason_words import words
from alexbench.reports.text.tuning_words import gain_words, settings_words, verdict_line
from alexbench.reports.text.wording import ABSENT


@dataclass(frozen=True, slots=True)
class Tuned:
    """A tuned row, and the same system as shipped in the same run. ``rate``, ``latency``: None where not timed."""

    row: Row
    plain: Row
    rate: Gain | None
    latency: Gain | None

    @property
    def goals(self) -> list[tuple[str, Measure, Gain]]:
        """What the row was chosen for, and what it gains there."""
        of_rate, of_latency = self.rate, self.latency
        name = self.row.entry.name
        if self.row.entry.system.profile == TUNED_LATENCY:
            return [] if of_latency is None else [(name, "latency", of_latency)]
        found: list[tuple[str, Measure, Gain]] = [] if of_rate is None else [(name, "images/s", of_rate)]
        tuning = self.row.entry.tuning
        if of_latency is not None and tuning is not None and len(tuning.rows) == 1:
            found.append((name, "latency", of_latency))
        return found


def tuned_rows(record: RunRecord) -> list[Tuned]:
    """Every tuned row that has its own row as shipped in the run, in the leaderboard's order."""
    rows = {row.entry.name: row for row in rows_of(record) if row.entry.status == "ok"}
    found = []
    for row in rows.values():
        entry = untuned_row(row.entry, [one.entry for one in rows.values()])
        if row.entry.tuning is None or entry is None:
            continue
        plain, names = rows[entry.name], {"base": entry.name, "other": row.entry.name}
        rate, latency = (gain_between(record.differences, of, **names) for of in ("images/s", "latency"))
        found.append(Tuned(row, plain, rate, latency))
    return found


def tuning_verdict(record: RunRecord) -> list[str]:
    """What tuning gains, in a sentence; none of a run without tuned rows, or whose speeds are unreliable."""
    gains = [] if record.invalid else [goal for one in tuned_rows(record) for goal in one.goals]
    line = verdict_line(gains)
    return [line] if line else []


def gain_table(record: RunRecord) -> Table:
    """One line a tuned row: its settings, its speeds next to those as shipped, and what it gains."""
    table = Table("Gain from tuning: each tuned row next to its own row as shipped", "tuning")
    found = tuned_rows(record)
    if not found:
        return table
    table.add("system", [one.row.entry.name for one in found], numeric=False)
    table.add("settings", [settings_words(one.row.entry.system.settings) for one in found], numeric=False, extra=True)
    table.add("FPS as shipped", [number(one.plain.rate, 1) for one in found], extra=True)
    table.add("FPS tuned", [number(one.row.rate, 1) for one in found], extra=True)
    table.add("FPS gain (95 %)", [_gain(one.rate) for one in found], explanation=_EXPLAINED)
    table.add("p50 ms as shipped", [number(one.plain.p50_ms, 2) for one in found], extra=True)
    table.add("p50 ms tuned", [number(one.row.p50_ms, 2) for one in found], extra=True)
    table.add("latency gain (95 %)", [_gain(one.latency) for one in found])
    table.add("beyond doubt", [_sure(one) for one in found], numeric=False)
    return table


_EXPLAINED: Final = (
    "gain: the time as shipped divided by the tuned time, both in fresh processes after the search; its interval holds"
    " for all pairs of the run."
)


def _gain(gain: Gain | None) -> Cell:
    return Cell(ABSENT) if gain is None else Cell(gain_words(gain), gain.ratio)


def _sure(one: Tuned) -> str:
    said = [name for name, gain in (("FPS", one.rate), ("latency", one.latency)) if gain is not None and gain.apart]
    return " and ".join(said) or "no"


def tried_tables(record: RunRecord) -> list[Table]:
    """The candidates of each search, in the order in which they are written."""
    searches: dict[str, Tuning] = {}
    for row in record.systems:
        if row.tuning is not None and row.tuning.tried:
            searches.setdefault(" ".join(row.tuning.rows), row.tuning)
    return [_tried_table(one) for one in searches.values()]


def _tried_table(tuning: Tuning) -> Table:
    about = tuning.made_for
    precision = "" if about.precision == "fp32" else f" {about.precision}"
    title = f"Candidates of {about.backend}{precision}: a search of {tuning.cost_s:.0f} s"
    table = Table(title, f"tried-{about.backend}-{about.precision}")
    table.explanation = (
        "Candidates: figures of the search choose the winners, and flatter them; the gain is measured afterwards."
    )
    table.add("candidate", [settings_words(one.settings) for one in tuning.tried], numeric=False)
    table.add("p50 ms", [_figure(one.p50_ms, 2) for one in tuning.tried])
    table.add("FPS", [_figure(one.images_per_second, 1) for one in tuning.tried])
    table.add("stages", [str(one.stages or ABSENT) for one in tuning.tried], extra=True)
    notes, reasons = Notes(), [[words(one.reason)] if one.reason is not None else [] for one in tuning.tried]
    results = [_result(one, tuning, notes.mark(said)) for one, said in zip(tuning.tried, reasons, strict=True)]
    table.add("result", results, numeric=False)
    table.notes = notes.lines([text for said in reasons for text in said])
    return table


def _figure(figure: Figure | None, digits: int) -> Cell:
    if figure is None:
        return Cell(ABSENT)
    return number(figure.value, digits, interval(f"{figure.low:.{digits}f}", f"{figure.high:.{digits}f}"))


def _result(one: Tried, tuning: Tuning, mark: str) -> str | Cell:
    if one.status != "measured":
        return Cell(_STATUS[one.status], asides=(mark,) if mark else ())
    won = [_GOALS[winner.goal] for winner in tuning.winners if winner.settings == one.settings]
    return f"chosen for {' and '.join(won)}" if won else ABSENT


_STATUS: Final[dict[TriedStatus, str]] = {"left_out": "not tried", "failed": "failed", "wrong": "other scores"}
_GOALS: Final[dict[Measure, str]] = {"images/s": "FPS", "latency": "latency"}
