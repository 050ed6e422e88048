"""The answer of a run in a few sentences: who won, by how much, and whether to believe it."""

from collections.abc import Sequence
from typing import Final

from alexbench.harness.records.run_records import RunRecord
from alexbench.reports.rows import Row, rows_of
from alexbench.reports.text.reason_words import group_words, joined

_NUMBERS: Final = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def verdict(record: RunRecord) -> list[str]:
    """One to five sentences; none of a run in which nothing was measured."""
    rows = rows_of(record)
    said = [*_speed(record, rows), *_accuracy(record, rows), *_parity(rows), *_failed(rows)]
    if said and (record.model.synthetic or record.data.synthetic):
        said.append("Synthetic data: the accuracies say nothing about ImageNet.")
    return said


def _speed(record: RunRecord, rows: Sequence[Row]) -> list[str]:
    """The fastest of each group of rows that ran alike, then what this run can tell apart."""
    if record.invalid:
        return [f"Not ranked: {joined(record.invalid)}. Run it again on a quiet machine."]
    timed = [row for row in rows if row.rank is not None and row.rate is not None]
    if not timed:
        return []
    groups = list(dict.fromkeys(row.entry.group for row in timed if row.entry.group is not None))
    fastest = [_fastest([row for row in timed if row.entry.group == group]) for group in groups]
    said = [
        fastest[0],
        *(f"Ranked apart ({group_words(group)}): {one}" for group, one in list(zip(groups, fastest, strict=True))[1:]),
    ]
    known = [one for one in record.resolutions if one.of == "images/s"]
    if known and len(timed) > 1:
        said.append(
            f"Rows more than {100 * (known[-1].ratio - 1):.1f} % apart in FPS are always told apart here (95 %)."
        )
    return said


def _fastest(rows: Sequence[Row]) -> str:
    """Of ranked rows of one group, the fastest first."""
    first = min(row.rank or 0 for row in rows)
    best = [row for row in rows if row.rank == first]
    if len(rows) == 1:
        return f"{_fps(rows[0])}, the only row that ran so."
    if len(best) == len(rows):
        return f"No winner: {_listed([_fps(row) for row in rows])} are tied."
    tied = ", tied" if len(best) > 1 else ""
    return f"Fastest: {_listed([_fps(row) for row in best])}{tied}; {_ahead(best, rows)}."


def _ahead(best: Sequence[Row], rows: Sequence[Row]) -> str:
    """How many times as fast the best are as the base, where that is not among them, else as the slowest."""
    others = [row for row in rows if row not in best]
    base = best[0].base
    against = next((row for row in others if base is not None and row.entry.name == base.entry.name), others[-1])
    ratios = sorted({f"{(row.rate or 0) / (against.rate or 1):.2f}x" for row in best})
    said = ratios[0] if len(ratios) == 1 else f"{ratios[0]} to {ratios[-1]}"
    return f"{said} {_fps(against)}"


def _accuracy(record: RunRecord, rows: Sequence[Row]) -> list[str]:
    """Of a run without speed: who is most accurate."""
    answered = [row for row in rows if row.entry.accuracy is not None]
    if not answered or any(row.entry.performance is not None for row in rows) or record.invalid:
        return []
    best = max(_top1(row) for row in answered)
    first = [row for row in answered if _top1(row) == best]
    if len(first) == len(answered):
        whose = (
            f"{_all(len(answered))} have the same top-1" if len(answered) > 1 else f"{answered[0].entry.name}: top-1"
        )
        return [f"{whose}, {best:.2f} %."]
    return [f"Most images right: {_listed([row.entry.name for row in first])} (top-1 {best:.2f} %)."]


def _parity(rows: Sequence[Row]) -> list[str]:
    held = [(row.entry.name, row.entry.parity) for row in rows if row.entry.parity is not None]
    off = [name for name, parity in held if not parity.passed]
    if off:
        verb = "does" if len(off) == 1 else "do"
        return [f"{_listed(off)} {verb} not match the float64 reference."]
    if not held:
        return []
    return [f"{_all(len(held))} match the float64 reference." if len(held) > 1 else "It matches the float64 reference."]


def _failed(rows: Sequence[Row]) -> list[str]:
    failed = [row.entry.name for row in rows if row.entry.status == "error"]
    return [f"{_listed(failed)} failed; see the remarks."] if failed else []


def _all(count: int) -> str:
    return "Both" if count == 2 else f"All {_NUMBERS[count] if count < len(_NUMBERS) else count}"


def _fps(row: Row) -> str:
    return f"{row.entry.name} ({row.rate or 0:.0f} FPS)"


def _top1(row: Row) -> float:
    return 0.0 if row.entry.accuracy is None else row.entry.accuracy.top1


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
