"""Cells of all tables as text, the same in Markdown and on the terminal.

Several, because one with everything fits neither GitHub's page (830 pixels) nor a terminal: first the leaderboard.
"""

from typing import Any

from alexbench.harness.records import Comparison, RunRecord
from alexbench.reports.boards import boards
from alexbench.reports.leaderboard import leaderboard_rows
from alexbench.reports.row_cells import flips, has, known, memory, mfu, number, scientific, text
from alexbench.reports.speed_cells import speed_tables
from alexbench.reports.table import Notes, Table
from alexbench.reports.wording import ABSENT


def tables(record: RunRecord) -> list[Table]:
    """The leaderboard, one of each group of rows that ran alike, then the float64 reference where it ran; the details.

    Then what was measured of speed, and the published figures, where there are any. Rows stand in the leaderboard's
    order in all of them; a table that has nothing but names is left out. What qualifies a row stands in the notes of
    the leaderboard that it is in.
    """
    rows = leaderboard_rows(record)
    order = [row["backend"] for row in rows]
    entries = sorted(record.backends, key=lambda entry: order.index(entry.name))
    ranked = [board for board in boards(record, Notes()) if board.headings]
    others = [_details(rows), _parities(rows), _efficiency(rows, record), *speed_tables(entries), _published(record)]
    return [*ranked, *(table for table in others if len(table.headings) > 1)]


def _details(rows: list[dict[str, Any]]) -> Table:
    rows = [row for row in rows if any(has(row, column) for column in ("precision", "load_s", "rss_mib"))]
    table = Table("Details")
    table.add("backend", [str(row["backend"]) for row in rows], numeric=False)
    table.add("computes in", [known(row, "precision", "precision_known") for row in rows], numeric=False)
    table.add("weights in", [text(row, "stored") for row in rows], numeric=False)
    table.add("threads", [text(row, "threads") for row in rows])
    table.add("streams", [text(row, "streams") for row in rows])
    table.add("MiB (peak)", [memory(row) for row in rows])
    table.add("load s", [number(row, "load_s", 2) for row in rows])
    table.add("first ms", [number(row, "first_inference_ms", 1) for row in rows])
    return table


def _parities(rows: list[dict[str, Any]]) -> Table:
    """How far each row is from float64."""
    rows = [row for row in rows if has(row, "max_abs_over_sigma")]
    table = Table("Parity with float64")
    table.add("backend", [str(row["backend"]) for row in rows], numeric=False)
    table.add("error / sigma", [scientific(row, "max_abs_over_sigma") for row in rows])
    table.add("SQNR dB", [number(row, "sqnr_db", 0) for row in rows])
    table.add("bits", [number(row, "effective_bits", 1) for row in rows])
    table.add("as in", [text(row, "computed_as") for row in rows], numeric=False)
    table.add("held to", [text(row, "held_to") for row in rows], numeric=False)
    table.add("KL nats", [scientific(row, "kl") for row in rows])
    table.add("top-5 kept", [number(row, "top5_overlap", 3) for row in rows])
    table.add("flips", [flips(row) for row in rows])
    return table


def _efficiency(rows: list[dict[str, Any]], record: RunRecord) -> Table:
    """What the leaderboard's images/s take of the machine."""
    rows = [row for row in rows if has(row, "images_per_second")]
    table = Table(f"Efficiency, batch {record.configuration.get('batch_size', '')}")
    table.add("backend", [str(row["backend"]) for row in rows], numeric=False)
    table.add("GFLOP/s", [number(row, "achieved_gflops_per_second", 1) for row in rows])
    table.add("mfu", [mfu(row) for row in rows])
    table.add("CPU ms an image", [number(row, "image_cpu_ms", 1) for row in rows])
    table.add("J an image", [number(row, "image_joules", 3) for row in rows])
    return table


def _published(record: RunRecord) -> Table:
    """A line for each published figure and each accuracy of ours: rows of the same accuracy share one."""
    groups: dict[tuple[str, str, float], list[Comparison]] = {}
    for one in record.comparisons:
        groups.setdefault((one.source, one.metric, one.ours), []).append(one)
    ok = sum(row.accuracy is not None for row in record.backends)
    table = Table("Published figures")
    synthetic = record.model.synthetic or record.data.synthetic
    firsts = [same[0] for same in groups.values()]
    table.add("published by", [one.source for one in firsts], numeric=False)
    table.add("metric", [{"top1": "top-1", "top5": "top-5"}[one.metric] for one in firsts], numeric=False)
    table.add("published %", [f"{one.published:.2f}" for one in firsts])
    # Of synthetic pictures nothing may be set beside a figure of ImageNet: a picture of that line would be a claim.
    ours = [ABSENT if synthetic else f"{one.ours:.2f} ({one.low:.2f}-{one.high:.2f})" for one in firsts]
    table.add("ours % (95 %)", ours)
    table.add("difference", [ABSENT if synthetic else f"{one.ours - one.published:+.2f}" for one in firsts])
    whose = [", ".join(one.backend for one in same) if len(same) < ok else "all" for same in groups.values()]
    table.add("rows", whose, numeric=False)
    table.add("verdict", [one.verdict for one in firsts], numeric=False)
    return table
