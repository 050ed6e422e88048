"""The columns of a leaderboard, one value each, of which every table, file, legend, sort key and history is made.

A new column is a line of :data:`COLUMNS`, and its name in the table below that shows it, if one does.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Final, Literal, TypeVar

from alexbench.harness.records.run_records import SystemRecord
from alexbench.reports import row_cells
from alexbench.reports.rows import Row
from alexbench.reports.table import Cell, Table, Value, interval, is_absent
from alexbench.reports.text.reason_words import arithmetic_words, group_words
from alexbench.reports.text.wording import ABSENT

SCIENTIFIC: Final = 9
"""So many digits and more are shown as 2.0e-6."""
BYTES: Final = {"fp64": 8, "fp32": 4, "tf32": 4, "fp16": 2, "bf16": 2, "int16": 2, "int8": 1, "fp8": 1}
"""Bytes per value of each type."""

Part = TypeVar("Part")


@dataclass(frozen=True, slots=True)
class Trend:
    """How a history reads a column. ``of``: an INVALID measurement says nothing of speed and takes nothing from others.

    ``better``: which way. ``digits``: in a history, None for as many as in tables.
    """

    of: Literal["accuracy", "speed", "memory"]
    better: Literal["higher", "lower"]
    digits: int | None = None


@dataclass(frozen=True, slots=True)
class Column:
    """A column. ``name``: in files; ``kind``: of its values in them; ``of``: a row's value, None where it has none.

    ``unit``; ``digits`` and ``heading``: in tables; ``explanation``: how to read it, "" where that is plain or depends
    on how a run was measured (reports/leaderboard/explanations.py). ``span``: the columns of its interval, with ``{}``
    for low and high. ``asides``: what else stands behind a value; ``shown``: its cell, where that is not made of
    all these. ``flush``: text that is set flush right, as numbers are; ``percent``: a share, shown times 100.
    ``trend``: of a metric that a history has.
    """

    name: str
    kind: type[str] | type[bool] | type[int] | type[float]
    of: Callable[[Row], Value]
    unit: str = ""
    digits: int = 2
    heading: str = ""
    explanation: str = ""
    span: str = ""
    asides: Callable[[Row], tuple[str, ...]] = lambda _: ()
    shown: Callable[[Row], Cell] | None = None
    flush: bool = False
    percent: bool = False
    trend: Trend | None = None

    @property
    def low(self) -> str:
        """The name of the column of its interval's low end, "" where it has none."""
        return self.span.format("low")

    @property
    def high(self) -> str:
        """The same of its high end."""
        return self.span.format("high")

    @property
    def numeric(self) -> bool:
        """Whether it is set flush right."""
        return self.flush or self.kind in (int, float)

    def number(self, row: Row) -> float | None:
        """The value of a column of numbers."""
        value = self.of(row)
        return None if value is None or is_absent(value) else float(value)

    def text(self, value: Value) -> str:
        """A value of it as tables show it."""
        if is_absent(value):
            return ABSENT
        if self.kind is not float:
            return str(value)
        if self.digits >= SCIENTIFIC:
            digits, exponent = f"{value:.1e}".split("e")
            return f"{digits}e{int(exponent)}"
        return f"{value:.{self.digits}%}".replace("%", " %") if self.percent else f"{value:.{self.digits}f}"

    def bounds(self, row: Row) -> tuple[float, float] | None:
        """The interval of a value, None where it has none."""
        if not self.low:
            return None
        low, high = BY_NAME[self.low].number(row), BY_NAME[self.high].number(row)
        return None if low is None or high is None else (low, high)

    def cell(self, row: Row) -> Cell:
        """The value of a row as tables show it."""
        if self.shown is not None:
            return self.shown(row)
        value, bounds = self.of(row), self.bounds(row)
        about = () if bounds is None else (interval(*map(BY_NAME[self.low].text, bounds)),)
        return Cell(self.text(value), value, (*about, *self.asides(row)))


def _in(part: Callable[[SystemRecord], Part | None]) -> Callable[[Callable[[Part], Value]], Callable[[Row], Value]]:
    """How values are read from a part of a row's record: None where the record has no such part."""

    def reader(get: Callable[[Part], Value]) -> Callable[[Row], Value]:
        def of(row: Row) -> Value:
            found = part(row.entry)
            return None if found is None else get(found)

        return of

    return reader


