"""How to read a report: a sentence for each column that it shows, and none for those it does not."""

from collections.abc import Sequence
from typing import Final

from alexbench.harness.records import RunRecord
from alexbench.harness.speed_records import Performance
from alexbench.reports.boards import AGAINST
from alexbench.reports.table import Table

_SENTENCES: Final = (
    ("checks", "checks: ok: parity with float64, and nothing else of the row failed."),
    ("computes in", "computes in: what convolutions and products work in, and how it is known; weights in: as stored."),
    ("held to", "held to: the coarsest type that weights or activations pass through; its tolerance is the row's."),
    ("bits", "bits: of a significand whose rounding makes such an error (SQNR / 6.02); as in: the format of so many."),
    ("KL", "KL: of the softmaxes, float64 || the row; top-5 kept: the share of float64's top 5 that the row has too."),
    (
        "flips",
        "flips: pictures whose top-1 is not float64's, among the parity pictures and all on which backends differ.",
    ),
    ("threads", "threads: counted while they worked, unless a remark says otherwise."),
    ("GFLOP/s", "GFLOP/s: FPS x GFLOPs of an image (2 x MACs of convolutions and fully connected layers)."),
    ("CPU ms", "CPU ms: of all threads, waiting for work included where a runtime spins."),
    ("MiB", "MiB: resident memory of the warm worker, mapped weights and pixels included; peak: the most until then."),
    ("p90", "p90, p95, p99: from 64, 130 and 662 samples or queries on (MLPerf's early-stopping minimum)."),
    ("on device", "on device: p50 at batch 1, from the device's memory to the device's memory."),
    ("J", "J: energy of the whole package, an inference or an image."),
    ("load s", "load: importing and building; first: the first inference, batch 1."),
    ("many at once", "many at once: FPS in each runtime's own way of it, named in the remarks."),
    ("Layers", "Layers: each with what follows it up to the next, in a pass of its own after all timing."),
    ("MLPerf LoadGen", "LoadGen: latency of a query, in Server from its scheduled arrival."),
    ("highest load", "highest load: the most whose p99 stayed within the bound, twice."),
    ("drift", "drift: of latency, from the first half of a process to its second."),
    ("deviation", "deviation: robust, between blocks."),
    ("steal", "steal: what the hypervisor took of all cores' time."),
    ("others' CPU", "others' CPU: what other processes used of all cores' time."),
)
"""How a heading or a title begins -> how to read what stands under it."""


def explanations(record: RunRecord, tables: Sequence[Table]) -> list[str]:
    """The sentences for these tables."""
    names = [table.title for table in tables] + [heading for table in tables for heading in table.headings]
    speeds = [entry.performance for entry in record.backends if entry.performance is not None]
    lines = [_rank(speeds)] if "#" in names else []
    if any(any(column) for table in tables for column in table.bold):
        lines.append("Bold: the best, and what cannot be told apart from it.")
    if any("noisy" in cell for table in tables for column in table.columns for cell in column):
        lines.append(
            "noisy: see the remark; what that cost is in the row's interval and in what the run can tell apart."
        )
    if any(
        cell.startswith(("AT CHANCE", "TOO FEW")) for table in tables for column in table.columns for cell in column
    ):
        lines.append("AT CHANCE: top-1 is no better than guessing (exact binomial); TOO FEW PICTURES: to tell that.")
    lines += [_against(heading) for heading in dict.fromkeys(names) if heading.startswith(AGAINST)]
    if sum(name.startswith("Leaderboard") for name in names) > 1:
        lines.append("Rows that ran unlike (device, precision, threads, streams) are ranked apart.")
    if speeds:
        lines += _speed(speeds)
    lines += _accuracy(record)
    lines += _parity(record)
    if "mfu" in names:
        lines.append(_mfu(tables))
    return lines + [sentence for start, sentence in _SENTENCES if any(name.startswith(start) for name in names)]


def _against(heading: str) -> str:
    return (
        f"{heading}: times its FPS; top-1 less its, in points, on the same pictures (95 %,"
        " Tango). An interval with 0 in it does not show a difference."
    )


def _accuracy(record: RunRecord) -> list[str]:
    """Of what the accuracies' intervals are, or why there are none; of older records that cannot always be said."""
    found = [entry.accuracy for entry in record.backends if entry.accuracy is not None]
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
        "Backends took turns, in random order within each round.",
    ]


def _parity(record: RunRecord) -> list[str]:
    """The rule, with the tolerances of each precision that ran."""
    held: dict[tuple[float, float], list[str]] = {}
    images = 0
    for entry in record.backends:
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


def _mfu(tables: Sequence[Table]) -> str:
    (table,) = (one for one in tables if "mfu" in one.headings)
    unfound = "peak not found" in table.columns[table.headings.index("mfu")]
    more = "; peak not found: a row was faster than that" if unfound else ""
    return f"mfu: GFLOP/s as a share of the ceiling at the top of this page{more}."
