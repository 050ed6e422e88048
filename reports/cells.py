"""Cells of the leaderboard as text, the same in Markdown and on the terminal."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from alexbench.harness.records import RunRecord
from alexbench.reports.leaderboard import leaderboard
from alexbench.reports.wording import ABSENT

REFERENCE_NAME: Final = "reference (float64)"


@dataclass(frozen=True, slots=True)
class Table:
    """Headings, rows of text, and which columns are numbers (to be set flush right)."""

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: tuple[bool, ...]


def table(record: RunRecord) -> Table:
    """The leaderboard's cells: ranked rows, unranked rows, then the reference; columns nobody filled are left out."""
    frame = leaderboard(record)
    ranks = frame["rank"].dropna().tolist()
    batch = record.configuration.get("batch_size", "")
    columns: list[tuple[str, bool, list[str]]] = []
    rows: list[dict[str, Any]] = [{str(key): value for key, value in row.items()} for row in frame.to_dict("records")]

    def add(heading: str, cells: list[str], reference: str = ABSENT, *, numeric: bool = True) -> None:
        if any(cell != ABSENT for cell in cells):
            columns.append((heading, numeric, [*cells, *([reference] if record.reference else [])]))

    add("#", [_rank(row, ranks) for row in rows])
    add("backend", [_name(row) for row in rows], REFERENCE_NAME, numeric=False)
    add("top-1 %", [_number(row, "top1", 2) for row in rows], _reference(record, "top1_correct"))
    add("top-5 %", [_number(row, "top5", 2) for row in rows], _reference(record, "top5_correct"))
    add("p50 ms, batch 1", [_with_range(row, "latency_p50_ms", "latency_low_ms", "latency_high_ms", 2) for row in rows])
    add("to best", [_percent(row, "latency_vs_best") for row in rows])
    fps = ("images_per_second", "images_per_second_low", "images_per_second_high")
    add(f"FPS, batch {batch}", [_with_range(row, *fps, 1) for row in rows])
    add("to best", [_percent(row, "images_per_second_vs_best") for row in rows])
    add("GFLOP/s", [_number(row, "achieved_gflops_per_second", 1) for row in rows])
    add("load s", [_number(row, "load_s", 2) for row in rows])
    add("first ms", [_number(row, "first_inference_ms", 1) for row in rows])
    add("peak MiB", [_number(row, "peak_rss_mib", 0) for row in rows])
    add("parity", [_parity(row) for row in rows], "the truth", numeric=False)
    return Table(
        tuple(heading for heading, _, _ in columns),
        tuple(zip(*(cells for _, _, cells in columns), strict=True)),
        tuple(numeric for _, numeric, _ in columns),
    )


def _has(row: Mapping[str, Any], column: str) -> bool:
    return not pd.isna(row[column])


def _number(row: Mapping[str, Any], column: str, digits: int) -> str:
    return f"{row[column]:.{digits}f}" if _has(row, column) else ABSENT


def _percent(row: Mapping[str, Any], column: str) -> str:
    if not _has(row, column):
        return ABSENT
    return "best" if row[column] == 0 else f"{row[column]:+.1f} %"


def _with_range(row: Mapping[str, Any], value: str, low: str, high: str, digits: int) -> str:
    if not _has(row, value):
        return ABSENT
    return f"{row[value]:.{digits}f} [{row[low]:.{digits}f}, {row[high]:.{digits}f}]"


def _rank(row: Mapping[str, Any], ranks: list[int]) -> str:
    if not _has(row, "rank"):
        return ABSENT
    return f"{row['rank']}{'=' if ranks.count(row['rank']) > 1 else ''}"


def _name(row: Mapping[str, Any]) -> str:
    if not _has(row, "version"):
        return str(row["backend"])
    # Build numbers and local parts (2026.4.1-22982-..., 2.13.0+cpu) are in the record.
    return f"{row['backend']} {re.split('[-+]', row['version'])[0]}"


def _parity(row: Mapping[str, Any]) -> str:
    if not _has(row, "parity"):
        return {"ok": ABSENT, "missing": "not installed"}.get(row["status"], "ERROR")
    flips = f"{row['flips']} flips" + (f", {row['unexplained_flips']} unexplained" if row["unexplained_flips"] else "")
    return f"{row['parity']}: {row['max_abs_over_sigma']:.1e} sigma, {row['sqnr_db']:.0f} dB, {flips}"


def _reference(record: RunRecord, count: str) -> str:
    if record.reference is None:
        return ABSENT
    share = 100 * getattr(record.reference, count) / record.reference.images
    return f"{share:.1f} (of {record.reference.images})"
