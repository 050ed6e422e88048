"""Every row of a run compared with one of them, image by image, for its record."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from alexbench.harness.errors import UsageError, known_words
from alexbench.harness.judge.paired_tests import paired_test
from alexbench.harness.judge.sampling import drawn_from
from alexbench.harness.records.file_names import PREDICTIONS
from alexbench.harness.records.paired_records import RowPair
from alexbench.harness.records.plain_rows import plain_pairs
from alexbench.harness.records.run_records import DataRecord, RunRecord, SystemRecord
from alexbench.harness.run_tables import TOP, read_table
from alexbench.harness.systems import base_among


def row_pairs(
    predictions: pd.DataFrame, data: DataRecord, rows: Sequence[SystemRecord], base: str | None = None
) -> tuple[RowPair, ...]:
    """Top-1 and top-5 of each row against the base on all good images; none where there is one row.

    Then of each row against its own system in fp32, as the runtime ships it, where that is a row too and not the base.
    ``predictions``: the columns of ``predictions.parquet``, every row on the same images.
    ``base``: a row, and no pairs where it did not answer; None: the usual one of the rows that did.
    """
    names = list(dict.fromkeys(predictions["backend"]))
    hits = {}
    for name in names:
        of = predictions[predictions["backend"] == name]
        hits[name] = of[[*TOP]].to_numpy(np.int64) == of["label"].to_numpy(np.int64)[:, None]
    if base is None:
        base = base_among({row.name: row.system for row in rows if row.name in hits})
    if base is None or base not in hits:
        return ()
    population = drawn_from(data)
    plain = [pair for pair in plain_pairs(rows) if hits.keys() >= set(pair)]
    wanted = [(base, name) for name in names if name != base]
    return tuple(
        RowPair(
            base=one,
            other=name,
            top1=paired_test("top1", hits[one][:, 0], hits[name][:, 0], population=population),
            top5=paired_test("top5", hits[one].any(axis=1), hits[name].any(axis=1), population=population),
        )
        for one, name in dict.fromkeys((*wanted, *plain))
    )


def rebased(folder: Path, record: RunRecord, base: str) -> RunRecord:
    """The record of the run in ``folder`` with its rows compared with the row ``base``; nothing is written.

    Raises:
        UsageError: no row of that name ended well; the message lists those that did.
        RecordError: ``predictions.parquet`` is damaged.
    """
    ended = [row.name for row in record.systems if row.status == "ok"]
    if base not in ended:
        raise UsageError(f"--base {base} names no row of {folder}; {known_words(base, sorted(ended))}")
    predictions = read_table(folder / PREDICTIONS)
    pairs = () if predictions is None else row_pairs(predictions, record.data, record.systems, base)
    return replace(record, base=base, pairs=pairs)
