"""A row's accuracy compared with the published one: reproduced, compatible, or undecided."""

from collections.abc import Iterable
from typing import Final, Literal

from alexbench.harness.judge.intervals import accuracy_interval
from alexbench.harness.records.reasons import Reason
from alexbench.harness.records.run_records import Accuracy, Comparison, DataRecord, ModelRecord, SystemRecord

REPRODUCED_WITHIN: Final = 0.10
"""Percentage points, on all 50,000 images: rounding, and an image or two that a decoder turns."""

VALIDATION_SET: Final = 50_000
"""Images of ImageNet's validation set: published figures are over all of them."""

Metric = Literal["top1", "top5"]


def comparisons(backend: str, accuracy: Accuracy, model: ModelRecord, data: DataRecord) -> list[Comparison]:
    """One for each figure published for the model's card, top-1 and top-5."""
    made = []
    for one in model.published:
        figures: tuple[tuple[Metric, int, float], ...] = (
            ("top1", accuracy.top1_correct, one.top1),
            ("top5", accuracy.top5_correct, one.top5),
        )
        for metric, correct, published in figures:
            ours = 100 * correct / accuracy.images
            low, high = accuracy_interval(correct, accuracy.images, population_of(data))
            verdict = _verdict(ours, low, high, published, model, data)
            made.append(Comparison(backend, one.source, metric, ours, low, high, published, verdict))
    return made


def comparisons_of(rows: Iterable[SystemRecord], model: ModelRecord, data: DataRecord) -> tuple[Comparison, ...]:
    """Those of every row that has an accuracy; none where the classes are not ImageNet's."""
    if data.class_names:
        return ()
    return tuple(
        one for row in rows if row.accuracy is not None for one in comparisons(row.name, row.accuracy, model, data)
    )


def population_of(data: DataRecord) -> int | None:
    """How many images these were drawn from, where that is known and not all of them are here; else None.

    The whole validation set is not a draw: its interval is about other images of the kind, and shows nothing about
    a figure published for the same 50,000.
    """
    drawn = data.of_validation_set == "part" or (data.of_validation_set == "full" and bool(data.skipped))
    return VALIDATION_SET if drawn else None


def _verdict(ours: float, low: float, high: float, published: float, model: ModelRecord, data: DataRecord) -> Reason:
    if model.synthetic or data.synthetic:
        return Reason("synthetic")
    if data.of_validation_set == "no":
        return Reason("not_validation_set")
    if data.calibration:
        return Reason("calibration_left_out", count=data.calibration)
    if data.of_validation_set == "full" and not data.skipped:
        near = abs(ours - published) <= REPRODUCED_WITHIN
        return Reason("reproduced" if near else "not_reproduced", limit=REPRODUCED_WITHIN)
    if data.part is not None:
        return Reason("one_part")
    # Decoding and resizing differ on a part as on the whole: its interval alone would shrink to nothing near 50,000.
    near = low - REPRODUCED_WITHIN <= published <= high + REPRODUCED_WITHIN
    return Reason("compatible" if near else "not_compatible")
