"""The model under examination: a runtime with weights, or with a user's own file, asked for its outputs."""

from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from alexbench.harness.app.artifacts import artifact_of, look_into
from alexbench.harness.app.doctor.reading import Reading
from alexbench.harness.app.workers import WorkerProcess
from alexbench.harness.contract import ArtifactFacts, Options
from alexbench.harness.decoding import decode
from alexbench.harness.judge.outputs import Kind, as_logits, kind_of
from alexbench.harness.models.card import Card
from alexbench.harness.models.preprocessing import Preprocessing
from alexbench.harness.models.weights import map_weights, write_weights

BATCH: Final = 32
FC6: Final = "fc6.weight"
_FLATTENED: Final = (256, 6, 6)
"""What fc6 sees of every AlexNet: channels, height, width."""


class Patient:
    """A context manager; its workers are gone afterwards.

    ``weights``: a canonical file in the cache, None where only ``artifact`` is there. ``given``: how its pictures are
    read as things stand. ``kind``: of its outputs, once :meth:`learn_kind` has seen some.
    """

    def __init__(
        self,
        card: Card,
        backend: str,
        options: Options,
        *,
        weights: Path | None,
        artifact: str | None,
        python: str | None,
        folder: Path,
    ) -> None:
        self.card, self.backend, self.weights, self.artifact = card, backend, weights, artifact
        self.kind: Kind = "logits"
        self._options, self._folder, self._python = asdict(options), folder, python
        self._workers: dict[tuple[int, bool], WorkerProcess] = {}
        self._on_exit = ExitStack()
        self._seen: dict[str, Any] | None = None
        self.said_scores = "logits"
        fed = card.preprocessing
        if artifact is not None:
            self._seen = look_into(
                backend, artifact_of(artifact, card), self._options, card, self._log, **self._interpreter
            )
            fed = decode(Preprocessing, self._seen["preprocessing"])
            self.said_scores = str(self._seen["facts"]["scores"])
        self.given = Reading(replace(fed, name=""))

    @property
    def precision(self) -> str:
        """What was asked for; of a file, the coarsest type in it, which `run` holds it to."""
        if self._seen is None:
            return str(self._options["precision"])
        return decode(ArtifactFacts, self._seen["facts"]).held_to

    @property
    def native(self) -> bool:
        """Whether it is built from weights, and can be built otherwise."""
        return self.artifact is None

    def outputs(self, reading: Reading, pixels: Path, first: int, last: int) -> NDArray[np.float32]:
        """What it gives for pictures ``first`` .. ``last`` of the prepared ``pixels`` (a .npy file), as it gives it."""
        worker = self._worker(reading)
        out = self._folder / "outputs.npy"
        worker.ask("open", pixels=str(pixels), preprocessing=asdict(reading.fed))
        images = list(range(first, last))
        worker.ask("logits", images=images, batch_size=BATCH, out=str(out), reshaped=reading.reshaped, finite=False)
        found: NDArray[np.float32] = np.load(out)
        return found

    def learn_kind(self, outputs: NDArray[np.float32]) -> None:
        """Take what kind its outputs are from some of them."""
        self.kind = kind_of(outputs)
        if self.kind == "logits" and self.said_scores == "probabilities":
            self.kind = "probabilities"

    def logits(self, reading: Reading, pixels: Path, first: int, last: int) -> NDArray[np.float64]:
        """Logits, up to a constant a picture."""
        return as_logits(self.outputs(reading, pixels, first, last), self.kind)

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

    @property
    def _interpreter(self) -> dict[str, str]:
        return {} if self._python is None else {"python": self._python}

    def _worker(self, reading: Reading) -> WorkerProcess:
        """One process a network: another input size or another fc6 is another network."""
        key = (reading.fed.crop, reading.reflattened)
        if key not in self._workers:
            worker = self._on_exit.enter_context(WorkerProcess(self.backend, log=self._log, **self._interpreter))
            if self._seen is not None and self.artifact is not None:
                asked = artifact_of(self.artifact, self.card)
                worker.ask(
                    "load_artifact",
                    backend=self.backend,
                    artifact=asked,
                    facts=self._seen["facts"],
                    options=self._options,
                )
            else:
                assert self.weights is not None
                worker.ask(
                    "load",
                    backend=self.backend,
                    network=self.card.network,
                    input_size=reading.fed.crop,
                    weights=str(self._reflattened() if reading.reflattened else self.weights),
                    options=self._options,
                )
            self._workers[key] = worker
        return self._workers[key]

    def _reflattened(self) -> Path:
        """The weights with fc6's columns taken for H, W, C and put into C, H, W order."""
        assert self.weights is not None
        arrays = dict(map_weights(self.weights))
        arrays[FC6] = reflattened(arrays[FC6])
        return write_weights(arrays, self._folder)[0]


def reflattened(fc6: NDArray[np.float32]) -> NDArray[np.float32]:
    """fc6's weight (out, in) with its columns moved from H, W, C order to C, H, W."""
    channels, height, width = _FLATTENED
    return np.ascontiguousarray(fc6.reshape(-1, height, width, channels).transpose(0, 3, 1, 2).reshape(fc6.shape))
