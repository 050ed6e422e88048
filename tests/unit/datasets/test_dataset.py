"""A data set as data: drawn by class, the same for ever."""

from pathlib import Path

import numpy as np
import pytest

from alexbench.datasets.dataset import Dataset, Draw, Sample, canonical_name, said_place
from alexbench.harness.errors import UsageError


def counted(*counts: int) -> Dataset:
    paths = ((label, f"{label}/{place:03}.png") for label, count in enumerate(counts) for place in range(count))
    samples = (Sample(path, label, path) for label, path in paths)
    return Dataset(name="made", root=Path("made"), layout="class-index-folders", samples=tuple(samples))


def test_a_subset_takes_floor_or_ceil_of_each_class_share() -> None:
    whole = counted(50, 10, 1, 0, 39)
    for seed in range(20):
        for limit in (1, 7, 33, 99):
            part = whole.subset(limit, seed=seed)
            shares = limit * whole.class_counts / len(whole)
            assert len(part) == limit
            assert np.all(part.class_counts >= np.floor(shares))
            assert np.all(part.class_counts <= np.ceil(shares))


def test_a_subset_of_imagenets_shape_is_even() -> None:
    whole = counted(*[50] * 1000)
    assert set(whole.subset(3000, seed=0).class_counts.tolist()) == {3}
    counts = whole.subset(100, seed=0).class_counts
    assert sorted(set(counts.tolist())) == [0, 1]


def test_a_subset_keeps_the_order_and_says_how_it_was_drawn() -> None:
    whole = counted(30, 30)
    part = whole.subset(10, seed=7)
    places = [whole.samples.index(sample) for sample in part.samples]
    assert places == sorted(set(places))
    assert part.draws == (Draw(limit=10, of=60, seed=7),)
    assert (
        part.describe()
        == "10 images, 2 of 1000 classes, class-index folders, labels from folder names, drawn from 60 with seed 7"
    )


def test_the_same_seed_draws_the_same_images_for_ever() -> None:
    part = counted(5, 5, 5).subset(6, seed=3)
    # Frozen: a seed in an old record must go on meaning the images it meant.
    assert [sample.name for sample in part.samples] == [
        "0/001.png",
        "0/004.png",
        "1/001.png",
        "1/004.png",
        "2/001.png",
        "2/003.png",
    ]
    assert counted(5, 5, 5).subset(6, seed=4).samples != part.samples


def test_every_image_has_the_same_chance_also_in_uneven_classes() -> None:
    whole = counted(9, 3, 1)
    drawn = np.zeros(1000, dtype=np.int64)
    for seed in range(2000):
        drawn += whole.subset(5, seed=seed).class_counts
    shares = drawn[:3] / 2000 / np.array([9, 3, 1])
    assert np.abs(shares - 5 / 13).max() < 0.04  # 3.7 standard errors of the class with one image


def test_a_limit_above_the_size_gives_the_set_itself() -> None:
    whole = counted(2, 2)
    assert whole.subset(4, seed=0) is whole
    assert whole.subset(100, seed=0) is whole


@pytest.mark.parametrize(("limit", "seed"), [(0, 0), (-1, 0), (1, -1)])
def test_a_senseless_limit_or_seed_is_refused(limit: int, seed: int) -> None:
    with pytest.raises(UsageError, match="give"):
        counted(2, 2).subset(limit, seed=seed)


@pytest.mark.parametrize(
    ("pictures", "batch_size", "said"),
    [
        (5, 8, "5 images are 1 batch of 8, and a part needs one; give at most 1 part or a smaller --batch-size"),
        (5, 2, "5 images are 3 batches of 2, and a part needs one; give at most 3 parts or a smaller --batch-size"),
        (5, 1, "5 images are 5 batches of 1, and a part needs one; give at most 5 parts"),
        (1, 8, "1 image is 1 batch of 8, and a part needs one; give at most 1 part"),
    ],
)
def test_more_parts_than_batches_are_refused_with_what_helps(pictures: int, batch_size: int, said: str) -> None:
    with pytest.raises(UsageError) as refused:
        counted(pictures).shard(3, 7, batch_size=batch_size)
    assert str(refused.value) == f"--shard 3/7: {said}"


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("val/ILSVRC2012_val_00000001_n01751748.JPEG", "ILSVRC2012_val_00000001.JPEG"),
        ("a b/\u00e9t\u00e9 \u732b.jpeg", "a b/\u00e9t\u00e9 \u732b.jpeg"),
        ("bad\udcff.jpeg", r"bad\xff.jpeg"),
        ("two\nlines\t\x7f\x85\u2028.jpeg", r"two\nlines\t\x7f\x85\u2028.jpeg"),
        ("lone\ud800.jpeg", r"lone\ud800.jpeg"),
    ],
)
def test_a_name_is_one_line_that_can_be_encoded(path: str, name: str) -> None:
    assert canonical_name(path) == name
    assert len(name.encode().splitlines()) == 1


def test_the_place_in_an_error_is_one_line() -> None:
    file, name = Path("a\nb\udcff.tar"), "c\nd\udcfe.jpeg"
    assert said_place(file, name, 7, "files") == r"a\nb\xff.tar"
    assert said_place(file, name, 7, "tar") == r"a\nb\xff.tar: c\nd\xfe.jpeg"
    assert said_place(file, name, 7, "parquet") == r"a\nb\xff.tar: row 7 (c\nd\xfe.jpeg)"
