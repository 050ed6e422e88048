"""How fast a network trains, as tables: images/s by runtime, where a step's time goes, scaling, published figures."""

from collections.abc import Sequence
from typing import Final

from alexbench.harness.records.speed_records import Throughput
from alexbench.harness.records.training_speed_records import PASSES, PublishedTraining, TrainingRow, TrainingSpeed
from alexbench.reports.table import Cell, Notes, Table, interval, number
from alexbench.reports.text.wording import ABSENT

CONVENTION: Final = (
    f"GFLOP/s: 2 x MACs of the forward pass x {PASSES} (forward once, backward twice), times images/s; the optimizer's"
    " operations are not counted."
)
_END_TO_END: Final = (
    "compute: batches lie in memory. End to end: images are read, decoded and augmented while the network trains."
)
_NOT_COMPARED: Final = "Published figures are of other hardware; they are context, and are compared with no row."


def answer(speed: TrainingSpeed) -> list[str]:
    """The fastest by compute, its end-to-end rate, and whether all runtimes train the same network."""
    timed = [(row, row.compute) for row in speed.rows if row.compute is not None]
    if not timed:
        return ["No runtime could be timed."]
    timed.sort(key=lambda one: -one[1].images_per_second)
    (first, rate), others = timed[0], timed[1:]
    said = [f"{first.name} trains {_rate(rate)} images/s, batches in memory{_end(first)}."]
    if others:
        second, its = others[0]
        apart = rate.low > its.high
        said.append(
            f"{second.name}: {_rate(its)} images/s"
            + ("." if apart else "; the intervals overlap, so neither is shown to be faster.")
        )
    wrong = [row.name for row in speed.rows if row.check is not None and not row.check.agrees]
    checked = [row for row in speed.rows if row.check is not None]
    if wrong:
        said.append(f"Losses differ from float64 by more than the tolerance: {', '.join(wrong)}.")
    elif checked:
        worst = max(row.check.error for row in checked if row.check is not None)
        steps = len(checked[0].check.losses) if checked[0].check is not None else 0
        said.append(f"Losses agree with float64 over the first {steps} steps, to {worst:.1e} (relative).")
    return said


def tables(speed: TrainingSpeed) -> list[Table]:
    """All tables that have rows."""
    found = [throughput(speed), split(speed), scaling(speed), losses(speed), published(speed.published)]
    return [table for table in found if table.headings]


def throughput(speed: TrainingSpeed) -> Table:
    """Images/s by runtime."""
    synthetic = ", SYNTHETIC images" if speed.synthetic else ""
    table = Table(f"Training, batch {speed.batch}, {speed.card}{synthetic}", "training")
    rows, notes = speed.rows, Notes()
    marks = [notes.mark([row.error] if row.error else []) for row in rows]
    names = [Cell(row.name, row.name, (mark,) if mark else ()) for row, mark in zip(rows, marks, strict=True)]
    table.add("system", names, numeric=False)
    table.add("threads", [str(row.threads) for row in rows])
    table.add("images/s, compute", [_throughput(row.compute) for row in rows], explanation=_END_TO_END)
    table.add("images/s, end to end", [_throughput(row.end_to_end) for row in rows])
    table.add("GFLOP/s", [_gflops(speed, row) for row in rows], explanation=CONVENTION)
    table.add("peak MiB", [number(row.peak_mib, 0) for row in rows])
    table.add("losses", [_check(row) for row in rows], numeric=False)
    table.caption = [_END_TO_END, CONVENTION]
    table.notes = notes.lines([row.error for row in rows if row.error])
    return table


def split(speed: TrainingSpeed) -> Table:
    """Where a step's time goes."""
    table = Table("Milliseconds of a step", "training-split")
    rows = [(row, row.split) for row in speed.rows if row.split is not None]
    if not rows:
        return table
    table.add("system", [row.name for row, _ in rows], numeric=False)
    for heading, of in (("data", "data_ms"), ("forward", "forward_ms"), ("backward", "backward_ms")):
        table.add(heading, [number(getattr(part, of), 1) for _, part in rows])
    table.add("optimizer", [number(part.optimizer_ms, 1) for _, part in rows])
    table.caption = ["Medians of single steps, measured apart from the throughput; data: decoding in the same process."]
    return table


def scaling(speed: TrainingSpeed) -> Table:
    """Images/s and efficiency by number of processes."""
    table = Table("Scaling, compute alone", "training-scaling")
    rows = [(row, one) for row in speed.rows for one in row.scaling]
    if not rows:
        return table
    table.add("system", [row.name for row, _ in rows], numeric=False)
    table.add("processes", [str(one.processes) for _, one in rows])
    table.add("threads each", [str(one.threads) for _, one in rows])
    table.add(
        "images/s",
        [
            number(one.images_per_second, 1, interval(f"{one.low:.1f}", f"{one.high:.1f}"))
            if one.low < one.high
            else number(one.images_per_second, 1)
            for _, one in rows
        ],
    )
    table.add("efficiency", [Cell(f"{100 * one.efficiency:.0f} %", one.efficiency) for _, one in rows])
    table.caption = ["Efficiency: images/s over N times that of one process with as many threads."]
    return table


def losses(speed: TrainingSpeed) -> Table:
    """The losses of the first steps next to float64's."""
    table = Table("Losses of the first steps", "training-losses")
    rows = [(row, row.check) for row in speed.rows if row.check is not None]
    if not rows:
        return table
    check = rows[0][1]
    table.add("step", [str(step + 1) for step in range(len(check.reference))])
    table.add("float64", [number(one, 6) for one in check.reference])
    for row, mine in rows:
        table.add(row.name, [number(one, 6) for one in mine.losses])
    same = f"The same weights and batches of {check.images} images, without dropout"
    table.caption = [f"{same}; tolerance {check.tolerance:g} of the loss."]
    return table


def published(figures: Sequence[PublishedTraining]) -> Table:
    """Published throughput, each with its hardware."""
    table = Table("Published training throughput", "training-published")
    if not figures:
        return table
    table.add("source", [one.source for one in figures], numeric=False)
    table.add("images/s", [number(one.images_per_second, 1) for one in figures])
    table.add("hardware", [one.hardware for one in figures], numeric=False)
    table.caption = [_NOT_COMPARED]
    return table


def _rate(rate: Throughput) -> str:
    return f"{rate.images_per_second:.1f} ({rate.low:.1f} to {rate.high:.1f})"


def _end(row: TrainingRow) -> str:
    return "" if row.end_to_end is None else f", and {_rate(row.end_to_end)} end to end"


def _throughput(rate: Throughput | None) -> Cell:
    if rate is None:
        return Cell(ABSENT)
    return number(rate.images_per_second, 1, interval(f"{rate.low:.1f}", f"{rate.high:.1f}"))


def _gflops(speed: TrainingSpeed, row: TrainingRow) -> Cell:
    return number(None if row.compute is None else speed.gflops_per_second(row.compute), 1)


def _check(row: TrainingRow) -> Cell:
    if row.check is None:
        return Cell(ABSENT)
    said = "agree" if row.check.agrees else "DIFFER"
    return Cell(f"{said}, {row.check.error:.0e}", row.check.error, tone="good" if row.check.agrees else "bad")
