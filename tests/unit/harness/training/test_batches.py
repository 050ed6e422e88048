"""Batches: every image once an epoch, the same whenever training resumes and however many processes share a step."""

from collections.abc import Iterable
from dataclasses import replace
from itertools import chain
from pathlib import Path

import numpy as np
import pytest

from alexbench.datasets.dataset import Dataset
from alexbench.datasets.layouts import open_dataset
from alexbench.harness.errors import DataError, UsageError
from alexbench.harness.training.batches import Batch, TrainingData
from alexbench.harness.training.opening import missing_classes, refuse_validation
from tests.unit.datasets.drawn_images import SMALL, drawn_set, file_of
from tests.unit.datasets.layout_files import pictures, write_flat


@pytest.fixture
def few(tmp_path: Path) -> Dataset:
    return drawn_set(tmp_path / "few", 11)


def data_of(dataset: Dataset, **options: object) -> TrainingData:
    return TrainingData(dataset, "random-resized-crop", SMALL, **options)  # type: ignore[arg-type]


def positions(batches: Iterable[Batch]) -> list[list[int]]:
    return [batch.positions.tolist() for batch in batches]


def test_an_epoch_has_every_image_once_in_an_order_of_its_own(few: Dataset) -> None:
    data = data_of(few)
    assert (data.images, data.classes, data.steps(4)) == (11, 5, 3)
    first, second = (positions(data.batches(batch=4, epoch=epoch)) for epoch in (0, 1))
    assert [len(each) for each in first] == [4, 4, 3]
    assert sorted(chain(*first)) == sorted(chain(*second)) == list(range(11))
    assert first != second
    assert first != positions(data_of(few, seed=2).batches(batch=4, epoch=0))


def test_training_that_resumes_gets_the_same_batches(few: Dataset) -> None:
    whole = list(data_of(few).batches(batch=3, epoch=5))
    resumed = list(data_of(few).batches(batch=3, epoch=5, first_step=2))
    assert positions(resumed) == positions(whole)[2:]
    assert all((one.pixels == other.pixels).all() for one, other in zip(resumed, whole[2:], strict=True))
    assert all((one.labels == few.labels[one.positions]).all() for one in whole)


@pytest.mark.parametrize(("world", "shares"), [(2, [(2, 2), (2, 2), (2, 1)]), (3, [(2, 2, 2), (2, 2, 1)])])
def test_processes_share_the_images_of_a_step(few: Dataset, world: int, shares: list[tuple[int, ...]]) -> None:
    data = data_of(few)
    alone = positions(data.batches(batch=2 * world, epoch=0))
    ranks = [positions(data.batches(batch=2, epoch=0, rank=rank, world=world)) for rank in range(world)]
    assert [tuple(map(len, step)) for step in zip(*ranks, strict=True)] == shares
    assert [sorted(chain(*step)) for step in zip(*ranks, strict=True)] == [sorted(step) for step in alone]
    assert data.step_images(len(shares) - 1, batch=2, world=world) == sum(shares[-1])


def test_each_process_has_an_image_in_each_step(few: Dataset) -> None:
    data = data_of(few)
    assert data.steps(5, 2) == 1  # one image is left, which two processes cannot share
    assert sum(map(len, positions(data.batches(batch=5, epoch=0)))) == 11
    with pytest.raises(UsageError, match="11 training images for 12 processes"):
        data.steps(1, 12)


def test_a_bad_image_is_skipped_and_counted_or_ends_the_epoch(few: Dataset) -> None:
    file_of(few, 4).write_bytes(b"not an image")
    batches = list(data_of(few, on_error="skip").batches(batch=4, epoch=0))
    assert sum(batch.skipped for batch in batches) == 1
    assert sum(len(batch.pixels) for batch in batches) == 10
    assert 4 not in np.concatenate([batch.positions for batch in batches])
    (reason,) = [reason for batch in batches for reason in batch.reasons]
    assert str(file_of(few, 4)) in reason
    with pytest.raises(DataError, match="not a JPEG"):
        list(data_of(few).batches(batch=4, epoch=0))


def test_a_step_without_a_good_image_ends_the_training(few: Dataset) -> None:
    for place in range(11):
        file_of(few, place).write_bytes(b"")
    with pytest.raises(DataError, match="none of the 4 images of a step can be decoded; the first: "):
        list(data_of(few, on_error="skip").batches(batch=4, epoch=0))


def test_no_image_is_refused(few: Dataset) -> None:
    with pytest.raises(DataError, match="no image to train on"):
        data_of(replace(few, samples=()))


def test_missing_classes_are_one_line(few: Dataset) -> None:
    said = missing_classes(few)
    assert said.startswith("no training image of 995 of 1,000 classes: n01496331 electric ray, ")
    assert said.endswith(", ...")
    every = replace(few, samples=tuple(replace(few.samples[0], label=label) for label in range(1000)))
    assert missing_classes(every) == ""
    assert missing_classes(replace(every, samples=every.samples[1:])) == (
        "no training image of 1 of 1,000 classes: n01440764 tench"
    )


def test_the_validation_set_is_not_trained_on(tmp_path: Path) -> None:
    dataset = open_dataset(write_flat(tmp_path / "flat", pictures()), split="train")
    with pytest.raises(DataError, match="images of ImageNet's validation set, on which accuracy is measured"):
        refuse_validation(dataset)
