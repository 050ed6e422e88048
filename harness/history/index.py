"""The runs of a folder as one flat table, and an index in the cache so that the next time is quick.

The index is a convenience: what it says of a run holds while ``run.json`` has the size and the time it had, and a
damaged, outdated or missing one is made again. Where the cache cannot be written to there is none.
"""

import contextlib
import hashlib
import os
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from alexbench.harness.errors import RecordError, UsageError
from alexbench.harness.files.cache_folder import cache_folder
from alexbench.harness.files.whole_file import whole_file
from alexbench.harness.records.file_names import RUN_FILE
from alexbench.harness.records.record_files import read_run
from alexbench.reports.export.flat_table import FLAT_COLUMNS, KINDS, flat_rows

INDEX_VERSION: Final = 3
"""One more whenever :mod:`alexbench.reports.export.flat_table` or the leaderboard makes other values of its columns.

  1  through pandas.
  2  through Arrow alone: NaN is not the same as missing, and the stamp is of numbers.
  3  a machine's key is without what a reboot changes.
"""
_STAMP: Final = {"run": str, "size": int, "mtime_ns": int}
_MARK: Final = b"alexbench.index"
_ARROW: Final[dict[type, pa.DataType]] = {str: pa.string(), bool: pa.bool_(), int: pa.int64(), float: pa.float64()}


@dataclass(frozen=True, slots=True)
class Gathered:
    """All rows of all runs that can be read, by time: the columns asked for, and ``run``, the folder's name.

    ``runs``: how many those are; ``remarks``: the runs that cannot, and why.
    """

    rows: tuple[dict[str, Any], ...]
    runs: int
    remarks: tuple[str, ...]


def gather(folder: Path, columns: Iterable[str] = FLAT_COLUMNS) -> Gathered:
    """These columns (of FLAT_COLUMNS) of the runs that lie in ``folder``, not deeper; None where a value is missing.

    Raises:
        UsageError: there is no such folder, it is a run itself, or no run lies in it.
    """
    if not folder.is_dir():
        raise UsageError(f"no such folder: {folder}; name one that has runs (alexbench run --out makes them)")
    if (folder / RUN_FILE).is_file():
        raise UsageError(f"{folder} is a run; name the folder that holds it: {folder.resolve().parent}")
    found, remarks = _stamps(folder)
    if not found and not remarks:
        raise UsageError(f"{folder} holds no run: no folder in it has a {RUN_FILE}")
    index = _read_index(folder)
    known = {name: stamp for name, stamp in _stamped(index).items() if found.get(name) == stamp}
    fresh = []
    for name in found:
        if name not in known:
            try:
                record = read_run(folder / name)
            except RecordError as error:
                remarks.append(f"left out: {error}")
                continue
            stamp = dict(zip(_STAMP, (name, *found[name]), strict=True))
            # A record without rows has a line of its own, so that it is not read again and is counted.
            fresh += [{**row, **stamp} for row in flat_rows(record) or [{"started": record.started}]]
    held = [run in known for run in index["run"].to_pylist()]
    # pa.array imports pandas, which nothing else here has need of.
    kept = index if all(held) else index.filter(pa.array(held, pa.bool_()))
    if fresh or len(kept) < len(index):
        _write_index(folder, kept, fresh)
    wanted = dict.fromkeys([*columns, "started", "system", "run"])
    values = [kept[name].to_pylist() for name in wanted]
    rows = [dict(zip(wanted, cells, strict=True)) for cells in zip(*values, strict=True)]
    rows += [{name: row.get(name) for name in wanted} for row in fresh]
    rows.sort(key=lambda row: (row["started"], row["run"]))
    runs = len({row["run"] for row in rows})
    return Gathered(tuple(row for row in rows if row["system"] is not None), runs, tuple(remarks))


def index_of(folder: Path) -> Path:
    """Where the index of a folder of runs is: in the cache, for runs may lie in a checkout."""
    key = hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:16]
    return cache_folder() / "history" / f"{key}.parquet"


def _stamps(folder: Path) -> tuple[dict[str, tuple[int, int]], list[str]]:
    """Run -> size and time of its record, by name; and what cannot be looked at. A link to a run here counts once."""
    found, remarks = {}, []
    here = folder.resolve()
    for path in sorted(folder.iterdir()):
        try:
            if path.is_symlink() and path.resolve(strict=True).parent == here:
                continue
            stat = (path / RUN_FILE).stat()
        except (FileNotFoundError, NotADirectoryError):
            continue  # not a run, or gone since
        except (OSError, RuntimeError) as error:  # RuntimeError: a link that leads to itself
            why = error.strerror if isinstance(error, OSError) else "it links to itself"
            remarks.append(f"left out: {path} cannot be read: {why}")
            continue
        found[path.name] = (stat.st_size, stat.st_mtime_ns)
    return found, remarks


def _stamped(index: pa.Table) -> dict[str, tuple[int, int]]:
    """The same of the runs that are in the index."""
    stamps = [index[name].to_pylist() for name in _STAMP]
    return {run: (size, time) for run, size, time in zip(*stamps, strict=True)}


def _schema() -> pa.Schema:
    """What an index is of, and a mark of how its values are made."""
    kinds = {**KINDS, **_STAMP}
    mark = hashlib.sha256(",".join([str(INDEX_VERSION), *kinds]).encode()).hexdigest()
    return pa.schema([(name, _ARROW[kind]) for name, kind in kinds.items()], metadata={_MARK: mark.encode()})


def _read_index(folder: Path) -> pa.Table:
    """The index, empty where it is missing, damaged or another version's."""
    schema = _schema()
    try:
        # pq.read_table imports what reads data sets, too.
        with pq.ParquetFile(index_of(folder), page_checksum_verification=True) as file:
            if file.schema_arrow.equals(schema, check_metadata=True):
                table = file.read()
                return table if _is_sound(table) else schema.empty_table()
    except (OSError, ValueError, KeyError, TypeError, pa.ArrowException):
        pass
    return schema.empty_table()


def _is_sound(table: pa.Table) -> bool:
    """Whether all that every row must have is there, and its text is text: flipped bits may say otherwise."""
    table.validate(full=True)
    return not any(table[name].null_count for name in (*_STAMP, "started"))


def _write_index(folder: Path, kept: pa.Table, fresh: list[dict[str, Any]]) -> None:
    """Whole or not at all; where it cannot be written the records are read each time."""
    index = index_of(folder)
    # ValueError: a folder's name is not Unicode; OverflowError: a number of a record is too large.
    with contextlib.suppress(OSError, ValueError, OverflowError):
        index.parent.mkdir(parents=True, exist_ok=True)
        schema = _schema()
        columns = [pa.array([row.get(field.name) for row in fresh], field.type) for field in schema]
        table = pa.concat_tables([kept, pa.table(columns, schema=schema)])
        with whole_file(index) as partial:
            pq.write_table(table, partial, compression="zstd", write_page_checksum=True)


def systems_in(rows: Iterable[dict[str, Any]]) -> Collection[str]:
    """Names of backends and of systems, sorted."""
    return sorted({row[name] for row in rows for name in ("backend", "system")})
