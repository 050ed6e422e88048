"""``alexbench compare``: two rows, or all rows of a run, compared image by image."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alexbench.datasets.classes import class_name
from alexbench.harness.comparison.margins import Margins, flip_margin, margins
from alexbench.harness.comparison.rows_of_runs import RowOfRun, Run, check_comparable, open_run, row_of, split
from alexbench.harness.errors import ExitCode, UsageError
from alexbench.harness.files.plain_text import json_text
from alexbench.harness.judge.paired_tests import MARGIN, differing, paired_test, rate_bound
from alexbench.harness.judge.sampling import drawn_from
from alexbench.harness.judge.statistics import Interval
from alexbench.harness.records.paired_records import Answer, ComparedRow, Flip, Pair, PairedReport, SpeedChange
from alexbench.harness.systems import base_among, matched


@dataclass(frozen=True, slots=True)
class Compared:
    """The report, and the rows it is of: (base, other) of each of its pairs, in order."""

    report: PairedReport
    rows: tuple[tuple[RowOfRun, RowOfRun], ...]

    @property
    def runs(self) -> list[tuple[Run, list[str]]]:
        """Each run once, with the names of its rows that were compared."""
        found: dict[Path, tuple[Run, list[str]]] = {}
        for row in (row for pair in self.rows for row in pair):
            names = found.setdefault(row.run.folder, (row.run, []))[1]
            names += [row.entry.name] if row.entry.name not in names else []
        return list(found.values())

    @property
    def exit_code(self) -> ExitCode:
        """3: these images are too few to decide some pair."""
        undecided = any(pair.undecided for pair in self.report.pairs)
        return ExitCode.INCONCLUSIVE if undecided else ExitCode.OK


def compare(
    arguments: Sequence[str], *, base: str | None = None, margin: float = MARGIN, different_weights: bool = False
) -> Compared:
    """Compare the rows of one run with its ``base``, or those of two runs with each other: ``RUN`` or ``RUN:ROW`` each.

    ``margin``: in points. The first run is the base.

    Raises:
        AlexBenchError: something cannot be compared; the message says why.
    """
    if not 0 < margin <= 100:
        raise UsageError(f"--margin {margin:g}: give points above 0, 100 at most")
    if not 1 <= len(arguments) <= 2:
        raise UsageError(f"{len(arguments)} runs: give one or two")
    named = [split(argument) for argument in arguments]
    opened = {folder.resolve(): folder for folder, _ in reversed(named)}
    read = {place: open_run(folder) for place, folder in opened.items()}
    first, *others = [(read[folder.resolve()], row) for folder, row in named]
    notes: list[str] = []
    if not others:
        rows = _in_one(*first, base, notes)
    elif base is not None:
        raise UsageError("--base is for the rows of one run; of two, the first is the base")
    else:
        rows = _in_two(first, others[0], notes)
    for one, two in rows:
        check_comparable(one, two, different_weights=different_weights)
    runs = {run.folder.resolve(): run for run, _ in (first, *others)}
    asked = {folder: margins(run) for folder, run in runs.items()}
    letters = dict(zip(runs, "AB" if len(runs) == 2 else ("",), strict=True))
    notes += [
        f"{run.folder} is {run.record.status}: what it answered is compared."
        for run in runs.values()
        if run.record.status != "complete"
    ]
    pairs = tuple(_pair(one, two, margin, asked, letters) for one, two in rows)
    record = first[0].record
    if len({run.record.model.weights_digest for run in runs.values()}) > 1:
        notes.append("The weights differ: mismatches are between two models, and no float64 reference explains them.")
    report = PairedReport(
        model=record.model.card,
        data=record.data.description,
        images=pairs[0].top1.images,
        synthetic=any(run.record.model.synthetic or run.record.data.synthetic for run in runs.values()),
        pairs=pairs,
        notes=tuple(notes),
        invalid=record.invalid if len(runs) == 1 else (),
    )
    return Compared(report, tuple(rows))


def _in_one(run: Run, row: str | None, base: str | None, notes: list[str]) -> list[tuple[RowOfRun, RowOfRun]]:
    """Every row against the base."""
    if row is not None and base is not None and row != base:
        raise UsageError(f"--base {base} and {run.folder}:{row}: name the base once")
    of_run = run.record.base if run.record.base in run.rows else None
    chosen = base or row or of_run or base_among(run.systems) or ""
    held = row_of(run, chosen)
    others = [name for name in run.rows if name != chosen]
    if not others:
        raise UsageError(f"{run.folder} has no row but {chosen} to compare; name a second run")
    notes += _left_out(run)
    return [(held, row_of(run, name)) for name in others]


def _in_two(
    first: tuple[Run, str | None], second: tuple[Run, str | None], notes: list[str]
) -> list[tuple[RowOfRun, RowOfRun]]:
    """The rows named; where one is not, the same system of the other; where none is, all that both runs have."""
    (here, one), (there, two) = first, second
    names = [{system: name for name, system in run.systems.items()} for run in (here, there)]
    pairs = matched(list(names[0]), list(names[1]))
    shared = {names[0][base]: names[1][other] for base, other in pairs}
    if one is not None or two is not None:
        back = {theirs: ours for ours, theirs in shared.items()}
        ours, theirs = one or back.get(two or "", two), two or shared.get(one or "", one)
        return [(row_of(here, str(ours)), row_of(there, str(theirs)))]
    if not shared:
        raise UsageError(
            f"{here.folder} ({', '.join(here.rows)}) and {there.folder} ({', '.join(there.rows)}) have no system in"
            " common; name rows: RUN:ROW RUN:ROW"
        )
    for run, known in ((here, shared.keys()), (there, shared.values())):
        alone = [name for name in run.rows if name not in known]
        notes += [f"{run.folder} alone has {', '.join(alone)}: not compared."] if alone else []
    return [(row_of(here, name), row_of(there, shared[name])) for name in here.rows if name in shared]


def _left_out(run: Run) -> list[str]:
    return [
        f"{row.name} is not compared: {row.error or row.status}"
        for row in run.record.systems
        if row.accuracy is None and row.status != "missing"
    ]


def _pair(
    base: RowOfRun, other: RowOfRun, margin: float, asked: dict[Path, Margins | None], letters: dict[Path, str]
) -> Pair:
    population = drawn_from(base.run.record.data)
    hits = [row.top == row.labels[:, None] for row in (base, other)]
    bound = _bound(base, other)
    flipped = differing(base.top[:, 0], other.top[:, 0])
    same_weights = base.run.record.model.weights_digest == other.run.record.model.weights_digest
    known = (asked[base.run.folder.resolve()], asked[other.run.folder.resolve()]) if same_weights else (None, None)
    return Pair(
        base=_said(base, letters),
        other=_said(other, letters),
        top1=paired_test("top1", hits[0][:, 0], hits[1][:, 0], margin=margin, population=population),
        top5=paired_test("top5", hits[0].any(axis=1), hits[1].any(axis=1), margin=margin, population=population),
        bound_sigma=bound,
        flips=tuple(_flip(base, other, int(place), known, bound) for place in flipped),
        flips_below=None if len(flipped) else rate_bound(len(base.samples)),
        speeds=tuple(_speeds(base, other)),
    )


def _speeds(base: RowOfRun, other: RowOfRun) -> Iterator[SpeedChange]:
    """By the differences that the record of their run holds; nothing for rows of two runs, and in an INVALID run."""
    record = base.run.record
    if record is not other.run.record or record.invalid:
        return
    for one in record.differences:
        if {one.one, one.other} != {base.entry.name, other.entry.name}:
            continue
        found = Interval(one.ratio, one.low, one.high)
        if (one.one == base.entry.name) != (one.of == "images/s"):
            found = _inverse(found)
        change, low, high = (100 * (value - 1) for value in (found.value, found.low, found.high))
        yield SpeedChange(one.of, change, low, high, one.apart)


def _inverse(ratio: Interval) -> Interval:
    return Interval(1 / ratio.value, 1 / ratio.high, 1 / ratio.low)


def _bound(base: RowOfRun, other: RowOfRun) -> float | None:
    """Twice the larger of the rows' tolerances: so far apart, in sigma, rounding can turn two classes."""
    tolerances = [
        row.entry.parity.tolerance_max_abs_over_sigma for row in (base, other) if row.entry.parity is not None
    ]
    return 2 * max(tolerances) if len(tolerances) == 2 else None


