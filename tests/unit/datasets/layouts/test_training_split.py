"""The training split is opened in every layout where it is asked for, and the validation split is not trained on."""

from collections.abc import Callable
from pathlib import Path

import pytest

from alexbench.datasets.layouts import open_dataset
from alexbench.harness.errors import DataError
from tests.unit.datasets.layout_files import (
    WNIDS,
    Picture,
    jpeg,
    pictures,
    slim,
    tfds,
    write_files,
    write_folders,
    write_parquet,
    write_tar,
    write_tfrecords,
    write_webdataset,
)

VALIDATION = pictures((1, 2))


class Trained(Picture):
    """An image with a name of the training set."""

    @property
    def name(self) -> str:
        return f"{self.wnid}_{self.number}.JPEG"


TRAINING = [Trained(number, jpeg(number), label) for number, label in ((7, 0), (8, 0), (9, 999))]


def folders(root: Path) -> None:
    write_folders(root / "train", TRAINING)
    write_folders(root / "val", VALIDATION)


def tar(root: Path) -> None:
    files = {f"data/train/{one.wnid}/{one.name}": one.data for one in TRAINING}
    write_tar(root / "all.tar", files | {f"data/val/{one.wnid}/{one.name}": one.data for one in VALIDATION})


def tfrecords(root: Path) -> None:
    write_tfrecords(root / "train-00000-of-00001", map(slim, TRAINING))
    write_tfrecords(root / "validation-00000-of-00001", map(slim, VALIDATION))


def tfds_records(root: Path) -> None:
    write_tfrecords(root / "imagenet2012-train.tfrecord-00000-of-00001", map(tfds, TRAINING))
    write_tfrecords(root / "imagenet2012-validation.tfrecord-00000-of-00001", map(tfds, VALIDATION))


def parquet(root: Path) -> None:
    for split, images in (("train", TRAINING), ("validation", VALIDATION)):
        rows = [(one.name, one.data, one.label) for one in images]
        write_parquet(root / f"{split}-00000-of-00001.parquet", rows)


def webdataset(root: Path) -> None:
    for split, images in (("train", TRAINING), ("val", VALIDATION)):
        samples = [(one.name[:-5], {"jpg": one.data, "cls": str(one.label).encode()}) for one in images]
        write_webdataset(root / f"imagenet-{split}-000000.tar", samples)


@pytest.mark.parametrize("write", [folders, tar, tfrecords, tfds_records, parquet, webdataset])
def test_one_path_gives_either_split(tmp_path: Path, write: Callable[[Path], None]) -> None:
    write(tmp_path)
    path = tmp_path / "all.tar" if write is tar else tmp_path
    assert open_dataset(path, split="train").labels.tolist() == [0, 0, 999]
    assert len(open_dataset(path)) == len(VALIDATION)


@pytest.mark.parametrize(
    ("write", "name"),
    [(tfrecords, "train-00000-of-00001"), (webdataset, "imagenet-train-000000.tar"), (folders, "train")],
)
def test_the_training_split_itself_is_opened(tmp_path: Path, write: Callable[[Path], None], name: str) -> None:
    write(tmp_path)
    assert len(open_dataset(tmp_path / name, split="train")) == len(TRAINING)


@pytest.mark.parametrize("name", ["validation-00000-of-00001", "validation-00000-of-00001.parquet"])
def test_the_validation_split_is_refused_by_its_name(tmp_path: Path, name: str) -> None:
    (parquet if name.endswith("parquet") else tfrecords)(tmp_path)
    with pytest.raises(DataError, match=rf"the validation split \({name}\), which is not trained on"):
        open_dataset(tmp_path / name, split="train")


def test_a_root_without_a_training_set_names_what_is_there(tmp_path: Path) -> None:
    write_folders(tmp_path / "val", VALIDATION)
    write_files(tmp_path / "test", {"ILSVRC2012_test_00000001.JPEG": b""})
    with pytest.raises(DataError, match="only the test and validation set below it") as refused:
        open_dataset(tmp_path, split="train")
    assert "training set's images" in str(refused.value)


def test_the_classes_are_those_of_the_folders(tmp_path: Path) -> None:
    folders(tmp_path)
    dataset = open_dataset(tmp_path, split="train")
    assert [sample.name for sample in dataset.samples] == [f"{one.wnid}/{one.name}" for one in TRAINING]
    assert TRAINING[2].wnid == WNIDS[999]
