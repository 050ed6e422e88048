"""The leaderboard of the page: cells as text, and beside each the value that it is sorted by."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from alexbench.harness.records import RunRecord
from alexbench.reports.leaderboard import leaderboard
from alexbench.reports.table import Table
from alexbench.reports.wording import ABSENT

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Cell:
    """``text`` as shown; ``key`` sorts: a number where there is one, empty where there is nothing."""

    text: str
    key: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """A row: its cells, and what the filters ask."""

    cells: tuple[Cell, ...]
    group: str
    ranked: bool


@dataclass(frozen=True, slots=True)
class Sorted:
    """A table whose columns can be sorted. ``numeric``: columns that are set flush right."""

    key: str
    title: str
    headings: tuple[str, ...]
    numeric: tuple[bool, ...]
    lines: tuple[Line, ...]
    groups: tuple[str, ...] = ()


def board(record: RunRecord) -> Sorted:
    """The leaderboard, ranked as everywhere; columns that nobody filled are left out."""
    frame = leaderboard(record)
    rows: list[dict[str, Any]] = [{str(key): value for key, value in row.items()} for row in frame.to_dict("records")]
    ranks = [int(row["rank"]) for row in rows if _has(row, "rank")]
    columns: list[tuple[str, bool, list[Cell]]] = []
    for heading, numeric, cell in _columns(record, ranks):
        cells = [cell(row) for row in rows]
        if any(one.text != ABSENT for one in cells):
            columns.append((heading, numeric, cells))
    lines = [
        Line(tuple(cells[place] for _, _, cells in columns), _text(row, "group").text, _has(row, "rank"))
        for place, row in enumerate(rows)
    ]
    groups = tuple(dict.fromkeys(line.group for line in lines if line.group != ABSENT))
    headings, numeric_ones = tuple(one[0] for one in columns), tuple(one[1] for one in columns)
    return Sorted("leaderboard", "Leaderboard", headings, numeric_ones, tuple(lines), groups)


def plain(table: Table, key: str) -> Sorted:
    """A table of text; its cells sort by the number that they begin with."""
    lines = [Line(tuple(Cell(text, _leading(text)) for text in row), "", ranked=True) for row in table.rows]
    return Sorted(key, table.title, tuple(table.headings), tuple(table.numeric), tuple(lines))


_NUMBER: Final = re.compile(r"[+-]?\d[\d,]*(\.\d+)?(e[+-]?\d+)?")


def _leading(text: str) -> str:
    if text == ABSENT:
        return ""
    found = _NUMBER.match(text)
    return found[0].replace(",", "") if found else text


def _columns(record: RunRecord, ranks: list[int]) -> list[tuple[str, bool, Callable[[Row], Cell]]]:
    """Heading, whether it holds numbers, and how its cell is made."""
    return [
        ("#", True, lambda row: _rank(row, ranks)),
        ("backend", False, _name),
        ("status", False, _status),
        ("top-1 %", True, lambda row: _between(row, "top1", "top1_low", "top1_high", 2)),
        ("top-5 %", True, lambda row: _between(row, "top5", "top5_low", "top5_high", 2)),
        ("p50 ms, batch 1", True, lambda row: _between(row, "latency_p50_ms", "latency_low_ms", "latency_high_ms", 2)),
        ("p99 ms", True, lambda row: _number(row, "latency_p99_ms", 2)),
        (f"FPS, batch {record.configuration.get('batch_size', '')}", True, _rate),
        ("to best", True, _to_best),
        ("parity", False, _parity),
        ("flips", True, lambda row: _number(row, "flips", 0)),
        ("MiB peak", True, lambda row: _number(row, "peak_rss_mib", 0)),
        ("load s", True, lambda row: _number(row, "load_s", 2)),
        ("precision", False, lambda row: _text(row, "precision")),
        ("device", False, lambda row: _text(row, "device")),
        ("noise", False, _noise),
    ]


def _has(row: Row, column: str) -> bool:
    return not pd.isna(row[column])


def _text(row: Row, column: str) -> Cell:
    return Cell(str(row[column]), str(row[column])) if _has(row, column) else Cell(ABSENT)


def _number(row: Row, column: str, digits: int) -> Cell:
    return Cell(f"{row[column]:.{digits}f}", repr(float(row[column]))) if _has(row, column) else Cell(ABSENT)


def _between(row: Row, column: str, low: str, high: str, digits: int) -> Cell:
    """A figure, with its interval where it has one."""
    found = _number(row, column, digits)
    if not (_has(row, column) and _has(row, low)):
        return found
    return Cell(f"{found.text} ({row[low]:.{digits}f}\u2013{row[high]:.{digits}f})", found.key)


def _rate(row: Row) -> Cell:
    return _between(row, "images_per_second", "images_per_second_low", "images_per_second_high", 1)


def _to_best(row: Row) -> Cell:
    if not _has(row, "images_per_second_vs_best"):
        return Cell(ABSENT)
    value = float(row["images_per_second_vs_best"])
    return Cell("best" if value == 0 else f"{value:+.1f} %", repr(value))


def _rank(row: Row, ranks: list[int]) -> Cell:
    if not _has(row, "rank"):
        return Cell(ABSENT)
    rank = int(row["rank"])
    return Cell(f"{rank}{'=' if ranks.count(rank) > 1 else ''}", str(rank))


def _name(row: Row) -> Cell:
    version = f" {re.split('[-+]', row['version'])[0]}" if _has(row, "version") else ""
    file = f" ({row['artifact']})" if _has(row, "artifact") else ""
    return Cell(f"{row['backend']}{version}{file}", str(row["backend"]))


def _status(row: Row) -> Cell:
    if row["status"] == "ok":
        return Cell("ranked" if _has(row, "rank") else "not ranked", "0" if _has(row, "rank") else "1")
    return Cell({"missing": "not installed", "pending": "not measured"}.get(row["status"], "ERROR"), "2")


def _parity(row: Row) -> Cell:
    if not _has(row, "parity"):
        return Cell(ABSENT)
    unmasked = f": {row['unmasked'].partition(' (')[0]}" if _has(row, "unmasked") else ""
    return Cell(f"{row['parity']}{unmasked}", str(row["parity"]))


def _noise(row: Row) -> Cell:
    """The reasons are among the remarks."""
    if not _has(row, "noise"):
        return Cell(ABSENT)
    return Cell("NOISY", "1") if row["noise"] else Cell("quiet", "0")
