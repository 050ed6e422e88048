"""Every row of a run beside one of them, picture by picture, for its record."""

from typing import Final

import numpy as np
import pandas as pd

from alexbench.harness.judge.paired import paired_test
from alexbench.harness.judge.sampling import drawn_from
from alexbench.harness.paired_records import RowPair, base_among
from alexbench.harness.records import DataRecord

_TOP: Final = [f"top{place}" for place in range(1, 6)]


def row_pairs(predictions: pd.DataFrame, data: DataRecord) -> tuple[RowPair, ...]:
    """Top-1 and top-5 of each row against the base on all good pictures; none where there is one row.

    ``predictions``: the columns of ``predictions.parquet``, every row on the same pictures. The base is torch where it
    answered, else the first row that did.
    """
    names = list(dict.fromkeys(predictions["backend"]))
    hits = {}
    for name in names:
        rows = predictions[predictions["backend"] == name]
        hits[name] = rows[_TOP].to_numpy(np.int64) == rows["label"].to_numpy(np.int64)[:, None]
    base = base_among(names) or ""
    population = drawn_from(data)
    return tuple(
        RowPair(
            base=base,
            other=name,
            top1=paired_test("top1", hits[base][:, 0], hits[name][:, 0], population=population),
            top5=paired_test("top5", hits[base].any(axis=1), hits[name].any(axis=1), population=population),
        )
        for name in names
        if name != base
    )