_file = _in(lambda entry: entry.artifact)
ran = _in(lambda entry: entry.effective)
_right = _in(lambda entry: entry.accuracy)
_parity = _in(lambda entry: entry.parity)
_group = _in(lambda entry: entry.group)
_computed = _in(lambda entry: None if entry.parity is None else entry.parity.computed_as)
_unmasked = _in(lambda entry: None if entry.parity is None else entry.parity.unmasked)
_speed = _in(lambda entry: entry.performance)
_latency = _in(lambda entry: None if entry.performance is None else entry.performance.latency)
_batched = _in(lambda entry: None if entry.performance is None else entry.performance.throughput)
_noise = _in(lambda entry: None if entry.performance is None else entry.performance.noise)
_offline = _in(lambda entry: None if entry.performance is None else entry.performance.offline)
_resident = _in(lambda entry: None if entry.performance is None else entry.performance.resident)


def _megabytes(row: Row) -> float | None:
    """Size of the file as it is; without one, of the card's parameters as they are stored."""
    file = row.entry.artifact
    if file is not None:
        return file.bytes / 1e6 or None
    stored = None if row.entry.effective is None else row.entry.effective.stored
    size = None if stored is None else BYTES.get(stored[0])
    return None if size is None else row.record.model.parameters * size / 1e6


_PERCENTILES: Final = "p90, p95, p99: from 64, 130 and 662 samples or queries on (MLPerf's early-stopping minimum)."
_CPU: Final = "CPU ms: of all threads, waiting for work included where a runtime spins."
_ENERGY: Final = "J: energy of the whole package, per inference or per image."

_MORE_RIGHT: Final = Trend("accuracy", "higher")
_FASTER: Final = Trend("speed", "higher")
_SOONER: Final = Trend("speed", "lower", 3)
_SMALLER: Final = Trend("memory", "lower")

