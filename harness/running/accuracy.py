"""Accuracy and parity: every backend over all images, then all of them against float64."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from alexbench.backends.registry import REFERENCE
from alexbench.harness.config import RunConfig
from alexbench.harness.console.progress import Display
from alexbench.harness.contract import Known, Options
from alexbench.harness.errors import DataError
from alexbench.harness.inputs.gathering import RunInputs
from alexbench.harness.judge.chance import by_guessing, chance
from alexbench.harness.judge.parity import (
    Deviation,
    Tolerance,
    as_claimed,
    computed_as,
    deviation,
    is_explained,
    tolerance_of,
)
from alexbench.harness.judge.sampling import with_intervals
from alexbench.harness.judge.top_k import correct, top_k
from alexbench.harness.records import file_names
from alexbench.harness.records.precisions import QUANTISED
from alexbench.harness.records.reasons import Reason
from alexbench.harness.records.run_records import Accuracy, Parity, ReferenceRecord
from alexbench.harness.running import folder as run_folder
from alexbench.harness.running.kernel_check import deviation_of, kernel_check
from alexbench.harness.running.row import Row
from alexbench.harness.running.starting import log_of
from alexbench.harness.running.threads import note_threads
from alexbench.harness.worker.client import WorkerProcess
from alexbench.harness.worker.protocol.loading import Load
from alexbench.harness.worker.protocol.scoring import Evaluate, WriteLogits
from alexbench.harness.worker.stored_answers import read_answers

PARITY_IMAGES: Final = 64
REFERENCE_BATCH: Final = 8


def evaluate(rows: list[Row], config: RunConfig, run_inputs: RunInputs, folder: Path, display: Display) -> None:
    """Top-5 of every image and logits of the parity images, backend by backend, into the rows."""
    images = parity_images(run_inputs.good)
    unfinished = folder / file_names.UNFINISHED
    unfinished.mkdir(exist_ok=True)
    for row in rows:
        if not row.alive or row.worker is None:
            continue
        kept = unfinished / run_folder.file_of(row.name)
        try:
            if not run_folder.continues(kept, _what_decides(row, config, run_inputs)):
                display.say(f"{row.name} has changed since the run was interrupted: its accuracy starts again")
            with display.step(f"{row.name}: accuracy on {len(run_inputs.labels)} images") as advance:
                asked = Evaluate(
                    batch_size=config.batch_size,
                    whole=tuple(images.tolist()),
                    out=kept,
                    computed=row.system.precision if row.found is None else row.found.precision,
                )
                answer = row.worker.ask(asked, progress=advance)
            if answer.images_kept:
                display.say(f"{row.name}: {answer.images_kept} images were answered before the interruption")
            _check_pixels(answer.pixels_digest, run_inputs)
            depends = (answer if config.batch_size > 1 else row).observed.batch_dependence
            row.observed = replace(row.observed.then(answer.observed), batch_dependence=depends)
            note_threads(row, answer.busy_threads)
        except Exception as error:
            row.fail(error)
            continue
        answers, row.parity_logits = read_answers(kept)
        row.top = answers
        good = run_inputs.good
        labels, best = run_inputs.labels[good] + offset_of(row, run_inputs), answers["classes"][good]
        top1, top5 = correct(best, labels)
        luck = by_guessing(best[:, 0], labels, outputs_of(row, run_inputs))
        counts = Accuracy(
            int(good.sum()),
            top1,
            top5,
            answer.seconds,
            by_guessing=luck,
            chance=chance(top1, int(good.sum()), luck),
            batch_size=config.batch_size,
        )
        row.accuracy = with_intervals(counts, run_inputs.data)


def outputs_of(row: Row, run_inputs: RunInputs) -> int:
    """How many scores a row gives an image."""
    return run_inputs.card.labels if row.seen is None else row.seen.facts.outputs


def offset_of(row: Row, run_inputs: RunInputs) -> int:
    """What is added to a class to get the row's output."""
    return run_inputs.offset_of(outputs_of(row, run_inputs))


