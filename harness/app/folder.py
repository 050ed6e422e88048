"""A run's folder on disk. Files are written whole or not at all, and raw files never change once complete."""

import os
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from alexbench.harness.app.row import Row
from alexbench.harness.errors import UsageError
from alexbench.harness.records import RUN_FILE, RunRecord, to_json

PREDICTIONS: Final = "predictions.parquet"
TIMINGS: Final = "timings.parquet"
LOGS: Final = "logs"
SCRATCH: Final = ".scratch"


def create(out: Path, card: str, started: datetime) -> Path:
    """A new folder ``out``/<UTC time>-<card>, with a number behind where two runs start within a second.

    Raises:
        UsageError: the folder cannot be made.
    """
    name = f"{started.astimezone(UTC):%Y%m%dT%H%M%SZ}-{card}"
    for number in range(1, 1000):
        folder = out / (name if number == 1 else f"{name}-{number}")
        try:
            out.mkdir(parents=True, exist_ok=True)
            folder.mkdir()
            (folder / LOGS).mkdir()
            (folder / SCRATCH).mkdir()
        except FileExistsError:
            if out.is_dir():
                continue
            raise UsageError(f"--out {out} is a file, not a folder; name another") from None
        except OSError as error:
            raise UsageError(f"--out {out}: {error.strerror}; name a folder that can be written") from error
        return folder
    raise UsageError(f"--out {out}: a thousand runs named {name}; name another folder")


def write_text(path: Path, text: str) -> None:
    """Write ``text`` (UTF-8) to ``path``, whole or not at all."""
    partial = path.with_name(f".{path.name}.partial")
    with partial.open("w", encoding="utf-8", newline="\n") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def write_record(folder: Path, record: RunRecord) -> None:
    """Write ``run.json``."""
    write_text(folder / RUN_FILE, to_json(record))


def write_predictions(
    folder: Path, rows: Iterable[Row], names: Sequence[str], labels: NDArray[np.int64], label_offset: int
) -> None:
    """``predictions.parquet``: backend, sample, label, top1..top5 (classes; -1 is background), score1..score5."""
    frames = []
    for row in rows:
        if row.top is None:
            continue
        columns: dict[str, object] = {
            "backend": row.name,
            "sample": list(names),
            "label": (labels - label_offset).astype(np.int16),
        }
        for place in range(5):
            columns[f"top{place + 1}"] = (row.top["classes"][:, place] - label_offset).astype(np.int16)
        for place in range(5):
            columns[f"score{place + 1}"] = row.top["scores"][:, place]
        frames.append(pd.DataFrame(columns))
    if frames:
        _write_parquet(folder / PREDICTIONS, pd.concat(frames, ignore_index=True))


def write_timings(folder: Path, rows: Iterable[Row]) -> None:
    """``timings.parquet``: backend, scenario, batch, round, settled, ns: every single inference that was timed.

    Figures are made from the ``settled`` ones; those before were not steady yet.
    """
    frames = [
        pd.DataFrame(
            {
                "backend": block.participant,
                "scenario": scenario,
                "batch": np.int32(block.batch_size),
                "round": np.int32(block.round),
                "settled": block.settled,
                "ns": np.asarray(block.ns, dtype=np.int64),
            }
        )
        for row in rows
        for scenario, blocks in (("SingleStream", row.single_stream), ("Offline", row.offline))
        for block in blocks
    ]
    if frames:
        _write_parquet(folder / TIMINGS, pd.concat(frames, ignore_index=True))


def _write_parquet(path: Path, frame: pd.DataFrame) -> None:
    partial = path.with_name(f".{path.name}.partial")
    frame.to_parquet(partial, engine="pyarrow", compression="zstd", index=False)
    partial.replace(path)
