"""The requests of a worker that are about answers: top-5 of every image, logits and activations of chosen ones."""

import time
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from alexbench.harness.capabilities import GivesActivations
from alexbench.harness.errors import UnsupportedOptionError, WorkerError
from alexbench.harness.files.lines import Done
from alexbench.harness.judge.parity import batch_dependence
from alexbench.harness.judge.symptoms import Batch, symptom
from alexbench.harness.measure.process import BusyThreads
from alexbench.harness.models.preprocessing import network_input
from alexbench.harness.records.run_records import Observed
from alexbench.harness.worker.answers import check_activations
from alexbench.harness.worker.protocol.scoring import Evaluate, Evaluated, Predict, WriteActivations, WriteLogits
from alexbench.harness.worker.state import Handlers, WorkerState


class Scoring(WorkerState):
    """Evaluation, logits, activations."""

    def evaluate(self, asked: Evaluate) -> Evaluated:
        """Batch by batch, the last one filled up where an image's scores depend on its batch."""
        from alexbench.datasets.prepared import pixels_digest
        from alexbench.harness.worker.stored_answers import StoredAnswers

        backend, pixels = self._loaded()
        digest = pixels_digest(pixels, threads=self._threads)  # what this process sees: 0.1 ms per image
        first_inference_ns = self._first_inference()
        alone = self._scores(self._timed_input(1), finite=False)
        kept = StoredAnswers(asked.out, len(pixels), asked.batch_size, whole=asked.whole, outputs=alone.shape[1])
        if self._options is not None and self._options.settings:  # some compile once for each batch size
            self._scores(self._timed_input(asked.batch_size), finite=False)
        before, seconds_before, missing = kept.images_done, kept.seconds, kept.missing
        done, busy = before, BusyThreads()
        depends = None if 0 in missing else _depends(alone, self._batch(kept.place(0)), asked.computed)
        last_one: Batch | None = None
        start = last = time.perf_counter()
        for batch in missing:
            where = kept.place(batch)
            logits = self._batch(where, filled_to=0 if depends is None else asked.batch_size)
            if batch == 0:
                depends = _depends(alone, logits, asked.computed)
                logits = logits if depends is None else self._batch(where, filled_to=asked.batch_size)
            last_one = _refuse_dead(backend.name, Batch(where.start, pixels[where], logits), last_one)
            now = time.perf_counter()
            kept.keep(batch, logits, seconds=now - last)
            last = now
            done += where.stop - where.start
            self.progress(done, len(pixels))
        seconds = time.perf_counter() - start
        kept.close()
        return Evaluated(
            seconds=seconds + seconds_before,
            pixels_digest=digest,
            images_kept=before,
            busy_threads=busy.count() if missing else None,
            observed=Observed(first_inference_ms=first_inference_ns / 1e6, batch_dependence=depends),
        )

    def write_logits(self, asked: WriteLogits) -> Done:
        """All of them in memory, then in the file."""
        _, pixels = self._loaded()
        rows, count = [], len(asked.images)
        for first in range(0, count, asked.batch_size):
            chosen = pixels[list(asked.images[first : first + asked.batch_size])]
            rows.append(self._scores(self._laid_out(chosen, reshaped=asked.reshaped), finite=asked.finite))
            self.progress(min(first + asked.batch_size, count), count)
        np.save(asked.out, np.concatenate(rows))
        return Done()

    def write_activations(self, asked: WriteActivations) -> Done:
        """By the backend's own power to tell them."""
        backend, pixels = self._loaded()
        assert self._preprocessing is not None
        if not isinstance(backend, GivesActivations):
            raise UnsupportedOptionError(f"{backend.name} does not let its inner layers be looked at")
        files: dict[str, NDArray[np.float64]] = {}
        count = len(asked.images)
        for first in range(0, count, asked.batch_size):
            chosen = pixels[list(asked.images[first : first + asked.batch_size])]
            given = network_input(chosen, self._preprocessing, backend.input_layout)
            answered = backend.activations(given, list(asked.layers))
            if self._model is not None:
                check_activations(backend, self._model.network, answered, asked.layers, len(chosen))
            for name, found in answered.items():
                if name not in files:
                    path, shape = asked.out / f"{name}.npy", (count, *found.shape[1:])
                    files[name] = np.lib.format.open_memmap(path, mode="w+", dtype=np.float64, shape=shape)
                files[name][first : first + len(found)] = found
            self.progress(min(first + asked.batch_size, count), count)
        return Done()

    def predict(self, asked: Predict) -> Done:
        """One call."""
        np.save(asked.out, self._scores(np.load(asked.inputs)))
        return Done()

    def _batch(self, where: slice, *, filled_to: int = 0) -> NDArray[np.float32]:
        """Scores of these images, padded with the first ones up to ``filled_to``."""
        _, pixels = self._loaded()
        missing = filled_to - (where.stop - where.start)
        if missing <= 0:
            return self._scores(self._input(where.start, where.stop), finite=False)  # _refuse_dead says which image
        chosen = np.arange(where.start, where.stop + missing) % len(pixels)
        found = self._scores(self._laid_out(pixels[chosen], reshaped=False), finite=False)
        return found[: where.stop - where.start]


def _depends(alone: NDArray[np.float32], first: NDArray[np.float32], computed: str) -> float | None:
    """By how much the first image's scores (1, outputs) are others in the first batch."""
    return batch_dependence(alone, first[:1], computed=computed, beside=first)


def _refuse_dead(backend: str, batch: Batch, before: Batch | None) -> Batch:
    """Refuses a broken model; else returns the batch, to compare the next one with."""
    found = symptom(batch, before)
    if found is not None:
        raise WorkerError(f"{backend}: nothing was scored: {found}")
    return replace(batch, logits=batch.logits.copy())


SCORING: Final[Handlers] = {
    Evaluate: Scoring.evaluate,
    WriteLogits: Scoring.write_logits,
    WriteActivations: Scoring.write_activations,
    Predict: Scoring.predict,
}
