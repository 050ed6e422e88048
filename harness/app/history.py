"""The runs of a folder as one flat table, and an index beside them so that the next time is quick.

The index is a convenience: what it says of a run holds while ``run.json`` has the size and the time it had, and a
damaged, outdated or missing one is made again. A folder that cannot be written to has none.
"""

import contextlib
import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from alexbench.harness.errors import RecordError, UsageError
from alexbench.harness.record_files import RUN_FILE, read_run
from alexbench.reports.flat import FLAT_COLUMNS, flat_frame, flat_rows

INDEX_FILE: Final = ".index.parquet"
INDEX_VERSION: Final = 1
"""One more whenever :mod:`alexbench.reports.flat` or the leaderboard makes other values of the same columns."""
_STAMP: Final = ("run", "size", "mtime_ns")
_MARK: Final = b"alexbench.index"


@dataclass(frozen=True, slots=True)
class Gathered:
    """All rows of all runs that can be read, by time: FLAT_COLUMNS and ``run``, the folder's name.

    ``runs``: how many those are; ``remarks``: the runs that cannot, and why.
    """

    rows: pd.DataFrame
    runs: int
    remarks: tuple[str, ...]


def gather(folder: Path) -> Gathered:
    """The runs that lie in ``folder``, not deeper.

    Raises:
        UsageError: there is no such folder, it is a run itself, or no run lies in it.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder} is no folder; name one that holds runs (alexbench run --out makes them)")
    if (folder / RUN_FILE).is_file():
        raise UsageError(f"{folder} is a run; name the folder that holds it: {folder.resolve().parent}")
    found = _stamps(folder)
    if not found:
        raise UsageError(f"{folder} holds no run: no folder in it has a {RUN_FILE}")
    index = _read_index(folder)
    known = {name: stamp for name, stamp in _stamped(index).items() if found.get(name) == stamp}
    fresh, remarks = [], []
    for name in found:
        if name not in known:
            try:
                record = read_run(folder / name)
                datetime.fromisoformat(record.started)
            except (RecordError, ValueError) as error:
                remarks.append(f"left out: {error if isinstance(error, RecordError) else f'{name}: {error}'}")
                continue
            stamp = dict(zip(_STAMP, (name, *map(str, found[name])), strict=True))
            # A record without rows has a line of its own, so that it is not read again and is counted.
            fresh += [{**row, **stamp} for row in flat_rows(record) or [{"started": record.started}]]
    kept = index[index["run"].isin(list(known))]
    rows = kept
    if fresh:
        rows = pd.concat([kept, flat_frame(fresh, *_STAMP)], ignore_index=True)
    if fresh or len(kept) < len(index):
        _write_index(folder, rows)
    rows = rows.sort_values(["started", "run"], kind="stable", ignore_index=True)
    return Gathered(rows[rows["backend"].notna()].reset_index(drop=True), rows["run"].nunique(), tuple(remarks))


def _stamps(folder: Path) -> dict[str, tuple[int, int]]:
    """Run -> size and time of its record, by name."""
    found = {}
    with os.scandir(folder) as entries:
        names = sorted(entry.name for entry in entries if entry.is_dir())
    for name in names:
        try:
            stat = (folder / name / RUN_FILE).stat()
        except OSError:
            continue  # no run, or gone since
        found[name] = (stat.st_size, stat.st_mtime_ns)
    return found


def _stamped(index: pd.DataFrame) -> dict[str, tuple[int, int]]:
    stamps = index[list(_STAMP)].drop_duplicates("run")
    return {run: (int(size), int(time)) for run, size, time in stamps.itertuples(index=False)}


def _mark() -> bytes:
    """What an index is of: its columns, and how they are made."""
    text = ",".join([str(INDEX_VERSION), *FLAT_COLUMNS, *_STAMP])
    return hashlib.sha256(text.encode()).hexdigest().encode()


def _read_index(folder: Path) -> pd.DataFrame:
    """The index, empty where it is missing, damaged or another version's."""
    empty = flat_frame([], *_STAMP)
    try:
        table = pq.read_table(folder / INDEX_FILE)
        if (table.schema.metadata or {}).get(_MARK) != _mark():
            return empty
        frame: pd.DataFrame = table.to_pandas()
        _stamped(frame)
        return frame.astype(empty.dtypes.to_dict())
    except (OSError, ValueError, KeyError, TypeError):  # Arrow's errors are ValueErrors
        return empty


def _write_index(folder: Path, rows: pd.DataFrame) -> None:
    """Whole or not at all; where it cannot be written the records are read each time."""
    partial = folder / f"{INDEX_FILE}.{os.getpid()}.partial"
    with contextlib.suppress(OSError, ValueError):  # ValueError: a folder's name that is no Unicode
        try:
            table = pa.Table.from_pandas(rows, preserve_index=False)
            table = table.replace_schema_metadata({**(table.schema.metadata or {}), _MARK: _mark()})
            pq.write_table(table, partial, compression="zstd")
            partial.replace(folder / INDEX_FILE)
        finally:
            partial.unlink(missing_ok=True)


def backends_in(rows: pd.DataFrame) -> Sequence[Any]:
    """Names of backends, sorted."""
    return sorted(rows["backend"].dropna().unique())
