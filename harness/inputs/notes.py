"""What a reader must know about the images and weights of a run before believing a number."""

from collections.abc import Sequence
from typing import Final

from alexbench.datasets.synthetic.expected import differences
from alexbench.harness.records.reasons import Reason
from alexbench.harness.records.run_records import DataRecord, ModelRecord

TOP: Final = 5


def notes(model: ModelRecord, data: DataRecord, found: Sequence[str]) -> tuple[Reason, ...]:
    """What a record holds of it; ``found``: sentences of the data set itself."""
    said = []
    if model.synthetic and data.synthetic and model.weights_digest:
        whole = data.images == data.available_images
        said += differences(
            card=model.card,
            pictures=data.source_digest if whole else None,
            pixels=data.pixels_digest if whole else None,
            weights=model.weights_digest,
        )
    elif not model.weights_digest:
        if data.synthetic and not model.synthetic:
            said.append(Reason("only_synthetic_weights"))
        said.append(Reason("files_alone"))
    elif model.trained is None and (model.synthetic or data.synthetic):
        said.append(Reason("not_together"))
    if model.trained is not None:
        trained = model.trained
        said.append(Reason("trained_here", measured=trained.epochs, count=trained.classes, text=trained.run))
    if 0 < len(data.class_names) <= TOP:
        said.append(Reason("few_classes", count=len(data.class_names)))
    return (*said, *(Reason("data", text=one) for one in found))
