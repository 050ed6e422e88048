"""The tables of a run's report, the same in every format.

Several, because one with everything fits neither GitHub's page (830 pixels) nor a terminal: first the leaderboard.
"""

from alexbench.harness.records.run_records import Comparison, RunRecord
from alexbench.reports.columns import ACCURACY, DETAILS, EFFICIENCY, PARITY, table_of
from alexbench.reports.leaderboard.boards import leaderboard
from alexbench.reports.leaderboard.price import price_table
from alexbench.reports.leaderboard.speed_tables import speed_tables
from alexbench.reports.leaderboard.thread_sweep import thread_table
from alexbench.reports.leaderboard.tuning import gain_table, tried_tables
from alexbench.reports.rows import rows_of
from alexbench.reports.table import Cell, Table, interval, number
from alexbench.reports.text.reason_words import words
from alexbench.reports.text.wording import ABSENT


def tables(record: RunRecord) -> list[Table]:
    """The leaderboard, where it has rows, and the details."""
    board = leaderboard(record)
    return [*([board] if board.headings else []), *detail_tables(record)]


def detail_tables(record: RunRecord) -> list[Table]:
    """All but the leaderboards: what was measured of speed, and the published figures, where there are any.

    Rows stand in the leaderboard's order in all of them; a table that has nothing but names is left out.
    """
    rows = rows_of(record)
    efficiency = f"Efficiency, batch {record.configuration.get('batch_size', '')}"
    drawn = [row for row in rows if row.entry.accuracy is not None and row.entry.accuracy.top1_interval is not None]
    found = [
        gain_table(record),
        price_table(record),
        thread_table(record),
        *tried_tables(record),
        table_of("Accuracy", "accuracy", drawn, ACCURACY),
        table_of("Details", "details", rows, DETAILS),
        table_of("Parity with float64", "parity", rows, PARITY),
        table_of(efficiency, "efficiency", rows, EFFICIENCY),
        *speed_tables(rows),
        _published(record),
    ]
    return [table for table in found if len(table.headings) > 1]


def _published(record: RunRecord) -> Table:
    """A line for each published figure and each accuracy of ours: rows of the same accuracy share one."""
    groups: dict[tuple[str, str, float], list[Comparison]] = {}
    for one in record.comparisons:
        groups.setdefault((one.source, one.metric, one.ours), []).append(one)
    ok = sum(row.accuracy is not None for row in record.systems)
    table = Table("Published figures", "published")
    synthetic = record.model.synthetic or record.data.synthetic
    firsts = [same[0] for same in groups.values()]
    table.add("published by", [one.source for one in firsts], numeric=False)
    table.add("metric", [{"top1": "top-1", "top5": "top-5"}[one.metric] for one in firsts], numeric=False)
    table.add("published %", [number(one.published, 2) for one in firsts])
    # Accuracy on synthetic images must not stand next to ImageNet figures: a screenshot of that line would mislead.
    ours = [
        Cell(ABSENT) if synthetic else number(one.ours, 2, interval(f"{one.low:.2f}", f"{one.high:.2f}"))
        for one in firsts
    ]
    table.add("ours % (95 %)", ours)
    differences = [one.ours - one.published for one in firsts]
    table.add("difference", [Cell(ABSENT) if synthetic else Cell(f"{one:+.2f}", one) for one in differences])
    whose = [", ".join(one.backend for one in same) if len(same) < ok else "all" for same in groups.values()]
    table.add("rows", whose, numeric=False)
    table.add("verdict", [words(one.verdict) for one in firsts], numeric=False)
    return table
