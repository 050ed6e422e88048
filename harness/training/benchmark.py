"""``alexbench train --benchmark``: how fast each runtime trains, and that all of them train the same network."""

import shutil
import socket
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Final

import numpy as np

import alexbench.harness
from alexbench.backends.registry import REFERENCE, availability
from alexbench.datasets.dataset import Dataset
from alexbench.datasets.synthetic.recognise import is_drawn
from alexbench.harness.console.progress import Display
from alexbench.harness.contract import Options
from alexbench.harness.errors import AlexBenchError, DataError, UsageError
from alexbench.harness.files.plain_text import strict_json
from alexbench.harness.inputs.images import Selection
from alexbench.harness.judge.block_times import BlockOf, throughput
from alexbench.harness.judge.losses import LOSS_TOLERANCE, loss_error
from alexbench.harness.measure.conditions import conditions
from alexbench.harness.measure.environment import environment
from alexbench.harness.measure.machine import machine
from alexbench.harness.measure.process import usable_cores
from alexbench.harness.measure.rounds import Measured
from alexbench.harness.models.card import Card, load_card
from alexbench.harness.models.recipes import Recipe, check_recipe, load_recipe, published_training
from alexbench.harness.models.seeded import seeded_weights
from alexbench.harness.models.weights import write_weights
from alexbench.harness.records.file_names import SCRATCH
from alexbench.harness.records.speed_records import Throughput
from alexbench.harness.records.training_speed_records import (
    TRAINING_SPEED,
    LossCheck,
    Scaled,
    StepSplit,
    TrainingRow,
    TrainingSpeed,
)
from alexbench.harness.running.chosen_rows import distributions_of
from alexbench.harness.running.folder import create, write_text
from alexbench.harness.running.starting import log_of
from alexbench.harness.training.batches import TrainingData
from alexbench.harness.training.opening import open_training
from alexbench.harness.training.speed import PLAN, REPLICATES, Way, measure
from alexbench.harness.worker.client import WorkerProcess
from alexbench.harness.worker.protocol.lifecycle import ReadMemory
from alexbench.harness.worker.protocol.training_speed import (
    FeedFrom,
    Group,
    OpenFeed,
    OpenTraining,
    SplitSteps,
    TimeFedSteps,
    TimeSteps,
    TrainSteps,
    TrainTimed,
)

BLOCK_S: Final = 2.0
SPLIT_STEPS: Final = 5
BATCHES: Final = 2
"""Different batches that lie in memory, used in turn."""
CHECKED_STEPS: Final = 3
CHECKED_IMAGES: Final = 4
"""float64 takes about 1 s an image and step on two cores."""
CHECKED_LR: Final = 1e-3
"""The weights are random and large: at the recipe's rate the first losses could diverge, and compare nothing."""
SCALING_BLOCKS: Final = 3
SCALING_STEPS: Final = 2
"""Steps of a block, the same in all processes: one that did more would wait for ever."""
LOCALHOST: Final = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Benchmark:
    """What is asked for. ``batch``: None for the recipe's; ``processes``: scaling is measured at 1 to so many."""

    card: str
    recipe: str
    backends: tuple[str, ...]
    data: Selection
    out: Path
    batch: int | None = None
    threads: int | None = None
    workers: int | None = None
    processes: int = 1
    seed: int = 1


@dataclass(frozen=True, slots=True, eq=False)
class _Inputs:
    """What all runtimes get: the same weights, batches and seed."""

    card: Card
    recipe: Recipe
    batch: int
    threads: int
    feed: FeedFrom
    dataset: Dataset
    folder: Path
    opened: OpenTraining
    checked: OpenTraining
    digest: str


