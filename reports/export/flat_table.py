"""A run as a flat table: one row a system, with what keys it; of it are ``leaderboard.csv``, exports and history."""

import hashlib
import io
import json
import math
from typing import TYPE_CHECKING, Any, Final

from alexbench.harness.files.plain_text import cell, json_text, printable
from alexbench.harness.records.machine_key import machine_key
from alexbench.harness.records.run_records import RunRecord
from alexbench.reports import row_cells
from alexbench.reports.columns import COLUMNS, Column, ran
from alexbench.reports.rows import Row, rows_of
from alexbench.reports.text.reason_words import joined

if TYPE_CHECKING:
    import pandas as pd

KEY_LENGTH: Final = 12
"""Hexadecimal digits of a machine's and an environment's key: 48 bits, for some thousand of them."""
_SIXTY_FOUR_BITS: Final = 2**63
_DTYPES: Final = {str: "string", bool: "boolean", int: "Int64", float: "float64"}


def digest_key(value: Any) -> str:
    """A short digest of anything that JSON can hold, whatever the order of its keys."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:KEY_LENGTH]


def environment_versions(record: RunRecord) -> dict[str, str]:
    """Versions by name, then the environment variables that were set."""
    found = record.environment
    versions = {"alexbench": record.alexbench_version, "python": str(found.get("python", ""))}
    versions |= {str(name): str(version) for name, version in sorted(_table(found.get("packages")).items())}
    return versions | {str(name): str(value) for name, value in sorted(_table(found.get("variables")).items())}


def git_of(record: RunRecord) -> dict[str, Any]:
    """The state of alexbench's own tree, empty where it was installed; older records have the commit alone."""
    git = record.environment.get("git")
    return {"commit": git} if isinstance(git, str) else _table(_table(git).get("alexbench"))


def _table(value: Any) -> dict[str, Any]:
    """Machine and environment are not typed in a record: anything but a table counts as none."""
    return value if isinstance(value, dict) else {}


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and abs(value) < _SIXTY_FOUR_BITS else None


def _names_of_gpus(record: RunRecord) -> str:
    found = record.machine.get("gpus")
    gpus = found if isinstance(found, list) else []
    return ", ".join(str(gpu.get("name", gpu)) if isinstance(gpu, dict) else str(gpu) for gpu in gpus)


def _noise_verdict(row: Row) -> str | None:
    noise = row_cells.noise(row)
    return None if noise is None else "noisy" if noise else "quiet"


KEYS: Final = (
    Column("noise_verdict", str, _noise_verdict),
    Column("started", str, lambda row: row.record.started),
    Column("finished", str, lambda row: row.record.finished),
    Column("run_status", str, lambda row: row.record.status),
    Column("invalid", str, lambda row: joined(row.record.invalid)),
    Column("alexbench_version", str, lambda row: row.record.alexbench_version),
    Column("rigor", str, lambda row: row.record.configuration.get("rigor")),
    Column("only", str, lambda row: row.record.configuration.get("only")),
    Column("seed", int, lambda row: _whole(row.record.configuration.get("seed"))),
    Column("model", str, lambda row: row.record.model.card),
    Column("network", str, lambda row: row.record.model.network),
    Column("weights", str, lambda row: row.record.model.weights),
    Column("weights_digest", str, lambda row: row.record.model.weights_digest),
    Column("weights_verified", str, lambda row: row.record.model.weights_verified),
    Column("recipe_digest", str, lambda row: row.record.model.recipe_digest),
    Column("artifact_digest", str, lambda row: None if row.entry.artifact is None else row.entry.artifact.sha256),
    Column("data", str, lambda row: row.record.data.name),
    Column("data_images", int, lambda row: row.record.data.images),
    Column("data_of_validation_set", str, lambda row: row.record.data.of_validation_set),
    Column("names_digest", str, lambda row: row.record.data.names_digest),
    Column("source_digest", str, lambda row: row.record.data.source_digest),
    Column("pixels_digest", str, lambda row: row.record.data.pixels_digest),
    Column("machine", str, lambda row: digest_key(machine_key(row.record.machine))),
    Column("cpu", str, lambda row: row.record.machine.get("cpu")),
    Column("logical_cores", int, lambda row: _whole(row.record.machine.get("logical_cores"))),
    Column("usable_cores", int, lambda row: _whole(row.record.machine.get("usable_cores"))),
    Column("memory_mib", int, lambda row: _whole(row.record.machine.get("memory_mib"))),
    Column("os", str, lambda row: row.record.machine.get("os")),
    Column("gpus", str, lambda row: _names_of_gpus(row.record)),
    Column("runtime", str, ran(lambda found: found.runtime)),
    Column("provider", str, ran(lambda found: found.provider[0])),
    Column("python", str, lambda row: row.entry.python),
    Column("environment", str, lambda row: digest_key(environment_versions(row.record))),
    Column("environment_versions", str, lambda row: json.dumps(environment_versions(row.record), ensure_ascii=False)),
    Column("git_commit", str, lambda row: git_of(row.record).get("commit")),
)
"""What a row is of, behind the leaderboard's columns.

``noise_verdict``: quiet or noisy, missing where nobody looked. ``machine`` and ``environment``: keys, the same for the
same machine and environment; ``environment_versions``: JSON of Python's, the packages' and the alexbench's versions and
the variables set. ``invalid``: why the run's speeds are unreliable, "" if they are reliable.
"""

KINDS: Final = {column.name: column.kind for column in (*COLUMNS, *KEYS)}
"""What the values of each column are, where there are any."""
FLAT_COLUMNS: Final = tuple(KINDS)


def flat(record: RunRecord) -> "pd.DataFrame":
    """One row a system with FLAT_COLUMNS, in the leaderboard's order; a column has one type, filled or not."""
    import pandas as pd  # 0.3 s of CPU time, which a history of dictionaries is spared

    frame = pd.DataFrame(flat_rows(record), columns=list(FLAT_COLUMNS))
    return frame.astype({column: _DTYPES[kind] for column, kind in KINDS.items()})


def flat_rows(record: RunRecord) -> list[dict[str, Any]]:
    """The same as dictionaries: values of KINDS, None where there is none."""
    return [{column.name: _value(column, row) for column in (*COLUMNS, *KEYS)} for row in rows_of(record)]


def _value(column: Column, row: Row) -> Any:
    """Machine and environment are not typed in a record: what a column of text finds there is made text."""
    value: Any = column.of(row)
    return None if value is None else printable(str(value)) if column.kind is str else column.kind(value)


def csv_text(frame: "pd.DataFrame") -> str:
    """Comma-separated values; nothing where a value is missing, ``inf`` where it is infinite.

    Text that a spreadsheet would compute begins with an apostrophe; numbers stay numbers.
    """
    harmless = frame.apply(lambda column: column.map(_cell) if column.dtype.kind not in "biuf" else column)
    return str(harmless.to_csv(index=False, lineterminator="\n"))


def _cell(value: Any) -> Any:
    return cell(value) if isinstance(value, str) else value


def rows_json(frame: "pd.DataFrame") -> str:
    """A list of objects, one a row; null where a value is missing or not finite, for JSON has neither."""
    plain = frame.astype(object).where(frame.notna(), None)
    rows = [{str(name): _finite(value) for name, value in row.items()} for row in plain.to_dict("records")]
    return json_text(rows) + "\n"


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def parquet_bytes(frame: "pd.DataFrame") -> bytes:
    """A Parquet file; the same table gives the same bytes."""
    file = io.BytesIO()
    frame.to_parquet(file, engine="pyarrow", compression="zstd", index=False)
    return file.getvalue()
