"""What every backend of a run is given: one network, one weights file, one set of prepared pixels."""

import hashlib
import json
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from alexbench.datasets.classes import CLASS_COUNT
from alexbench.datasets.layouts.model_classes import ModelClasses
from alexbench.datasets.prepared import PreparedSet
from alexbench.datasets.prepared.sets import PIXELS, SOURCE, decoders
from alexbench.datasets.synthetic.expected import part_differences
from alexbench.harness.config import RunConfig
from alexbench.harness.console.progress import Display
from alexbench.harness.errors import UsageError
from alexbench.harness.inputs import synthetic
from alexbench.harness.inputs.chosen_weights import choose_weights
from alexbench.harness.inputs.images import (
    Pictures,
    Selection,
    data_record,
    open_pictures,
    prepare_pictures,
    select,
)
from alexbench.harness.inputs.matching import check_belonging, check_own_classes
from alexbench.harness.inputs.model_files import Outputs, label_offset, outputs_of
from alexbench.harness.inputs.notes import notes
from alexbench.harness.inputs.read_only_cache import linked
from alexbench.harness.models.card import Card, load_card
from alexbench.harness.models.network import Network
from alexbench.harness.models.synthetic_label import is_synthetic
from alexbench.harness.records.reasons import Reason
from alexbench.harness.records.run_records import DataRecord, ModelRecord
from alexbench.harness.worker.protocol.loading import OpenPixels

SYNTHETIC: Final = "synthetic"
ARTIFACTS: Final = "artifacts"


@dataclass(frozen=True, slots=True, eq=False)
class RunInputs:
    """The inputs of a run, and their records.

    ``labels`` (N,) are classes: ImageNet's class indices, or places in the user's own list. ``good`` (N,): which
    images count. ``weights``: None where every row is an artifact. ``outputs``: what an artifact is expected to give;
    ``classes``: the user's list of them.
    """

    card: Card
    network: Network
    weights: Path | None
    prepared: PreparedSet
    names: tuple[str, ...]
    labels: NDArray[np.int64]
    good: NDArray[np.bool_]
    model: ModelRecord
    data: DataRecord
    notes: tuple[Reason, ...]
    outputs: Outputs
    classes: ModelClasses | None = None

    @property
    def class_count(self) -> int:
        """How many classes labels are of."""
        return len(self.data.class_names) or CLASS_COUNT

    def offset_of(self, outputs: int) -> int:
        """What is added to a class to get its output, of a row with so many ``outputs``."""
        return label_offset(outputs, self.class_count, self.classes)

    def background_assumed(self, outputs: int) -> bool:
        """Whether nothing but the number of outputs says that output 0 is background."""
        stated = self.classes is not None and self.classes.background is not None
        return not stated and outputs == self.class_count + 1 and outputs != self.card.labels

    @property
    def opened(self) -> OpenPixels:
        """How a worker is asked for the images."""
        prepared = self.prepared
        return OpenPixels(prepared.path, self.card.preprocessing, first=prepared.first, images=len(prepared))


def gather(config: RunConfig, *, cache: Path, display: Display) -> RunInputs:
    """Read, convert, draw and prepare whatever the run needs.

    Raises:
        AlexBenchError: an error that the user can fix; no incomplete file remains.
    """
    card = load_card(config.model)
    network = card.build_network()
    # Not in the run's folder, which an error here removes; the error names the log.
    cache = writable(cache)
    log = cache / "inputs.log"
    # The user's file comes first: a wrong one must fail before minutes of preparing.
    weights, marked = None, [file.path for file in config.files if is_synthetic(Path(file.path))]
    if config.needs_weights:
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
    drawn = check_belonging(config, weights, marked, pictures.whole)
    own = pictures.dataset.class_names
    if own:
        check_own_classes(config, len(own), card)
    prepared = prepare_pictures(pictures, card.preprocessing, cache, display, on_bad_image=config.on_bad_image)
    assumed = (Reason("weights_assumed", text=weights.assumed),) if weights is not None and weights.assumed else ()
    trained = None if weights is None else weights.trained
    model = ModelRecord(
        card=card.name,
        network="" if own else network.name,
        weights=ARTIFACTS if weights is None else weights.source or SYNTHETIC,
        weights_digest="" if weights is None else weights.digest,
        weights_verified="" if weights is None else weights.verified,
        synthetic=bool(marked) or (weights is not None and weights.synthetic),
        parameters=0 if own else network.parameters,
        macs=0 if own else network.macs,
        preprocessing=card.preprocessing.name,
        recipe_digest=_recipe_digest(card),
        weights_unwrapped="" if weights is None else weights.unwrapped,
        published=card.published if trained is None else (),
        trained=trained,
    )
    data = data_record(
        pictures,
        prepared,
        synthetic=drawn,
        name=synthetic.NAME if drawn else pictures.dataset.name,
        seed=config.seed,
    )
    return RunInputs(
        card=card,
        network=network,
        weights=None if weights is None else weights.path,
        prepared=prepared,
        names=tuple(sample.name for sample in pictures.dataset.samples),
        labels=prepared.labels,
        good=prepared.good,
        model=model,
        data=data,
        notes=(*notes(model, data, pictures.dataset.notes), *_of_a_part(card, pictures, prepared, data), *assumed),
        outputs=outputs_of(card, pictures.classes) if config.accuracy else Outputs(card.labels, any_number=True),
        classes=pictures.classes,
    )


def _of_a_part(card: Card, pictures: Pictures, prepared: PreparedSet, data: DataRecord) -> list[Reason]:
    """What to say of synthetic images that are not all of the set, whose digest is of all."""
    if not data.synthetic or data.images == data.available_images:
        return []
    return part_differences(
        card=card.name,
        names=[sample.name for sample in pictures.dataset.samples],
        pictures=prepared.picture_digests[:, SOURCE],
        pixels=prepared.picture_digests[:, PIXELS],
    )


def _recipe_digest(card: Card) -> str:
    recipe = [card.preprocessing.facts(), decoders(card.preprocessing), card.network, card.labels]
    return hashlib.sha256(json.dumps(recipe, sort_keys=True).encode("ascii")).hexdigest()


def writable(cache: Path) -> Path:
    """The cache's folder, made if it is not there; of one that is read-only and holds files, links to those.

    Raises:
        UsageError: it cannot be made, or nothing can be written there and it is empty.
    """
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=cache):
            pass
    except OSError as error:
        with suppress(OSError):
            if any(cache.iterdir()):
                return linked(cache)
        raise UsageError(f"cache {cache}: {error.strerror}; name another folder with ALEXBENCH_CACHE") from error
    return cache


def pictures_of(config: RunConfig, cache: Path, log: Path, display: Display) -> Pictures:
    """The images that a configuration names, drawn and cut; the synthetic ones where it names none."""
    selection = Selection(
        path=config.data or "",
        layout=config.layout,
        labels=config.labels,
        limit=config.limit,
        seed=config.seed,
        shard=config.shard,
        batch_size=config.batch_size,
    )
    if config.data is None:
        drawn = synthetic.undamaged_pictures(
            "val", cache, lambda whole: select(whole, selection).dataset, log=log, display=display
        )
        return select(drawn, selection)
    return open_pictures(selection, display)
