"""Which accuracies have an interval: those of images that are a sample of others."""

from typing import Any

import pytest

from alexbench.harness.judge.intervals import accuracy_interval
from alexbench.harness.judge.sampling import with_intervals
from alexbench.harness.records.run_records import DataRecord, PartRecord, SkippedRecord
from tests.support.records import accuracy, data

ALL = {"images": 50_000, "available_images": 50_000}
PART = PartRecord(1, 4, 0, 1000, 4000, "", "", "")
SKIPPED = (SkippedRecord("x.JPEG", "empty"),)


def intervals(pictures: DataRecord) -> tuple[Any, Any]:
    found = with_intervals(accuracy(images=pictures.images), pictures)
    return found.top1_interval, found.top5_interval


@pytest.mark.parametrize(
    ("changes", "population"),
    [
        ({"of_validation_set": "part"}, 50_000),
        ({"of_validation_set": "part", "available_images": 1000}, 50_000),  # a folder of a thousand of them
        ({"synthetic": True, "images": 200, "available_images": 1000}, 1000),
        ({"images": 1000, "available_images": 3000}, 3000),  # drawn from a folder of one's own
        ({"images": 1000, "available_images": 1000}, None),  # all of such a folder: of ever more of the kind
    ],
)
def test_a_sample_has_an_interval_of_what_it_was_drawn_from(changes: dict[str, Any], population: int | None) -> None:
    pictures = data(**changes)
    correct = accuracy().top1_correct if pictures.images == 1000 else 113
    found = with_intervals(accuracy(correct, 150, images=pictures.images), pictures)
    assert found.top1_interval == accuracy_interval(correct, pictures.images, population)
    assert found.top5_interval == accuracy_interval(150, pictures.images, population)
    assert found.top1_interval is not None
    assert found.top1_interval[0] < found.top1 < found.top1_interval[1]


@pytest.mark.parametrize(
    "changes",
    [
        {"of_validation_set": "full", **ALL},
        {"synthetic": True, "available_images": 1000},
        {"of_validation_set": "part", "part": PART},
        {"part": PART},
    ],
    ids=["full validation set", "whole synthetic set", "shard of the validation set", "shard"],
)
def test_what_is_no_sample_has_none(changes: dict[str, Any]) -> None:
    assert intervals(data(**changes)) == (None, None)


def test_a_full_set_with_a_skipped_image_is_nearly_certain() -> None:
    pictures = data(of_validation_set="full", images=49_999, available_images=50_000, skipped=SKIPPED)
    low, high = intervals(pictures)[0]
    assert 0 < high - low < 0.01


def test_older_intervals_do_not_outlive_a_join() -> None:
    drawn = with_intervals(accuracy(), data(of_validation_set="part"))
    assert drawn.top1_interval is not None
    assert with_intervals(drawn, data(synthetic=True, available_images=1000)).top1_interval is None
