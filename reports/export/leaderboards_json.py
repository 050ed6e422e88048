"""Leaderboards as JSON."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from alexbench.harness.files.plain_text import json_text
from alexbench.harness.records.run_records import RunRecord
from alexbench.harness.records.training_speed_records import TrainingSpeed
from alexbench.reports.columns import COLUMNS
from alexbench.reports.export.flat_table import flat
from alexbench.reports.text.reason_words import as_json, words


def leaderboards_json(
    runs: Sequence[tuple[Path, RunRecord]], trained: Sequence[tuple[Path, TrainingSpeed]] = ()
) -> str:
    """A list with an entry for each run: where it is, what it is of, its rows (the columns of leaderboard.csv).

    A benchmark of training has its record instead, under ``training``.
    """
    entries: list[dict[str, Any]] = [{"run": str(folder), **_entry(record)} for folder, record in runs]
    entries += [{"run": str(folder), "training": asdict(speed)} for folder, speed in trained]
    return json_text(entries) + "\n"


def _entry(record: RunRecord) -> dict[str, Any]:
    rows = flat(record)[[column.name for column in COLUMNS]]
    return {
        "status": record.status,
        "started": record.started,
        "model": record.model.card,
        "data": record.data.description,
        "synthetic": record.model.synthetic or record.data.synthetic,
        "machine": record.machine.get("cpu"),
        "invalid": [words(one) for one in record.invalid],
        "invalid_reasons": [as_json(one) for one in record.invalid],
        "rows": json.loads(rows.to_json(orient="records", double_precision=15)),
    }