COLUMNS: Final = (
    Column("rank", int, lambda row: row.rank, heading="#", shown=row_cells.rank),
    Column("system", str, lambda row: row.entry.name, heading="system", shown=row_cells.called),
    Column("backend", str, lambda row: row.entry.system.backend),
    Column("artifact", str, _file(lambda file: PurePath(file.path).name)),
    Column("status", str, lambda row: row.entry.status),
    Column("version", str, ran(lambda it: it.version)),
    Column("device", str, ran(lambda it: it.device[0])),
    Column("precision", str, ran(lambda it: it.precision[0]), heading="computes in", shown=row_cells.precision,
           explanation="computes in: the precision of convolutions and products, and how it is known; weights"
           " in: as stored."),
    Column("precision_known", str, ran(lambda it: it.precision[1])),
    Column("stored", str, ran(lambda it: it.stored and it.stored[0]), heading="weights in"),
    Column("model_mb", float, _megabytes, "MB", digits=1, heading="model MB", trend=_SMALLER,
           explanation="model MB: size of the parameters as stored, in millions of bytes."),
    Column("threads", str, ran(lambda it: it.threads[0]), heading="threads", flush=True,
           explanation="threads: counted while they worked, unless a remark says otherwise."),
    Column("streams", str, ran(lambda it: it.streams[0]), heading="streams", flush=True),
    Column("group", str, _group(group_words)),
    Column("images", int, _right(lambda it: it.images)),
    Column("skipped", int, lambda row: None if row.entry.accuracy is None else len(row.record.data.skipped)),
    Column("top1", float, _right(lambda it: it.top1), "%", heading="top-1 %",
           span="top1_{}", asides=row_cells.skipped, trend=_MORE_RIGHT),
    Column("top5", float, _right(lambda it: it.top5), "%", heading="top-5 %",
           span="top5_{}", asides=row_cells.skipped, trend=_MORE_RIGHT),
    Column("top1_low", float, _right(lambda it: it.top1_interval and it.top1_interval[0]), "%", digits=1),
    Column("top1_high", float, _right(lambda it: it.top1_interval and it.top1_interval[1]), "%", digits=1),
    Column("top5_low", float, _right(lambda it: it.top5_interval and it.top5_interval[0]), "%", digits=1),
    Column("top5_high", float, _right(lambda it: it.top5_interval and it.top5_interval[1]), "%", digits=1),
    Column("top1_correct", int, _right(lambda it: it.top1_correct)),
    Column("chance", str, _right(lambda it: it.against_guessing)),
    Column("accuracy_batch_size", int, _right(lambda it: it.batch_size)),
    Column("batch_dependence", float, lambda row: row.entry.batch_dependence, "sigma"),
    Column("latency_p50_ms", float, _latency(lambda it: it.p50_ms), "ms", heading="p50 ms",
           span="latency_{}_ms", trend=_SOONER),
    Column("latency_low_ms", float, _latency(lambda it: it.low_ms), "ms"),
    Column("latency_high_ms", float, _latency(lambda it: it.high_ms), "ms"),
    Column("latency_vs_best", float, row_cells.against_best(lambda speed: speed.latency.p50_ms, min), "%"),
    Column("latency_resolution", float, row_cells.resolution("latency"), "%"),
    Column("latency_p90_ms", float, _latency(lambda it: it.p90_ms), "ms", heading="p90",
           explanation=_PERCENTILES, trend=_SOONER),
    Column("latency_p95_ms", float, _latency(lambda it: it.p95_ms), "ms", heading="p95", explanation=_PERCENTILES),
    Column("latency_p99_ms", float, _latency(lambda it: it.p99_ms), "ms", heading="p99",
           explanation=_PERCENTILES, trend=_SOONER),
    Column("latency_cpu_ms", float, _latency(lambda it: it.cpu_ms), "ms", digits=1, heading="CPU ms",
           explanation=_CPU, trend=_SOONER),
    Column("latency_joules", float, _latency(lambda it: it.joules), "J", digits=3, heading="J/inference",
           explanation=_ENERGY),
    Column("processes", int, _latency(lambda it: it.processes)),
    Column("batch_size", int, _batched(lambda it: it.batch_size)),
    Column("images_per_second", float, lambda row: row.rate, "/s", digits=1, heading="FPS",
           span="images_per_second_{}", trend=_FASTER),
    Column("images_per_second_low", float, _batched(lambda it: it.low), "/s", digits=1),
    Column("images_per_second_high", float, _batched(lambda it: it.high), "/s", digits=1),
    Column("images_per_second_vs_best", float,
           row_cells.against_best(lambda speed: speed.throughput.images_per_second, max), "%"),
    Column("images_per_second_resolution", float, row_cells.resolution("images/s"), "%"),
    Column("image_cpu_ms", float, _batched(lambda it: it.cpu_ms), "ms", digits=1, heading="CPU ms/image",
           explanation=_CPU),
    Column("image_joules", float, _batched(lambda it: it.joules), "J", digits=3, heading="J/image",
           explanation=_ENERGY, trend=_SOONER),
    Column("offline_images_per_second", float, _offline(lambda it: it.images_per_second), "/s", digits=1,
           span="offline_images_per_second_{}", trend=_FASTER),
    Column("offline_images_per_second_low", float, _offline(lambda it: it.low), "/s", digits=1),
    Column("offline_images_per_second_high", float, _offline(lambda it: it.high), "/s", digits=1),
    Column("offline_streams", str, _offline(lambda it: it.streams), heading="inferences at once", flush=True),
    Column("resident_p50_ms", float, _resident(lambda it: it.p50_ms), "ms", heading="on device ms", trend=_SOONER,
           explanation="on device: p50 at batch 1, from the device's memory to the device's memory."),
    Column("accuracy_images_per_second", float, _right(lambda it: it.images / it.seconds), "/s"),
    Column("gflops", float, row_cells.gflops, "GFLOP", digits=3,
           heading="GFLOPs/image"),
    Column("achieved_gflops_per_second", float, row_cells.achieved, "GFLOP/s", digits=1, heading="GFLOP/s",
           explanation="GFLOP/s: FPS times GFLOPs per image (2 x MACs of convolutions and fully connected layers).",
           trend=_FASTER),
    Column("mfu", float, row_cells.mfu, "of peak", heading="mfu", shown=row_cells.mfu_cell,
           trend=replace(_FASTER, digits=3)),
    Column("peak_found", bool, row_cells.peak_found),
    Column("load_s", float, lambda row: row.entry.load_s, "s", heading="load s", trend=replace(_SOONER, digits=2),
           explanation="load: importing and building; first: the first inference, batch 1."),
    Column("first_inference_ms", float, lambda row: row.entry.first_inference_ms, "ms", digits=1, heading="first ms",
           trend=replace(_SOONER, digits=2)),
    Column("rss_mib", float, lambda row: row.entry.rss_mib, "MiB", digits=0, heading="MiB (peak)",
           explanation="MiB: resident memory of the warm worker, mapped weights and pixels included; peak: the"
           " maximum until then.", asides=row_cells.peak, trend=_SMALLER),
    Column("peak_rss_mib", float, lambda row: row.entry.peak_rss_mib, "MiB", digits=0, heading="MiB peak",
           trend=_SMALLER),
    Column("parity", str, row_cells.parity),
    Column("held_to", str, _parity(lambda it: it.held_to), heading="held to",
           explanation="held to: the coarsest type that weights or activations pass through; its tolerance is the"
           " row's."),
    Column("far_off", bool, _parity(lambda it: it.far_off)),
    Column("max_abs_over_sigma", float, _parity(lambda it: it.max_abs_over_sigma), "sigma", digits=SCIENTIFIC,
           heading="error / sigma", trend=Trend("accuracy", "lower")),
    Column("sqnr_db", float, _parity(lambda it: it.sqnr_db), "dB", digits=0, heading="SQNR dB",
           trend=replace(_MORE_RIGHT, digits=1)),
    Column("effective_bits", float, _parity(lambda it: it.effective_bits), "bits", digits=1, heading="bits",
           explanation="bits: the significand bits whose rounding causes such an error (SQNR / 6.02); as in: the"
           " format with that many bits."),
    Column("computed_as", str, _computed(arithmetic_words), heading="as in"),
    Column("unmasked", str, _unmasked(arithmetic_words)),
    Column("kl", float, _parity(lambda it: it.kl), "nats", digits=SCIENTIFIC, heading="KL nats",
           explanation="KL: divergence of the softmaxes, float64 || the row; top-5 kept: the share of float64's top 5"
           " that the row has too."),
    Column("top5_overlap", float, _parity(lambda it: it.top5_overlap), digits=3, heading="top-5 kept"),
    Column("flips", int, _parity(lambda it: it.flips), heading="mismatches", asides=row_cells.unexplained,
           explanation="mismatches: images whose top-1 is not float64's, among the parity images and all on which"
           " systems differ."),
    Column("unexplained_flips", int, _parity(lambda it: it.unexplained_flips)),
    Column("steady", bool, _speed(lambda it: it.steady)),
    Column("drift", float, _noise(lambda it: it.drift), digits=1, percent=True, heading="drift",
           explanation="drift: change of latency from the first half of a process to its second."),
    Column("deviation", float, _noise(lambda it: it.deviation), digits=1, percent=True, heading="deviation",
           explanation="deviation: robust deviation between blocks."),
    Column("steal", float, _noise(lambda it: it.steal), digits=1, percent=True, heading="steal",
           explanation="steal: share of all cores' time that the hypervisor took."),
    Column("foreign", float, _noise(lambda it: it.foreign), digits=1, percent=True, heading="others' CPU",
           explanation="others' CPU: share of all cores' time that other processes used."),
    Column("noise", str, row_cells.noise),
    Column("synthetic", bool, lambda row: row.record.model.synthetic or row.record.data.synthetic),
    Column("error", str, lambda row: row.entry.error),
    Column("environment_label", str, lambda row: row.entry.system.environment),
    Column("profile", str, lambda row: row.entry.system.profile),
    Column("precision_asked", str, lambda row: row.entry.system.precision),
    Column("threads_asked", int, lambda row: row.entry.system.threads),
    Column("key", str, lambda row: row.entry.system.key),
)  # fmt: skip
"""The leaderboard's columns in files, in their order."""

