"""Baselines: what a gate needs of a run, in one JSON file a machine, small enough to be committed.

Kept are the record (without what is only shown), the median of every settled block, and one bit per image whether each
row was right; and what the file held before, with the reason for each replacement. A digest over all of it tells a
file that was edited.
"""

import base64
import glob
import hashlib
import json
import math
import re
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from alexbench.harness.errors import RecordError, UsageError
from alexbench.harness.files.decoding import decode
from alexbench.harness.files.input_files import RECORD_BYTES_AT_MOST, json_data, read_file
from alexbench.harness.files.out_file import write_out
from alexbench.harness.files.plain_text import file_stem, one_line, strict_json
from alexbench.harness.gating.gated_runs import GatedRow, GatedRun, Times, environments, gated_run_of
from alexbench.harness.gating.identity import (
    machine_differences,
    same_systems,
    settings_differences,
    subject_differences,
    unlike,
)
from alexbench.harness.judge.gate_rule import Place
from alexbench.harness.records.file_names import RUN_FILE
from alexbench.harness.records.machine_key import machine_key
from alexbench.harness.records.record_checks import plain
from alexbench.harness.records.record_files import record_from
from alexbench.harness.records.run_records import RunRecord
from alexbench.harness.run_tables import ANCHOR
from alexbench.reports.export.flat_table import digest_key
from alexbench.reports.text.reason_words import joined

SCHEMA: Final = 1
_SAVED_BY: Final = "alexbench baseline save RUN makes one"
_SCHEMA_KEY: Final = "alexbench_baseline"
FOLDER: Final = Path("baselines")
_LARGEST: Final = 200_000
"""Bytes: so small should a file be that is committed with every replacement."""
_DIGITS: Final = 6
_IMAGES_AT_MOST: Final = 100_000_000
_NUMBER_AT_MOST: Final = 2**31
"""Numbers of a process or a round."""


@dataclass(frozen=True, slots=True)
class Figures:
    """A row's, when it was saved; None where there was none."""

    version: str
    top1: float | None
    top5: float | None
    latency_p50_ms: float | None
    images_per_second: float | None


@dataclass(frozen=True, slots=True)
class Saved:
    """When (UTC) and why a run became the baseline, and its figures. ``run``: when that run was started."""

    saved: str
    reason: str
    run: str = ""
    alexbench: str = ""
    rows: dict[str, Figures] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Answers:
    """Row -> metric -> a bit per image."""

    images: int
    rows: dict[str, dict[str, str]]


@dataclass(frozen=True, slots=True)
class _Blocks:
    """Each block as "process:round:ms"."""

    latency: str
    windows: str