def _what_decides(row: Row, config: RunConfig, run_inputs: RunInputs) -> dict[str, Any]:
    """What must be as it was for answers of an interrupted run to be kept."""
    assert row.loaded_as is not None
    return {
        "batch_size": config.batch_size,
        "weights_digest": run_inputs.model.weights_digest,
        "pixels_digest": run_inputs.data.pixels_digest,
        "effective": {**asdict(row.loaded_as), "artifact": row.found and row.found.sha256},
    }


def _check_pixels(digest: str, run_inputs: RunInputs) -> None:
    """Every backend was given the same pixels: each worker says the digest of those it saw."""
    if digest != run_inputs.prepared.digest:
        raise DataError(f"{run_inputs.prepared.path}: not the pixels that were prepared; delete it and run again")


def hold_against_reference(
    rows: list[Row], config: RunConfig, run_inputs: RunInputs, folder: Path, display: Display
) -> ReferenceRecord | None:
    """Parity of every row with the float64 reference, on the parity images and on every one that backends dispute.

    None when no row has anything to hold. An image that all backends answer alike and float64 otherwise is not seen
    unless it is a parity image. What float64 said, and where rows did not, goes into ``reference.parquet`` and
    ``flips.parquet``.
    """
    judged = [row for row in rows if row.top is not None and row.parity_logits is not None]
    if run_inputs.weights is None:
        compare_with_first(judged)
        return None
    judged = [row for row in judged if outputs_of(row, run_inputs) == run_inputs.card.labels]
    if not judged:
        return None
    parity = parity_images(run_inputs.good)
    disputed = _disputed([row.top["classes"][:, 0] for row in judged if row.top is not None], run_inputs.good)
    images = np.union1d(parity, disputed)
    truth = _reference_logits(images, config, run_inputs, folder, display)
    place = {int(image): index for index, image in enumerate(images)}
    parity_truth = truth[[place[int(image)] for image in parity]]
    sigma = float(parity_truth.std())
    flips = []
    for row in judged:
        assert row.top is not None
        answers = row.top["classes"][images, 0]
        held_to = _held_to(row)
        margins = _margins(answers, truth, sigma, tolerance_of(held_to))
        row.parity = _parity(_deviation(row, parity_truth), margins, held_to, len(parity))
        _measured(row)
        row.kernels = kernel_check(row, run_inputs, parity, parity_truth, folder)
        names = [run_inputs.names[image] for image in images[margins.index.to_numpy()].tolist()]
        flips.append(margins.assign(backend=row.name, sample=names))
    offset = run_inputs.card.label_offset
    labels = run_inputs.labels + offset
    run_folder.write_reference(folder, run_inputs.names, labels, images, truth, offset)
    run_folder.write_flips(folder, flips)
    top, _ = top_k(parity_truth, 5)
    top1, top5 = correct(top, labels[parity])
    return ReferenceRecord(len(parity), top1, top5, sigma, len(images) - len(parity))


def compare_with_first(rows: Sequence[Row]) -> None:
    """Without weights there is no float64: how far each row's scores are from those of the first of its kind."""
    first: dict[tuple[int, str], Row] = {}
    for row in rows:
        if row.parity_logits is None or row.found is None:
            continue
        base = first.setdefault((row.parity_logits.shape[1], row.found.scores), row)
        if base is row or base.parity_logits is None:
            continue
        found = deviation(row.parity_logits, base.parity_logits.astype(np.float64))
        count = len(row.parity_logits)
        row.remarks.append(Reason("against_first", of=base.name, measured=found.max_abs_over_sigma, count=count))


def parity_of(row: Row, truth: NDArray[np.float64]) -> Parity:
    """The parity of a row whose ``parity_logits`` (N, outputs) are of the same images as ``truth``, on those alone.

    What a run of that row by itself finds: nobody disputes an image with it.
    """
    assert row.parity_logits is not None
    answers = top_k(row.parity_logits, 1)[0][:, 0].astype(np.int32)
    held_to = _held_to(row)
    margins = _margins(answers, truth, float(truth.std()), tolerance_of(held_to))
    return _parity(_deviation(row, truth), margins, held_to, len(truth))


def _held_to(row: Row) -> str:
    """The precision whose tolerance a row's error is held to: that asked for, or a file's coarsest type."""
    return row.system.precision if row.found is None else row.found.rounded or row.found.precision


