"""Cells of all tables as text, the same in Markdown and on the terminal.

Several, because one with everything fits neither GitHub's page (830 pixels) nor a terminal: first the leaderboard.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

import pandas as pd

from alexbench.harness.records import Comparison, RunRecord
from alexbench.reports.leaderboard import leaderboard
from alexbench.reports.speed_cells import rate, speed_tables
from alexbench.reports.table import Table
from alexbench.reports.wording import ABSENT

REFERENCE_NAME: Final = "reference (float64)"

Row = Mapping[str, Any]


def tables(record: RunRecord) -> list[Table]:
    """The leaderboard, one of each group of rows that ran alike, then the float64 reference where it ran; the details.

    Then what was measured of speed, and the published figures, where there are any. Rows stand in the leaderboard's
    order in all of them; a table that has nothing but names is left out.
    """
    frame = leaderboard(record)
    rows: list[dict[str, Any]] = [{str(key): value for key, value in row.items()} for row in frame.to_dict("records")]
    order = [row["backend"] for row in rows]
    entries = sorted(record.backends, key=lambda entry: order.index(entry.name))
    boards = [board for board in _leaderboards(rows, record) if board.headings]
    others = [_details(rows), _parities(rows), _efficiency(rows, record), *speed_tables(entries), _published(record)]
    return [*boards, *(table for table in others if len(table.headings) > 1)]


def _leaderboards(rows: list[dict[str, Any]], record: RunRecord) -> list[Table]:
    """Rows that are not ranked stand below those that are, in a table of their own where there are several groups."""
    groups = list(dict.fromkeys(row["group"] for row in rows if _has(row, "rank")))
    if len(groups) < 2:
        title = "Leaderboard: INVALID, no row is ranked" if record.invalid else "Leaderboard"
        return [_leaderboard(title, rows, record, last=True)]
    made = []
    for group in groups:
        mine = [row for row in rows if _has(row, "rank") and row["group"] == group]
        made.append(_leaderboard(f"Leaderboard: {group}", mine, record, last=False))
    unranked = [row for row in rows if not _has(row, "rank")]
    if unranked or record.reference:
        made.append(_leaderboard("Not ranked", unranked, record, last=True))
    return made


def _leaderboard(title: str, rows: list[dict[str, Any]], record: RunRecord, *, last: bool) -> Table:
    ranks = [row["rank"] for row in rows if _has(row, "rank")]
    table = Table(title)

    def add(heading: str, cells: list[str], reference: str = ABSENT, *, numeric: bool = True) -> None:
        table.add(heading, [*cells, reference] if record.reference and last else cells, numeric=numeric)

    add("#", [_rank(row, ranks) for row in rows])
    add("backend", [_name(row) for row in rows], REFERENCE_NAME, numeric=False)
    add("top-1 %", [_accuracy(row, "top1") for row in rows], _reference(record, "top1_correct"))
    add("top-5 %", [_accuracy(row, "top5") for row in rows], _reference(record, "top5_correct"))
    add("p50 ms, batch 1", [_latency(row) for row in rows])
    add("to best", [_percent(row, "latency_vs_best") for row in rows])
    add(f"FPS, batch {record.configuration.get('batch_size', '')}", [_throughput(row) for row in rows])
    add("to best", [_percent(row, "images_per_second_vs_best") for row in rows])
    add("parity", [_parity(row) for row in rows], "the truth", numeric=False)
    if any(_has(row, "noise") and row["noise"] for row in rows):  # where all are quiet, the certificates say so
        add("noise", [_noise(row) for row in rows], numeric=False)
    return table


def _details(rows: list[dict[str, Any]]) -> Table:
    rows = [row for row in rows if any(_has(row, column) for column in ("precision", "load_s", "rss_mib"))]
    table = Table("Details")
    table.add("backend", [str(row["backend"]) for row in rows], numeric=False)
    table.add("precision", [_text(row, "precision") for row in rows], numeric=False)
    table.add("threads", [_text(row, "threads") for row in rows])
    table.add("streams", [_text(row, "streams") for row in rows])
    table.add("MiB (peak)", [_memory(row) for row in rows])
    table.add("load s", [_number(row, "load_s", 2) for row in rows])
    table.add("first ms", [_number(row, "first_inference_ms", 1) for row in rows])
    return table


def _parities(rows: list[dict[str, Any]]) -> Table:
    """How far each row is from float64."""
    rows = [row for row in rows if _has(row, "max_abs_over_sigma")]
    table = Table("Parity with float64")
    table.add("backend", [str(row["backend"]) for row in rows], numeric=False)
    table.add("error / sigma", [_scientific(row, "max_abs_over_sigma") for row in rows])
    table.add("SQNR dB", [_number(row, "sqnr_db", 0) for row in rows])
    table.add("bits", [_number(row, "effective_bits", 1) for row in rows])
    table.add("as in", [_text(row, "computed_as") for row in rows], numeric=False)
    table.add("KL nats", [_scientific(row, "kl") for row in rows])
    table.add("top-5 kept", [_number(row, "top5_overlap", 3) for row in rows])
    table.add("flips", [_flips(row) for row in rows])
    return table


def _efficiency(rows: list[dict[str, Any]], record: RunRecord) -> Table:
    """What the leaderboard's images/s take of the machine."""
    rows = [row for row in rows if _has(row, "images_per_second")]
    table = Table(f"Efficiency, batch {record.configuration.get('batch_size', '')}")
    table.add("backend", [str(row["backend"]) for row in rows], numeric=False)
    table.add("GFLOP/s", [_number(row, "achieved_gflops_per_second", 1) for row in rows])
    table.add("mfu", [_mfu(row) for row in rows])
    table.add("CPU ms an image", [_number(row, "image_cpu_ms", 1) for row in rows])
    table.add("J an image", [_number(row, "image_joules", 3) for row in rows])
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
    table.add("ours % (95 %)", [f"{one.ours:.2f} ({one.low:.2f}-{one.high:.2f})" for one in firsts])
    table.add("difference", [ABSENT if synthetic else f"{one.ours - one.published:+.2f}" for one in firsts])
    whose = [", ".join(one.backend for one in same) if len(same) < ok else "all" for same in groups.values()]
    table.add("rows", whose, numeric=False)
    table.add("verdict", [one.verdict for one in firsts], numeric=False)
    return table


