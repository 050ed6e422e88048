"""A run's folder on disk. Files are written whole or not at all, and raw files never change once complete."""

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from alexbench.datasets.classes import CLASS_COUNT
from alexbench.harness.errors import UsageError
from alexbench.harness.files.out_file import check_folder
from alexbench.harness.files.whole_file import whole_file, write_whole
from alexbench.harness.judge.top_k import top_k
from alexbench.harness.measure.rounds import Block
from alexbench.harness.records.file_names import BLOCKS, FLIPS, LOGS, PREDICTIONS, REFERENCE, RUN_FILE, SAMPLES, TIMINGS
from alexbench.harness.records.record_files import to_json
from alexbench.harness.records.run_records import RunRecord
from alexbench.harness.run_tables import write_table
from alexbench.harness.worker.stored_answers import files_of

_LONGEST: Final = 60
"""Characters of a label in a file's name."""
_OFTEN_ABSENT: Final = ("stolen_ns", "foreign_ns", "throttled")


def create(out: Path, card: str, started: datetime) -> Path:
    """A new folder ``out``/<UTC time>-<card>, with a number behind where two runs start within a second.

    Raises:
        UsageError: the folder cannot be made.
    """
    check_folder(out)
    name = f"{started.astimezone(UTC):%Y%m%dT%H%M%SZ}-{card}"
    for number in range(1, 1000):
        folder = out / (name if number == 1 else f"{name}-{number}")
        try:
            out.mkdir(parents=True, exist_ok=True)
            folder.mkdir()
            (folder / LOGS).mkdir()
        except FileExistsError:
            if out.is_dir():
                continue
            raise UsageError(f"--out {out} is a file, not a folder; name another") from None
        except OSError as error:
            raise UsageError(f"--out {out}: {error.strerror}; name a folder that can be written") from error
        return folder
    raise UsageError(f"--out {out}: a thousand runs named {name}; name another folder")


@contextlib.contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Around the writing of ``path``.

    Raises:
        UsageError: the disk is full, or the folder cannot be written to.
    """
    try:
        yield
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written ({os.strerror(error.errno) if error.errno else error}); free space or make it"
            f" writable, then: alexbench run --resume {path.parent}"
        ) from error


def write_text(path: Path, text: str) -> None:
    """Write ``text`` (UTF-8) to ``path``, whole or not at all."""
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: Path, content: bytes) -> None:
    """Write ``content`` to ``path``, whole or not at all."""
    with _writing(path):
        write_whole(path, content)


def write_record(folder: Path, record: RunRecord) -> None:
    """Write ``run.json``."""
    write_text(folder / RUN_FILE, to_json(record))


def file_of(label: str) -> str:
    """What a row's files are called: its label, with what no file's name holds replaced; each label's is another."""
    plain = re.sub(r"[^A-Za-z0-9@._+-]", "_", label)[:_LONGEST]
    if plain == label or plain.replace("_", " ") == label:
        return plain
    return f"{plain}-{hashlib.sha256(label.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"


def continues(kept: Path, decides: Mapping[str, Any]) -> bool:
    """Whether the answers of a row in the files ``kept``-* may be kept: ``decides`` is as it was, or there are none.

    If it is not, they are removed. ``decides`` is noted for the next time.
    """
    note = kept.with_name(f"{kept.name}.json")
    text = json.dumps(decides, sort_keys=True)
    try:
        noted = note.read_text(encoding="utf-8")
    except OSError:
        noted = None  # without a note nobody knows what there may be answers to
    if noted != text:
        for file in files_of(kept):
            file.unlink(missing_ok=True)
    write_text(note, text)
    return noted in (None, text)


def write_samples(
    folder: Path, names: Sequence[str], labels: NDArray[np.int64], digests: NDArray[np.uint8], bad: Mapping[int, str]
) -> None:
    """``samples.parquet``: sample, label (0..999), source_sha256, pixels_sha256 (hex), skipped (why, or null).

    ``digests`` (N, 2, 32) uint8: of each image's file and of its prepared pixels. ``bad``: place -> what was wrong.
    """
    frame = pd.DataFrame(
        {
            "sample": list(names),
            "label": labels.astype(np.int16),
            "source_sha256": [row.tobytes().hex() for row in digests[:, 0]],
            "pixels_sha256": [row.tobytes().hex() for row in digests[:, 1]],
            "skipped": pd.array([bad.get(place) for place in range(len(names))], dtype="string"),
        }
    )
    write_parquet(folder / SAMPLES, frame)


