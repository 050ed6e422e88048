"""What every backend of a run is given: one network, one weights file, one set of prepared pixels."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from alexbench.datasets.prepared import PreparedSet
from alexbench.harness.app import synthetic
from alexbench.harness.app.config import RunConfig
from alexbench.harness.app.notes import notes
from alexbench.harness.app.pictures import (
    Pictures,
    Selection,
    data_record,
    open_pictures,
    prepare_pictures,
    select,
)
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
    """The inputs of a run, and their records.

    ``labels`` (N,) are output indices: class plus the card's offset. ``good`` (N,): which pictures count.
    """

    card: Card
    network: Network
    weights: Path
    prepared: PreparedSet
    names: tuple[str, ...]
    labels: NDArray[np.int64]
    good: NDArray[np.bool_]
    model: ModelRecord
    data: DataRecord
    notes: tuple[str, ...]

    @property
    def opened(self) -> dict[str, Any]:
        """What a worker's ``open`` is told."""
        return {
            "pixels": str(self.prepared.path),
            "first": self.prepared.first,
            "images": len(self.prepared),
            "preprocessing": asdict(self.card.preprocessing),
        }


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
    pictures = _pictures(config, cache, log, display)
    if weights_digest(map_weights(weights)) != digest:
        weights.unlink()
        raise WeightsError(f"{weights} was damaged in the cache and has been removed; run again")
    prepared = prepare_pictures(pictures, card.preprocessing, cache, display, on_bad_image=config.on_bad_image)
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
    data = data_record(
        pictures,
        prepared,
        synthetic=config.data is None,
        name=synthetic.NAME if config.data is None else pictures.dataset.name,
        seed=config.seed,
    )
    return Material(
        card=card,
        network=network,
        weights=weights,
        prepared=prepared,
        names=tuple(sample.name for sample in pictures.dataset.samples),
        labels=prepared.labels + card.label_offset,
        good=prepared.good,
        model=model,
        data=data,
        notes=notes(model, data, pictures.dataset.notes),
    )


def _writable(cache: Path) -> Path:
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cache {cache}: {error.strerror}; name another folder with ALEXBENCH_CACHE") from error
    return cache


def _pictures(config: RunConfig, cache: Path, log: Path, display: Display) -> Pictures:
    selection = Selection(
        path=config.data or "",
        layout=config.layout,
        labels=config.labels,
        limit=config.limit,
        seed=config.seed,
        shard=config.part,
        batch_size=config.batch_size,
    )
    if config.data is None:
        return select(synthetic.synthetic_pictures("val", cache, log=log, display=display), selection)
    return open_pictures(selection, display)


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
