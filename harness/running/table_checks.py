"""Whether the tables next to a record agree with its figures. One place, for every command."""

import hashlib
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from alexbench.harness.errors import RecordError
from alexbench.harness.judge.top_k import correct
from alexbench.harness.records.file_names import BLOCKS, FLIPS, PREDICTIONS, REFERENCE, RUN_FILE, SAMPLES, TIMINGS
from alexbench.harness.records.run_records import RunRecord, SystemRecord
from alexbench.harness.records.speed_records import Latency, Performance, Throughput
from alexbench.harness.run_tables import ANCHOR, TOP, read_table

_AGREE: Final = 1e-6
"""Relative: the same numbers, added in another order."""
_BLOCK: Final = ["backend", "scenario", "batch", "way", "process", "round", "settled"]
_OLD: Final = {"way", "process", "round"}
"""Columns that ``timings.parquet`` lacked before schema 3."""


def check_tables(folder: Path, record: RunRecord) -> None:
    """All tables that lie in a run's folder agree with its record and with each other.

    Raises:
        RecordError: one is damaged or of another run; the message names it, and what differs.
    """
    for problem in _problems(folder, record):
        raise RecordError(problem)


def _problems(folder: Path, record: RunRecord) -> Iterator[str]:
    predictions, samples = read_table(folder / PREDICTIONS), read_table(folder / SAMPLES)
    if samples is not None:
        yield from _said(folder, SAMPLES, samples_differ(record, samples))
    if predictions is not None:
        yield from _said(folder, PREDICTIONS, _predictions_differ(record, predictions, samples))
    yield from _said(folder, REFERENCE, _reference_differs(folder, record))
    yield from _said(folder, FLIPS, _flips_differ(folder, record))
    timings = read_timings(folder)
    if timings is not None:
        yield from _took_no_time(folder / TIMINGS, timings)
        yield from _said(folder, TIMINGS, times_differ(record, timings))
        blocks = read_table(folder / BLOCKS)
        if blocks is not None:
            yield from _said(folder, BLOCKS, _blocks_differ(timings, blocks))


def _said(folder: Path, name: str, problems: Iterator[str]) -> Iterator[str]:
    for problem in problems:
        yield (
            f"{folder / name} does not belong to this run: {problem}; restore it, or move it away to report {RUN_FILE}"
            " alone"
        )


def read_timings(folder: Path) -> pd.DataFrame | None:
    """``timings.parquet``; None where there is none, or one of before schema 3.

    Raises:
        RecordError: it is damaged.
    """
    path = folder / TIMINGS
    timings = read_table(path, columns=())
    if timings is None or not _OLD & set(timings.columns):
        return None
    return read_table(path)


def samples_differ(record: RunRecord, samples: pd.DataFrame) -> Iterator[str]:
    """How ``samples.parquet`` differs from the record: counts, and digests of files and pixels."""
    counted = int(samples["skipped"].isna().sum())
    data = record.data
    if counted != data.images or len(samples) - counted != len(data.skipped):
        yield (
            f"{counted} images and {len(samples) - counted} skipped ones, where the record has {data.images} and"
            f" {len(data.skipped)}"
        )
    for column, digest in (("source_sha256", data.source_digest), ("pixels_sha256", data.pixels_digest)):
        if digest and digest_of(samples, column) != digest:
            yield f"the digest of its {column} differs"


def digest_of(samples: pd.DataFrame, column: str) -> str:
    """SHA-256 over the digests of a column, in order."""
    return hashlib.sha256(b"".join(map(bytes.fromhex, samples[column]))).hexdigest()


def _predictions_differ(record: RunRecord, predictions: pd.DataFrame, samples: pd.DataFrame | None) -> Iterator[str]:
    rows = dict(list(predictions.groupby("backend", sort=False)))
    strangers = sorted(set(map(str, rows)) - {entry.name for entry in record.systems})
    if strangers:
        yield f"it has answers of {', '.join(strangers)}, which the record does not contain"
    for entry in record.systems:
        if entry.accuracy is not None:
            yield from answers_differ(entry, rows.get(entry.name, predictions.iloc[:0]), samples)


def answers_differ(entry: SystemRecord, rows: pd.DataFrame, samples: pd.DataFrame | None) -> Iterator[str]:
    """How a row's answers differ from the counts in its record, or from the run's images."""
    top = rows[list(TOP)].to_numpy(np.int32)
    counts = (len(rows), *correct(top, rows["label"].to_numpy(np.int64)))
    found = entry.accuracy
    if found is None:
        return
    wanted = (found.images, found.top1_correct, found.top5_correct)
    if counts != wanted:
        yield (
            f"the answers of {entry.name} are not those that {RUN_FILE} counts, {counts[1]} right of {counts[0]}"
            f" (top-5: {counts[2]}) there, {wanted[1]} of {wanted[0]} ({wanted[2]}) here"
        )
    elif samples is not None:
        counted = samples[samples["skipped"].isna()]
        for column in ("sample", "label"):
            if rows[column].tolist() != counted[column].tolist():
                yield f"the answers of {entry.name} are to other images or labels than {SAMPLES} lists"
                return


