"""Leaderboards as tables: one of each group of rows that ran alike, the best in bold, what qualifies a row below."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from alexbench.harness.paired_records import base_among
from alexbench.harness.records import BackendRecord, ReferenceRecord, RunRecord
from alexbench.reports import row_cells
from alexbench.reports.leaderboard import leaderboard_rows
from alexbench.reports.row_cells import Row, has
from alexbench.reports.table import Notes, Table
from alexbench.reports.wording import ABSENT, row_remarks

REFERENCE_NAME: Final = "reference (float64)"
AGAINST: Final = "against "
BASE: Final = "base"
OF_TOP1: Final = "top-1 "


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the leaderboard of ``record``; ``base``: the row of that run which it is held against, None for none.

    ``run``: what the run is called where there are several.
    """

    row: Row
    record: RunRecord
    base: Row | None
    run: str = ""

    @property
    def entry(self) -> BackendRecord:
        """What the record says of it."""
        return next(one for one in self.record.backends if one.name == self.row["backend"])


def lines_of(record: RunRecord, run: str = "") -> list[Line]:
    """A line for each row, in the leaderboard's order."""
    rows = leaderboard_rows(record)
    name = base_name(record)
    base = next((row for row in rows if row["backend"] == name), None) if len(rows) > 1 else None
    return [Line(row, record, base, run) for row in rows]


def base_name(record: RunRecord) -> str | None:
    """The row that the others are held against: torch where it is, else the first; None where none ended well."""
    if record.pairs:
        return record.pairs[0].base
    ended = [entry.name for entry in record.backends if entry.status == "ok"]
    return base_among(ended)


def boards(record: RunRecord, notes: Notes) -> list[Table]:
    """The leaderboards of a run.

    Rows that are not ranked stand below those that are, in a table of their own where there are several groups.
    """
    lines = lines_of(record)
    groups = list(dict.fromkeys(line.row["group"] for line in lines if has(line.row, "rank")))
    last = [] if record.reference is None else [("", record.reference)]
    if len(groups) < 2:
        title = "Leaderboard: INVALID, no row is ranked" if record.invalid else "Leaderboard"
        return [board(title, lines, notes, last)]
    made = []
    for group in groups:
        mine = [line for line in lines if has(line.row, "rank") and line.row["group"] == group]
        made.append(board(f"Leaderboard: {group}", mine, notes))
    unranked = [line for line in lines if not has(line.row, "rank")]
    if unranked or last:
        made.append(board("Not ranked", unranked, notes, last))
    return made


def board(
    title: str, lines: Sequence[Line], notes: Notes, references: Sequence[tuple[str, ReferenceRecord]] = ()
) -> Table:
    """A table of these lines, and below them the ``references``: the run of each, and what float64 said."""
    rows = [line.row for line in lines]
    table = Table(title)

    def add(
        heading: str,
        cells: list[str],
        below: Sequence[str] = (),
        *,
        numeric: bool = True,
        bold: Sequence[bool] = (),
    ) -> None:
        below = below or [ABSENT] * len(references)
        table.add(heading, [*cells, *below], numeric=numeric, bold=[*(bold or [False] * len(cells)), *map(_no, below)])

    of_rows = [_notes(line) for line in lines]
    names = [row_cells.name(row) + notes.mark(said) for row, said in zip(rows, of_rows, strict=True)]
    if any(line.run for line in lines):
        add("run", [line.run for line in lines], [run for run, _ in references], numeric=False)
    add("#", [_rank(line, lines) for line in lines])
    add("backend", names, [REFERENCE_NAME] * len(references), numeric=False)
    shares = [[_share(one, count) for _, one in references] for count in ("top1_correct", "top5_correct")]
    add(
        "top-1 %",
        [row_cells.accuracy(row, "top1") for row in rows],
        shares[0],
        bold=_ranked_apart(lines, _best_accuracy),
    )
    add("top-5 %", [row_cells.accuracy(row, "top5") for row in rows], shares[1])
    add("p50 ms, batch 1", [row_cells.latency(row) for row in rows], bold=_ranked_apart(lines, _best_latency))
    sizes = dict.fromkeys(str(line.record.configuration.get("batch_size", "")) for line in lines)
    rates = [row_cells.throughput(row) for row in rows]
    add(f"FPS, batch {' or '.join(sizes)}", rates, bold=_ranked_apart(lines, _best_throughput))
    bases = dict.fromkeys(line.base["backend"] for line in lines if line.base is not None)
    against = [_against(line) for line in lines]
    if set(against) - {ABSENT, BASE}:
        add(AGAINST + (next(iter(bases)) if len(bases) == 1 else "its base"), against)
    add("checks", [row_cells.checks(row) for row in rows], ["the truth"] * len(references), numeric=False)
    table.notes = notes.lines([text for said in of_rows for text in said])
    return table


