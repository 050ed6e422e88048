"""How to read a report: a sentence for each column that it shows, and none for those it does not.

Columns have their own; here are those that depend on how the run was measured.
"""

from collections.abc import Sequence

from alexbench.harness.records.run_records import RunRecord
from alexbench.harness.records.speed_records import Performance
from alexbench.reports.row_cells import is_doubted, is_noisy, peak_found
from alexbench.reports.rows import rows_of
from alexbench.reports.table import Table


def explanations(record: RunRecord, tables: Sequence[Table]) -> list[str]:
    """The sentences for these tables: on the run, then of each column, in the order of the tables."""
    shown = [column for table in tables for column in table.shown]
    names = {column.name for column in shown}
    rows = rows_of(record)
    speeds = [entry.performance for entry in record.systems if entry.performance is not None]
    lines = [_rank(speeds)] if "rank" in names else []
    if any(cell.best for column in shown for cell in column.cells):
        lines.append("Bold: the best, and every row that the run cannot tell from it.")
    if any(map(is_noisy, rows)):
        lines.append("noisy: a noise check failed; the row's interval and the run's resolution include the effect.")
    if any(map(is_doubted, rows)):
        lines.append(
            "AT CHANCE: top-1 is no better than guessing (exact binomial). TOO FEW IMAGES: too few to tell that."
        )
    if speeds:
        lines += _speed(speeds)
    lines += _accuracy(record, with_intervals=any(table.key == "accuracy" for table in tables))
    lines += _parity(record)
    if "mfu" in names:
        unfound = any(peak_found(row) is False for row in rows)
        more = "; peak not found: a row was faster than the ceiling" if unfound else ""
        lines.append(f'mfu: GFLOP/s as a share of the ceiling under "What this run covers"{more}.')
    own = (line for table in tables for line in (table.explanation, *(one.explanation for one in table.shown)))
    return lines + [line for line in dict.fromkeys(own) if line]


def _accuracy(record: RunRecord, *, with_intervals: bool) -> list[str]:
    """What the intervals of top-1 and top-5 are of, or why there are none; older records do not always say."""
    found = [entry.accuracy for entry in record.systems if entry.accuracy is not None]
    data = record.data
    if not found:
        return []
    if any(one.top1_interval is not None for one in found):
        return ["Accuracy: with the 95 % interval (Wilson) for these images as a sample."] if with_intervals else []
    if data.part is not None:
        return ["top-1 %, top-5 %: measured on one part, which is not a sample. Read the joined run."]
    if data.images == data.available_images and (data.synthetic or data.of_validation_set == "full"):
        return ["top-1 %, top-5 %: measured on the whole set, so without sampling error."]
    return []


def _rank(speeds: list[Performance]) -> str:
    if not speeds:
        return "#: rank by top-1. Rows with equal counts share a range: 1-2 is first or second."
    return "#: the possible ranks of a row. 1-2 means first or second: the run cannot tell (Holm, 95 % for all pairs)."


def _speed(speeds: list[Performance]) -> list[str]:
    """By the first row: all rows of a run were measured alike."""
    found = speeds[0].throughput
    bounds = "slowest-fastest window"
    if found.bounds == "interval":
        bounds = f"95 % interval over {'processes' if found.processes > 1 else 'windows'}"
    several = speeds[0].latency.processes > 1
    of = "95 %, over processes" if several else "95 %, within this one process"
    return [
        f"p50: median of block medians at batch 1, from host array to host array ({of}).",
        f"FPS: images per second of wall time, in batches of {found.batch_size}, one after the other ({bounds}).",
        "Systems took turns, in random order within each round.",
    ]


def _parity(record: RunRecord) -> list[str]:
    """The rule, with the tolerances of each precision that ran."""
    held: dict[tuple[float, float], list[str]] = {}
    images = 0
    for entry in record.systems:
        if entry.parity is not None:
            ran = "as found" if entry.effective is None else entry.effective.precision[0]
            precision = entry.parity.held_to or ran
            tolerance = entry.parity.tolerance_max_abs_over_sigma, entry.parity.tolerance_sqnr_db
            held.setdefault(tolerance, []).append(precision)
            images = entry.parity.images
    if not held:
        return []

    def says(tolerance: tuple[float, float]) -> str:
        whose = f" ({', '.join(dict.fromkeys(held[tolerance]))})" if len(held) > 1 else ""
        return f"at most {tolerance[0]:g} and SQNR at least {tolerance[1]:g} dB{whose}"

    error = f"error / sigma: the largest error of a logit against float64 on {images} images"
    return [
        f"{error}, in standard deviations of the logits.",
        f"parity ok: error / sigma is {', or '.join(map(says, held))}, and rounding explains every top-1 mismatch.",
    ]
