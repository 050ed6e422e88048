"""A run's record as a file: JSON, upgraded step by step from every older schema.

Schema history:
  1  the first.
  2  data: layout, labels_from, names_digest, per_class, fingerprint (``certificate``), skipped, part. Digests of pixels
     are over each image's own digest. configuration: layout, labels, on_bad_image, shard, artifacts, weights_layout.
     Rows may be artifacts; accuracies are compared with the published ones (comparisons).
  3  Timing: rigor, several processes a row, percentiles, CPU time, energy, the batch sweep, streams, load generation,
     layers, the noise check of each row, the A/A control, the machine's ceiling, why a measurement is invalid.
     Throughput's bounds are an interval, where they were the slowest and the fastest window.
  4  Accuracy: intervals, and each row paired with one of them (pairs). Parity: KL divergence, top-5 overlap,
     effective bits and the precision they say. Next to the record: reference.parquet, flips.parquet, thumbnails.json.
  5  Ranks and groups of rows, differences of pairs, and what the run can tell apart (resolutions). Processes of a row
     are replicates; its intervals are over them.
  6  A row is a system (systems, where there were backends): each row says all that it measures. Judgements are reasons,
     codes with values, where they were sentences; a row's group is not stored, for it follows from the row.
"""

import dataclasses
from pathlib import Path
from typing import Any, Final

from alexbench.harness.errors import RecordError
from alexbench.harness.files.decoding import decode
from alexbench.harness.files.input_files import RECORD_BYTES_AT_MOST, json_data, read_file
from alexbench.harness.files.plain_text import is_utf8, short, strict_json
from alexbench.harness.records.file_names import RUN_FILE
from alexbench.harness.records.old_sentences import with_reasons
from alexbench.harness.records.record_checks import check, plain
from alexbench.harness.records.run_records import SCHEMA_VERSION, RunRecord


def _upgrade_1(data: dict[str, Any]) -> dict[str, Any]:
    """What schema 2 added has defaults that mean "not recorded"."""
    return {**data, "schema_version": 2}


def _upgrade_2(data: dict[str, Any]) -> dict[str, Any]:
    """Bounds of images/s were the slowest and the fastest window; what else schema 3 added means "not recorded"."""
    rows = [dict(row) for row in data.get("backends", ())]
    for row in rows:
        speed = row.get("performance")
        if isinstance(speed, dict):
            row["performance"] = {**speed, "throughput": {**speed["throughput"], "bounds": "windows"}}
    return {**data, "backends": rows, "schema_version": 3}


def _upgrade_3(data: dict[str, Any]) -> dict[str, Any]:
    """What schema 4 added has defaults that mean "not recorded"."""
    return {**data, "schema_version": 4}


def _upgrade_4(data: dict[str, Any]) -> dict[str, Any]:
    """Ranks were made by the reports, with a fixed 5 % between processes; none is stored, so there are none."""
    return {**data, "schema_version": 5}


def _upgrade_5(data: dict[str, Any]) -> dict[str, Any]:
    """A row was a backend, in an environment; what else its system is was one for all rows, in the configuration."""
    rest = {key: value for key, value in data.items() if key != "backends"}
    rows, configuration = data.get("backends", []), _table(data.get("configuration"))
    if isinstance(rows, list):  # what is damaged is for the decoder to name
        rows = [{**row, "system": _system_of(row, configuration)} if isinstance(row, dict) else row for row in rows]
    return {**with_reasons({**rest, "systems": rows}), "schema_version": 6}


def _system_of(row: dict[str, Any], configuration: dict[str, Any]) -> dict[str, Any]:
    backend, _, environment = str(row.get("name")).partition("@")
    file = _table(row.get("artifact")) or _never_read(backend, configuration.get("artifacts"))
    return {
        "backend": backend,
        "threads": configuration.get("threads") or 1,
        "precision": configuration.get("precision") or "fp32",
        "device": configuration.get("device") or "cpu",
        "environment": environment or None,
        "artifact": _file_of(file) if file else None,
    }