def _said(row: RowOfRun, letters: dict[Path, str]) -> ComparedRow:
    effective, which = row.entry.effective, letters[row.run.folder.resolve()]
    return ComparedRow(
        name=f"{which} {row.entry.name}".strip(),
        which=which,
        run=str(row.run.folder),
        system=row.entry.name,
        runtime="" if effective is None else effective.runtime,
        version="" if effective is None else effective.version,
        precision="" if effective is None else effective.precision[0],
    )


def _flip(
    base: RowOfRun, other: RowOfRun, place: int, asked: tuple[Margins | None, Margins | None], bound: float | None
) -> Flip:
    distance = None if bound is None else flip_margin(base, other, place, asked)
    label, own = int(base.labels[place]), base.run.record.data.class_names
    return Flip(
        sample=base.samples[place],
        label=label,
        label_name=class_name(label, own),
        base=_answers(base.top[place], base.scores[place], own),
        other=_answers(other.top[place], other.scores[place], own),
        margin_sigma=distance,
        explained=None if distance is None or bound is None else distance <= bound,
    )


def _answers(classes: NDArray[np.int64], scores: NDArray[np.float64], own: Sequence[str]) -> tuple[Answer, ...]:
    """The five best, or as many as there are classes; ``own``: the names of those that are not ImageNet's."""
    best = list(zip(classes.tolist(), scores.tolist(), strict=True))[: len(own) or None]
    return tuple(Answer(index, class_name(index, own), score if isfinite(score) else None) for index, score in best)


def flipped(compared: Compared, most: int) -> list[str]:
    """At most this many images with a top-1 mismatch, the unexplained first; none twice."""
    flips = [flip for pair in compared.report.pairs for flip in pair.flips]
    in_order = sorted(flips, key=lambda flip: flip.explained is not False)
    return list(dict.fromkeys(flip.sample for flip in in_order))[:most]


def to_json(
    compared: Compared,
    answer: Sequence[str] = (),
    *,
    layers: list[dict[str, Any]] | None = None,
    rest: dict[str, Any] | None = None,
) -> str:
    """All of the report and what is counted from it, behind the ``answer`` in sentences.

    ``layers``: where they were compared; ``rest``: what else was compared of two runs.
    """
    pairs: list[dict[str, Any]] = [
        {
            **asdict(pair),
            "explained": pair.explained,
            "unexplained": pair.unexplained,
            "not_examined": pair.not_examined,
            "alarming": pair.alarming,
            "undecided": pair.undecided,
        }
        for pair in compared.report.pairs
    ]
    report = asdict(replace(compared.report, pairs=()))
    whole = {"answer": [*answer], **report, "pairs": pairs, "exit_code": compared.exit_code}
    whole |= {} if layers is None else {"layers": layers}
    whole |= {} if rest is None else {"rest": rest}
    return json_text(whole) + "\n"
