"""The images of a run: opened, drawn, split, prepared, and described for a record."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from alexbench.datasets import fingerprint as certificate
from alexbench.datasets.dataset import Dataset
from alexbench.datasets.layouts import open_dataset
from alexbench.datasets.layouts.model_classes import ModelClasses, read_model_classes
from alexbench.datasets.prepared import OnBadImage, PreparedSet, find_prepared, prepare, refuse_skipped, remake
from alexbench.harness.config import Shard
from alexbench.harness.console.progress import Display
from alexbench.harness.measure.process import usable_cores
from alexbench.harness.models.preprocessing import Preprocessing
from alexbench.harness.records.run_records import DataRecord, PartRecord, SkippedRecord

PREPARED_FOLDER: Final = "prepared"


@dataclass(frozen=True, slots=True)
class Selection:
    """The chosen images of ``path``, and how it is read."""

    path: str
    layout: str | None = None
    labels: str | None = None
    limit: int | None = None
    seed: int = 1
    shard: Shard | None = None
    batch_size: int = 32


@dataclass(frozen=True, slots=True)
class Pictures:
    """A data set, or the part of it that a run evaluates, of ``whole``; ``classes``: as the user's file names them."""

    dataset: Dataset
    whole: Dataset
    classes: ModelClasses | None = None


def open_pictures(selection: Selection, display: Display) -> Pictures:
    """Open, draw and split. ``display`` shows what was recognised. No image is read.

    Raises:
        AlexBenchError: an error that the user can fix.
    """
    classes = None if selection.labels is None else read_model_classes(Path(selection.labels))
    labels = selection.labels if classes is None else None
    with display.step(f"listing {selection.path}"):
        dataset = open_dataset(selection.path, layout=selection.layout, labels=labels, classes=classes)
    for line in (dataset.describe(), certificate.plain_word(dataset), *dataset.notes):
        display.say(f"  {line}")
    return replace(select(dataset, selection), classes=classes)


def select(dataset: Dataset, selection: Selection) -> Pictures:
    """Draw ``limit`` images and cut the part asked for."""
    whole = dataset
    if selection.limit is not None and selection.limit < len(dataset):
        whole = dataset.subset(selection.limit, seed=selection.seed)
    if selection.shard is None:
        return Pictures(whole, whole)
    shard = selection.shard
    return Pictures(whole.shard(shard.number, shard.of, batch_size=selection.batch_size), whole)


def prepare_pictures(
    pictures: Pictures, preprocessing: Preprocessing, cache: Path, display: Display, *, on_bad_image: OnBadImage
) -> PreparedSet:
    """The prepared set; that of a part is cut out of the whole's where that lies in the cache."""
    part = pictures.dataset.part
    if part is not None:
        whole = find_prepared(pictures.whole, preprocessing, cache / PREPARED_FOLDER)
        if whole is not None:
            found = whole.part(part.first, part.last)
            if not len(found.changed(threads=usable_cores())):
                refuse_skipped(found, on_bad_image)
                return found
    title = f"{len(pictures.dataset)} images"
    return prepare_with_progress(pictures.dataset, preprocessing, cache, display, title, on_bad_image=on_bad_image)


def prepare_with_progress(
    dataset: Dataset,
    preprocessing: Preprocessing,
    cache: Path,
    display: Display,
    title: str,
    *,
    on_bad_image: OnBadImage = "fail",
) -> PreparedSet:
    """:func:`prepare` on ``display``; images of a prepared set that were damaged since are prepared again."""
    cores, folder = usable_cores(), cache / PREPARED_FOLDER
    with display.step(f"preparing {title} for {preprocessing.name}") as advance:

        def make() -> PreparedSet:
            return prepare(
                dataset, preprocessing, folder, workers=cores, on_bad_image=on_bad_image, on_progress=advance
            )

        prepared = make()
        if prepared.from_cache and len(prepared.changed(threads=cores)):
            display.say(f"{prepared.path} is not as it was prepared; preparing it again")
            remake(prepared)
            prepared = make()
    for one in prepared.skipped:
        display.say(f"  skipped: {one.reason}")
    return prepared


def data_record(pictures: Pictures, prepared: PreparedSet, *, synthetic: bool, name: str, seed: int) -> DataRecord:
    """The dataset fingerprint of these images."""
    dataset, part = pictures.dataset, pictures.dataset.part
    whole = pictures.whole
    return DataRecord(
        name=name,
        description=dataset.describe(),
        synthetic=synthetic,
        images=len(dataset) - len(prepared.skipped),
        available_images=whole.draws[0].of if whole.draws else len(whole),
        classes=int(np.count_nonzero(dataset.class_counts)),
        source_digest=prepared.source_digest,
        pixels_digest=prepared.digest,
        subset_seed=seed if whole.draws else None,
        layout=dataset.layout,
        labels_from=dataset.labels_from,
        names_digest=certificate.names_digest(dataset),
        per_class=certificate.per_class(dataset),
        certificate="" if synthetic else certificate.plain_word(dataset),
        of_validation_set="no" if synthetic else certificate.of_validation_set(dataset),
        skipped=tuple(SkippedRecord(one.name, one.reason) for one in prepared.skipped),
        class_names=dataset.class_names,
        part=None
        if part is None
        else PartRecord(
            number=part.number,
            of=part.of,
            first=part.first,
            last=part.last,
            total=part.total,
            whole_names_digest=certificate.names_digest(whole),
            whole_description=whole.describe(),
            whole_certificate="" if synthetic else certificate.plain_word(whole),
            whole_notes=whole.notes,
            whole_of_validation_set="no" if synthetic else certificate.of_validation_set(whole),
        ),
    )
