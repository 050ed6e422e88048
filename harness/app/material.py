"""What every backend of a run is given: one network, one weights file, one set of prepared pixels."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from alexbench.datasets.classes import CLASS_COUNT
from alexbench.datasets.dataset import Dataset
from alexbench.datasets.folder import open_folder
from alexbench.datasets.prepared import PreparedSet
from alexbench.datasets.synthetic.expected import differences
from alexbench.harness.app import synthetic
from alexbench.harness.app.config import RunConfig
from alexbench.harness.app.progress import Display
from alexbench.harness.app.workers import WorkerProcess
from alexbench.harness.errors import UsageError, WeightsError
from alexbench.harness.models.card import Card, load_card
from alexbench.harness.models.network import Network
from alexbench.harness.models.weights import map_weights, weights_digest
from alexbench.harness.records import DataRecord, ModelRecord

SYNTHETIC: Final = "synthetic"


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """The inputs of a run, and their records. ``labels`` (N,) are output indices: class plus the card's offset."""

    card: Card
    network: Network
    weights: Path
    prepared: PreparedSet
    names: tuple[str, ...]
    labels: NDArray[np.int64]
    model: ModelRecord
    data: DataRecord
    notes: tuple[str, ...]


def gather(config: RunConfig, *, cache: Path, display: Display) -> Material:
    """Read, convert, draw and prepare whatever the run needs.

    Raises:
        AlexBenchError: whatever the user can mend; nothing half written is left.
    """
    card = load_card(config.model)
    network = card.build_network()
    # Not in the run's folder, which an error here removes; the error names the log.
    log = _writable(cache) / "material.log"
    # The user's file first: a wrong one should be said before minutes of preparing.
    weights, digest, source = _weights(config, card, cache, log, display)
    dataset = _dataset(config, cache, log, display)
    if weights_digest(map_weights(weights)) != digest:
        weights.unlink()
        raise WeightsError(f"{weights} was damaged in the cache and has been removed; run again")
    title = f"{len(dataset)} pictures"
    prepared = synthetic.prepare_with_progress(dataset, card.preprocessing, cache, display, title)
    model = ModelRecord(
        card=card.name,
        network=network.name,
        weights=source,
        weights_digest=digest,
        synthetic=config.weights is None,
        parameters=network.parameters,
        macs=network.macs,
        preprocessing=card.preprocessing.name,
        published=card.published,
    )
    data = DataRecord(
        name=synthetic.NAME if config.data is None else dataset.name,
        description=dataset.describe(),
        synthetic=config.data is None,
        images=len(dataset),
        available_images=dataset.draws[0].of if dataset.draws else len(dataset),
        classes=int(np.count_nonzero(dataset.class_counts)),
        source_digest=prepared.source_digest,
        pixels_digest=prepared.digest,
        subset_seed=config.seed if dataset.draws else None,
    )
    return Material(
        card=card,
        network=network,
        weights=weights,
        prepared=prepared,
        names=tuple(sample.path for sample in dataset.samples),
        labels=prepared.labels + card.label_offset,
        model=model,
        data=data,
        notes=_notes(model, data),
    )


def _writable(cache: Path) -> Path:
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cache {cache}: {error.strerror}; name another folder with ALEXBENCH_CACHE") from error
    return cache


def _dataset(config: RunConfig, cache: Path, log: Path, display: Display) -> Dataset:
    folder = config.data
    dataset = (
        synthetic.synthetic_pictures("val", cache, log=log, display=display) if folder is None else open_folder(folder)
    )
    if config.limit is not None and config.limit < len(dataset):
        return dataset.subset(config.limit, seed=config.seed)
    return dataset


def _weights(config: RunConfig, card: Card, cache: Path, log: Path, display: Display) -> tuple[Path, str, str]:
    """The weights file that workers map, its digest, and what to call its source."""
    if config.weights is None:
        made = synthetic.synthetic_weights(card, cache, log=log, display=display)
        return made.path, made.digest, SYNTHETIC
    with WorkerProcess("convert", log=log) as worker, display.step(f"reading weights {config.weights}"):
        answer = worker.ask(
            "convert",
            source=str(Path(config.weights).absolute()),
            network=card.network,
            input_size=card.preprocessing.crop,
            folder=str(cache / synthetic.WEIGHTS_FOLDER),
        )
    return Path(answer["path"]), answer["digest"], config.weights


def _notes(model: ModelRecord, data: DataRecord) -> tuple[str, ...]:
    """What a reader must know about these pictures and weights before believing a number."""
    notes = []
    if model.synthetic and data.synthetic:
        whole = data.images == data.available_images
        notes += differences(
            card=model.card,
            pictures=data.source_digest if whole else None,
            pixels=data.pixels_digest if whole else None,
            weights=model.weights_digest,
        )
    elif model.synthetic or data.synthetic:
        notes.append("Pictures and weights do not belong together: speed only, accuracy was not measured.")
    if not data.synthetic:
        if data.images != CLASS_COUNT * 50:
            notes.append(f"{data.images} pictures, not ImageNet's 50,000: published figures are for those.")
        if data.classes != CLASS_COUNT:
            notes.append(f"{data.classes} of {CLASS_COUNT} classes.")
    return tuple(notes)
