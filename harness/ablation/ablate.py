"""``alexbench ablate``: the same weights and images under every choice of preprocessing, and what each costs."""

import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import numpy as np

from alexbench.backends.registry import availability
from alexbench.datasets.dataset import Dataset
from alexbench.harness.ablation.axes import Grid, grid_of
from alexbench.harness.ablation.findings import Answers, judged
from alexbench.harness.config import RunConfig
from alexbench.harness.console.progress import Display
from alexbench.harness.errors import TooFewImagesError, WorkerError
from alexbench.harness.files.cache_folder import cache_folder
from alexbench.harness.files.scratch import scratch
from alexbench.harness.inputs import synthetic as synthetic_set
from alexbench.harness.inputs.chosen_weights import choose_weights
from alexbench.harness.inputs.early_checks import check_early
from alexbench.harness.inputs.gathering import pictures_of, writable
from alexbench.harness.inputs.interpreters import check_interpreter
from alexbench.harness.inputs.matching import check_belonging, refuse_own_classes
from alexbench.harness.judge.symptoms import not_finite, same_for_every_class
from alexbench.harness.measure.process import usable_cores
from alexbench.harness.models.card import load_card
from alexbench.harness.models.synthetic_label import is_synthetic
from alexbench.harness.probing.chosen_system import system_of
from alexbench.harness.probing.model_under_test import ModelUnderTest
from alexbench.harness.probing.reading import Reading
from alexbench.harness.probing.trials import LEAST_IMAGES, Trials
from alexbench.harness.records.ablation_records import Ablation, Choice
from alexbench.harness.running.estimate import machine_now

_AT_ONCE: Final = 64
"""Images whose pixels under every choice are on disk at a time: 0.5 GB for 56 ways to prepare them."""
_PREPARE_CORE_S: Final = 0.001
"""To resize and crop a decoded image of ImageNet's usual size: 0.2 (nearest) to 2.1 ms (Lanczos) of one core."""


def ablate(config: RunConfig, vary: tuple[str, ...], display: Display) -> Ablation:
    """Answer for every image under every combination of the axes ``vary`` (all five where none is named).

    Raises:
        TooFewImagesError: fewer than LEAST_IMAGES images.
        AlexBenchError: an error that the user can fix; the message has the fix.
    """
    card = load_card(config.model)
    grid_of(card.preprocessing, vary)  # a wrong name must fail before any work
    if config.limit is not None and config.limit < LEAST_IMAGES:
        raise _too_few(config.limit, f"--limit {config.limit}")
    check_early(config)
    cache, system = writable(cache_folder()), system_of(config)
    backend, artifact, python = system.backend, system.artifact, config.interpreter_of(system)
    log = cache / "inputs.log"
    check_interpreter(system, python, log)
    weights = None
    if artifact is None or config.weights is not None:
        weights = choose_weights(
            card,
            config.weights,
            cache,
            log=log,
            display=display,
            data_format=config.weights_layout,
            key=config.weights_key,
        )
    pictures = pictures_of(config, cache, log, display)
    refuse_own_classes(config, pictures.dataset, "ablate")
    marked = [artifact.path] if artifact is not None and is_synthetic(Path(artifact.path)) else []
    drawn = check_belonging(config, weights, marked, pictures.whole)
    images = len(pictures.dataset)
    if images < LEAST_IMAGES:
        raise _too_few(images, pictures.dataset.name)
    with ExitStack() as on_exit:
        folder = on_exit.enter_context(scratch(cache, "ablate"))
        path = None if weights is None else weights.path
        under_test = on_exit.enter_context(ModelUnderTest(card, system, weights=path, python=python, folder=folder))
        grid = grid_of(under_test.given.fed, vary)
        cells = len(grid.real())
        gflops = 2e-9 * card.build_network().macs
        display.say(f"  {_plan(grid, images, gflops, system.threads)}")
        with display.step(f"{backend}: {images} images under {cells} combinations") as advance:
            answers = collect(pictures.dataset, under_test, grid, folder, advance, display.say)
    made_of = artifact.path if artifact is not None else "" if weights is None else weights.source
    versions = availability(backend).versions
    version = "" if python is not None else next(iter(versions.values()), "")
    synthetic = drawn or bool(marked) or (weights is not None and weights.synthetic)
    return judged(
        grid,
        answers,
        model=card.name,
        weights=Path(made_of).name if made_of else "synthetic weights",
        runtime=" ".join(filter(None, (backend, version, system.precision, system.device))),
        source=synthetic_set.NAME if drawn else pictures.dataset.name,
        data=pictures.dataset.describe(),
        synthetic=synthetic,
        population=pictures.whole.draws[0].of if pictures.whole.draws else None,
    )


def collect(
    dataset: Dataset,
    under_test: ModelUnderTest,
    grid: Grid,
    folder: Path,
    advance: Callable[[int, int], None],
    say: Callable[[str], None],
) -> dict[Choice, Answers]:
    """The answers under every real combination, some images at a time: each is decoded once per decoder."""
    readings = {choice: Reading(fed) for choice, fed in grid.real().items()}
    parts: dict[Choice, list[Answers]] = {choice: [] for choice in readings}
    batches = -(-len(dataset) // _AT_ONCE)
    total, done, started = len(dataset) * len(readings), 0, time.monotonic()
    for number in range(1, batches + 1):
        part = dataset.shard(number, batches, batch_size=_AT_ONCE)
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            trials = Trials(part, under_test, Path(scratch))
            if number == 1:
                _learn(under_test, trials)
            for choice, reading in readings.items():
                parts[choice].append(Answers(trials.hits(reading, len(part)), trials.evidence(reading, len(part))))
                done += len(part)
                advance(done, total)
        if number == 1 and batches > 1:
            left = (time.monotonic() - started) * (total - done) / done
            say(f"  {_said(left)} left, by the first {len(part)} images")
    return {
        choice: Answers(np.concatenate([one.hits for one in made]), np.concatenate([one.evidence for one in made]))
        for choice, made in parts.items()
    }


def _learn(under_test: ModelUnderTest, trials: Trials) -> None:
    """What kind the outputs are; those that say nothing are refused, for nothing could be told from them."""
    pixels = trials.pixels(under_test.given.fed, len(trials))
    outputs = under_test.outputs(under_test.given, pixels, range(len(trials)))
    wrong = not_finite(outputs) or same_for_every_class(outputs)
    if wrong is not None:
        raise WorkerError(f"{under_test.backend}: {wrong}; alexbench doctor looks for why")
    under_test.learn_kind(outputs)


def _plan(grid: Grid, images: int, gflops: float, threads: int) -> str:
    """What will be computed and about how long it takes, before anything is known of this machine."""
    fed = grid.real().values()
    geometries = len({one.geometry_key() for one in fed})
    inferences = len(fed) * images
    seconds = inferences * gflops / (machine_now().gflops_a_core * threads)
    seconds += geometries * images * _PREPARE_CORE_S / usable_cores()
    varied = ", ".join(f"{len(grid.levels[axis])} of {axis}" for axis in grid.varied)
    return (
        f"{len(fed)} combinations ({varied}; what nobody does is left out) x {images} images:"
        f" {inferences:,} inferences, {_said(seconds)}"
    )


def _said(seconds: float) -> str:
    return f"about {seconds / 60:.0f} min" if seconds >= 90 else f"about {max(1, round(seconds))} s"


def _too_few(images: int, what: str) -> TooFewImagesError:
    pictures = "image is" if images == 1 else "images are"
    return TooFewImagesError(
        f"{what}: {images} {pictures} too few to show what a choice costs; give at least {LEAST_IMAGES}"
    )
