"""Training pixels: a crop as Pillow makes it, mirrored half of the time; child processes make the same."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from alexbench.datasets.augmentation.boxes import random_resized_crop
from alexbench.datasets.augmentation.crops import training_pixels
from alexbench.datasets.augmentation.draws import CounterDraws
from alexbench.datasets.augmentation.feeding import AHEAD, Feeder, Wanted, Work
from alexbench.datasets.children import ChildKilledError
from alexbench.datasets.dataset import Dataset
from alexbench.datasets.preprocess import prepare_picture
from alexbench.harness.errors import DataError
from alexbench.harness.models.recipes import AugmentationName
from tests.unit.datasets.drawn_images import SMALL, file_of


def work_of(dataset: Dataset, *, augmentation: AugmentationName = "random-resized-crop", skip: bool = False) -> Work:
    return Work(dataset.root, dataset.container, augmentation, SMALL, seed=1, skip=skip)


def batches_of(dataset: Dataset, *, epoch: int = 0, size: int = 3) -> list[Wanted]:
    numbered = list(enumerate(dataset.samples))
    return [Wanted(epoch, tuple(numbered[start : start + size])) for start in range(0, len(numbered), size)]


def pixels_of(dataset: Dataset, place: int, augmentation: AugmentationName, epoch: int) -> np.ndarray:
    draws = CounterDraws(seed=1, epoch=epoch, position=place)
    return training_pixels(file_of(dataset, place).read_bytes(), "it", augmentation, SMALL, draws)


def test_torchvisions_crop_is_pillows_and_mirrored_by_the_last_draw(few: Dataset) -> None:
    mirrored = 0
    for epoch in range(20):
        draws = CounterDraws(seed=1, epoch=epoch, position=0)
        image = Image.open(file_of(few, 0)).convert("RGB")
        top, left, height, width = random_resized_crop(*image.size, draws)
        part = image.crop((left, top, left + width, top + height)).resize((32, 32), Image.Resampling.BILINEAR)
        is_mirrored = draws.uniform(0.0, 1.0) < 0.5
        mirrored += is_mirrored
        expected = part.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if is_mirrored else part
        assert (pixels_of(few, 0, "random-resized-crop", epoch) == np.asarray(expected)).all()
    assert 4 <= mirrored <= 16


def test_every_epoch_has_another_crop_and_none_has_the_scored_pixels(few: Dataset) -> None:
    for augmentation in ("random-resized-crop", "distorted-bounding-box"):
        first, second = (pixels_of(few, 0, augmentation, epoch) for epoch in (0, 1))
        assert first.shape == (32, 32, 3)
        assert (first != second).any()
    scored = prepare_picture(file_of(few, 0), SMALL)
    assert all((pixels_of(few, 0, "none", epoch) == scored).all() for epoch in (0, 1))


def test_child_processes_make_the_same_batches(few: Dataset) -> None:
    here = list(Feeder(work_of(few), batch=3, workers=0).feed(batches_of(few)))
    feeder = Feeder(work_of(few), batch=3, workers=2)
    try:
        for _ in range(2):  # children outlive an epoch
            there = list(feeder.feed(batches_of(few)))
            assert [len(one.pixels) for one in there] == [3, 3, 1]
            assert all((a.pixels == b.pixels).all() for a, b in zip(here, there, strict=True))
        stopped = feeder.feed(batches_of(few, epoch=1))
        next(stopped)
        stopped.close()  # and are ended by a caller that takes no more
        again = next(iter(feeder.feed(batches_of(few))))
        assert (again.pixels == here[0].pixels).all()
    finally:
        feeder.close()
    assert feeder.memory_bytes == (AHEAD + 1) * 3 * 32 * 32 * 3


@pytest.mark.parametrize("workers", [0, 1])
def test_a_bad_image_ends_it_or_is_reported(few: Dataset, workers: int) -> None:
    file_of(few, 4).write_bytes(b"not an image")
    feeder = Feeder(work_of(few), batch=3, workers=workers)
    with pytest.raises(DataError, match=r"not a JPEG.*--on-bad-image skip") as refused:
        list(feeder.feed(batches_of(few)))
    assert str(file_of(few, 4)) in str(refused.value)
    feeder = Feeder(work_of(few, skip=True), batch=3, workers=workers)
    made = list(feeder.feed(batches_of(few)))
    feeder.close()
    assert [list(one.bad) for one in made] == [[], [1], []]


def test_a_child_that_is_killed_is_an_error_of_ours(few: Dataset) -> None:
    feeder = Feeder(work_of(few), batch=1, workers=1)
    feeding = feeder.feed(batches_of(few, size=1))
    next(feeding)
    assert feeder._ring is not None
    feeder._ring._children[0]._process.kill()
    with pytest.raises(ChildKilledError, match="was killed by SIGKILL"):
        list(feeding)


def test_a_file_that_is_gone_is_a_bad_image(few: Dataset, tmp_path: Path) -> None:
    gone = replace(few, root=tmp_path / "nowhere")
    with pytest.raises(DataError, match="cannot be read"):
        list(Feeder(work_of(gone), batch=3, workers=0).feed(batches_of(few)))
