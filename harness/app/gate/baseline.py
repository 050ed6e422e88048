"""Baselines: what a gate needs of a run, in one JSON file a machine, small enough to be committed.

Kept are the record (without what is only shown), the median of every settled block, and one bit a picture whether each
row was right; and what the file held before, with the reason for each replacement. A digest over all of it tells a
file that was edited.
"""

import base64
import hashlib
import json
import math
import re
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from alexbench.harness.app.gate.identity import machine_differences, settings_differences, subject_differences
from alexbench.harness.app.gate.side import ANCHOR, Side, SideRow, Times, labels, side_of_run
from alexbench.harness.app.out_file import write_out
from alexbench.harness.errors import RecordError, UsageError
from alexbench.harness.input_files import RECORD_BYTES_AT_MOST, read_file
from alexbench.harness.judge.gate import Place
from alexbench.harness.plain_text import file_stem, one_line, strict_json
from alexbench.harness.record_checks import plain
from alexbench.harness.record_files import RUN_FILE, record_from
from alexbench.harness.records import RunRecord, backend_of
from alexbench.reports.flat import digest_key

SCHEMA: Final = 1
_SCHEMA_KEY: Final = "alexbench_baseline"
FOLDER: Final = Path("baselines")
FIGURES: Final = ("top1", "top5", "latency_p50_ms", "images_per_second")
_LARGEST: Final = 200_000
"""Bytes: so small should a file be that is committed with every replacement."""
_DIGITS: Final = 6
_IMAGES_AT_MOST: Final = 100_000_000
_NUMBER_AT_MOST: Final = 2**31
"""Of a process or a round."""


@dataclass(frozen=True, slots=True, eq=False)
class Baseline:
    """A file read. ``history``: an entry for each time that it was saved, the oldest first, the last one its own."""

    path: Path
    side: Side
    history: tuple[dict[str, Any], ...]

    @property
    def saved(self) -> dict[str, Any]:
        """When and why it was saved, and its figures then."""
        return self.history[-1]


def default_path(record: RunRecord, folder: Path = FOLDER) -> Path:
    """``<card>-<CPU>-<key>.json``: one file for each model on each machine, whose every field is in the key."""
    cpu = re.sub(r"[^a-z0-9]+", "-", re.sub(r"\((r|tm)\)", "", str(record.machine.get("cpu")).lower())).strip("-")
    return folder / f"{file_stem(record.model.card)}-{cpu[:40]}-{digest_key(record.machine)[:8]}.json"


def save(run: Path, to: Path | None, reason: str) -> tuple[Baseline, list[str]]:
    """Make a run the baseline; what is said of it beside.

    Raises:
        AlexBenchError: the run cannot be one, or the file that is there is another machine's or lacks a reason.
    """
    reason = " ".join(one_line(reason).split())
    side = side_of_run(run)
    if labels(side.record):
        raise UsageError(f"{run} has environments with labels; a baseline is of a run without: alexbench run")
    failed = [row.entry.name for row in side.rows.values() if row.entry.status != "ok"]
    if failed or not side.rows:
        raise UsageError(f"{run}: {', '.join(failed) or 'no row'} did not end well; a baseline is of rows that did")
    said = []
    if side.record.invalid:
        said.append(f"without its speeds, which carry no claim: {'; '.join(side.record.invalid)}")
        side = replace(
            side, rows={name: replace(row, times=Times()) for name, row in side.rows.items()}, anchor=Times()
        )
    path = _file(to, side.record)
    history = _history_of(path, side.record, reason)
    history.append(_entry(side, reason))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"--to {path}: {path.parent} is no folder ({error.strerror}); name another place") from error
    text = _sealed(side, history)
    if len(text) > _LARGEST:
        said.append(f"{len(text):,} bytes: larger than the {_LARGEST:,} that a repository should be asked to keep")
    write_out(path, text, flag="--to")
    return read_baseline(path), said


def _file(to: Path | None, record: RunRecord) -> Path:
    if to is None:
        return default_path(record)
    if not to.is_dir() and to.suffix not in ("", ".json"):
        raise UsageError(f"--to {to}: a baseline is a .json file; name one, or a folder")
    path = default_path(record, to) if to.is_dir() or not to.suffix else to
    if (path.parent / RUN_FILE).exists():
        raise UsageError(f"--to {to}: {path.parent} is a run's folder; name another place")
    return path