@dataclass(frozen=True, slots=True)
class _Content:
    """A file without its digest; the record has the schema in which it was written."""

    alexbench_baseline: int
    record: dict[str, object]
    answers: _Answers
    blocks: dict[str, _Blocks]
    history: tuple[Saved, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Baseline:
    """A file read. ``history``: an entry for each time that it was saved, the oldest first, the last one its own."""

    path: Path
    side: GatedRun
    history: tuple[Saved, ...]

    @property
    def saved(self) -> Saved:
        """When and why it was saved, and its figures then."""
        return self.history[-1]


def default_path(record: RunRecord, folder: Path = FOLDER) -> Path:
    """``<card>-<CPU>-<key>.json``: one file for each model on each machine, whose key is in the name."""
    cpu = re.sub(r"[^a-z0-9]+", "-", re.sub(r"\((r|tm)\)", "", str(record.machine.get("cpu")).lower())).strip("-")
    stem = f"{file_stem(record.model.card)}-{cpu[:40]}"
    path = folder / f"{stem}-{digest_key(machine_key(record.machine))[:8]}.json"
    if path.exists():
        return path
    # Files of before 0.3 have a key that a reboot changed.
    older = (one for one in sorted(folder.glob(f"{glob.escape(stem)}-????????.json")) if is_baseline(one))
    return next((one for one in older if _is_of(one, record)), path)


def _is_of(path: Path, record: RunRecord) -> bool:
    """Whether a baseline's file is of that model and machine."""
    there = read_baseline(path).side.record
    return there.model.card == record.model.card and not machine_differences(there.machine, record.machine)


def save(run: Path, to: Path | None, reason: str) -> tuple[Baseline, list[str]]:
    """Make a run the baseline, with notes about it.

    Raises:
        AlexBenchError: the run cannot be one, or the file that is there is another machine's or lacks a reason.
    """
    reason = " ".join(one_line(reason).split())
    side = gated_run_of(run)
    if environments(side.record):
        raise UsageError(f"{run} has environments with labels; a baseline is of a run without: alexbench run")
    failed = [row.entry.name for row in side.rows.values() if row.entry.status not in ("ok", "unsupported")]
    if failed or not any(row.entry.status == "ok" for row in side.rows.values()):
        raise UsageError(f"{run}: {', '.join(failed) or 'no row'} did not end well; a baseline needs rows that did")
    said = []
    if side.record.invalid:
        said.append(f"saved without its speeds, which are unreliable: {joined(side.record.invalid)}")
        side = replace(
            side, rows={name: replace(row, times=Times()) for name, row in side.rows.items()}, anchor=Times()
        )
    path = _file(to, side.record)
    history = _history_of(path, side.record, reason)
    history.append(_entry(side, reason))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"--to {path}: {path.parent} is not a folder ({error.strerror}); name another place"
        ) from error
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


def _history_of(path: Path, record: RunRecord, reason: str) -> list[Saved]:
    """What is there already; it must be of the same machine and model, and replaced for a reason."""
    if not path.exists():
        return []
    there = read_baseline(path)
    differs = machine_differences(there.side.record.machine, record.machine)
    if differs:
        raise UsageError(f"{path} is of another machine ({joined(differs)}); name another file with --to")
    if there.side.record.model.card != record.model.card:
        raise UsageError(f"{path} is of {there.side.record.model.card}; name another file with --to")
    if not reason:
        raise UsageError(f"{path} is there since {there.saved.saved}; say why it is replaced: --reason TEXT")
    return list(there.history)


def _entry(side: GatedRun, reason: str) -> Saved:
    figures = {}
    for name, row in side.rows.items():
        entry = row.entry
        if entry.status != "ok":
            continue
        speed = entry.performance if row.times.latency or row.times.windows else None
        figures[name] = Figures(
            version="" if entry.effective is None else entry.effective.version,
            top1=None if entry.accuracy is None else round(entry.accuracy.top1, 4),
            top5=None if entry.accuracy is None else round(entry.accuracy.top5, 4),
            latency_p50_ms=None if speed is None else _short(speed.latency.p50_ms),
            images_per_second=None if speed is None else _short(speed.throughput.images_per_second),
        )
    return Saved(
        saved=datetime.now(UTC).isoformat(timespec="seconds"),
        reason=reason or "the first",
        run=side.record.started,
        alexbench=side.record.alexbench_version,
        rows=figures,
    )


def _sealed(side: GatedRun, history: list[Saved]) -> str:
    record = replace(side.record, comparisons=(), pairs=(), conditions={})
    kept: dict[str, Any] = {
        _SCHEMA_KEY: SCHEMA,
        "record": asdict(record),
        "answers": _answers(side),
        "blocks": {name: _blocks(row.times) for name, row in side.rows.items()} | {ANCHOR: _blocks(side.anchor)},
        "history": [asdict(one) for one in history],
    }
    return strict_json({**kept, "sha256": _digest(kept)}, indent=1) + "\n"


