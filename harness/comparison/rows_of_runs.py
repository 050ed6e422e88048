"""Rows of finished runs, read back to be compared: which are meant, what they answered, and whether that may be."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from alexbench.harness.errors import DataError, RecordError, UsageError, known_words
from alexbench.harness.records import file_names
from alexbench.harness.records.file_names import RUN_FILE
from alexbench.harness.records.record_files import read_run
from alexbench.harness.records.run_records import DataRecord, RunRecord, SystemRecord
from alexbench.harness.run_tables import TOP, read_table
from alexbench.harness.running.table_checks import check_tables
from alexbench.harness.systems import System

_SCORES: Final = [f"score{place}" for place in range(1, 6)]
MARGIN_COLUMN: Final = "margin_sigma"


@dataclass(frozen=True, slots=True)
class Run:
    """A run on disk. ``predictions`` and ``samples`` (None in old runs) are its Parquet files."""

    folder: Path
    record: RunRecord
    predictions: pd.DataFrame
    samples: pd.DataFrame | None

    @property
    def systems(self) -> dict[str, System]:
        """The rows that have an accuracy, by name."""
        return {row.name: row.system for row in self.record.systems if row.accuracy is not None}

    @property
    def rows(self) -> list[str]:
        """Their names."""
        return list(self.systems)


@dataclass(frozen=True, slots=True)
class RowOfRun:
    """What a row answered: ``labels`` (N,), ``top`` (N, 5) classes, best first, ``scores`` (N, 5) as it gave them."""

    run: Run
    entry: SystemRecord
    samples: tuple[str, ...]
    labels: NDArray[np.int64]
    top: NDArray[np.int64]
    scores: NDArray[np.float64]

    @property
    def said(self) -> str:
        """As the user would write it."""
        return f"{self.run.folder}:{self.entry.name}"


def split(argument: str) -> tuple[Path, str | None]:
    """``RUN`` or ``RUN:ROW``: the folder, and the row where one is named.

    A colon may be in a path, and in a row's name: what is behind one is a row only where what is before it is a run,
    and the whole is not.
    """
    whole = Path(argument)
    if not (whole / RUN_FILE).exists():
        for place in (place for place in range(len(argument) - 1, 0, -1) if argument[place] == ":"):
            if (Path(argument[:place]) / RUN_FILE).exists():
                return Path(argument[:place]), argument[place + 1 :]
    return whole, None


def open_run(folder: Path) -> Run:
    """The run in a folder.

    Raises:
        RecordError: it is none, or its files are damaged.
        UsageError: no row of it has an accuracy.
    """
    record = read_run(folder)
    if not any(row.accuracy is not None for row in record.systems):
        why = {"complete": f"its accuracy was not measured; its speeds: alexbench report {folder}"}.get(
            record.status, f"it is {record.status}; first: alexbench run --resume {folder}"
        )
        raise UsageError(f"{folder} has no accuracy to compare: {why}")
    predictions = read_table(folder / file_names.PREDICTIONS)
    if predictions is None:
        raise RecordError(
            f"{folder} has no {file_names.PREDICTIONS}, which has each image's answer; restore it or run again. Its"
            f" figures: alexbench report {folder}"
        )
    check_tables(folder, record)
    samples = read_table(folder / file_names.SAMPLES)
    return Run(folder, record, predictions, samples)


def row_of(run: Run, name: str) -> RowOfRun:
    """What the row ``name`` of a run answered.

    Raises:
        UsageError: there is no such row, or it has no accuracy; the message lists those that do.
    """
    entry = next((row for row in run.record.systems if row.name == name), None)
    known = ", ".join(run.rows)
    if entry is None:
        raise UsageError(f"{run.folder} has no row {name!r}; {known_words(name, run.rows)}")
    if entry.accuracy is None:
        raise UsageError(
            f"{run.folder}: {name} has no accuracy ({entry.error or entry.status}); those with one: {known}"
        )
    rows = run.predictions[run.predictions["backend"] == name]
    top, labels = rows[[*TOP]].to_numpy(np.int64), rows["label"].to_numpy(np.int64)
    return RowOfRun(run, entry, tuple(rows["sample"]), labels, top, rows[_SCORES].to_numpy(np.float64))


def check_comparable(base: RowOfRun, other: RowOfRun, *, different_weights: bool) -> None:
    """Both rows answered the same questions: the same images, labels and pixels, and the same weights unless said.

    Raises:
        UsageError: they are one row, or of models that may not be compared.
        DataError: their images differ; the first difference is named.
    """
    if base.run.folder.resolve() == other.run.folder.resolve():
        if base.entry.name == other.entry.name:
            raise UsageError(f"{base.said} is compared with itself; name another row or run")
        return
    between = f"{base.run.folder} and {other.run.folder} cannot be compared"
    _check_parts(base.run.record.data, other.run.record.data, between)
    _check_pictures(base, other, between)
    one, two = base.run.record.model, other.run.record.model
    if one.recipe_digest and two.recipe_digest and one.recipe_digest != two.recipe_digest:
        raise UsageError(
            f"{between}: preprocessing, decoders or network differ ({one.card}: {one.preprocessing}, {one.network};"
            f" {two.card}: {two.preprocessing}, {two.network}); run both with one card on one installation"
        )
    _check_pixels(base.run, other.run, base.samples, between)
    here, there = _weights(base), _weights(other)
    if here != there and not different_weights:
        raise UsageError(f"{between}: weights {here[:12]} and {there[:12]}; if that is meant: --different-weights")


def _check_parts(one: DataRecord, two: DataRecord, between: str) -> None:
    parts = [None if data.part is None else (data.part.number, data.part.of) for data in (one, two)]
    if parts[0] != parts[1]:
        said = ["all of it" if part is None else f"part {part[0]} of {part[1]}" for part in parts]
        raise DataError(
            f"{between}: {said[0]} and {said[1]} of a data set; join the parts first: alexbench merge RUN..."
        )


def _check_pictures(base: RowOfRun, other: RowOfRun, between: str) -> None:
    if base.samples == other.samples:
        differs = np.flatnonzero(base.labels != other.labels)
        if len(differs):
            place = int(differs[0])
            raise DataError(
                f"{between}: {base.samples[place]} has label {base.labels[place]} in one and {other.labels[place]} in"
                " the other; run both on the same labels"
            )
        return
    lengths = (len(base.samples), len(other.samples))
    place = next(
        (place for place, (one, two) in enumerate(zip(base.samples, other.samples, strict=False)) if one != two),
        min(lengths),
    )
    here, there = (samples[place] if place < len(samples) else "none" for samples in (base.samples, other.samples))
    counts = "" if lengths[0] == lengths[1] else f" ({lengths[0]} and {lengths[1]} images)"
    raise DataError(
        f"{between}: image {place + 1} is {here} in one and {there} in the other{counts}; run both on the same images"
    )


def _check_pixels(base: Run, other: Run, counted: Sequence[str], between: str) -> None:
    """By the digest of each counted image, or by the digest of all in an old run without the others."""
    fix = "the files, or how they were decoded, are not the same"
    if base.samples is None or other.samples is None:
        if base.record.data.pixels_digest != other.record.data.pixels_digest:
            raise DataError(f"{between}: the pixels that the rows were given differ; {fix}")
        return
    here, there = (_digests(run, run.samples, counted) for run in (base, other) if run.samples is not None)
    differs = [place for place, (one, two) in enumerate(zip(here, there, strict=True)) if one != two]
    if differs:
        raise DataError(
            f"{between}: the pixels of {counted[differs[0]]} differ ({len(differs)} of {len(counted)} images); {fix}"
        )


def _digests(run: Run, samples: pd.DataFrame, counted: Sequence[str]) -> list[str]:
    kept = samples[samples["skipped"].isna()]
    if kept["sample"].tolist() != list(counted):
        raise RecordError(f"{run.folder / file_names.SAMPLES} does not list the answered images; restore it")
    digests: list[str] = kept["pixels_sha256"].tolist()
    return digests


def _weights(row: RowOfRun) -> str:
    """The digest of its weights; of its own file where a run has artifacts alone."""
    digest = row.run.record.model.weights_digest
    if digest or row.entry.artifact is None:
        return digest or "unknown"
    return row.entry.artifact.sha256
