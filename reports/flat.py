"""A run as a flat table: one row a backend, with what keys it; of it are ``leaderboard.csv``, exports and history."""

import hashlib
import io
import json
import math
from typing import TYPE_CHECKING, Any, Final

from alexbench.harness.plain_text import cell, json_text, printable
from alexbench.harness.records import BackendRecord, RunRecord
from alexbench.reports.leaderboard import COLUMNS, leaderboard_rows

if TYPE_CHECKING:
    import pandas as pd

KEYS: Final = (
    "noise_verdict",
    "started",
    "finished",
    "run_status",
    "invalid",
    "alexbench_version",
    "rigor",
    "only",
    "seed",
    "model",
    "network",
    "weights",
    "weights_digest",
    "weights_verified",
    "recipe_digest",
    "artifact_digest",
    "data",
    "data_images",
    "data_of_validation_set",
    "names_digest",
    "source_digest",
    "pixels_digest",
    "machine",
    "cpu",
    "logical_cores",
    "usable_cores",
    "memory_mib",
    "os",
    "gpus",
    "runtime",
    "provider",
    "python",
    "environment",
    "environment_versions",
    "git_commit",
)
"""What a row is of, behind the leaderboard's columns."""

FLAT_COLUMNS: Final = (*COLUMNS, *KEYS)
KEY_LENGTH: Final = 12
"""Hexadecimal digits of a machine's and an environment's key: 48 bits, for some thousand of them."""

_STRINGS: Final = frozenset(KEYS) - {"seed", "data_images", "logical_cores", "usable_cores", "memory_mib"} | {
    "backend", "artifact", "status", "version", "device", "precision", "threads", "streams", "group", "offline_streams",
    "parity", "computed_as", "unmasked", "noise", "error", "precision_known", "stored", "held_to", "chance",
}  # fmt: skip
_BOOLEANS: Final = frozenset({"peak_found", "steady", "synthetic", "far_off"})
_INTEGERS: Final = frozenset(
    {
        "rank", "images", "skipped", "top1_correct", "processes", "batch_size", "flips", "unexplained_flips",
        "seed", "data_images", "logical_cores", "usable_cores", "memory_mib", "accuracy_batch_size",
    }
)  # fmt: skip
KINDS: Final[dict[str, type[str] | type[bool] | type[int] | type[float]]] = {
    column: str if column in _STRINGS else bool if column in _BOOLEANS else int if column in _INTEGERS else float
    for column in FLAT_COLUMNS
}
"""What the values of each column are, where there are any."""
_SIXTY_FOUR_BITS: Final = 2**63
_DTYPES: Final = {str: "string", bool: "boolean", int: "Int64", float: "float64"}


def flat(record: RunRecord) -> "pd.DataFrame":
    """One row a backend with FLAT_COLUMNS, in the leaderboard's order; a column has one type, filled or not.

    ``noise_verdict``: quiet or noisy, missing where nobody looked. ``machine`` and ``environment``: keys, the
    same for the same machine and environment; ``environment_versions``: JSON of Python's, the packages' and the
    alexbench's versions and the variables set. ``invalid``: why the run's speeds carry no claim, "" if they do.
    """
    import pandas as pd  # 0.3 s of CPU time, which a history of dictionaries is spared

    frame = pd.DataFrame(flat_rows(record), columns=list(FLAT_COLUMNS))
    return frame.astype({column: _DTYPES[kind] for column, kind in KINDS.items()})


def flat_rows(record: RunRecord) -> list[dict[str, Any]]:
    """The same as dictionaries: values of KINDS, None where there is none."""
    shared, entries = _of_run(record), {entry.name: entry for entry in record.backends}
    rows = []
    for cells in leaderboard_rows(record):
        found = {**dict.fromkeys(KEYS), **cells, **shared, **_of_row(entries[cells["backend"]])}
        if cells["noise"] is not None:
            found["noise_verdict"] = "noisy" if cells["noise"] else "quiet"
        values = ((column, kind, found[column]) for column, kind in KINDS.items())
        rows.append({column: None if value is None else _of_kind(kind, value) for column, kind, value in values})
    return rows


def _of_kind(kind: type[Any], value: Any) -> Any:
    return printable(str(value)) if kind is str else kind(value)


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
    """Machine and environment are not typed in a record: what is no table is none."""
    return value if isinstance(value, dict) else {}


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and abs(value) < _SIXTY_FOUR_BITS else None


def _of_run(record: RunRecord) -> dict[str, Any]:
    model, data, machine, asked = record.model, record.data, record.machine, record.configuration
    versions = environment_versions(record)
    return {
        "started": record.started,
        "finished": record.finished,
        "run_status": record.status,
        "invalid": "; ".join(record.invalid),
        "alexbench_version": record.alexbench_version,
        "rigor": asked.get("rigor"),
        "only": asked.get("only"),
        "seed": _whole(asked.get("seed")),
        "model": model.card,
        "network": model.network,
        "weights": model.weights,
        "weights_digest": model.weights_digest,
        "weights_verified": model.weights_verified,
        "recipe_digest": model.recipe_digest,
        "data": data.name,
        "data_images": data.images,
        "data_of_validation_set": data.of_validation_set,
        "names_digest": data.names_digest,
        "source_digest": data.source_digest,
        "pixels_digest": data.pixels_digest,
        "machine": digest_key(machine),
        "cpu": machine.get("cpu"),
        "logical_cores": _whole(machine.get("logical_cores")),
        "usable_cores": _whole(machine.get("usable_cores")),
        "memory_mib": _whole(machine.get("memory_mib")),
        "os": machine.get("os"),
        "gpus": ", ".join(str(gpu.get("name", gpu)) if isinstance(gpu, dict) else str(gpu) for gpu in _gpus(machine)),
        "environment": digest_key(versions),
        "environment_versions": json.dumps(versions, ensure_ascii=False),
        "git_commit": git_of(record).get("commit"),
    }


def _gpus(machine: dict[str, Any]) -> list[Any]:
    gpus = machine.get("gpus")
    return gpus if isinstance(gpus, list) else []


def _of_row(entry: BackendRecord) -> dict[str, Any]:
    ran = entry.effective
    return {
        "artifact_digest": None if entry.artifact is None else entry.artifact.sha256,
        "runtime": None if ran is None else ran.runtime,
        "provider": None if ran is None else ran.provider[0],
        "python": entry.python,
    }


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