def _digest(kept: Mapping[str, Any]) -> str:
    plain = json.dumps(kept, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(plain.encode("utf-8", "surrogatepass")).hexdigest()


def _answers(side: GatedRun) -> dict[str, Any]:
    """A bit per image: whether the first row was right; for the other rows, whether that differs, which is rare."""
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


def _times(blocks: Mapping[str, _Blocks], name: str) -> Times:
    if name not in blocks:
        raise ValueError(f"key 'blocks.{name}' is missing")
    return Times(_series(blocks[name].latency), _series(blocks[name].windows))


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
        RecordError: it is not a baseline, or is damaged, edited, or written by a newer version.
    """
    return _baseline(path, _content(path))


def _content(path: Path) -> dict[str, Any]:
    """The document in a file; empty if that is not an object."""
    try:
        content = read_file(path, str(path), RecordError, most=RECORD_BYTES_AT_MOST)
    except FileNotFoundError as error:
        raise RecordError(f"{path}: no such file; {_SAVED_BY}") from error
    except OSError as error:
        raise RecordError(f"{path}: cannot be read ({error.strerror})") from error
    try:
        data = json_data(content)
    except ValueError as error:
        raise RecordError(f"{path} is not a baseline: {error}; {_SAVED_BY}") from error
    return data if isinstance(data, dict) else {}


def _baseline(path: Path, data: dict[str, Any]) -> Baseline:
    schema = data.get(_SCHEMA_KEY)
    if not isinstance(schema, int) or isinstance(schema, bool) or schema < 1:
        raise RecordError(f"{path} is not a baseline; {_SAVED_BY}")
    if schema > SCHEMA:
        raise RecordError(
            f"{path} has schema {schema}, newer than the {SCHEMA} this alexbench reads; upgrade alexbench"
        )
    sealed = data.pop("sha256", None)
    if sealed != _digest(data):
        raise RecordError(
            f"{path} was edited or damaged: its digest is not that of its content; restore it, or save it again:"
            " alexbench baseline save RUN"
        )
    try:
        content = decode(_Content, {**data, "history": plain(data.get("history"), "history")})
        side = _side(path, content)
    except (ValueError, OverflowError, zlib.error) as error:  # DecodeError is a ValueError
        raise RecordError(f"{path} is damaged: {error}") from error
    if not side.rows or not content.history:
        raise RecordError(f"{path} is damaged: it has no row, or no history")
    return Baseline(path, side, content.history)


def _side(path: Path, content: _Content) -> GatedRun:
    record = record_from(content.record, path)
    answers, images = content.answers.rows, content.answers.images
    if not 0 <= images <= _IMAGES_AT_MOST:
        raise ValueError(f"answers.images = {images}, wanted 0 to {_IMAGES_AT_MOST:,}")
    first: dict[str, NDArray[np.bool_]] = {}
    rows: dict[str, GatedRow] = {}
    for entry in record.systems:
        if entry.status == "missing":
            continue
        name = entry.name
        row = GatedRow(entry, _times(content.blocks, name))
        hits = {}
        for metric, text in answers.get(name, {}).items():
            found = _from_bits(text, images)
            hits[metric] = found ^ first[metric] if metric in first else found
            first.setdefault(metric, hits[metric])
        rows[name] = replace(row, top1=hits.get("top1"), top5=hits.get("top5"))
    return GatedRun(str(path), record, rows, _times(content.blocks, ANCHOR))


def find_baseline(folder: Path, record: RunRecord) -> Baseline | None:
    """The baseline in a folder for this record's model and machine; else one of its model on another machine.

    Among several, the one that differs least: first in what was run on what, then in settings, then with reliable
    speeds. Other JSON files are ignored.
    """

    def differs(one: Baseline) -> tuple[int, int, int]:
        kept = one.side.record
        pairs = same_systems(kept, record)
        settings = [*settings_differences(kept, record), *(said for pair in pairs for said in unlike(*pair))]
        alone = len(kept.systems) - len(pairs)
        return len(subject_differences(kept, record)), alone + len(settings), len(kept.invalid)

    documents = ((path, _content(path)) for path in sorted(folder.glob("*.json")) if path.is_file())
    baselines = (_baseline(path, data) for path, data in documents if _SCHEMA_KEY in data)
    found = [one for one in baselines if one.side.record.model.card == record.model.card]
    found.sort(key=differs)
    own = [one for one in found if not machine_differences(one.side.record.machine, record.machine)]
    return next(iter(own + found), None)
