"""What the timing benchmarks share: a network with seeded weights in worker processes, and ratios with intervals."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import numpy as np
from safetensors.numpy import save_file

from alexbench.harness.contract import Artifact, Model, Options
from alexbench.harness.inputs.model_files import artifact_of, look_into
from alexbench.harness.judge.statistics import BOOTSTRAP_REPEATS, BOOTSTRAP_SEED, Interval
from alexbench.harness.measure.clock import WARM_UP_SECONDS
from alexbench.harness.measure.rounds import Block, Measured, Plan, Task, run_rounds
from alexbench.harness.models.card import load_card
from alexbench.harness.models.network import get_network
from alexbench.harness.models.seeded import seeded_weights
from alexbench.harness.systems import InputConvention, ModelFile
from alexbench.harness.worker.client import WorkerProcess
from alexbench.harness.worker.protocol.loading import Load, LoadArtifact, OpenPixels
from alexbench.harness.worker.protocol.timing import TimeCalls, WarmUp

Settings = tuple[tuple[str, str], ...]
SEED = 20261121
CARD = load_card("torchvision")


@cache
def model() -> Model:
    """`owt` with random weights, the same every time."""
    network = get_network("owt", input_size=CARD.preprocessing.crop)
    return Model(network, seeded_weights(network.parameter_shapes, SEED))


@contextmanager
def run_inputs() -> Iterator[Path]:
    """A folder with ``weights.safetensors`` and ``pixels.npy`` (32 random images, uint8)."""
    with TemporaryDirectory(prefix="alexbench-timing-") as folder:
        save_file(dict(model().weights), Path(folder) / "weights.safetensors")
        side = CARD.preprocessing.crop
        pixels = np.random.Generator(np.random.PCG64(SEED)).integers(0, 256, (32, side, side, 3), np.uint8)
        np.save(Path(folder) / "pixels.npy", pixels)
        yield Path(folder)


def loaded(
    name: str, backend: str, folder: Path, threads: int, *, settings: Settings = (), file: Path | None = None
) -> WorkerProcess:
    """A worker with the network, or a file, loaded, the images open and warmed up at batch 1; the caller ends it."""
    worker = WorkerProcess(name, log=folder / f"{name}.log")
    load_into(worker, backend, folder, threads, settings=settings, file=file)
    worker.ask(WarmUp(1))
    return worker


def load_into(
    worker: WorkerProcess,
    backend: str,
    folder: Path,
    threads: int,
    *,
    settings: Settings = (),
    file: Path | None = None,
) -> None:
    """Load the network of :func:`run_inputs`, or a file, into a worker that has none, and open the images."""
    side, weights = CARD.preprocessing.crop, folder / "weights.safetensors"
    options = Options(threads=threads, settings=settings)
    if file is None:
        worker.ask(Load(backend, "owt", side, weights, options))
    else:
        artifact = Artifact(file, (3, side, side), 1000)
        facts = look_into(backend, artifact_of(given(file), CARD), options, CARD, folder / "inspection.log").facts
        worker.ask(LoadArtifact(backend, artifact, facts, options))
    worker.ask(OpenPixels(folder / "pixels.npy", CARD.preprocessing))


def given(file: Path) -> ModelFile:
    """A file that takes normalised pixels, as `alexbench quantize` writes it."""
    return ModelFile(str(file), convention=InputConvention("normalised"), trusted=True)


def load_anew(
    workers: Mapping[str, WorkerProcess], backends: Mapping[str, str], folder: Path, threads: int, *, seed: int
) -> None:
    """A fresh process of each worker, with the network of its backend, in random order."""
    names = list(workers)
    Random(seed).shuffle(names)
    for name in names:
        workers[name].restart()
        load_into(workers[name], backends[name], folder, threads)


def take_turns(
    workers: Mapping[str, WorkerProcess], plan: Plan, *, batch: int, seconds: float, seed: int
) -> list[Block]:
    """Warm all up at a batch size, then rounds of blocks; a worker that fails ends the script."""
    for worker in workers.values():
        worker.ask(WarmUp(batch, WARM_UP_SECONDS if batch == 1 else 0.0))

    def block(name: str) -> Measured:
        return Measured(tuple(workers[name].ask(TimeCalls(batch, seconds)).ns), batch)

    tasks = {Task(name, "Offline", batch): partial(block, name) for name in workers}
    return run_rounds(tasks, plan, seed=seed, on_round=lambda *_: None, on_failure=_give_up)


def _give_up(name: str, error: Exception) -> None:
    raise SystemExit(f"{name}: {error}")


def paired_ratio(pairs: Sequence[tuple[float, float]]) -> Interval:
    """How many times the first of each pair is the second: the median over pairs, with its 90 % interval.

    A bootstrap: ln first - ln second of each pair, pairs resampled, 5th and 95th percentile of the medians.
    """
    logs = np.log([first / second for first, second in pairs])
    draws = np.random.default_rng(BOOTSTRAP_SEED).integers(0, len(logs), (BOOTSTRAP_REPEATS, len(logs)))
    medians = np.median(logs[draws], axis=1)
    low, high = np.percentile(medians, [5, 95])
    return Interval(*(math.exp(float(one)) for one in (np.median(logs), low, high)))
