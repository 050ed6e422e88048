"""One side of a gate: what a run, or one environment of it, says of each system."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from alexbench.harness.comparison.rows_of_runs import open_run, row_of
from alexbench.harness.errors import RecordError, UsageError
from alexbench.harness.judge.gate_rule import Place
from alexbench.harness.records import file_names
from alexbench.harness.records.record_files import read_run
from alexbench.harness.records.run_records import RunRecord, SystemRecord
from alexbench.harness.run_tables import ANCHOR, read_table
from alexbench.harness.running.table_checks import check_tables
from alexbench.harness.systems import System, labels, matched

Series = Literal["latency", "windows"]


@dataclass(frozen=True, slots=True, eq=False)
class Times:
    """One row's times by process and round: ``latency`` of an inference at batch 1, ``windows`` per image, in ms."""

    latency: dict[Place, float] = field(default_factory=dict)
    windows: dict[Place, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class GatedRow:
    """One system. ``top1`` and ``top5``: whether each image was answered rightly (N,); None: not measured."""

    entry: SystemRecord
    times: Times
    top1: NDArray[np.bool_] | None = None
    top5: NDArray[np.bool_] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class GatedRun:
    """One side of a gate. ``rows`` by name; ``anchor``: the machine probe's blocks with either measure.

    ``name``: as the user gave it. ``record``: of the run that it is of. ``label``: of its environment in that run.
    """

    name: str
    record: RunRecord
    rows: dict[str, GatedRow]
    anchor: Times
    label: str = ""


def environments(record: RunRecord) -> list[str]:
    """The labels of a run's environments, in order; empty where it had one only."""
    return list(dict.fromkeys(row.system.environment for row in record.systems if row.system.environment is not None))


def gated_run_of(folder: Path, *, label: str = "") -> GatedRun:
    """A finished run as a side; of one with several environments, that of ``label``.

    Raises:
        AlexBenchError: it is not a run, not complete, or its files are damaged.
    """
    return gated_runs_of(folder, label)[0]


def gated_runs_of(folder: Path, *wanted: str) -> list[GatedRun]:
    """The environments ``wanted`` of a finished run, read once: their record is one, as their rounds are.

    Raises:
        AlexBenchError: it is not a run, not complete, or its files are damaged.
    """
    record = read_run(folder)
    if record.status != "complete":
        raise UsageError(f"{folder} is {record.status}; first: alexbench run --resume {folder}")
    check_tables(folder, record)
    times = times_of(folder, record)
    answered = {row.name: row.accuracy is not None for row in record.systems}
    run = open_run(folder) if any(answered.values()) else None
    rows: dict[str, dict[str, GatedRow]] = {label: {} for label in wanted}
    for entry in record.systems:
        label = entry.system.environment or ""
        if label not in rows or entry.status == "missing":
            continue
        row = GatedRow(entry, times.get(entry.name, Times()))
        if run is not None and answered[entry.name]:
            found = row_of(run, entry.name)
            hits = found.top == found.labels[:, None]
            row = replace(row, top1=hits[:, 0], top5=hits.any(axis=1))
        rows[label][entry.name] = row
    anchor = times.get(ANCHOR, Times())
    return [
        GatedRun(f"{folder} ({label})" if label else str(folder), record, rows[label], anchor, label)
        for label in wanted
    ]


def times_of(folder: Path, record: RunRecord) -> dict[str, Times]:
    """Participant -> its settled blocks, from ``timings.parquet``; also the machine probe and A/A duplicates.

    Raises:
        RecordError: the table is damaged.
    """
    table = read_table(folder / file_names.TIMINGS)
    if table is None:
        return {}
    settled = table[table["settled"]]
    batch = record.configuration.get("batch_size")
    single = settled[(settled["scenario"] == "SingleStream") & (settled["way"] == "loop")]
    windows = settled[(settled["scenario"] == "Offline") & (settled["way"] == "loop") & (settled["batch"] == batch)]
    anchor = settled[settled["scenario"] == "Anchor"]
    found: dict[str, Times] = {}
    # The median call of each block, as in alexbench.harness.judge.block_times.
    for frame, of, how, images in (
        (single, "latency", "median", 1),
        (windows, "windows", "median", int(batch or 1)),
        (anchor[anchor["way"] == "latency"], "latency", "median", 1),
        (anchor[anchor["way"] == "windows"], "windows", "median", 1),
    ):
        blocks = frame.groupby(["backend", "process", "round"], sort=True, observed=True)["ns"].agg(how).reset_index()
        for name, process, number, ns in blocks.itertuples(index=False, name=None):
            if not 0 < ns < math.inf:
                raise RecordError(f"{folder / file_names.TIMINGS} is damaged: a block of {name} took {ns} ns")
            times = found.setdefault(str(name), Times())
            getattr(times, of)[int(process), int(number)] = float(ns) / 1e6 / images
    return found


def named_alike(base: GatedRun, head: GatedRun) -> tuple[GatedRun, GatedRun]:
    """Both sides with one name for what is the same system of both, in whatever environment: its label among all."""
    ours, theirs = _by_system(base), _by_system(head)
    same = dict(matched(list(ours), list(theirs)))
    every = [*theirs, *(one for one in ours if one not in same)]
    called = dict(zip(every, labels(every), strict=True))
    return (
        replace(base, rows={called[same.get(one, one)]: row for one, row in ours.items()}),
        replace(head, rows={called[one]: row for one, row in theirs.items()}),
    )


def named_as(side: GatedRun, like: GatedRun) -> GatedRun:
    """The rows of a side that ``like`` has too, under its names."""
    ours, names = _by_system(side), dict(zip(_by_system(like), like.rows, strict=True))
    return replace(side, rows={names[two]: ours[one] for one, two in matched(list(ours), list(names))})


def _by_system(side: GatedRun) -> dict[System, GatedRow]:
    """Environments are what the two sides of a run differ in."""
    return {replace(row.entry.system, environment=None): row for row in side.rows.values()}


def with_more(side: GatedRun, more: GatedRun, series: Series, *, first: int, instead: bool = False) -> GatedRun:
    """``side`` with the blocks of a further run of the same, as its processes from ``first`` on; or these alone."""

    def joined(one: Times, two: Times) -> Times:
        known = {} if instead else getattr(one, series)
        return replace(one, **{series: {**known, **_moved(getattr(two, series), first)}})

    rows = dict(side.rows)
    for name, row in more.rows.items():
        if name in rows:
            rows[name] = replace(rows[name], times=joined(rows[name].times, row.times))
    return replace(side, rows=rows, anchor=joined(side.anchor, more.anchor))


def _moved(times: Mapping[Place, float], first: int) -> dict[Place, float]:
    return {(process + first, number): value for (process, number), value in times.items()}


def over_anchor(times: Mapping[Place, float], anchor: Mapping[Place, float]) -> dict[Place, float]:
    """Each block's time in units of the machine probe's in the same round; rounds without one are left out."""
    return {place: value / anchor[place] for place, value in times.items() if place in anchor}