def predictions(
    backend: str,
    top: NDArray[Any],
    names: Sequence[str],
    labels: NDArray[np.int64],
    good: NDArray[np.bool_],
    *,
    label_offset: int = 0,
    classes: int = CLASS_COUNT,
) -> pd.DataFrame:
    """A backend's rows of ``predictions.parquet``, those of the ``good`` images.

    ``labels`` (N,) are classes; those of ``top`` are outputs, of which ``label_offset`` is class 0. What is none of the
    ``classes`` (the background, or a place in the top 5 beyond the last class) is -1.
    """
    kept = top[good]
    answers = kept["classes"] - label_offset
    answers[(answers < 0) | (answers >= classes)] = -1
    columns: dict[str, object] = {
        "backend": backend,
        "sample": [name for name, counts in zip(names, good.tolist(), strict=True) if counts],
        "label": labels[good].astype(np.int16),
    }
    for place in range(5):
        columns[f"top{place + 1}"] = answers[:, place].astype(np.int16)
    for place in range(5):
        columns[f"score{place + 1}"] = kept["scores"][:, place]
    return pd.DataFrame(columns)


def write_predictions(folder: Path, frames: Sequence[pd.DataFrame]) -> None:
    """``predictions.parquet``: backend, sample, label, top1..top5 (classes; -1 is background), score1..score5."""
    if frames:
        write_parquet(folder / PREDICTIONS, pd.concat(frames, ignore_index=True))


def write_reference(
    folder: Path,
    names: Sequence[str],
    labels: NDArray[np.int64],
    images: NDArray[np.int64],
    truth: NDArray[np.float64],
    label_offset: int,
) -> None:
    """``reference.parquet``: what float64 answers to the images ``images``, whose logits ``truth`` (N, outputs) are.

    sample (string), label (int16, 0..999), top1..top5 (int16: classes; -1 is background), score1..score5 (float64).
    """
    top, _ = top_k(truth, 5)
    columns: dict[str, object] = {
        "sample": [names[place] for place in images.tolist()],
        "label": (labels[images] - label_offset).astype(np.int16),
    }
    columns |= {f"top{place + 1}": (top[:, place] - label_offset).astype(np.int16) for place in range(top.shape[1])}
    scores = np.take_along_axis(truth, top, axis=1)  # top_k's own are float32
    columns |= {f"score{place + 1}": scores[:, place] for place in range(top.shape[1])}
    write_parquet(folder / REFERENCE, pd.DataFrame(columns))


def write_flips(folder: Path, frames: Sequence[pd.DataFrame]) -> None:
    """``flips.parquet``: where a row's top-1 is not float64's; with its columns even where it has no rows.

    backend and sample (string), margin_sigma (float64: by how much float64 prefers its own answer to the row's, in
    standard deviations of its logits), explained (bool: whether the row's precision may turn so small a margin).
    """
    columns = {"backend": "string", "sample": "string", "margin_sigma": "float64", "explained": "bool"}
    filled = [frame for frame in frames if len(frame)]
    frame = pd.concat(filled, ignore_index=True) if filled else pd.DataFrame(columns=list(columns))
    write_parquet(folder / FLIPS, frame[list(columns)].astype(columns))


def write_timings(folder: Path, blocks: Iterable[Block]) -> None:
    """``timings.parquet``, every single call that was timed, and ``blocks.parquet``, what was seen around each block.

    timings: backend, scenario, batch, way, process, round, settled, ns. blocks: the same without ns, and calls, images
    (a call), median_ns, cpu_ns, whole_ns (all cores' time around the block), stolen_ns and foreign_ns of it, throttled,
    joules. Figures are made from the ``settled`` ones; those before were not steady yet. ``backend`` may be the machine
    probe, or a backend's A/A duplicate.
    """
    singles: list[NDArray[np.int64]] = []
    keys, wholes = [], []
    for block in blocks:
        seen = block.measured
        key = {
            "backend": block.task.participant,
            "scenario": block.task.scenario,
            "batch": np.int32(block.task.batch_size),
            "way": block.task.way,
            "process": np.int32(block.process),
            "round": np.int32(block.round),
            "settled": block.settled,
        }
        keys.append(key)
        singles.append(np.asarray(seen.ns, dtype=np.int64))
        around = {name: getattr(seen, name) for name in ("cpu_ns", "whole_ns", *_OFTEN_ABSENT, "joules")}
        figures = {"calls": len(seen.ns), "images": seen.images, "median_ns": float(np.median(seen.ns))}
        wholes.append({**key, **figures, **around})
    if wholes:
        calls = pd.DataFrame(keys).astype(dict.fromkeys(("batch", "process", "round"), np.int32))
        calls = calls.take(np.repeat(np.arange(len(keys)), [len(ns) for ns in singles])).reset_index(drop=True)
        write_parquet(folder / TIMINGS, calls.assign(ns=np.concatenate(singles)))
        frame = pd.DataFrame(wholes).astype({**dict.fromkeys(_OFTEN_ABSENT, "Int64"), "joules": "float64"})
        write_parquet(folder / BLOCKS, frame)


def write_parquet(path: Path, frame: pd.DataFrame) -> None:
    """Write a table, whole or not at all; the same table gives the same bytes."""
    with _writing(path), whole_file(path) as partial:
        write_table(partial, frame)