def _reference_differs(folder: Path, record: RunRecord) -> Iterator[str]:
    table, reference = read_table(folder / REFERENCE), record.reference
    if table is not None and reference is not None and len(table) != reference.images + reference.flips_examined:
        yield f"{len(table)} images, where the record has {reference.images} and {reference.flips_examined}"


def _flips_differ(folder: Path, record: RunRecord) -> Iterator[str]:
    table = read_table(folder / FLIPS)
    if table is None:
        return
    for entry in record.systems:
        if entry.parity is None:
            continue
        rows = table[table["backend"] == entry.name]
        found = len(rows), int((~rows["explained"].astype(bool)).sum())
        if found != (entry.parity.flips, entry.parity.unexplained_flips):
            wanted = f"{entry.parity.flips} and {entry.parity.unexplained_flips}"
            yield f"{found[0]} top-1 mismatches of {entry.name}, {found[1]} unexplained, where the record has {wanted}"


def _took_no_time(path: Path, timings: pd.DataFrame) -> Iterator[str]:
    for name, ns in timings.loc[timings["ns"] <= 0, ["backend", "ns"]].head(1).itertuples(index=False):
        whose = "the machine probe" if name == ANCHOR else name
        yield f"{path} is damaged: a block of {whose} took {ns} ns; restore it"


def times_differ(record: RunRecord, timings: pd.DataFrame) -> Iterator[str]:
    """From which of the record's speeds the settled calls of ``timings.parquet`` do not follow."""
    settled = timings[timings["settled"].astype(bool)]
    for entry in record.systems:
        if entry.performance is not None:
            rows = settled[settled["backend"] == entry.name]
            yield from (f"{entry.name} {problem}" for problem in _speed_differs(entry.performance, rows))


def _speed_differs(speed: Performance, rows: pd.DataFrame) -> Iterator[str]:
    single = rows[(rows["scenario"] == "SingleStream") & (rows["batch"] == 1)]
    for way, latency in (("loop", speed.latency), ("resident", speed.resident)):
        if latency is not None:
            yield from _latency_differs(latency, single[single["way"] == way])
    windows = rows[(rows["scenario"] == "Offline") & (rows["way"] == "loop")]
    for one in dict.fromkeys((speed.throughput, *speed.sweep)):
        yield from _rate_differs(one, windows[windows["batch"] == one.batch_size])


def _latency_differs(latency: Latency, rows: pd.DataFrame) -> Iterator[str]:
    medians = rows.groupby(["process", "round"], sort=False)["ns"].median()
    p50 = float(medians.median()) / 1e6 if len(medians) else math.nan
    if not math.isclose(p50, latency.p50_ms, rel_tol=_AGREE):
        yield f"has a p50 of {p50:.3f} ms there, of {latency.p50_ms:.3f} in {RUN_FILE}"
    elif len(rows) != latency.samples or len(medians) != latency.blocks:
        yield (
            f"has {len(rows)} calls in {len(medians)} blocks there, {latency.samples} in {latency.blocks} in {RUN_FILE}"
        )


def _rate_differs(rate: Throughput, rows: pd.DataFrame) -> Iterator[str]:
    seconds = float(rows["ns"].sum()) / 1e9
    found = len(rows) * rate.batch_size / seconds if seconds else math.nan
    if not math.isclose(found, rate.images_per_second, rel_tol=_AGREE):
        rates = f"{found:.1f} images/s at batch {rate.batch_size} there, {rate.images_per_second:.1f} in {RUN_FILE}"
        yield f"has {rates}"


def _blocks_differ(timings: pd.DataFrame, blocks: pd.DataFrame) -> Iterator[str]:
    calls = timings.groupby(_BLOCK, sort=True, observed=True)["ns"].agg(["size", "median"])
    there = blocks.set_index(_BLOCK)[["calls", "median_ns"]].sort_index()
    if list(there.index) != list(calls.index) or not (there["calls"].to_numpy() == calls["size"].to_numpy()).all():
        yield f"its blocks are not those of {TIMINGS}"
    elif not np.allclose(there["median_ns"].to_numpy(np.float64), calls["median"].to_numpy(), rtol=_AGREE, atol=0):
        yield f"its medians are not those of {TIMINGS}"
