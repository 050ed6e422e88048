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
        lines.append("Bold: the best, and what cannot be told apart from it.")
    if any(map(is_noisy, rows)):
        lines.append(
            "noisy: see the remark; what that cost is in the row's interval and in what the run can tell apart."
        )
    if any(map(is_doubted, rows)):
        lines.append("AT CHANCE: top-1 is no better than guessing (exact binomial); TOO FEW PICTURES: to tell that.")
    lines += [_against(heading) for heading in dict.fromkeys(one.heading for one in shown if one.name == "against")]
    if speeds:
        lines += _speed(speeds)
    lines += _accuracy(record)
    lines += _parity(record)
    if "mfu" in names:
        unfound = any(peak_found(row) is False for row in rows)
        more = "; peak not found: a row was faster than that" if unfound else ""
        lines.append(f"mfu: GFLOP/s as a share of the ceiling at the top of this page{more}.")
    own = (line for table in tables for line in (table.explanation, *(one.explanation for one in table.shown)))
    return lines + [line for line in dict.fromkeys(own) if line]


def _against(heading: str) -> str:
    return (
        f"{heading}: times its FPS; top-1 less its, in points, on the same pictures (95 %,"
        " Tango). An interval with 0 in it does not show a difference."
    )


def _accuracy(record: RunRecord) -> list[str]:
    """Of what the accuracies' intervals are, or why there are none; of older records that cannot always be said."""
    found = [entry.accuracy for entry in record.systems if entry.accuracy is not None]
    data = record.data
    if not found:
        return []
    if any(one.top1_interval is not None for one in found):
        return ["top-1 %, top-5 %: with the 95 % interval (Wilson) that the draw of these pictures leaves."]
    if data.part is not None:
        return ["top-1 %, top-5 %: of a part, which is no sample; the joined run is to be read."]
    if data.images == data.available_images and (data.synthetic or data.of_validation_set == "full"):
        return [
            "top-1 %, top-5 %: of the whole set; no sampling error stands between them and figures of the same set."
        ]
    return []


def _rank(speeds: list[Performance]) -> str:
    if not speeds:
        return "#: one more than the rows with more right at top-1; = marks equal ranks."
    return (
        "#: one more than the rows that are faster beyond doubt (Holm, 95 % for all pairs); = marks rows that are tied."
    )


def _speed(speeds: list[Performance]) -> list[str]:
    """By the first row: all rows of a run were measured alike."""
    found = speeds[0].throughput
    bounds = "slowest-fastest window"
    if found.bounds == "interval":
        bounds = f"95 % interval over {'processes' if found.processes > 1 else 'windows'}"
    several = speeds[0].latency.processes > 1
    of = "95 %, over processes" if several else "95 %, within this one process"
    return [
        f"p50: median of block medians at batch 1, host array in to host array out ({of}).",
        f"FPS: images over the wall time of steady windows, batches of {found.batch_size} one by one ({bounds}).",
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

    error = f"error / sigma: the largest error of a logit against float64 on {images} pictures"
    return [
        f"{error}, in standard deviations of the logits.",
        f"parity ok: error / sigma is {', or '.join(map(says, held))}, and no flip is beyond rounding.",
    ]