def benchmark(asked: Benchmark, *, cache: Path, display: Display) -> tuple[Path, TrainingSpeed]:
    """Measure, and write the record; its folder and the record.

    Raises:
        UsageError: an unknown name, a recipe of another image size, or fewer images than a batch.
        AlexBenchError: as :func:`alexbench.harness.training.opening.open_training`.
    """
    started = datetime.now(UTC)
    card, recipe = load_card(asked.card), load_recipe(asked.recipe)
    check_recipe(recipe, card)
    dataset = open_training(asked.data, cache=cache, display=display)
    folder = create(asked.out, f"{card.name}-training-speed", started)
    given = _inputs(asked, card, recipe, dataset, folder)
    rows, remarks = _timed(asked, given, display), []
    reference = _reference(given, display)
    for of in (
        partial(_with_parts, given=given, display=display),
        partial(_checked, given=given, reference=reference),
        partial(_with_scaling, asked=asked, given=given, display=display),
    ):
        for place, row in enumerate(rows):
            try:
                rows[place] = row if row.error else of(row)
            except AlexBenchError as error:
                remarks.append(f"{row.name}: {error}")
                display.say(f"  {remarks[-1]}")
    speed = TrainingSpeed(
        alexbench=alexbench.harness.__version__,
        started=started.isoformat(timespec="seconds"),
        card=card.name,
        recipe=recipe.name,
        batch=given.batch,
        macs=card.build_network().macs,
        weights_digest=given.digest,
        data=dataset.describe(),
        synthetic=not asked.data.path or is_drawn(dataset),
        rounds=PLAN.rounds,
        replicates=REPLICATES,
        seed=asked.seed,
        machine=machine(),
        environment=_environment(asked.backends),
        conditions=conditions(),
        rows=tuple(rows),
        published=published_training(),
        remarks=tuple(remarks),
    )
    write_text(folder / TRAINING_SPEED, strict_json(asdict(speed)) + "\n")
    shutil.rmtree(folder / SCRATCH, ignore_errors=True)
    return folder, speed


def _environment(backends: Sequence[str]) -> dict[str, object]:
    return asdict(environment(tuple(name for backend in backends for name in distributions_of(backend))))


def _inputs(asked: Benchmark, card: Card, recipe: Recipe, dataset: Dataset, folder: Path) -> _Inputs:
    batch, threads = asked.batch or recipe.batch, asked.threads or usable_cores()
    if len(dataset) < max(batch, CHECKED_IMAGES):
        raise UsageError(
            f"{dataset.source}: {len(dataset)} images are fewer than a batch of {batch}; give more, or a smaller"
            " --batch-size"
        )
    network = card.build_network()
    weights, digest = write_weights(seeded_weights(network.parameter_shapes, asked.seed), folder / SCRATCH)
    feed = FeedFrom(
        path=dataset.source,
        layout=dataset.layout,
        labels=asked.data.labels,
        limit=asked.data.limit,
        seed=asked.seed,
        augmentation=recipe.augmentation,
        workers=usable_cores() if asked.workers is None else asked.workers,
    )
    opened = OpenTraining(
        backend="",
        network=network.name,
        input_size=card.preprocessing.crop,
        weights=weights,
        options=Options(threads),
        preprocessing=card.preprocessing,
        lr=recipe.lr,
        momentum=recipe.momentum,
        weight_decay=recipe.weight_decay,
        dropout=recipe.dropout,
        pixels=folder / SCRATCH / "pixels.npy",
        labels=folder / SCRATCH / "labels.npy",
        label_offset=card.label_offset,
        seed=asked.seed,
    )
    checked = replace(
        opened,
        dropout=0.0,
        lr=CHECKED_LR,
        pixels=folder / SCRATCH / "checked-pixels.npy",
        labels=folder / SCRATCH / "checked-labels.npy",
    )
    data = TrainingData(dataset, recipe.augmentation, card.preprocessing, seed=asked.seed, on_error="skip")
    _write_batches(data, opened, images=batch, batches=BATCHES)
    _write_batches(data, checked, images=CHECKED_IMAGES, batches=CHECKED_STEPS)
    return _Inputs(card, recipe, batch, threads, feed, dataset, folder, opened, checked, digest)


def _write_batches(data: TrainingData, opened: OpenTraining, *, images: int, batches: int) -> None:
    """The first batches of the first epochs, whole ones."""
    found = [
        batch
        for epoch in range(batches)
        for batch in islice(data.batches(batch=images, epoch=epoch), batches)
        if len(batch.pixels) == images
    ][:batches]
    if len(found) < batches:
        raise DataError(f"{data.dataset.source}: too many images cannot be decoded to fill a batch of {images}")
    np.save(opened.pixels, np.stack([batch.pixels for batch in found]))
    np.save(opened.labels, np.stack([batch.labels for batch in found]))


class _Trained:
    """One runtime in a fresh process."""

    def __init__(self, name: str, given: _Inputs, *, fed: bool = True) -> None:
        self._batch = given.batch
        self.worker = WorkerProcess(name, log=log_of(name, given.folder))
        try:
            self.worker.ask(replace(given.opened, backend=name))
            if fed:
                self.worker.ask(OpenFeed(given.feed))
        except BaseException:
            self.worker.kill()
            raise

    def block(self, way: Way) -> Measured:
        asked = TimeSteps(BLOCK_S) if way == "memory" else TimeFedSteps(BLOCK_S)
        timed = self.worker.ask(asked)
        return Measured(ns=tuple(timed.ns), images=self._batch, cpu_ns=timed.cpu_ns)

    def close(self) -> None:
        self.worker.close()


