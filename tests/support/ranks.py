"""Ranks of made-up runs, judged as a real run's are, from three processes of each row that took what the row took."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from alexbench.harness.judge.ranking import ranked as judged
from alexbench.harness.judge.resolution import Process
from alexbench.harness.records.run_records import RunRecord, SystemRecord
from alexbench.harness.records.speed_records import Measure

REPLICATES: Final = 3


def with_ranks(record: RunRecord, *, spread: float = 0.0) -> RunRecord:
    """The record with ranks, differences and resolutions; those that it had are forgotten.

    ``spread``: how far the first and the last process of a row are from its middle one, as a share; the rows' spreads
    point in different directions, or all of them would be the machine's.
    """
    rows = [replace(row, rank=None) for row in record.systems]
    processes = {of: _processes(rows, of, spread) for of in ("latency", "images/s")}
    ranked_rows, differences, resolutions = judged(rows, {of: found for of, found in processes.items() if found})
    return replace(record, systems=ranked_rows, differences=differences, resolutions=resolutions)


def _processes(rows: Sequence[SystemRecord], of: Measure, spread: float) -> list[Process]:
    return [
        Process(row.name, replicate, _log(row, of) + spread * (replicate - 1) * (-1) ** place)
        for place, row in enumerate(rows)
        for replicate in range(REPLICATES)
        if row.performance is not None
    ]


def _log(row: SystemRecord, of: Measure) -> float:
    assert row.performance is not None
    if of == "latency":
        return math.log(row.performance.latency.p50_ms)
    return -math.log(row.performance.throughput.images_per_second)
