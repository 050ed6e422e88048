"""Trains a network by a recipe, with checkpoints from which it resumes with the same batches."""

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

import alexbench.harness
from alexbench.backends.registry import backend_class
from alexbench.datasets.dataset import Dataset
from alexbench.datasets.fingerprint import names_digest
from alexbench.datasets.synthetic.recognise import is_drawn
from alexbench.harness.console.progress import Display
from alexbench.harness.contract import Model, Options
from alexbench.harness.errors import DataError, TrainingDivergedError, UsageError
from alexbench.harness.files.plain_text import strict_json
from alexbench.harness.inputs import synthetic
from alexbench.harness.inputs.images import Selection, open_pictures, prepare_with_progress, select
from alexbench.harness.measure.environment import environment
from alexbench.harness.measure.machine import machine
from alexbench.harness.models.card import Card, load_card
from alexbench.harness.models.preprocessing import network_input
from alexbench.harness.models.recipes import Recipe, check_recipe, load_recipe
from alexbench.harness.models.seeded import seeded_weights
from alexbench.harness.models.weights import weights_digest
from alexbench.harness.records.file_names import LOGS
from alexbench.harness.records.training_curves import EpochPoint
from alexbench.harness.records.training_run import (
    CHECKPOINT,
    TRAINED_WEIGHTS,
    TRAINING_LOG,
    TRAINING_RUN,
    TrainingAsked,
    TrainingRun,
    TrainingStatus,
    read_training_run,
)
from alexbench.harness.running.chosen_rows import distributions_of
from alexbench.harness.running.folder import create, write_parquet, write_text
from alexbench.harness.trainers import Trainer, TrainingOptions, Trains
from alexbench.harness.training.batches import Batch, TrainingData
from alexbench.harness.training.checkpoint import Checkpoint, read_checkpoint, write_arrays, write_checkpoint
from alexbench.harness.training.limits import Limits
from alexbench.harness.training.opening import open_training

_LOG: Final = ("step", "epoch", "lr", "loss", "images", "skipped", "seconds")
_SCORED_AT_ONCE: Final = 50


@dataclass(slots=True)
class _Progress:
    """What was trained so far. ``log``: a row for each step, as in ``_LOG``. ``whole``: no step is half done."""

    steps: int = 0
    whole: bool = True
    seconds: float = 0.0
    skipped: int = 0
    log: list[tuple[int, int, float, float, int, int, float]] = field(default_factory=list)
    epochs: list[EpochPoint] = field(default_factory=list)


def train(
    asked: TrainingAsked, limits: Limits, *, out: Path, cache: Path, display: Display
) -> tuple[Path, TrainingRun]:
    """Train from seeded weights in a new folder below ``out``; the folder and its record.

    Raises:
        UsageError: an unknown name, a recipe of another image size, or what was asked for makes no sense.
        TrainingDivergedError: a loss is not finite. The last checkpoint is kept.
        AlexBenchError: as :func:`alexbench.harness.training.opening.open_training`.
    """
    card = _checked(asked)
    dataset = open_training(_selection(asked), cache=cache, display=display)
    folder = create(out, f"{card.name}-training", datetime.now(UTC))
    (folder / LOGS).rmdir()
    return _Session(asked, card, dataset, folder, display).train(limits, cache)


def resume(folder: Path, limits: Limits, *, cache: Path, display: Display) -> tuple[Path, TrainingRun]:
    """Continue the training in ``folder`` from its last checkpoint, with the batches that it would have had.

    Raises:
        UsageError: it is not a training run, has no checkpoint, is complete, or its images have changed.
        TrainingDivergedError: a loss is not finite. The last checkpoint is kept.
    """
    record = read_training_run(folder)
    if record.status == "complete":
        raise UsageError(f"{folder} is complete: all {record.asked.epochs} epochs were trained")
    card = _checked(record.asked)
    dataset = open_training(_selection(record.asked), cache=cache, display=display)
    if names_digest(dataset) != record.data_digest:
        raise UsageError(f"{dataset.source}: the images are not those of {folder}; start a new training")
    session = _Session(record.asked, card, dataset, folder, display)
    session.restore(record, read_checkpoint(folder / CHECKPOINT, session.network.parameter_shapes))
    return session.train(limits, cache)


def _selection(asked: TrainingAsked) -> Selection:
    return Selection(path=asked.data, layout=asked.layout, labels=asked.labels, limit=asked.limit, seed=asked.seed)


def _checked(asked: TrainingAsked) -> Card:
    card = load_card(asked.card)
    check_recipe(load_recipe(asked.recipe), card)
    return card


