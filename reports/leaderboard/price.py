"""What a lower precision costs and gains: each row next to its own backend's fp32 row, on the same images."""

from dataclasses import dataclass
from typing import Final

from alexbench.harness.records.paired_records import PairedTest
from alexbench.harness.records.plain_rows import reduced
from alexbench.harness.records.run_records import RunRecord
from alexbench.reports.columns import BY_NAME
from alexbench.reports.rows import Row, rows_of
from alexbench.reports.table import Cell, Table, interval, number
from alexbench.reports.text.wording import ABSENT

KEEPS: Final = {"99 % of fp32": 0.99, "99.9 % of fp32": 0.999}
"""MLPerf's two targets of a quantized model's accuracy: a heading, and the least share of fp32's top-1."""


@dataclass(frozen=True, slots=True)
class Price:
    """A row of a lower precision, and the fp32 row that it is compared with. ``top1``: paired; None where not scored.

    ``speed_up``: its images/s over those of fp32, with a 95 % interval that holds for all pairs of the run; None where
    either was not timed.
    """

    row: Row
    plain: Row
    top1: PairedTest | None
    speed_up: tuple[float, float, float] | None

    @property
    def slower(self) -> bool:
        """Whether it is slower than fp32 beyond doubt."""
        return self.speed_up is not None and self.speed_up[2] < 1

    def keeps(self, share: float) -> bool | None:
        """Whether its top-1 is at least ``share`` of fp32's."""
        test = self.top1
        return None if test is None else test.other_correct >= share * test.base_correct


def prices(record: RunRecord) -> list[Price]:
    """Every row that computes in less than fp32 and has its own fp32 row in the run, in the leaderboard's order."""
    found = []
    for row in rows_of(record):
        plain = row.plain
        if plain is None or row.entry.status != "ok" or plain.entry.status != "ok" or not reduced(row.entry):
            continue
        pair = row.pair(plain)
        found.append(Price(row, plain, None if pair is None else pair.top1, _speed_up(record, row, plain)))
    return found


def _speed_up(record: RunRecord, row: Row, plain: Row) -> tuple[float, float, float] | None:
    ratio = row.speed_up(plain)
    if ratio is None:
        return None
    names = {row.entry.name, plain.entry.name}
    pair = next((one for one in record.differences if one.of == "images/s" and {one.one, one.other} == names), None)
    return (ratio, ratio, ratio) if pair is None else (ratio, *pair.speed_up(row.entry.name)[1:])


def price_table(record: RunRecord) -> Table:
    """One line a row: speed-up, what top-1 lost and gained, size and memory, and two verdicts."""
    table = Table("Price of precision: each row next to its own fp32 row", "price")
    found = prices(record)
    if not found:
        return table
    table.add("system", [one.row.entry.name for one in found], numeric=False)
    table.add("vs fp32 row", [one.plain.entry.name for one in found], numeric=False)
    table.add("speed-up (95 %)", [_times(one) for one in found], explanation=_SPEED)
    tests = [one.top1 for one in found]
    table.add("top-1 lost", [Cell(ABSENT) if one is None else number(one.lost, 0) for one in tests], explanation=_LOST)
    table.add("gained", [Cell(ABSENT) if one is None else number(one.gained, 0) for one in tests])
    table.add("top-1 diff (95 %)", [_points(one) for one in tests])
    for name in ("model_mb", "rss_mib"):
        column = BY_NAME[name]
        cells = [f"{column.cell(one.row).text} of {column.cell(one.plain).text}" for one in found]
        table.add(column.heading.partition(" (")[0], cells, numeric=False, explanation=_SIZES)
    for heading, share in KEEPS.items():
        table.add(heading, [_YES_OR_NO[one.keeps(share)] for one in found], numeric=False, explanation=_MLPERF)
    table.add("same top-1", [ABSENT if one is None else one.verdict for one in tests], numeric=False)
    table.caption += [_slow(one) for one in found if one.slower]
    return table


def _slow(price: Price) -> str:
    """Where a row that is slower than fp32 loses its time, by the layers that both were profiled in."""
    name, speeds = price.row.entry.name, (price.row.entry.performance, price.plain.entry.performance)
    mine, plain = ({} if one is None else one.layers_ms for one in speeds)
    shared = [layer for layer in mine if layer in plain]
    if not shared:
        return f"{name} is slower than fp32 here; --rigor standard shows in which layer."
    worst = max(shared, key=lambda layer: mine[layer] - plain[layer])
    return f"{name} is slower than fp32 here, most of all in {worst}: {mine[worst]:.2f} ms, fp32 {plain[worst]:.2f} ms."


_YES_OR_NO: Final = {None: ABSENT, True: "yes", False: "NO"}
_SPEED: Final = "speed-up: FPS divided by the fp32 row's; its interval holds for all pairs of the run."
_SIZES: Final = "model MB, MiB: of this row, of the fp32 row; MiB is resident memory while it runs."
_LOST: Final = "top-1 lost, gained: images that only the fp32 row, and only this row, has right."
_MLPERF: Final = "99 %, 99.9 % of fp32: MLPerf's targets; yes: top-1 is at least that share of the fp32 row's."


def _times(price: Price) -> Cell:
    if price.speed_up is None:
        return Cell(ABSENT)
    ratio, low, high = price.speed_up
    return Cell(f"{ratio:.2f}x", ratio, (interval(f"{low:.2f}", f"{high:.2f}"),))


def _points(test: PairedTest | None) -> Cell:
    if test is None:
        return Cell(ABSENT)
    low, high = test.interval
    return Cell(f"{test.difference:+.2f}", test.difference, (f"({low:+.2f} to {high:+.2f})",))
