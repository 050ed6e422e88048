"""WebDataset shards: keys pair images with labels; what a label means is known, or the shards are refused."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from alexbench.datasets.containers.readers import reader_for
from alexbench.datasets.layouts import open_dataset
from alexbench.harness.errors import DataError
from tests.unit.datasets.layout_files import WNIDS, jpeg, pictures, write_files, write_tar, write_webdataset

SET = pictures()
A, B = jpeg(1), jpeg(2)
Members = Mapping[str, bytes]


def refusal(path: Path) -> str:
    with pytest.raises(DataError) as refused:
        open_dataset(path)
    message = str(refused.value)
    assert "\n" not in message
    return message


def shard(root: Path, *samples: tuple[str, Members], name: str = "imagenet-val-000000.tar") -> Path:
    return write_webdataset(root / name, samples)


def test_images_of_unknown_names_have_the_labels_of_their_keys(tmp_path: Path) -> None:
    shard(tmp_path, ("000", {"cls": b"65", "jpg": A}), ("001", {"jpg": B, "cls": b"0\n"}))
    dataset = open_dataset(tmp_path)
    reader = reader_for(dataset.container, dataset.root)
    assert [(one.name, one.label, reader.read(one)) for one in dataset.samples] == [
        ("001.jpg", 0, B),
        ("000.jpg", 65, A),
    ]
    assert dataset.notes == (
        "labels are assumed to be class indices 0..999, as in ImageNet's WebDataset shards; the shards do not show it",
    )
    assert open_dataset(tmp_path / "imagenet-val-000000.tar").samples == dataset.samples


def test_wordnet_ids_are_labels_whatever_the_shards_are_called(tmp_path: Path) -> None:
    path = shard(tmp_path, ("a/0", {"png": A, "cls": b"n01443537"}), name="any.tar")
    dataset = open_dataset(path)
    assert [(one.name, one.label) for one in dataset.samples] == [("a/0.png", 1)]
    assert dataset.notes == ()


@pytest.mark.parametrize(
    ("info", "label", "name"),
    [
        ({"label": 3, "wnid": WNIDS[3]}, 3, "0.jpg"),
        ({"cls": "n01443537"}, 1, "0.jpg"),
        ({"label": 65, "filename": "val/ILSVRC2012_val_00000001.JPEG"}, 65, "ILSVRC2012_val_00000001.JPEG"),
    ],
)
def test_labels_and_names_in_json_are_read(tmp_path: Path, info: dict[str, Any], label: int, name: str) -> None:
    path = shard(tmp_path, ("0", {"jpg": A, "json": json.dumps(info).encode()}), name="x.tar")
    dataset = open_dataset(path)
    assert [(one.name, one.label) for one in dataset.samples] == [(name, label)]
    assert dataset.labels_from == "KEY.json"


def test_numbers_without_anything_that_explains_them_are_refused_until_a_list_does(tmp_path: Path) -> None:
    for name in ("shard-000000.tar", "tiny-imagenet-val-0.tar", "imagenette-val-0.tar", "imagenet100-val-0.tar"):
        root = tmp_path / name
        shard(root, ("0", {"jpg": A, "cls": b"1"}), name=name)
        assert "nothing defines their labels; put a class list (classes.txt, one WordNet" in refusal(root)
        (root / "classes.txt").write_text("n01440764\nn02102040\n")
        dataset = open_dataset(root)
        assert dataset.labels.tolist() == [WNIDS.index("n02102040")]
        assert dataset.labels_from == "KEY.cls, by the classes in classes.txt"


def test_keys_that_begin_anew_in_each_shard_are_told_apart(tmp_path: Path) -> None:
    for number in range(2):
        shard(tmp_path, ("0000", {"jpg": jpeg(number), "cls": b"7"}), name=f"imagenet1k-validation-{number:02d}.tar")
    assert [one.name for one in open_dataset(tmp_path).samples] == [
        f"imagenet1k-validation-{number:02d}.tar/0000.jpg" for number in range(2)
    ]


def test_other_members_and_files_are_left_out_and_counted(tmp_path: Path) -> None:
    members = {"jpg": A, "cls": b"1", "seg.png": B, "txt": b"a fish"}
    shard(tmp_path, ("0", members), ("dataset", {"json": b"{}"}), ("._0", {"jpg": b"litter"}))
    write_files(tmp_path, {"_info.json": b"{}", "imagenet-train-000000.tar": b"not looked at"})
    dataset = open_dataset(tmp_path)
    assert len(dataset) == 1
    assert dataset.left_out == 3 + 2


@pytest.mark.parametrize(
    ("samples", "said"),
    [
        (
            [("7", {"jpg": A}), ("8", {"jpg": A, "cls": b"1"})],
            "imagenet-val-000000.tar: 7.jpg is an image without a label (7.cls); restore the shard, or remove",
        ),
        (
            [("7", {"cls": b"1"}), ("8", {"cls": b"1"}), ("9", {"jpg": A, "cls": b"1"})],
            "imagenet-val-000000.tar: 7.cls is a label without an image, and 1 more are; restore the shard, or remove",
        ),
        ([("7", {"cls": b"1"})], ": 7.cls is a label without an image;"),
        ([("7", {"jpg": A, "png": A, "cls": b"1"})], ": 7: two members are its image (png); keep one of them"),
        ([("7", {"jpg": A, "cls": b"tench"})], ": 7.cls has label 'tench'; expected a class index 0..999, or the"),
        ([("7", {"jpg": A, "cls": b""})], ": 7.cls has no label; expected"),
        ([("7", {"jpg": A, "cls": b"\x80\x04K\x01."})], ": 7.cls has label "),
        ([("7", {"jpg": A, "cls": b"1" * 65})], ": 7.cls has 65 bytes, 64 at most; restore the shard"),
        ([("7", {"jpg": A, "cls": b"n00000001"})], ": 7.cls has label 'n00000001'; expected"),
        ([("7", {"jpg": A, "cls": b"1000"})], ": 7 has label 1000, outside 0..999; 1..1000 are ILSVRC2012_ID, the"),
        ([("7", {"jpg": A, "cls": b"-1"})], ": 7 has label -1, outside 0..999; give shards with ImageNet's labels"),
        ([("7", {"jpg": A, "json": b"{"})], ": 7.json cannot be read (JSONDecodeError); restore the shard"),
        ([("7", {"jpg": A, "json": b"[1]"})], ": 7.json has no label; expected"),
        ([("n01440764/7", {"jpg": A, "cls": b"5"})], "is of class 5 by its label and of class 0 by its words"),
        ([("7", {"jpg": A, "json": json.dumps({"label": 5, "wnid": WNIDS[0]}).encode()})], "of class 0 by its words"),
    ],
)
def test_samples_that_are_not_whole_are_refused_by_their_key(
    tmp_path: Path, samples: list[tuple[str, Members]], said: str
) -> None:
    shard(tmp_path, *samples)
    assert said in refusal(tmp_path)


def test_training_shards_are_refused_by_their_split(tmp_path: Path) -> None:
    path = shard(tmp_path, ("0", {"jpg": A, "cls": b"1"}), name="imagenet-train-000000.tar")
    for given in (path, tmp_path):
        assert "the training split (imagenet-train-000000.tar), on which no accuracy is measured" in refusal(given)


def test_a_shard_that_is_missing_between_others_is_said(tmp_path: Path) -> None:
    for number in (0, 1, 3):
        shard(tmp_path, (f"{number}", {"jpg": A, "cls": b"1"}), name=f"imagenet-val-{number:06d}.tar")
    assert open_dataset(tmp_path).notes[-1] == "1 of 4 files or more is missing (imagenet-val-000002.tar): a subset"


def test_two_series_are_refused(tmp_path: Path) -> None:
    for name in ("imagenet-val-000000.tar", "imagenet-validation-000000.tar"):
        shard(tmp_path, ("0", {"jpg": A, "cls": b"1"}), name=name)
    assert "files of 2 series (imagenet-val-*.tar, imagenet-validation-*.tar); keep those of one" in refusal(tmp_path)


def test_a_shard_cut_off_is_refused(tmp_path: Path) -> None:
    path = shard(tmp_path, *((str(each), {"jpg": A, "cls": b"1"}) for each in range(5)))
    path.write_bytes(path.read_bytes()[:3000])
    assert "not a whole tar, cut off or damaged" in refusal(tmp_path)


def test_a_plain_tar_stays_one(tmp_path: Path) -> None:
    files = {one.name: one.data for one in SET} | {one.name.replace("JPEG", "xml"): b"<x/>" for one in SET}
    assert open_dataset(write_tar(tmp_path / "val.tar", files)).layout == "tar"


def test_labels_that_are_not_the_sets_own_are_kept(tmp_path: Path) -> None:
    samples = [(one.name[:-5], {"jpg": one.data, "cls": b"%d" % ((one.label + 7) % 1000)}) for one in SET]
    dataset = open_dataset(shard(tmp_path, *samples))
    assert {one.name: one.label for one in dataset.samples} == {one.name: (one.label + 7) % 1000 for one in SET}
