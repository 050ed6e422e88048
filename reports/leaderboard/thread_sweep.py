"""Thread counts of one system next to each other: what each core gives."""

from collections.abc import Sequence
from dataclasses import replace

from alexbench.harness.records.run_records import RunRecord
from alexbench.harness.systems import System
from alexbench.reports.rows import Row, rows_of
from alexbench.reports.table import Cell, Table, number
from alexbench.reports.text.wording import ABSENT


def thread_table(record: RunRecord) -> Table:
    """One line a row of each system that was timed with several thread counts, fewest threads first."""
    table = Table("FPS by threads", "threads")
    found = [(row, mine[0]) for mine in _sweeps(rows_of(record)) for row in mine]
    if not found:
        return table
    cores = [cores_of(row) for row, _ in found]
    table.add("system", [row.entry.name for row, _ in found], numeric=False)
    table.add("threads", [str(row.entry.system.threads) for row, _ in found])
    table.add("cores", [str(one) for one in cores])
    table.add("FPS", [number(row.rate, 1) for row, _ in found])
    per_core = [number((row.rate or 0) / one, 1) for (row, _), one in zip(found, cores, strict=True)]
    table.add("FPS per core", per_core, explanation=_EXPLAINED)
    table.add("efficiency", [_efficiency(row, first) for row, first in found])
    shared = record.machine.get("threads_per_core") or 1
    if shared > 1:
        table.caption = [f"This machine runs {shared} hyperthreads per core: threads beyond the cores share them."]
    return table


_EXPLAINED = "efficiency: FPS per core, as a share of that with the fewest threads."


def cores_of(row: Row) -> int:
    """Cores that the row's threads can use: hyperthreads share one."""
    machine = row.record.machine
    usable = machine.get("usable_cores") or row.entry.system.threads
    return max(1, min(row.entry.system.threads, usable // (machine.get("threads_per_core") or 1)))


def _sweeps(rows: Sequence[Row]) -> list[list[Row]]:
    """Timed rows that differ in threads only, of systems that have several."""
    alike: dict[System, list[Row]] = {}
    for row in rows:
        if row.rate is not None:
            alike.setdefault(replace(row.entry.system, threads=1), []).append(row)
    return [sorted(mine, key=lambda row: row.entry.system.threads) for mine in alike.values() if len(mine) > 1]


def _efficiency(row: Row, first: Row) -> Cell:
    if not row.rate or not first.rate:
        return Cell(ABSENT)
    share = row.rate / cores_of(row) / (first.rate / cores_of(first))
    return Cell(f"{share:.0%}".replace("%", " %"), share)
