"""What numbers mean that stand for classes: the devkit's order is read where it is proved, and never guessed."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from alexbench.datasets.classes import class_list, packaged_labels
from alexbench.datasets.layouts import open_dataset
from alexbench.datasets.layouts.labels import read_labels
from alexbench.harness.errors import DataError
from tests.unit.datasets.layout_files import (
    WNIDS,
    pictures,
    slim,
    tfds,
    write_devkit,
    write_files,
    write_flat,
    write_parquet,
    write_tar,
    write_tfrecords,
    write_webdataset,
)

SET = pictures()
ID = [one.ilsvrc2012_id for one in class_list()]
RIGHT = {one.name: one.label for one in SET}
GROUND_TRUTH = "ILSVRC2012_validation_ground_truth.txt"

Number = Callable[[int], int]
ORDERS: dict[str, Number] = {
    "ILSVRC2012_ID": lambda label: ID[label],
    "ILSVRC2012_ID less 1": lambda label: ID[label] - 1,
    "class indices counted from 1": lambda label: label + 1,
}


def label_file(root: Path, number: Number) -> tuple[Path, dict[str, Any]]:
    lines = "".join(f"{one.name} {number(one.label)}\n" for one in SET)
    return write_flat(root / "val", SET), {"labels": write_files(root, {"ids.txt": lines.encode()}) / "ids.txt"}


def folders(root: Path, number: Number) -> tuple[Path, dict[str, Any]]:
    return write_files(root, {f"{number(one.label)}/{one.name}": one.data for one in SET}), {}


def tar(root: Path, number: Number) -> tuple[Path, dict[str, Any]]:
    return write_tar(root / "val.tar", {f"{number(one.label)}/{one.name}": one.data for one in SET}), {}


def parquet(root: Path, number: Number) -> tuple[Path, dict[str, Any]]:
    rows = [(one.name, one.data, number(one.label)) for one in SET]
    return write_parquet(root / "validation.parquet", rows, names=[]), {}


def records(root: Path, number: Number) -> tuple[Path, dict[str, Any]]:
    examples = [tfds(one, label=number(one.label)) for one in SET]
    return write_tfrecords(root / "x-validation.tfrecord-00000-of-00001", examples), {}


def slim_records(root: Path, number: Number) -> tuple[Path, dict[str, Any]]:
    examples = [slim(one, image__class__label=number(one.label), **NO_WORDS) for one in SET]
    return write_tfrecords(root / "validation-00000-of-00001", examples), {}


def webdataset(root: Path, number: Number) -> tuple[Path, dict[str, Any]]:
    samples = [(one.name[:-5], {"jpg": one.data, "cls": b"%d" % number(one.label)}) for one in SET]
    return write_webdataset(root / "val.tar", samples), {}


SOURCES = [label_file, folders, tar, parquet, records, webdataset]
NO_WORDS: dict[str, Any] = {"image__class__synset": None, "image__class__text": None}


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("write", SOURCES)
def test_another_order_is_read_where_the_sets_own_labels_prove_it(tmp_path: Path, write: Any, order: str) -> None:
    path, options = write(tmp_path, ORDERS[order])
    dataset = open_dataset(path, **options)
    assert {sample.name: sample.label for sample in dataset.samples} == RIGHT
    assert dataset.labels_from.endswith(f", {order}, as ILSVRC2012's own labels show")


@pytest.mark.parametrize("order", ["ILSVRC2012_ID", "ILSVRC2012_ID less 1"])
def test_inceptions_records_too(tmp_path: Path, order: str) -> None:
    path, _ = slim_records(tmp_path, ORDERS[order])
    dataset = open_dataset(path)
    assert {sample.name: sample.label for sample in dataset.samples} == RIGHT
    assert dataset.labels_from == f"image/class/label, {order}, as ILSVRC2012's own labels show"


@pytest.mark.parametrize("write", [*SOURCES, slim_records])
def test_another_order_that_not_all_labels_have_is_called_by_its_name(tmp_path: Path, write: Any) -> None:
    odd = SET[0].label
    path, options = write(tmp_path, lambda label: 7 if label == odd else ID[label])
    with pytest.raises(
        DataError, match=r"7 of 8 labels are ILSVRC2012_ID by ILSVRC2012's own labels.*give WordNet ids"
    ):
        open_dataset(path, **options)


def test_one_or_two_classes_prove_no_order(tmp_path: Path) -> None:
    one = SET[0]
    path = write_files(tmp_path, {f"{ID[one.label]}/{one.name}": one.data})
    with pytest.raises(DataError, match="so few images do not prove it; give WordNet ids"):
        open_dataset(path)


def unnamed(root: Path, labels: list[int]) -> Path:
    return write_files(root, {f"{label}/{label}.jpg": b"" for label in labels})


def test_a_devkit_next_to_folders_of_other_images_says_what_numbers_mean(tmp_path: Path) -> None:
    order = write_order(tmp_path / "devkit" / "data")
    root = unnamed(tmp_path / "a" / "val", [1, 5])
    assert open_dataset(root).labels.tolist() == [1, 5]
    write_order(root / "ILSVRC2012_devkit_t12" / "data")
    dataset = open_dataset(root, layout="class-index-folders")
    assert sorted(dataset.labels.tolist()) == sorted(order.index(number) for number in (1, 5))
    assert dataset.labels_from == "folder names, ILSVRC2012_ID by meta.mat"
    with_zero = unnamed(root, [0])
    assert open_dataset(with_zero, layout="class-index-folders").labels.tolist() == [
        0,
        1,
        5,
    ]  # 0 is not an ILSVRC2012_ID


def write_order(folder: Path) -> list[int]:
    """A devkit with an order of its own; the ILSVRC2012_ID of each class index."""
    write_devkit(folder, SET)
    from alexbench.datasets.layouts.devkit import index_by_id

    found = index_by_id(folder / "meta.mat")
    return [next(number for number, index in found.items() if index == label) for label in range(1000)]


def test_a_devkit_above_folders_1_to_1000_says_what_they_mean(tmp_path: Path) -> None:
    root = unnamed(tmp_path / "val", list(range(1, 1001)))
    with pytest.raises(
        DataError, match=r"1..1000 are ILSVRC2012_ID, the devkit's order, or class indices counted from 1"
    ):
        open_dataset(root)
    order = write_order(tmp_path / "ILSVRC2012_devkit_t12" / "data")
    dataset = open_dataset(root)
    assert [int(sample.file.split("/")[0]) for sample in dataset.samples] == order


def test_a_synset_list_of_1000_lines_explains_1_to_1000(tmp_path: Path) -> None:
    shuffled = list(WNIDS)
    random.Random(3).shuffle(shuffled)
    root = unnamed(tmp_path / "val", list(range(1, 1001)))
    (root / "synsets.txt").write_text("\n".join(shuffled))
    assert [shuffled[int(one.file.split("/")[0]) - 1] for one in open_dataset(root).samples] == WNIDS
    (root / "synsets.txt").unlink()
    lines = [f"{wnid} {place} a_name" for place, wnid in enumerate(shuffled, start=1)]
    (root / "map_clsloc.txt").write_text("\n".join(lines))
    dataset = open_dataset(root)
    assert [shuffled[int(one.file.split("/")[0]) - 1] for one in dataset.samples] == WNIDS
    assert dataset.labels_from == "folder names, ILSVRC2012_ID by map_clsloc.txt"


def test_a_list_that_the_sets_own_labels_contradict_is_refused(tmp_path: Path) -> None:
    root, _ = folders(tmp_path / "val", lambda label: label)
    (root / "synsets.txt").write_text("\n".join(reversed(WNIDS)))
    with pytest.raises(DataError, match=r"synsets.txt: not what the labels of .* mean, which are class indices"):
        open_dataset(root)


def test_a_ground_truth_without_meta_mat_is_read_where_it_proves_itself(tmp_path: Path) -> None:
    for name, number in ((GROUND_TRUTH, ORDERS["ILSVRC2012_ID"]), ("labels.lst", lambda label: label)):
        path = write_files(tmp_path, {name: "".join(f"{number(one)}\n" for one in packaged_labels()).encode()}) / name
        assert tuple(read_labels(path).by_name.values()) == packaged_labels()
        assert read_labels(path).said.startswith(name)


def test_running_numbers_of_images_are_no_labels(tmp_path: Path) -> None:
    lines = "".join(f"{one.name[:-5]} {one.number}\n" for one in SET)
    path = write_files(tmp_path, {"val.txt": lines.encode()}) / "val.txt"
    with pytest.raises(DataError, match=r"val.txt: a list of images with their running numbers.*take it away"):
        read_labels(path)


def test_labels_that_are_of_no_order_stay_what_they_are(tmp_path: Path) -> None:
    path, options = label_file(tmp_path, lambda label: (label + 7) % 1000)
    assert open_dataset(path, **options).labels_from == "ids.txt"
    assert sorted(open_dataset(path, **options).labels.tolist()) == sorted((one.label + 7) % 1000 for one in SET)


def test_a_folder_named_by_thousands_of_digits_is_refused_in_a_line(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "val.tar", {f"{'9' * 5000}/a.jpg": b"", "7/b.jpg": b""})
    with pytest.raises(DataError, match=r"outside 0\.\.999; remove these folders"):
        open_dataset(path)


def test_a_label_file_of_other_images_is_not_corrected(tmp_path: Path) -> None:
    root = write_flat(tmp_path / "val", SET)
    labels = write_files(tmp_path, {"other.txt": b"a.jpg 1\n"}) / "other.txt"
    with pytest.raises(DataError, match=r"give the label file of these images; or leave out .*other\.txt"):
        open_dataset(root, labels=labels)