def _no(_: object) -> bool:
    return False


def _notes(line: Line) -> list[str]:
    """What qualifies the row, and its base where that ran unlike."""
    said = row_remarks(line.entry)
    base = line.base
    if base is not None and _speed_up(line) is not None and str(base["group"]) != str(line.row["group"]):
        said.append(f"Faster or slower than {base['backend']} as that ran: {base['group']}.")
    return said


def _rank(line: Line, lines: Sequence[Line]) -> str:
    """Within its own run; = where another row has the same."""
    row = line.row
    if not has(row, "rank"):
        return ABSENT
    same = [
        one
        for one in lines
        if one.run == line.run and has(one.row, "rank")
        if (one.row["rank"], one.row["group"]) == (row["rank"], row["group"])
    ]
    return f"{row['rank']}{'=' if len(same) > 1 else ''}"


def _against(line: Line) -> str:
    """How many times the base's images/s, and the paired difference of top-1 in points with its 95 % interval."""
    if line.base is None:
        return ABSENT
    if line.base["backend"] == line.row["backend"]:
        return BASE if line.row["status"] == "ok" else ABSENT
    speed = _speed_up(line)
    pair = next((one for one in line.record.pairs if one.other == line.row["backend"]), None)
    parts = [] if speed is None else [f"{speed:.2f}x"]
    if pair is not None:
        low, high = pair.top1.interval
        parts.append(f"{OF_TOP1}{_signed(pair.top1.difference)} ({_signed(low)} to {_signed(high)})")
    return ", ".join(parts) or ABSENT


def _signed(points: float) -> str:
    return f"{round(points, 2) + 0.0:+.2f}"


def _speed_up(line: Line) -> float | None:
    """By images/s; None where either of the two has none, or the measurement is invalid."""
    base = line.base
    if base is None or base["backend"] == line.row["backend"] or line.record.invalid:
        return None
    for row in (base, line.row):
        if row["status"] != "ok" or not has(row, "images_per_second"):
            return None
    return float(line.row["images_per_second"] / base["images_per_second"])


def _ranked_apart(lines: Sequence[Line], best: Callable[[Sequence[Line]], list[bool]]) -> list[bool]:
    """The best of each group of each run: rows of different runs were not measured in the same rounds."""
    found = [False] * len(lines)
    keys = [(line.run, line.row["group"]) for line in lines]
    for key in dict.fromkeys(keys):
        mine = [place for place, one in enumerate(keys) if one == key]
        for place, one in zip(mine, best([lines[place] for place in mine]), strict=True):
            found[place] = one
    return found


def _telling(best: list[bool], lines: Sequence[Line]) -> list[bool]:
    """Bold where it says something: not where all that are ranked are best."""
    ranked = sum(has(line.row, "rank") for line in lines)
    return best if sum(best) < ranked else [False] * len(lines)


def _best_throughput(lines: Sequence[Line]) -> list[bool]:
    """The rows that none is faster than beyond doubt."""
    return _telling([has(line.row, "images_per_second") and _first(line.row) for line in lines], lines)


def _first(row: Row) -> bool:
    return has(row, "rank") and row["rank"] == 1


def _best_accuracy(lines: Sequence[Line]) -> list[bool]:
    """Where there is no speed, the ranks are those of top-1."""
    if any(has(line.row, "images_per_second") for line in lines):
        return [False] * len(lines)
    return _telling([has(line.row, "top1") and _first(line.row) for line in lines], lines)


def _best_latency(lines: Sequence[Line]) -> list[bool]:
    """The rows that none is faster than beyond doubt at batch 1."""
    slower = {one.slower for line in lines[:1] for one in line.record.differences if one.of == "latency" and one.apart}
    ranked = [has(line.row, "rank") and has(line.row, "latency_p50_ms") for line in lines]
    return _telling([one and line.row["backend"] not in slower for line, one in zip(lines, ranked, strict=True)], lines)


def _share(reference: ReferenceRecord, count: str) -> str:
    return f"{getattr(reference, count)} of {reference.images}"
