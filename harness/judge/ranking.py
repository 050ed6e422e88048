"""Ranks: whose rows may be ranked, against whom, and which cannot be told apart. Reports read them from the record."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from alexbench.harness.judge.resolution import ALPHA, Process, tell_apart
from alexbench.harness.records.plain_rows import plain_pairs
from alexbench.harness.records.run_records import SystemRecord
from alexbench.harness.records.speed_records import Difference, Group, Measure, Resolution

MEASURES: tuple[Measure, ...] = ("latency", "images/s")


def may_rank(row: SystemRecord) -> bool:
    """Whether it ended well, is the function that float64 is, and knows something."""
    if row.status != "ok":
        return False
    if row.accuracy is not None and row.accuracy.against_guessing not in (None, "better"):
        return False
    return row.parity is None or (row.parity.passed and not row.parity.far_off)


def ranked(
    rows: Sequence[SystemRecord],
    processes: Mapping[Measure, Sequence[Process]],
    *,
    level: float = ALPHA,
    looks: int = 1,
    spent: float = ALPHA,
) -> tuple[tuple[SystemRecord, ...], tuple[Difference, ...], tuple[Resolution, ...]]:
    """The rows with their ranks, every pair of a group or of a row and its fp32 row, and what the run can tell apart.

    ``processes``: of each measure, those of all rows; none of either in a run without speed, whose rows are ranked by
    top-1. ``level``, ``looks``, ``spent``: as :func:`tell_apart` takes them.
    """
    groups: dict[Group, list[str]] = {}
    for row in rows:
        if row.group is not None and may_rank(row):
            groups.setdefault(row.group, []).append(row.name)
    families = list(groups.values())
    others = [pair for pair in plain_pairs(rows) if not any(set(pair) <= set(family) for family in families)]
    found = [
        tell_apart(processes[of], of=of, families=[*families, *others], level=level, looks=looks, spent=spent)
        for of in MEASURES
        if processes.get(of)
    ]
    differences = tuple(one for each in found for one in each.differences)
    resolutions = tuple(each.resolution for each in found if each.resolution is not None)
    timed = {one.row for one in processes.get("images/s", ())}
    by_name = {row.name: row for row in rows}
    ranks: dict[str, int] = {}
    for family in families:
        if timed & set(family):
            ranks |= _by_speed([name for name in family if name in timed], differences)
        else:
            ranks |= _by_top1([by_name[name] for name in family])
    return tuple(replace(row, rank=ranks.get(row.name)) for row in rows), differences, resolutions


def _by_speed(names: Sequence[str], differences: Sequence[Difference]) -> dict[str, int]:
    """One more than the rows among them that are faster beyond doubt."""
    pairs = [one for one in differences if one.of == "images/s" and {one.one, one.other} <= set(names)]
    slower = [one.slower for one in pairs if one.apart]
    return {name: 1 + slower.count(name) for name in names}


def _by_top1(rows: Sequence[SystemRecord]) -> dict[str, int]:
    right = {row.name: row.accuracy.top1_correct for row in rows if row.accuracy is not None}
    return {name: 1 + sum(other > correct for other in right.values()) for name, correct in right.items()}