def _history_of(path: Path, record: RunRecord, reason: str) -> list[dict[str, Any]]:
    """What is there already; it must be of the same machine and model, and replaced for a reason."""
    if not path.exists():
        return []
    there = read_baseline(path)
    differs = machine_differences(there.side.record.machine, record.machine)
    if differs:
        raise UsageError(f"{path} is of another machine ({'; '.join(differs)}); name another file with --to")
    if there.side.record.model.card != record.model.card:
        raise UsageError(f"{path} is of {there.side.record.model.card}; name another file with --to")
    if not reason:
        raise UsageError(f"{path} is there since {there.saved['saved']}; say why it is replaced: --reason TEXT")
    return list(there.history)


def _entry(side: Side, reason: str) -> dict[str, Any]:
    figures = {}
    for name, row in side.rows.items():
        entry = row.entry
        speed = entry.performance if row.times.latency or row.times.windows else None
        figures[name] = {
            "version": "" if entry.effective is None else entry.effective.version,
            "top1": None if entry.accuracy is None else round(entry.accuracy.top1, 4),
            "top5": None if entry.accuracy is None else round(entry.accuracy.top5, 4),
            "latency_p50_ms": None if speed is None else _short(speed.latency.p50_ms),
            "images_per_second": None if speed is None else _short(speed.throughput.images_per_second),
        }
    return {
        "saved": datetime.now(UTC).isoformat(timespec="seconds"),
        "reason": reason or "the first",
        "run": side.record.started,
        "alexbench": side.record.alexbench_version,
        "rows": figures,
    }


def _sealed(side: Side, history: list[dict[str, Any]]) -> str:
    record = replace(side.record, comparisons=(), pairs=(), conditions={})
    kept: dict[str, Any] = {
        _SCHEMA_KEY: SCHEMA,
        "record": asdict(record),
        "answers": _answers(side),
        "blocks": {name: _blocks(row.times) for name, row in side.rows.items()} | {ANCHOR: _blocks(side.anchor)},
        "history": history,
    }
    return strict_json({**kept, "sha256": _digest(kept)}, indent=1) + "\n"


