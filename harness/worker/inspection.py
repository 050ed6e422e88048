"""An artifact looked at before anything is prepared: what is in it, what to feed it, what its scores are.

The graph says some of it (the adapters read it); the rest is tried on images drawn for the purpose, fed exactly as a
run feeds its own. In a worker of its own, so that the load time and the first inference of the run's are untouched.
"""

import contextlib
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from alexbench.harness.capabilities import RunsArtifacts
from alexbench.harness.contract import Artifact, ArtifactFacts, Backend, Options, Scores
from alexbench.harness.errors import (
    AlexBenchError,
    UnsupportedOptionError,
    UsageError,
    WeightsError,
    WrongCountError,
)
from alexbench.harness.judge.parity import batch_dependence
from alexbench.harness.models.preprocessing import Preprocessing, fed_to, network_input
from alexbench.harness.trust import require_trust
from alexbench.harness.worker.answers import Answers
from alexbench.harness.worker.protocol.loading import Inspection

PROBES: Final = 3
"""More than one, so that a fixed batch is padded, and not a multiple of those in use (4, 8, 16)."""

SUM_TOLERANCE: Final = 1e-3
"""fp16 rounds probabilities by 2^-11 each, and a few dominate the sum; int8's 1/255 steps are seen in the graph."""

REPEAT_TOLERANCE: Final = 1e-3
"""A share of the largest score. Threads may sum in another order (1e-6); dropout changes scores by tens of percent."""


def inspect(
    backend: Backend, artifact: Artifact, options: Options, preprocessing: Preprocessing, *, faulty: bool = False
) -> Inspection:
    """Read, load and try ``artifact``; ``preprocessing`` is the card's. ``backend`` is closed afterwards.

    ``faulty``: answer also for a file that runs but whose scores are worthless (random, not finite), for the doctor.

    Raises:
        AlexBenchError: the file, the card or the options are not to be used together; the message says why.
    """
    runs = runs_artifacts(backend, artifact)
    try:
        facts = runs.inspect_artifact(artifact, options)
    except (AlexBenchError, MemoryError):
        raise
    except Exception as error:  # a damaged graph makes each reader stumble over something else
        said = " ".join(str(error).split())[:300]
        raise WeightsError(f"{artifact.path} cannot be read: {type(error).__name__}: {said}") from error
    fed = fed_to(
        str(artifact.path),
        preprocessing,
        facts.normalisation,
        backend=backend.name,
        unread=facts.unread,
        clips=facts.clips,
        stated=artifact.convention,
        whole_numbers=facts.dtype == "uint8",
    )
    inputs = network_input(probes(artifact.image), fed, facts.layout)
    facts, rows, again = _counted(backend, artifact, facts, options, inputs)
    alone = np.concatenate([Answers(facts.outputs).scores(backend, one[None], finite=False) for one in inputs])
    backend.close()
    fault = _fault(rows, again)
    if fault is not None and not faulty:
        raise WeightsError(f"{artifact.path} {fault}")
    depends = batch_dependence(alone, rows, computed=facts.precision) if fault is None else None
    scores = scores_of(rows, facts.scores_in_graph)
    return Inspection(replace(facts, scores=scores, batch_dependence=depends), fed)


def _fault(rows: NDArray[np.float32], again: NDArray[np.float32]) -> str | None:
    """Why nothing may be scored by scores (N, outputs); ``again``: those of the same images, the second time."""
    if not np.isfinite(rows).all():
        return "gives scores that are not finite (NaN or infinity)"
    if np.abs(rows - again).max() > REPEAT_TOLERANCE * max(np.abs(rows).max(), 1e-30):
        return "scores the same images differently the second time: is dropout on? Export it for inference (eval mode)"
    return None


def _counted(
    backend: Backend, artifact: Artifact, facts: ArtifactFacts, options: Options, inputs: NDArray[np.float32]
) -> tuple[ArtifactFacts, NDArray[np.float32], NDArray[np.float32]]:
    """As :func:`_try`; a file whose graph does not show its number of scores may give another one that will do."""
    try:
        return _try(backend, artifact, facts, options, inputs)
    except WrongCountError as error:
        if error.found == facts.outputs or not artifact.takes(error.found):
            raise
        return _try(backend, artifact, replace(facts, outputs=error.found), options, inputs)


def _try(
    backend: Backend, artifact: Artifact, facts: ArtifactFacts, options: Options, inputs: NDArray[np.float32]
) -> tuple[ArtifactFacts, NDArray[np.float32], NDArray[np.float32]]:
    """The scores of ``inputs``, twice. A file that says it takes any batch, but runs with one image only, is told."""
    answers = Answers(facts.outputs)
    try:
        runs_artifacts(backend, artifact).load_artifact(artifact, facts, options)
        return facts, answers.scores(backend, inputs, finite=False), answers.scores(backend, inputs, finite=False)
    except AlexBenchError:
        raise
    except Exception as error:  # each runtime has classes of its own
        if facts.batch is None:
            with contextlib.suppress(WeightsError):
                return _try(backend, artifact, replace(facts, batch=1), options, inputs)
        reason = " ".join(str(error).split()) or type(error).__name__
        raise WeightsError(f"{artifact.path} does not run on {backend.name}: {reason[:300]}") from error


def runs_artifacts(backend: Backend, artifact: Artifact) -> RunsArtifacts:
    """The same backend, as one that runs artifacts and may run this one.

    Raises:
        UsageError: it runs none, or the file is a program that the user does not trust.
    """
    if not isinstance(backend, RunsArtifacts):
        raise UsageError(f"{backend.name} runs no artifacts; leave --artifact {backend.name}=... out")
    require_trust(type(backend), artifact.path, trusted=artifact.trusted)
    return backend


def probes(image: tuple[int, int, int]) -> NDArray[np.uint8]:
    """Images (PROBES, H, W, 3) uint8: noise, coarse blocks, and a black one with a white half."""
    channels, height, width = image
    if channels != 3:
        raise UnsupportedOptionError(f"images of {channels} channels are not supported; wanted 3")
    random = np.random.RandomState(3)
    noise = random.randint(0, 256, (height, width, 3)).astype(np.uint8)
    coarse = random.randint(0, 256, (8, 8, 3)).astype(np.uint8)
    rows, columns = np.arange(height) * 8 // height, np.arange(width) * 8 // width
    half = np.zeros((height, width, 3), np.uint8)
    half[:, width // 2 :] = 255
    return np.stack([noise, coarse[rows[:, None], columns[None, :]], half])


def scores_of(rows: NDArray[np.float32], said: Scores | None) -> Scores:
    """What score rows (N, outputs) are, by their values; ``said``, by the graph, decides where values are rounded.

    Probabilities that a quantised file rounds to 1/255 need not sum to 1: those are believed if the graph ends in
    softmax.
    """
    values = rows.astype(np.float64)
    if (values >= 0).all() and (values <= 1 + SUM_TOLERANCE).all():
        if (np.abs(values.sum(axis=1) - 1) <= SUM_TOLERANCE).all():
            return "probabilities"
        if said == "probabilities" and len(np.unique(rows)) <= 256:
            return "probabilities"
    if (values <= SUM_TOLERANCE).all() and (np.abs(np.exp(values).sum(axis=1) - 1) <= SUM_TOLERANCE).all():
        return "log-probabilities"
    return "logits"
