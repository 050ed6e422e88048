"""What a reader must know about the pictures and weights of a run before believing a number."""

from collections.abc import Sequence
from typing import Final

from alexbench.datasets.synthetic.expected import differences
from alexbench.harness.records import DataRecord, ModelRecord

_NAMED_AT_MOST: Final = 3


def notes(model: ModelRecord, data: DataRecord, found: Sequence[str]) -> tuple[str, ...]:
    """The sentences for a record; ``found``: those of the data set itself."""
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
            said.append("The pictures are synthetic: only a file with the synthetic weights of this card knows them.")
        said.append("Artifacts alone, and no weights to hold them against: parity was not measured.")
    elif model.synthetic or data.synthetic:
        said.append("Pictures and weights do not belong together: speed only, accuracy was not measured.")
    if data.part is not None:
        part = data.part
        said.append(
            f"Part {part.number} of {part.of}: pictures {part.first + 1} to {part.last} of {part.total}; alexbench"
            " merge joins the parts."
        )
    if data.certificate:
        said.append(data.certificate)
    said += found
    if data.skipped:
        named = ", ".join(one.name for one in data.skipped[:_NAMED_AT_MOST])
        more = ", ..." if len(data.skipped) > _NAMED_AT_MOST else ""
        said.append(
            f"{len(data.skipped)} of {len(data.skipped) + data.images} pictures could not be read and were skipped"
            f" ({named}{more}): accuracies are over the other {data.images}."
        )
    return tuple(said)
