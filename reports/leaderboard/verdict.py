"""The answer of a run in a few sentences: who won, by how much, and whether to believe it."""

from collections.abc import Sequence
from typing import Final

from alexbench.harness.records.run_records import RunRecord
from alexbench.harness.records.speed_records import Group
from alexbench.reports.leaderboard.noise_banner import disturbances
from alexbench.reports.leaderboard.price import Price, prices
from alexbench.reports.leaderboard.tuning import tuning_verdict
from alexbench.reports.row_cells import ran_as
from alexbench.reports.rows import Row, rows_of
from alexbench.reports.text.reason_words import joined
from alexbench.reports.text.wording import listed

_NUMBERS: Final = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_TARGET: Final = 0.99
_GROUPS: Final = 3
"""Groups of rows whose winner is named; the table has the others."""


def verdict(record: RunRecord) -> list[str]:
    """One to five sentences; none of a run in which nothing was measured."""
    rows = rows_of(record)
    said = [
        *_speed(record, rows),
        *_accuracy(record, rows),
        *tuning_verdict(record),
        *price_sentences(record),
        *_parity(rows),
        *_kernels(rows),
    ]
    said += _failed(rows)
    if said and (record.model.synthetic or record.data.synthetic):
        said.append("Synthetic data: accuracy says nothing about ImageNet.")
    return said


def _speed(record: RunRecord, rows: Sequence[Row]) -> list[str]:
    """The fastest of each group of rows that ran alike."""
    if record.invalid:
        why = "; ".join(filter(None, (joined(record.invalid), disturbances(record))))
        return [f"Not ranked: {why}. Re-run on a quiet machine."]
    timed = [row for row in rows if row.rank is not None and row.rate is not None]
    if not timed:
        older = any(row.rate is not None for row in rows) and not record.resolutions
        return ["Not ranked: an older version of AlexBench made this record. Run it again."] if older else []
    groups: dict[Group | None, list[Row]] = {}
    for row in timed:
        groups.setdefault(row.entry.group, []).append(row)
    said = [_fastest(mine, alike=(ran_as(mine[0]) or "") if len(groups) > 1 else "") for mine in groups.values()]
    if len(groups) == 1:
        said += _quickest(record, timed)
    more = len(said) - _GROUPS
    return [*said[:_GROUPS], f"The table has {more} more {'group' if more == 1 else 'groups'}."] if more > 0 else said


def _fastest(rows: Sequence[Row], *, alike: str) -> str:
    """The ranked rows of one group, fastest first. ``alike``: how they ran, if other groups ran differently."""
    group = f" ({alike})" if alike else ""
    first = min(row.rank or 0 for row in rows)
    best = [row for row in rows if row.rank == first]
    if len(rows) == 1:
        return _only(rows[0], group)
    if len(best) == len(rows):
        return f"No winner{group}: {_fps(rows)} are tied."
    return f"Fastest{group}: {_fps(best)}{', tied' if len(best) > 1 else ''}; {_ahead(best, rows)}."


def _quickest(record: RunRecord, rows: Sequence[Row]) -> list[str]:
    """The ranked rows of one group with the lowest latency at batch 1, if others are fastest by FPS."""
    slower = {one.slower for one in record.differences if one.of == "latency" and one.apart}
    best = [row for row in rows if row.entry.name not in slower and row.p50_ms is not None]
    first = min(row.rank or 0 for row in rows)
    if not best or len(best) == len(rows) or best == [row for row in rows if row.rank == first]:
        return []
    named = listed([f"{row.entry.name} ({row.p50_ms:.1f} ms)" for row in best])
    return [f"Lowest latency at batch 1: {named}{', tied' if len(best) > 1 else ''}."]


def _only(row: Row, group: str) -> str:
    """The only row that is ranked in its group."""
    others = len(row.record.systems) > 1 and not group
    return f"{row.entry.name}{group}: {row.rate or 0:.0f} FPS{'; no other row is ranked' if others else ''}."


def _ahead(best: Sequence[Row], rows: Sequence[Row]) -> str:
    """How many times as fast the best are as the base, where that is not among them, else as the slowest."""
    others = [row for row in rows if row not in best]
    base = best[0].base
    against = next((row for row in others if base is not None and row.entry.name == base.entry.name), others[-1])
    ratios = sorted({f"{(row.rate or 0) / (against.rate or 1):.2f}x" for row in best})
    said = ratios[0] if len(ratios) == 1 else f"{ratios[0]} to {ratios[-1]}"
    return f"{said} {against.entry.name} ({against.rate or 0:.0f})"


