"""What the images of a run are a sample of, and how sure its accuracies are."""

from dataclasses import replace

from alexbench.harness.judge.intervals import accuracy_interval
from alexbench.harness.judge.published import population_of
from alexbench.harness.records.run_records import Accuracy, DataRecord


def with_intervals(accuracy: Accuracy, data: DataRecord) -> Accuracy:
    """``accuracy`` over the images of ``data``, with its intervals where these images are a sample."""
    if not is_sample(data):
        return replace(accuracy, top1_interval=None, top5_interval=None)
    population = drawn_from(data)
    return replace(
        accuracy,
        top1_interval=accuracy_interval(accuracy.top1_correct, accuracy.images, population),
        top5_interval=accuracy_interval(accuracy.top5_correct, accuracy.images, population),
    )


def is_sample(data: DataRecord) -> bool:
    """Whether the accuracy is an estimate of another one.

    It is not on the whole of a finite set that figures are stated for (the validation set, the synthetic set): run
    again, it is the same. Nor on a part made by ``--shard``, a stretch of a list that may be sorted by class.
    """
    if data.part is not None:
        return False
    return drawn_from(data) is not None or not (data.synthetic or data.of_validation_set == "full")


def drawn_from(data: DataRecord) -> int | None:
    """How many images these are some of, where that is known; else None: of ever more images of the kind."""
    known = population_of(data)
    if known is None and data.images < data.available_images:
        known = data.available_images
    return known