BY_NAME: Final = {column.name: column for column in COLUMNS}


def _named(*names: str) -> tuple[Column, ...]:
    return tuple(BY_NAME[name] for name in names)


P50: Final = replace(BY_NAME["latency_p50_ms"], heading="p50 ms", span="")

# What each table shows, in its order; a heading may name the {batch} size and the {base} of a run.
BOARD: Final = (
    Column("run", str, lambda row: row.run or None, heading="run"),
    *_named("rank", "system"),
    Column("ran_as", str, row_cells.ran_as, heading="ran as",
           explanation="ran as: the device, precision, threads or streams that differ between rows; ranks and bold"
           " compare only rows that share them."),
    *_named("images_per_second", "latency_p50_ms", "gflops", "achieved_gflops_per_second"),
    Column("speed_up", float, lambda row: row.speed_up(row.base), heading="speed-up", shown=row_cells.speed_up,
           explanation="speed-up: FPS divided by the base's FPS."),
    Column("speed_up_plain", float, lambda row: row.speed_up(row.plain), heading="vs own fp32",
           shown=row_cells.speed_up_plain,
           explanation="vs own fp32: FPS as a multiple of the same system's in fp32 with default settings."),
    replace(BY_NAME["top1"], span=""),
    replace(BY_NAME["top5"], span=""),
    Column("difference", float, row_cells.points, heading="top-1 diff",
           shown=row_cells.difference,
           explanation="top-1 diff: top-1 minus the base's on the same images, in points (95 %, Tango). An interval"
           " that includes 0 shows no difference."),
    Column("difference_plain", float, row_cells.points_plain, heading="diff to own fp32",
           shown=row_cells.difference_plain,
           explanation="diff to own fp32: top-1 minus that of the same system in fp32 with default settings, in"
           " points."),
    Column("checks", str, row_cells.checks, heading="checks", shown=row_cells.checked,
           explanation="checks: ok: parity with float64 passed, and nothing else failed."),
)  # fmt: skip
NARROWING: Final = (
    "gflops", "difference_plain~", "difference~", "latency_p50_ms~", "images_per_second~", "top5",
    "achieved_gflops_per_second", "difference_plain", "speed_up_plain", "difference", "latency_p50_ms", "top1",
    "speed_up", "ran_as",
)  # fmt: skip
"""What a leaderboard leaves out on a narrow terminal, first to last; with ``~``, the intervals of a column."""
ACCURACY: Final = (
    *_named("top1", "top5"),
    Column("images", int, _right(lambda it: it.images), heading="images"),
    Column("difference", float, row_cells.points, heading="top-1 diff", shown=row_cells.difference),
)
DETAILS: Final = _named(
    "precision", "stored", "model_mb", "threads", "streams", "rss_mib", "load_s", "first_inference_ms"
)
PARITY: Final = _named(
    "max_abs_over_sigma", "sqnr_db", "effective_bits", "computed_as", "held_to", "kl", "top5_overlap", "flips"
)
EFFICIENCY: Final = _named("mfu", "image_cpu_ms", "image_joules")
LATENCY: Final = (
    P50,
    *_named("latency_p90_ms", "latency_p95_ms", "latency_p99_ms"),
    *_named("resident_p50_ms", "latency_cpu_ms", "latency_joules"),
    Column("samples", int, _latency(lambda it: it.samples), heading="samples (blocks)", asides=row_cells.blocks),
    Column("processes", int, row_cells.several_processes, heading="processes"),
)
NOISE: Final = (
    *_named("drift", "deviation", "steal", "foreign"),
    Column("throttled", int, _noise(lambda it: it.throttled), heading="throttled"),
)


def table_of(title: str, key: str, rows: Sequence[Row], columns: Sequence[Column]) -> Table:
    """A table of those rows that have anything in these columns."""
    lines = [(row, [column.cell(row) for column in columns]) for row in rows]
    lines = [(row, cells) for row, cells in lines if any(str(cell) != ABSENT for cell in cells)]
    table = Table(title, key)
    table.add("system", [row.entry.name for row, _ in lines], numeric=False)
    for place, column in enumerate(columns):
        show(table, column, [cells[place] for _, cells in lines])
    return table


def show(
    table: Table, column: Column, cells: Sequence[Cell | str], bold: Sequence[bool] = (), heading: str = ""
) -> None:
    """Add a column to a table, with these cells."""
    table.add(
        heading or column.heading,
        cells,
        name=column.name,
        numeric=column.numeric,
        bold=bold,
        explanation=column.explanation,
    )
