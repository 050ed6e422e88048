"""The model under examination: a runtime with weights, or with a user's own file, asked for its outputs."""

import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from alexbench.harness.inputs.model_files import artifact_of, artifact_record, file_digest, look_into
from alexbench.harness.judge.outputs import Kind, kind_of
from alexbench.harness.models.card import Card
from alexbench.harness.models.preprocessing import Preprocessing
from alexbench.harness.models.weights import map_weights, write_weights
from alexbench.harness.probing.reading import FlattenOrder, Reading
from alexbench.harness.records.effective import Effective
from alexbench.harness.running.row import Row
from alexbench.harness.running.starting import check_has_file, check_holds, options_of
from alexbench.harness.systems import ModelFile, System
from alexbench.harness.trust import confined_to
from alexbench.harness.worker.client import WorkerProcess
from alexbench.harness.worker.protocol.loading import Inspection, Load, LoadArtifact, OpenPixels
from alexbench.harness.worker.protocol.ranges import RangesTried, TryRanges
from alexbench.harness.worker.protocol.scoring import WriteLogits

BATCH: Final = 32
FC6: Final = "fc6.weight"
_FLATTENED: Final = (256, 6, 6)
"""What fc6 sees of every AlexNet: channels, height, width."""


class ModelUnderTest:
    """A context manager; its workers are gone afterwards.

    ``weights``: a canonical file in the cache, None where only ``artifact`` is there. ``given``: how its images are
    read as things stand. ``kind``: of its outputs, once :meth:`learn_kind` has seen some.
    """

    def __init__(
        self,
        card: Card,
        system: System,
        *,
        weights: Path | None,
        python: str | None,
        folder: Path,
    ) -> None:
        check_has_file(system)
        self.card, self.system, self.weights = card, system, weights
        self.kind: Kind = "logits"
        self._options, self._folder, self._python = options_of(system), folder, python or sys.executable
        self._workers: dict[tuple[int, FlattenOrder], WorkerProcess] = {}
        self._on_exit = ExitStack()
        self._seen: Inspection | None = None
        self._effective: Effective | None = None
        self.said_scores = "logits"
        fed = card.preprocessing
        if system.artifact is not None:
            asked = artifact_of(system.artifact, card)
            self._seen = look_into(
                self.backend, asked, self._options, card, self._log, python=self._python, faulty=True
            )
            check_holds(system, system.artifact.path, self._seen.facts)
            fed, self.said_scores = self._seen.preprocessing, str(self._seen.facts.scores)
        self.given = Reading(replace(fed, name=""))

    @property
    def backend(self) -> str:
        """What runs it."""
        return self.system.backend

    @property
    def artifact(self) -> ModelFile | None:
        """The user's file that it runs, None where it is built from weights."""
        return self.system.artifact

    @property
    def precision(self) -> str:
        """What was asked for; of a file, the coarsest type in it, which `run` holds it to."""
        return self._options.precision if self._seen is None else self._seen.facts.held_to

    @property
    def is_static_int8(self) -> bool:
        """Whether it is a file whose activation ranges were fixed when it was quantized."""
        return self._seen is not None and self._seen.facts.precision == "int8" and not self._seen.facts.dynamic

    @property
    def native(self) -> bool:
        """Whether it is built from weights, and can be built otherwise."""
        return self.artifact is None

    def outputs(self, reading: Reading, pixels: Path, images: Sequence[int]) -> NDArray[np.float32]:
        """What it gives for those of the prepared ``pixels`` (a .npy file), (len(images), outputs), as it gives it."""
        worker = self._worker(reading)
        out = self._folder / "outputs.npy"
        worker.ask(OpenPixels(pixels, reading.fed))
        worker.ask(WriteLogits(tuple(images), BATCH, out, reshaped=reading.reshaped, finite=False))
        found: NDArray[np.float32] = np.load(out)
        return found

    def try_ranges(
        self,
        pixels: Path,
        images: Sequence[int],
        readings: Sequence[Preprocessing],
        out: Path,
        ranges: dict[str, tuple[float, float]] | None = None,
    ) -> RangesTried:
        """See :class:`TryRanges`; in a process of its own.

        Raises:
            UnsupportedOptionError: its backend cannot do so with this file.
        """
        assert self.artifact is not None
        assert self._seen is not None
        writable = confined_to(self.artifact, self._folder)
        with WorkerProcess(self.backend, log=self._log, writable=writable, python=self._python) as worker:
            file, chosen = artifact_of(self.artifact, self.card), tuple(images)
            return worker.ask(
                TryRanges(
                    self.backend, file, self._seen.facts, self._options, pixels, chosen, tuple(readings), out, ranges
                )
            )

    def learn_kind(self, outputs: NDArray[np.float32]) -> None:
        """Take what kind its outputs are from some of them."""
        self.kind = kind_of(outputs)
        if self.kind == "logits" and self.said_scores == "probabilities":
            self.kind = "probabilities"

    def row(self, logits: NDArray[np.float32]) -> Row:
        """What a run would know of it that had these outputs (N, outputs) for its parity images."""
        row = Row(self.backend, self.system, seen=self._seen, parity_logits=logits)
        row.effective = self._effective
        if self.artifact is not None and self._seen is not None:
            file = replace(self.artifact, sha256=file_digest(Path(self.artifact.path)))
            row.found = artifact_record(file, self._seen)
        return row

    def close(self) -> None:
        """End its workers."""
        self._on_exit.close()
        self._workers.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def _log(self) -> Path:
        return self._folder / f"{self.backend}.log"

    def _worker(self, reading: Reading) -> WorkerProcess:
        """One process a network: another input size or another fc6 is another network."""
        key = (reading.fed.crop, reading.flatten)
        if key not in self._workers:
            writable = confined_to(self.artifact, self._folder)
            worker = self._on_exit.enter_context(
                WorkerProcess(self.backend, log=self._log, writable=writable, python=self._python)
            )
            load: Load | LoadArtifact
            if self._seen is not None and self.artifact is not None:
                asked = artifact_of(self.artifact, self.card)
                load = LoadArtifact(self.backend, asked, self._seen.facts, self._options)
            else:
                weights = self._reflattened(reading.flatten)
                load = Load(self.backend, self.card.network, reading.fed.crop, weights, self._options)
            ran = worker.ask(load).effective
            self._effective = self._effective or ran
            self._workers[key] = worker
        return self._workers[key]

    def _reflattened(self, order: FlattenOrder) -> Path:
        """The weights, fc6's columns moved."""
        assert self.weights is not None
        if order == "as given":
            return self.weights
        arrays = dict(map_weights(self.weights))
        arrays[FC6] = reflattened(arrays[FC6], order)
        return write_weights(arrays, self._folder)[0]


def reflattened(fc6: NDArray[np.float32], order: FlattenOrder) -> NDArray[np.float32]:
    """fc6's weight (out, in) with its columns moved as ``order`` says."""
    channels, height, width = _FLATTENED
    if order == "from H, W, C":
        moved = fc6.reshape(-1, height, width, channels).transpose(0, 3, 1, 2)
    elif order == "to H, W, C":
        moved = fc6.reshape(-1, channels, height, width).transpose(0, 2, 3, 1)
    elif order == "from C, W, H":
        moved = fc6.reshape(-1, channels, width, height).transpose(0, 1, 3, 2)
    else:
        return fc6
    return np.ascontiguousarray(moved.reshape(fc6.shape))