def _deviation(row: Row, truth: NDArray[np.float64]) -> Deviation:
    assert row.parity_logits is not None
    return deviation_of(row.parity_logits, "logits" if row.found is None else row.found.scores, truth)


def parity_images(good: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Which of the ``good`` images (N,) parity is measured on: PARITY_IMAGES, spread evenly over them, or all."""
    places = np.flatnonzero(good)
    total = len(places)
    return places[np.unique(np.linspace(0, total - 1, min(PARITY_IMAGES, total)).astype(np.int64))]


def _disputed(answers: list[NDArray[np.int32]], good: NDArray[np.bool_]) -> NDArray[np.int64]:
    together = np.stack(answers)
    return np.flatnonzero((together != together[0]).any(axis=0) & good)


def _margins(
    answers: NDArray[np.int32], truth: NDArray[np.float64], sigma: float, tolerance: Tolerance
) -> pd.DataFrame:
    """For each image whose top-1 is not float64's: ``margin_sigma`` (float64) and ``explained`` (bool).

    ``answers`` (N,) and ``truth`` (N, outputs) are of the same images, whose places are the index.
    """
    best = top_k(truth, 1)[0][:, 0]
    flipped = np.flatnonzero(answers != best)
    margins = truth[flipped, best[flipped]] - truth[flipped, answers[flipped]]
    explained = [
        is_explained(truth[one], int(answers[one]), int(best[one]), sigma=sigma, tolerance=tolerance) for one in flipped
    ]
    # Logits without any spread have no margins to speak of, and no sigma to divide by.
    over_sigma = margins / sigma if sigma > 0 else margins
    return pd.DataFrame(
        {"margin_sigma": over_sigma.astype(np.float64), "explained": np.asarray(explained, dtype=bool)}, index=flipped
    )


def _parity(found: Deviation, margins: pd.DataFrame, held_to: str, images: int) -> Parity:
    """``margins``: of the row's mismatches. A file must meet the coarsest type in it, a network what was requested."""
    tolerance = tolerance_of(held_to)
    unexplained = int((~margins["explained"]).sum())
    # How loud a quantised file is says how it was calibrated, and names no format.
    known_as = None if held_to in QUANTISED else computed_as(found.effective_bits)
    return Parity(
        images=images,
        max_abs_over_sigma=found.max_abs_over_sigma,
        sqnr_db=found.sqnr_db,
        cosine=found.cosine,
        tolerance_max_abs_over_sigma=tolerance.max_abs_over_sigma,
        tolerance_sqnr_db=tolerance.sqnr_db,
        flips=len(margins),
        unexplained_flips=unexplained,
        passed=found.within(tolerance) and unexplained == 0,
        kl=found.kl,
        top5_overlap=found.top5_overlap,
        effective_bits=found.effective_bits,
        computed_as=known_as,
        as_claimed=None if known_as is None else as_claimed(held_to, known_as, within=found.within(tolerance)),
        held_to=held_to,
    )


def _measured(row: Row) -> None:
    """What a row computes in is known by measurement where its error is that of no coarser type than it says.

    Where the weights are coarser, the error is theirs and says nothing of the products.
    """
    ran = row.effective
    if ran is None or row.parity is None or not row.parity.as_claimed or ran.precision[1] == "reported":
        return
    if ran.precision[0] == row.parity.held_to:
        row.effective = replace(ran, precision=Known(ran.precision.value, "measured"))


def _reference_logits(
    images: NDArray[np.int64], config: RunConfig, run_inputs: RunInputs, folder: Path, display: Display
) -> NDArray[np.float64]:
    out = folder / file_names.SCRATCH / "reference-logits.npy"
    card, options = run_inputs.card, Options(threads=config.threads)
    title = f"float64 reference on {len(images)} images"
    with WorkerProcess(REFERENCE, log=log_of(REFERENCE, folder)) as worker, display.step(title) as advance:
        assert run_inputs.weights is not None
        worker.ask(Load(REFERENCE, card.network, card.preprocessing.crop, run_inputs.weights, options))
        worker.ask(run_inputs.opened)
        worker.ask(WriteLogits(tuple(images.tolist()), REFERENCE_BATCH, out), progress=advance)
    return np.asarray(np.load(out), dtype=np.float64)