class _Session:
    """One training in one process."""

    def __init__(self, asked: TrainingAsked, card: Card, dataset: Dataset, folder: Path, display: Display) -> None:
        self.network = card.build_network()
        self._asked, self._card, self._dataset = asked, card, dataset
        self._folder, self._display = folder, display
        self._recipe: Recipe = replace(load_recipe(asked.recipe), lr=asked.lr, batch=asked.batch, epochs=asked.epochs)
        self._done = _Progress()
        self._saved = 0
        self._data = TrainingData(
            dataset,
            self._recipe.augmentation,
            card.preprocessing,
            seed=asked.seed,
            on_error=asked.on_error,
            workers=asked.workers,
        )
        self._steps = self._data.steps(asked.batch)
        self._record = self._first_record()
        self._trainer = self._opened()

    def _opened(self) -> Trainer:
        asked, recipe = self._asked, self._recipe
        backend = backend_class(asked.backend)()
        assert isinstance(backend, Trains), asked.backend
        initial = Model(self.network, seeded_weights(self.network.parameter_shapes, asked.seed, bias_bound=0.0))
        how = TrainingOptions(
            recipe.momentum, recipe.weight_decay, recipe.dropout, asked.seed, deterministic=asked.deterministic
        )
        with self._display.step(f"loading {asked.backend}"):
            return backend.open_trainer(initial, Options(asked.threads), how)

    def restore(self, record: TrainingRun, checkpoint: Checkpoint) -> None:
        """Continue from ``checkpoint``; the log is cut to its steps."""
        self._trainer.restore(checkpoint.weights, checkpoint.momentum, checkpoint.steps)
        log = pd.read_parquet(self._folder / TRAINING_LOG)
        log = log[log["step"] <= checkpoint.steps]
        done = self._done
        done.log = [tuple(row) for row in log[list(_LOG)].itertuples(index=False, name=None)]
        done.steps = self._saved = checkpoint.steps
        done.seconds = float(log["seconds"].iloc[-1]) if len(log) else 0.0
        done.skipped = int(log["skipped"].sum())
        done.epochs = [one for one in record.epochs if one.step <= checkpoint.steps]
        self._record = replace(self._record, started=record.started)

    def train(self, limits: Limits, cache: Path) -> tuple[Path, TrainingRun]:
        """All that is left, or as much as ``limits`` allow."""
        held_out = _held_out(self._asked, self._card, self._dataset, cache, self._display)
        with self._data:
            self._write_record("running")
            try:
                status = self._epochs(limits, held_out)
            except TrainingDivergedError:
                self._write_record("diverged")
                raise
            except KeyboardInterrupt:
                self._save("interrupted")
                self._display.say(f"interrupted after step {self._saved:,}; alexbench train --resume {self._folder}")
                raise
            except BaseException:
                self._write_record("failed")
                raise
        return self._folder, self._finish(status)

    def _epochs(self, limits: Limits, held_out: Callable[[Trainer], float | None]) -> TrainingStatus:
        done, steps, begun = self._done, self._steps, time.monotonic()
        due = begun + self._asked.checkpoint_minutes * 60
        total = min(steps * self._asked.epochs, limits.steps or steps * self._asked.epochs)
        for epoch in range(done.steps // steps, self._asked.epochs):
            with self._display.step(f"epoch {epoch + 1} of {self._asked.epochs}") as advance:
                first = done.steps - epoch * steps
                for batch in self._data.batches(batch=self._asked.batch, epoch=epoch, first_step=first):
                    if done.steps >= total or _over(begun, limits.minutes):
                        self._save("running")
                        return "stopped"
                    self._step(epoch, batch)
                    advance(done.steps - epoch * steps, steps)
                    if time.monotonic() >= due:
                        self._save("running")
                        due = time.monotonic() + self._asked.checkpoint_minutes * 60
            self._end_epoch(epoch, held_out)
            self._save("running")
        return "complete"

    def _step(self, epoch: int, batch: Batch) -> None:
        done, lr = self._done, self._recipe.lr_at(epoch)
        start = time.monotonic()
        pixels = network_input(
            batch.pixels, self._card.preprocessing, self._trainer.layout, threads=self._asked.threads
        )
        done.whole = False
        loss = self._trainer.step(pixels, batch.labels + self._card.label_offset, lr)
        if not math.isfinite(loss):
            last = (
                f"last good checkpoint: {self._folder / CHECKPOINT}, step {self._saved:,}"
                if self._saved
                else "none saved"
            )
            raise TrainingDivergedError(
                f"loss {loss} at step {done.steps + 1:,} (epoch {epoch + 1}, lr {lr:g}): training diverged;"
                f" {last}; start again with a smaller --lr"
            )
        done.steps += 1
        done.skipped += batch.skipped
        done.seconds += time.monotonic() - start
        done.log.append((done.steps, epoch + 1, lr, loss, len(batch.labels), batch.skipped, done.seconds))
        done.whole = True

    def _end_epoch(self, epoch: int, held_out: Callable[[Trainer], float | None]) -> None:
        rows = [row for row in self._done.log if row[1] == epoch + 1]
        seconds = rows[-1][6] - (self._done.epochs[-1].seconds if self._done.epochs else 0.0)
        images = sum(row[4] for row in rows)
        top1 = held_out(self._trainer)
        mean = sum(row[3] * row[4] for row in rows) / images
        point = EpochPoint(
            epoch + 1, self._done.steps, rows[-1][2], mean, rows[-1][6], images / max(seconds, 1e-9), top1
        )
        self._done.epochs.append(point)
        scored = "" if top1 is None else f", held-out top-1 {top1:.1f} %"
        self._display.say(f"  epoch {epoch + 1}: loss {mean:.3f}{scored}, {point.images_per_second:.1f} images/s")

    def _save(self, status: TrainingStatus) -> None:
        """A checkpoint of now. The one before stays within a step, and on a full disk, where training continues."""
        if self._done.whole and self._done.steps > self._saved:
            checkpoint = Checkpoint(self._trainer.weights(), self._trainer.momentum(), self._done.steps)
            if not checkpoint.finite:
                raise TrainingDivergedError(
                    f"weights are not finite after step {self._done.steps:,}: training diverged; last good checkpoint:"
                    f" step {self._saved:,}; start again with a smaller --lr"
                )
            try:
                write_parquet(self._folder / TRAINING_LOG, pd.DataFrame(self._done.log, columns=list(_LOG)))
                write_checkpoint(self._folder / CHECKPOINT, checkpoint)
                self._saved = self._done.steps
            except (OSError, UsageError) as error:
                said = getattr(error, "strerror", None) or error
                self._display.say(f"  checkpoint not written ({said}); that of step {self._saved:,} stays")
        self._write_record(status)

    def _finish(self, status: TrainingStatus) -> TrainingRun:
        """The trained weights as a file that ``alexbench run --weights`` takes."""
        weights = self._trainer.weights()
        write_arrays(self._folder / TRAINED_WEIGHTS, weights)
        return self._write_record(status, digest=weights_digest(weights))

    def _first_record(self) -> TrainingRun:
        """What does not change while it trains, and no step."""
        asked = self._asked
        return TrainingRun(
            alexbench=alexbench.harness.__version__,
            started=datetime.now(UTC).isoformat(timespec="seconds"),
            status="running",
            asked=asked,
            data=self._dataset.describe(),
            data_digest=names_digest(self._dataset),
            images=len(self._dataset),
            classes=int(np.count_nonzero(self._dataset.class_counts)),
            synthetic=not asked.data or is_drawn(self._dataset),
            steps_per_epoch=self._steps,
            step=0,
            seconds=0.0,
            skipped=0,
            epochs=(),
            machine=machine(),
            environment=asdict(environment(distributions_of(asked.backend))),
        )

    def _write_record(self, status: TrainingStatus, *, digest: str = "") -> TrainingRun:
        done = self._done
        record = replace(
            self._record,
            status=status,
            step=self._saved,
            seconds=done.seconds,
            skipped=done.skipped,
            epochs=tuple(done.epochs),
            weights_digest=digest,
        )
        write_training_run(self._folder, record)
        return record


def write_training_run(folder: Path, record: TrainingRun) -> None:
    """Write ``folder``/train.json, whole or not at all."""
    write_text(folder / TRAINING_RUN, strict_json(asdict(record)) + "\n")


def _over(begun: float, minutes: float | None) -> bool:
    return minutes is not None and time.monotonic() - begun >= minutes * 60


def _held_out(
    asked: TrainingAsked, card: Card, training: Dataset, cache: Path, display: Display
) -> Callable[[Trainer], float | None]:
    """Top-1 in percent of the held-out images of trained classes, each counted once; None where there are none.

    Raises:
        DataError: none of them is of a trained class.
    """
    if asked.data and not asked.val:
        return lambda _: None
    whole = Selection(path=asked.val)
    chosen = Selection(path=asked.val, limit=asked.val_limit, seed=asked.seed)
    if asked.val:
        dataset = open_pictures(whole, display).dataset
    else:
        dataset = synthetic.undamaged_pictures(
            "val", cache, lambda found: select(found, whole).dataset, log=cache / "inputs.log", display=display
        )
    trained = training.class_counts > 0
    known = tuple(one for one in dataset.samples if one.label < len(trained) and trained[one.label])
    if not known:
        raise DataError(f"{dataset.source}: no held-out image is of a class that is trained; give others with --val")
    dataset = select(replace(dataset, samples=known), chosen).dataset
    held = prepare_with_progress(dataset, card.preprocessing, cache, display, f"{len(dataset)} held-out images")
    labels = held.labels + card.label_offset
    return lambda trainer: 100.0 * _right(trainer, held.pixels, labels, asked, card) / len(held)


def _right(
    trainer: Trainer, pixels: NDArray[np.uint8], labels: NDArray[np.int64], asked: TrainingAsked, card: Card
) -> int:
    """How many images the weights of now answer right, on the runtime that trains."""
    backend = backend_class(asked.backend)()
    backend.load(Model(card.build_network(), trainer.weights()), Options(asked.threads))
    try:
        right = 0
        for at in range(0, len(pixels), _SCORED_AT_ONCE):
            part = slice(at, at + _SCORED_AT_ONCE)
            inputs = network_input(pixels[part], card.preprocessing, backend.input_layout, threads=asked.threads)
            right += int((backend.predict(inputs).argmax(1) == labels[part]).sum())
        return right
    finally:
        backend.close()