def _has(row: Row, column: str) -> bool:
    return not pd.isna(row[column])


def _text(row: Row, column: str) -> str:
    return str(row[column]) if _has(row, column) else ABSENT


def _number(row: Row, column: str, digits: int) -> str:
    return f"{row[column]:.{digits}f}" if _has(row, column) else ABSENT


def _accuracy(row: Row, column: str) -> str:
    """Percent and its interval, where there is one, and beside it how many pictures are not in it."""
    if not _has(row, column):
        return ABSENT
    low, high = f"{column}_low", f"{column}_high"
    interval = f" ({row[low]:.1f}-{row[high]:.1f})" if _has(row, low) else ""
    skipped = f" ({row['skipped']} skipped)" if _has(row, "skipped") and row["skipped"] else ""
    return _number(row, column, 2) + interval + skipped


def _scientific(row: Row, column: str) -> str:
    """As 2.0e-6."""
    if not _has(row, column):
        return ABSENT
    digits, exponent = f"{row[column]:.1e}".split("e")
    return f"{digits}e{int(exponent)}"


def _memory(row: Row) -> str:
    """When warm, and the most until then; older records have the latter alone."""
    warm = _number(row, "rss_mib", 0)
    return f"{warm} ({row['peak_rss_mib']:.0f})" if _has(row, "peak_rss_mib") else warm


def _percent(row: Row, column: str) -> str:
    if not _has(row, column):
        return ABSENT
    return "best" if row[column] == 0 else f"{row[column]:+.1f} %"


def _latency(row: Row) -> str:
    """The median and its interval, low to high: a bootstrap interval need not be symmetric."""
    if not _has(row, "latency_p50_ms"):
        return ABSENT
    return f"{row['latency_p50_ms']:.2f} ({row['latency_low_ms']:.2f}-{row['latency_high_ms']:.2f})"


def _throughput(row: Row) -> str:
    if not _has(row, "images_per_second"):
        return ABSENT
    return rate(row["images_per_second"], row["images_per_second_low"], row["images_per_second_high"])


def _rank(row: Row, ranks: list[int]) -> str:
    if not _has(row, "rank"):
        return ABSENT
    return f"{row['rank']}{'=' if ranks.count(row['rank']) > 1 else ''}"


def _name(row: Row) -> str:
    if not _has(row, "version"):
        return str(row["backend"])
    # Build numbers and local parts (2026.4.1-22982-..., 2.13.0+cpu) are in the record.
    file = f" ({row['artifact']})" if _has(row, "artifact") else ""
    return f"{row['backend']} {re.split('[-+]', row['version'])[0]}{file}"


def _parity(row: Row) -> str:
    if _has(row, "parity") and row["status"] == "ok":
        # "8 bits": which format that may be stands among the remarks.
        return str(row["parity"]) + (f": {row['unmasked'].partition(' (')[0]}" if _has(row, "unmasked") else "")
    return {"ok": ABSENT, "missing": "not installed", "pending": "not measured"}.get(row["status"], "ERROR")


def _mfu(row: Row) -> str:
    """The share of the ceiling; above it, that the peak was not found."""
    if not _has(row, "peak_found"):
        return ABSENT
    return f"{row['mfu']:.2f}" if row["peak_found"] else "peak not found"


def _noise(row: Row) -> str:
    if not _has(row, "noise"):
        return ABSENT
    return "NOISY" if row["noise"] else "quiet"


def _flips(row: Row) -> str:
    if not _has(row, "flips"):
        return ABSENT
    return f"{row['flips']}" + (f" ({row['unexplained_flips']} unexplained)" if row["unexplained_flips"] else "")


def _reference(record: RunRecord, count: str) -> str:
    if record.reference is None:
        return ABSENT
    share = 100 * getattr(record.reference, count) / record.reference.images
    return f"{share:.1f} of {record.reference.images}"