def _never_read(backend: str, named: Any) -> dict[str, Any]:
    """The file that a backend was to run, of the configuration's BACKEND=FILE; empty where it was to run none."""
    pairs = [str(one).partition("=") for one in named] if isinstance(named, list) else []
    return next(({"path": path} for name, _, path in pairs if name == backend), {})


def _file_of(found: dict[str, Any]) -> dict[str, Any]:
    scale, _, order = str(found.get("stated") or "").partition(",")
    stated = {"scale": scale, "channels": order.upper() or None} if scale else None
    kept: dict[str, Any] = {key: found[key] for key in ("path", "sha256", "trusted") if key in found}
    return {**kept, "convention": stated}


def _table(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


_SHOWN: Final = 3
"""Runs that a message names."""
_UPGRADES: Final = {1: _upgrade_1, 2: _upgrade_2, 3: _upgrade_3, 4: _upgrade_4, 5: _upgrade_5}
"""Schema -> how a record of it becomes one of the next."""


def to_json(record: RunRecord) -> str:
    """The JSON text of a record; keys in the order of the dataclass, so that a diff reads well."""
    return strict_json(dataclasses.asdict(record)) + "\n"


def read_run(folder: Path) -> RunRecord:
    """Read ``folder``/run.json.

    Raises:
        RecordError: not a run, damaged, or written by a newer version; the message names the file.
    """
    if not is_utf8(folder.absolute()):
        raise RecordError(f"{folder}: this path is not UTF-8, and tables cannot be read there; rename the folder")
    path = folder / RUN_FILE
    try:
        content = read_file(path, str(path), RecordError, most=RECORD_BYTES_AT_MOST)
    except NotADirectoryError:
        raise RecordError(f"{folder} is a file, not a run's folder; {_newest(folder)}") from None
    except FileNotFoundError:
        if not folder.exists():
            raise RecordError(f"no such folder: {folder}; {_newest(folder)}") from None
        raise RecordError(f"{folder} is not a run: it has no {RUN_FILE}; {_newest(folder)}") from None
    except OSError as error:
        raise RecordError(f"{path} cannot be read: {error.strerror}") from error
    try:
        data = json_data(content, constant=_no_number)
    except ValueError as error:
        raise RecordError(f"{path} is damaged: {error}") from error
    return record_from(data, path)


def _newest(folder: Path) -> str:
    """Which runs are in or near a path that is not a run: the newest of the first folder that has any."""
    for place in dict.fromkeys((folder, folder.parent, Path("runs"))):
        try:
            found = sorted((one.parent.name for one in place.glob(f"*/{RUN_FILE}")), reverse=True)
        except OSError:
            continue
        if found:
            shown = ", ".join(str(place / name) for name in found[:_SHOWN])
            more = f" and {len(found) - _SHOWN} older" if len(found) > _SHOWN else ""
            return f"runs there: {shown}{more}"
    return "alexbench run makes one"


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is not a number that a record may have")


def record_from(data: Any, path: Path) -> RunRecord:
    """A record from what the JSON file ``path`` holds, or holds a part of, upgraded from whatever schema it has.

    Raises:
        RecordError: damaged, or written by a newer version; the message names the file.
    """
    version = data.get("schema_version") if isinstance(data, dict) else None
    if version is None:
        raise RecordError(f"{path} is damaged: it is not a run's record, which has a schema_version")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise RecordError(f"{path} is damaged: schema_version = {short(version)}")
    if version > SCHEMA_VERSION:
        raise RecordError(
            f"{path} has schema {short(version)}, newer than the {SCHEMA_VERSION} this alexbench reads;"
            " upgrade alexbench"
        )
    try:
        for older in range(version, SCHEMA_VERSION):
            data = _UPGRADES[older](data)
        record = decode(RunRecord, plain(data))
        check(record)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:  # DecodeError is a ValueError
        raise RecordError(f"{path} is damaged: {error}") from error
    return record