def _digest(kept: Mapping[str, Any]) -> str:
    plain = json.dumps(kept, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(plain.encode("utf-8", "surrogatepass")).hexdigest()


def _answers(side: Side) -> dict[str, Any]:
    """A bit a picture: whether the first row was right; of every other row whether that differs, which is rare."""
    first: dict[str, NDArray[np.bool_]] = {}
    rows: dict[str, Any] = {}
    for name, row in side.rows.items():
        if row.top1 is None or row.top5 is None:
            continue
        rows[name] = {}
        for metric, hits in (("top1", row.top1), ("top5", row.top5)):
            rows[name][metric] = _bits(hits ^ first[metric] if metric in first else hits)
            first.setdefault(metric, hits)
    images = len(next(iter(first.values()))) if first else 0
    return {"images": images, "rows": rows}


def _bits(hits: NDArray[np.bool_]) -> str:
    return base64.b85encode(zlib.compress(np.packbits(hits).tobytes(), 9)).decode("ascii")


def _from_bits(text: str, images: int) -> NDArray[np.bool_]:
    """A bit an image. A few bytes can be the compressed form of gigabytes: no more than is needed is decompressed."""
    bytes_wanted = -(-images // 8)
    packed = zlib.decompressobj().decompress(base64.b85decode(text), bytes_wanted + 1)
    if len(packed) != bytes_wanted:
        raise ValueError(f"answers of {images} images have {len(packed)} bytes or more, wanted {bytes_wanted}")
    return np.unpackbits(np.frombuffer(packed, dtype=np.uint8), count=images).astype(np.bool_)


def _blocks(times: Times) -> dict[str, str]:
    """Lines of "process round ms", which are shorter than JSON's lists and differ line by line."""
    return {
        name: " ".join(f"{process}:{number}:{_short(ms):g}" for (process, number), ms in series.items())
        for name, series in (("latency", times.latency), ("windows", times.windows))
    }


def _short(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")


def _from_blocks(found: Mapping[str, str]) -> Times:
    return Times(*(_series(found[name]) for name in ("latency", "windows")))


def _series(text: str) -> dict[Place, float]:
    parts = (one.split(":") for one in text.split())
    found = {(int(process), int(number)): float(ms) for process, number, ms in parts}
    if not all(0 < ms < math.inf for ms in found.values()):
        raise ValueError("a block took no time, or for ever")
    if not all(0 <= one < _NUMBER_AT_MOST for place in found for one in place):
        raise ValueError("a process or a round has no number of its kind")
    return found


def is_baseline(path: Path) -> bool:
    """Whether a file is meant, and not a run's folder."""
    return path.is_file() and path.name != RUN_FILE


def read_baseline(path: Path) -> Baseline:
    """Read a file.

    Raises:
        RecordError: it is no baseline, damaged, edited, or written by a newer version.
    """
    return _baseline(path, _content(path))


def _content(path: Path) -> dict[str, Any]:
    """The document in a file, whatever it is; empty where that is no object."""
    try:
        data = json.loads(read_file(path, str(path), RecordError, most=RECORD_BYTES_AT_MOST))
    except OSError as error:
        raise RecordError(f"{path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:  # no UTF-8, no JSON, or a number of thousands of digits
        raise RecordError(f"{path} is no baseline: {error}") from error
    return data if isinstance(data, dict) else {}


def _baseline(path: Path, data: dict[str, Any]) -> Baseline:
    schema = data.get(_SCHEMA_KEY)
    if not isinstance(schema, int) or isinstance(schema, bool) or schema < 1:
        raise RecordError(f"{path} is no baseline: alexbench baseline save RUN makes one")
    if schema > SCHEMA:
        raise RecordError(
            f"{path} has schema {schema}, newer than the {SCHEMA} this alexbench reads; upgrade alexbench"
        )
    sealed = data.pop("sha256", None)
    if sealed != _digest(data):
        raise RecordError(
            f"{path} was edited or damaged: its digest is not that of its content; restore it, or save it anew:"
            " alexbench baseline save RUN"
        )
    try:
        side, history = _side(path, data), tuple(map(_checked, data["history"]))
    except (KeyError, ValueError, TypeError, AttributeError, OverflowError, zlib.error) as error:
        raise RecordError(f"{path} is damaged: {error}") from error
    if not side.rows or not history:
        raise RecordError(f"{path} is damaged: it has no row, or no history")
    return Baseline(path, side, history)


def _checked(entry: dict[str, Any]) -> dict[str, Any]:
    """An entry of the history; a ValueError where what is shown of it is not there, or of another type."""
    entry = plain(entry)
    rows = list(entry["rows"].values())
    words = [entry["saved"], entry["reason"], *(row["version"] for row in rows)]
    figures = [row[name] for row in rows for name in FIGURES]
    if not all(isinstance(one, str) for one in words):
        raise ValueError("an entry of its history holds what is not text")
    if not all(one is None or (isinstance(one, (int, float)) and not isinstance(one, bool)) for one in figures):
        raise ValueError("an entry of its history holds what is not a number")
    return entry


def _side(path: Path, data: dict[str, Any]) -> Side:
    record = record_from(data["record"], path)
    answers, images = data["answers"]["rows"], int(data["answers"]["images"])
    if not 0 <= images <= _IMAGES_AT_MOST:
        raise ValueError(f"{images} images")
    first: dict[str, NDArray[np.bool_]] = {}
    rows: dict[str, SideRow] = {}
    for entry in record.backends:
        if entry.status == "missing":
            continue
        name = backend_of(entry.name)
        row = SideRow(entry, _from_blocks(data["blocks"][name]))
        hits = {}
        for metric, text in answers.get(name, {}).items():
            found = _from_bits(text, images)
            hits[metric] = found ^ first[metric] if metric in first else found
            first.setdefault(metric, hits[metric])
        rows[name] = replace(row, top1=hits.get("top1"), top5=hits.get("top5"))
    return Side(str(path), record, rows, _from_blocks(data["blocks"][ANCHOR]))


def find_baseline(folder: Path, record: RunRecord) -> Baseline | None:
    """Of a folder of baselines the one of this record's model and machine; else one of its model on another machine.

    Of several the one that differs least: in what was run on what first, in settings then, and of a run whose speeds
    carry a claim. Other JSON files are passed over.
    """

    def differs(one: Baseline) -> tuple[int, int, int]:
        kept = one.side.record
        settings = list(settings_differences(kept, record))
        return len(subject_differences(kept, record)), len(settings), len(kept.invalid)

    documents = ((path, _content(path)) for path in sorted(folder.glob("*.json")) if path.is_file())
    baselines = (_baseline(path, data) for path, data in documents if _SCHEMA_KEY in data)
    found = [one for one in baselines if one.side.record.model.card == record.model.card]
    found.sort(key=differs)
    own = [one for one in found if one.side.record.machine == record.machine]
    return next(iter(own + found), None)