def _accuracy(record: RunRecord, rows: Sequence[Row]) -> list[str]:
    """The most accurate row of a run without speed."""
    answered = [row for row in rows if row.entry.accuracy is not None]
    if not answered or any(row.entry.performance is not None for row in rows) or record.invalid:
        return []
    best = max(_top1(row) for row in answered)
    first = [row for row in answered if _top1(row) == best]
    if len(answered) == 1:
        return [f"{answered[0].entry.name}: top-1 {best:.2f} %."]
    if len(first) == len(answered):
        return [f"{_all(len(answered))} have the same top-1: {best:.2f} %."]
    return [f"Highest top-1: {listed([row.entry.name for row in first])} ({best:.2f} %)."]


def price_sentences(record: RunRecord) -> list[str]:
    """How fast each lower precision is next to fp32 on the same backend, and which keep 99 % of fp32's top-1."""
    found = [one for one in prices(record) if one.speed_up is not None and _matches(one.row)]
    by_precision: dict[str, list[Price]] = {}
    for one in found:
        by_precision.setdefault(ran_as(one.row) or one.row.entry.system.precision, []).append(one)
    said = [
        f"{precision} next to fp32: {', '.join(f'{_named(one)} {_times(one)}' for one in mine)}."
        for precision, mine in list(by_precision.items())[:_GROUPS]
    ]
    less = [one.row.entry.name for one in found if one.keeps(_TARGET) is False]
    if less:
        verb = "has" if len(less) == 1 else "have"
        said.append(f"On these images {listed(less)} {verb} less than 99 % of fp32's top-1.")
    elif found and all(one.keeps(_TARGET) for one in found):
        said.append(f"On these images {'it keeps' if len(found) == 1 else 'each keeps'} 99 % of fp32's top-1.")
    return said


def _matches(row: Row) -> bool:
    return row.entry.parity is None or row.entry.parity.passed


def _named(price: Price) -> str:
    return price.row.entry.name if price.row.entry.system.artifact else price.plain.entry.name


def _times(price: Price) -> str:
    ratio, low, high = price.speed_up or (1.0, 1.0, 1.0)
    return f"{ratio:.2f}x" if low > 1 or high < 1 else "as fast"


def _parity(rows: Sequence[Row]) -> list[str]:
    held = [(row.entry.name, row.entry.parity) for row in rows if row.entry.parity is not None]
    off = [name for name, parity in held if not parity.passed]
    if off:
        verb = "does" if len(off) == 1 else "do"
        return [f"{listed(off)} {verb} not match the float64 reference."]
    quantized = [name for name, parity in held if parity.quantised]
    matching = [name for name, parity in held if not parity.quantised]
    said = []
    if matching:
        names = _all(len(matching)) if len(matching) > 1 and not quantized else listed(matching)
        said.append(f"{names} match{'es' if len(matching) == 1 else ''} the float64 reference")
    if quantized:
        said.append(f"{listed(quantized)} {'is' if len(quantized) == 1 else 'are'} within what quantization costs")
    return [f"{'; '.join(said)}."] if said else []


def _kernels(rows: Sequence[Row]) -> list[str]:
    """That int8 kernels are wrong on this CPU, which top-1 may not show."""
    wrong = [row.entry.name for row in rows if row.entry.kernels is not None and row.entry.kernels.corrupted]
    return [f"The int8 kernels of {listed(wrong)} give wrong answers on this CPU (see the notes)."] if wrong else []


def _failed(rows: Sequence[Row]) -> list[str]:
    failed = [row.entry.name for row in rows if row.entry.status == "error"]
    return [f"{listed(failed)} failed (see the notes)."] if failed else []


def _all(count: int) -> str:
    return "Both" if count == 2 else f"All {_NUMBERS[count] if count < len(_NUMBERS) else count}"


def _fps(rows: Sequence[Row]) -> str:
    """Names with their rates, the unit once."""
    first, *others = rows
    said = [f"{first.entry.name} ({first.rate or 0:.0f} FPS)"]
    return listed([*said, *(f"{row.entry.name} ({row.rate or 0:.0f})" for row in others)])


def _top1(row: Row) -> float:
    return 0.0 if row.entry.accuracy is None else row.entry.accuracy.top1
