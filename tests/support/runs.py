"""Runs on disk that never ran: rows of given answers, for tests of whatever reads a run's folder."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from alexbench.harness.judge.top_k import correct
from alexbench.harness.records.run_records import Accuracy, SystemRecord
from alexbench.harness.running import folder as run_folder
from tests.support.records import data, error_row, model, ok_row, run_record

SIGMA = 2.0
"""The sigma of the float64 logits of every run made here."""
EXPLAINED = 2e-4
"""The widest margin, in sigma, that rounding explains here."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What float64 said of an image: its five best ``classes`` and their ``scores``, best first."""

    classes: tuple[int, ...]
    scores: tuple[float, ...]


def answers(images: int, *, wrong: Sequence[int] = (), missed: Sequence[int] = ()) -> NDArray[np.int64]:
    """Top-5 of a row, (images, 5): image i is of class i % 1000 and right but where it is ``wrong``.

    There the label comes second, and nowhere in the images that are ``missed``.
    """
    labels = np.arange(images) % 1000
    top = (labels[:, None] + np.array([0, 100, 200, 300, 400])) % 1000
    for place in (*wrong, *missed):
        top[place, :2] = top[place, 1::-1]
    for place in missed:
        top[place, 1] = (labels[place] + 500) % 1000
    return top.astype(np.int64)


def write_run(
    folder: Path,
    rows: Mapping[str, NDArray[np.int64]],
    *,
    samples: Sequence[str] | None = None,
    labels: NDArray[np.int64] | None = None,
    pixels: Mapping[int, str] | None = None,
    reference: Mapping[int, Asked] | None = None,
    flips: Mapping[tuple[str, int], float] | None = None,
    failed: Sequence[str] = (),
    changes: Mapping[str, Mapping[str, Any]] | None = None,
    **of_run: Any,
) -> Path:
    """A complete run in ``folder``: ``rows`` are names and their top-5 (N, 5); the labels are 0, 1, ... unless given.

    ``pixels``: place -> another digest of its pixels. ``reference``: place -> what float64 said; without it the run is
    an older one. ``flips``: (row, place) -> margin in sigma. ``failed``: rows in error. ``changes``: of each row's
    record; ``of_run``: of the run's.
    """
    folder.mkdir(parents=True)
    images = len(next(iter(rows.values())))
    names = list(samples or (f"val_{place:05}.JPEG" for place in range(images)))
    truth = np.arange(images) % 1000 if labels is None else labels
    entries = [_entry(name, top, truth, (changes or {}).get(name, {})) for name, top in rows.items()]
    entries += [error_row(name) for name in failed]
    entries = [_flipped(entry, flips or {}) for entry in entries]
    digests = np.zeros((images, 2, 32), np.uint8)
    digests[:, 1, :2] = np.arange(images)[:, None]
    for place, digest in (pixels or {}).items():
        digests[place, 1] = list(bytes.fromhex(digest))
    sources, prepared = (hashlib.sha256(digests[:, kind].tobytes()).hexdigest() for kind in range(2))
    of_data = of_run.pop("data", data(images=images))
    is_own = of_data.pixels_digest == data().pixels_digest  # else the tables of another run would be next to it
    if is_own:
        of_data = replace(of_data, source_digest=sources, pixels_digest=prepared)
    record = run_record(*entries, **{"model": model(recipe_digest="aa" * 32), "data": of_data, **of_run})
    if record.reference is not None:
        asked = {} if reference is None else {"images": len(reference), "flips_examined": 0}
        record = replace(record, reference=replace(record.reference, sigma=SIGMA, **asked))
    run_folder.write_record(folder, record)
    frames = [_predictions(name, top, names, truth) for name, top in rows.items()]
    run_folder.write_predictions(folder, frames)
    if is_own:
        run_folder.write_samples(folder, names, truth, digests, {})
    if reference is not None:
        _write_reference(folder, names, truth, reference, flips or {})
    return folder


def _entry(name: str, top: NDArray[np.int64], labels: NDArray[np.int64], changes: Mapping[str, Any]) -> SystemRecord:
    top1, top5 = correct(top.astype(np.int32), labels)
    return ok_row(name, **{"accuracy": Accuracy(len(top), top1, top5, seconds=1.0), **changes})


def _predictions(name: str, top: NDArray[np.int64], names: list[str], labels: NDArray[np.int64]) -> pd.DataFrame:
    rows = np.zeros(len(top), [("classes", np.int32, 5), ("scores", np.float32, 5)])
    rows["classes"], rows["scores"] = top, np.arange(9, 4, -1)
    return run_folder.predictions(name, rows, names, labels, np.ones(len(top), bool))


def _flipped(entry: SystemRecord, flips: Mapping[tuple[str, int], float]) -> SystemRecord:
    """The row with a parity that counts these mismatches, if it has one."""
    margins = [margin for (name, _), margin in flips.items() if name == entry.name]
    if entry.parity is None or not margins:
        return entry
    unexplained = sum(margin > EXPLAINED for margin in margins)
    return replace(entry, parity=replace(entry.parity, flips=len(margins), unexplained_flips=unexplained))


def _write_reference(
    folder: Path,
    names: list[str],
    labels: NDArray[np.int64],
    reference: Mapping[int, Asked],
    flips: Mapping[tuple[str, int], float],
) -> None:
    truth = np.full((len(reference), 1000), -1e3)
    for line, asked in enumerate(reference.values()):
        truth[line, list(asked.classes)] = asked.scores
    run_folder.write_reference(folder, names, labels, np.array(list(reference), np.int64), truth, 0)
    frame = pd.DataFrame(
        {
            "backend": [backend for backend, _ in flips],
            "sample": [names[place] for _, place in flips],
            "margin_sigma": list(flips.values()),
            "explained": [margin <= EXPLAINED for margin in flips.values()],
        }
    )
    run_folder.write_flips(folder, [frame])