def _timed(asked: Benchmark, given: _Inputs, display: Display) -> list[TrainingRow]:
    """Throughput in rounds."""
    with display.step(f"timing {', '.join(asked.backends)}") as advance:
        timings = measure(
            {name: partial(_Trained, name, given) for name in asked.backends},
            batch=given.batch,
            seed=asked.seed,
            on_round=advance,
        )
    rows = []
    for name in asked.backends:
        versions = availability(name).versions
        row = TrainingRow(name, next(iter(versions.values()), ""), "cpu", given.threads)
        if name in timings.failed:
            rows.append(replace(row, error=timings.failed[name]))
            continue
        compute, fed = (timings.rate(name, way, given.batch) for way in ("memory", "data"))
        rows.append(replace(row, compute=compute, end_to_end=fed))
    return rows


def _with_parts(row: TrainingRow, given: _Inputs, display: Display) -> TrainingRow:
    """The parts of a step and the peak memory, in a process of their own."""
    with display.step(f"{row.name}: the parts of a step"):
        trained = _Trained(row.name, given)
        try:
            parts = trained.worker.ask(SplitSteps(SPLIT_STEPS))
            peak = trained.worker.ask(ReadMemory()).memory.peak_rss_mib
        finally:
            trained.close()
    each = (parts.data, parts.forward, parts.backward, parts.optimizer)
    return replace(row, peak_mib=peak, split=StepSplit(*(median(part) / 1e6 for part in each)))


def _reference(given: _Inputs, display: Display) -> tuple[float, ...]:
    """Losses of the first steps in float64."""
    with display.step(f"float64: losses of {CHECKED_STEPS} steps"):
        return _losses(REFERENCE, given)


def _losses(name: str, given: _Inputs) -> tuple[float, ...]:
    with WorkerProcess(name, log=log_of(name, given.folder)) as worker:
        worker.ask(replace(given.checked, backend=name))
        return worker.ask(TrainSteps(CHECKED_STEPS)).losses


def _checked(row: TrainingRow, given: _Inputs, reference: tuple[float, ...]) -> TrainingRow:
    losses = _losses(row.name, given)
    error = loss_error(losses, reference)
    return replace(row, check=LossCheck(losses, reference, CHECKED_IMAGES, error, LOSS_TOLERANCE))


def _with_scaling(row: TrainingRow, asked: Benchmark, given: _Inputs, display: Display) -> TrainingRow:
    """Compute alone in 1, 2, 4 .. processes, each with its share of the cores."""
    if asked.processes < 2:
        return row
    threads = max(1, given.threads // asked.processes)
    found: list[Scaled] = []
    for processes in _counts(asked.processes):
        with display.step(f"{row.name}: {processes} processes of {threads} threads"):
            rate = _together(row.name, given, processes, threads)
        alone = found[0].images_per_second if found else rate.images_per_second
        efficiency = rate.images_per_second / (processes * alone)
        found.append(Scaled(processes, threads, rate.images_per_second, rate.low, rate.high, efficiency))
    return replace(row, scaling=tuple(found))


def _counts(most: int) -> list[int]:
    """1, 2, 4 and so on, and ``most``."""
    return [*(2**power for power in range(most.bit_length()) if 2**power < most), most]


def _together(name: str, given: _Inputs, processes: int, threads: int) -> Throughput:
    """Images/s of all processes: a step ends when every process has its gradients."""
    with ExitStack() as on_exit, ThreadPoolExecutor(processes) as pool:
        addresses = tuple(f"{LOCALHOST}:{port}" for port in _free_ports(processes))
        workers = [
            on_exit.enter_context(WorkerProcess(f"{name}-{rank}", log=log_of(f"{name}-{rank}", given.folder)))
            for rank in range(processes)
        ]

        def opened(rank: int) -> OpenTraining:
            group = None if processes == 1 else Group(rank, addresses)
            return replace(given.opened, backend=name, options=Options(threads), group=group)

        list(pool.map(lambda pair: pair[1].ask(opened(pair[0])), enumerate(workers)))
        blocks = []
        for number in range(SCALING_BLOCKS + 1):
            timed = list(pool.map(lambda worker: worker.ask(TrainTimed(SCALING_STEPS)), workers))
            slowest = max(sum(one.ns) for one in timed)
            blocks.append(BlockOf((slowest,), processes * given.batch * SCALING_STEPS, round=number))
        return throughput(blocks[1:], given.batch)


def _free_ports(count: int) -> list[int]:
    with ExitStack() as on_exit:
        found = [on_exit.enter_context(socket.socket()) for _ in range(count)]
        for one in found:
            one.bind((LOCALHOST, 0))
        return [int(one.getsockname()[1]) for one in found]
