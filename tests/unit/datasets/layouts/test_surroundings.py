"""A path that is too high or too low: the one validation set below is read and said, else the advice names it."""

import itertools
import os
from pathlib import Path

import pytest

from alexbench.datasets.fingerprint import names_digest
from alexbench.datasets.layouts import open_dataset, surroundings
from alexbench.harness.errors import DataError, UsageError
from tests.unit.datasets.layout_files import (
    pictures,
    slim,
    tfds,
    write_files,
    write_flat,
    write_folders,
    write_parquet,
    write_tar,
    write_tfrecords,
)

SET = pictures()
TRAIN = {"n01440764/n01440764_1.JPEG": b"", "n01443537/n01443537_2.JPEG": b""}


def refusal(path: Path, **options: str) -> str:
    with pytest.raises(DataError) as refused:
        open_dataset(path, **options)  # type: ignore[arg-type]
    message = str(refused.value)
    assert "\n" not in message
    assert "rename" not in message
    assert "/train?" not in message
    return message


def below(root: Path, files: dict[str, bytes]) -> None:
    write_files(root, files)


def kaggle(root: Path) -> Path:
    place = root / "ILSVRC" / "Data" / "CLS-LOC"
    write_files(place / "train", TRAIN)
    write_files(place / "test", {"ILSVRC2012_test_00000001.JPEG": b""})
    write_files(root / "ILSVRC" / "Annotations" / "CLS-LOC" / "val", {"ILSVRC2012_val_00000001.xml": b""})
    rows = "".join(f"{one.name[:-5]},{one.wnid} 1 2 3 4\n" for one in SET)
    write_files(root, {"LOC_val_solution.csv": f"ImageId,PredictionString\n{rows}".encode()})
    return write_flat(place / "val", SET)


def omz(root: Path) -> Path:
    write_files(root, {"val.txt": "".join(f"{one.name} {one.label}\n" for one in SET).encode()})
    return write_flat(root / "ILSVRC2012_img_val", SET)


def train_and_val(root: Path) -> Path:
    write_files(root / "train", TRAIN)
    return write_folders(root / "val", SET)


def flat_val(root: Path) -> Path:
    write_files(root / "train", TRAIN)
    return write_flat(root / "val", SET)


def torchvision(root: Path) -> Path:
    write_files(root, {"ILSVRC2012_img_train.tar": b"", "ILSVRC2012_img_val.tar": b"", "meta.bin": b""})
    return train_and_val(root)


def archive(root: Path) -> Path:
    write_files(root, {"ILSVRC2012_devkit_t12.tar.gz": b"", "ILSVRC2012_img_train.tar": b""})
    return write_tar(root / "ILSVRC2012_img_val.tar", {one.name: one.data for one in SET})


def tensorflow_datasets(root: Path) -> Path:
    folder = root / "imagenet2012" / "5.1.0"
    write_files(folder, {"dataset_info.json": b"{}", "imagenet2012-train.tfrecord-00000-of-01024": b""})
    write_tfrecords(folder / "imagenet2012-validation.tfrecord-00000-of-00001", map(tfds, SET))
    return folder


def inception(root: Path) -> Path:
    write_tfrecords(root / "records" / "validation-00000-of-00001", map(slim, SET))
    return root / "records"


def hugging_face(root: Path) -> Path:
    rows = [(one.name, one.data, one.label) for one in SET]
    write_files(root, {"README.md": b"# x", "default/train/0000.parquet": b""})
    write_parquet(root / "default" / "validation" / "0000.parquet", rows[:3])
    write_parquet(root / "default" / "validation" / "0001.parquet", rows[3:])
    return root / "default" / "validation"


ROOTS = [kaggle, omz, train_and_val, flat_val, torchvision, archive, tensorflow_datasets, inception, hugging_face]


@pytest.mark.parametrize("write", ROOTS)
def test_the_one_validation_set_below_is_read_and_said(tmp_path: Path, write: object) -> None:
    root = tmp_path / "root"
    place = write(root)  # type: ignore[operator]
    dataset, itself = open_dataset(root), open_dataset(place)
    assert dataset.notes[0] == f"read from {place}, the one validation set below {root}"
    assert (dataset.samples, dataset.root, dataset.layout) == (itself.samples, itself.root, itself.layout)
    assert names_digest(dataset) == names_digest(open_dataset(write_folders(tmp_path / "plain", SET)))
    assert len(dataset) == len(SET)


def test_every_level_of_kaggles_tree_gives_the_same_set(tmp_path: Path) -> None:
    place = kaggle(tmp_path)
    for folder in itertools.islice(place.parents, 4):
        assert [one.name for one in open_dataset(folder).samples] == [one.name for one in open_dataset(place).samples]


def test_labels_of_a_folder_that_was_named_are_used(tmp_path: Path) -> None:
    kaggle(tmp_path)
    assert open_dataset(tmp_path).labels_from == "LOC_val_solution.csv"
    assert open_dataset(tmp_path / "ILSVRC").labels_from == "ILSVRC2012's own list"


def test_a_named_layout_is_looked_for_below_too(tmp_path: Path) -> None:
    place = flat_val(tmp_path)
    assert open_dataset(tmp_path, layout="flat-folder").root == place
    with pytest.raises(UsageError, match=r"--layout wnid-folders: .*val holds flat images"):
        open_dataset(tmp_path, layout="wnid-folders")


def test_several_validation_sets_are_named(tmp_path: Path) -> None:
    write_flat(tmp_path / "one" / "val", SET)
    write_folders(tmp_path / "two" / "val", SET)
    message = refusal(tmp_path)
    assert f"2 validation sets below it ({tmp_path}/one/val, {tmp_path}/two/val); give one of them" in message


@pytest.mark.parametrize("name", ["train", "ILSVRC2012_img_train", "test", "imagenet_train/images"])
def test_without_a_validation_set_what_is_there_is_named(tmp_path: Path, name: str) -> None:
    below(tmp_path / name, TRAIN)
    message = refusal(tmp_path)
    assert "only the t" in message
    assert f"set below it ({tmp_path / name}); give a folder or an archive with the validation set's" in message


def test_a_set_that_says_nothing_of_itself_is_asked_about(tmp_path: Path) -> None:
    below(tmp_path / "imagenet", TRAIN)
    assert f"did you mean {tmp_path / 'imagenet'}?" in refusal(tmp_path)
    below(tmp_path / "other", TRAIN)
    assert f"2 data sets below it ({tmp_path}/imagenet, {tmp_path}/other); give one" in refusal(tmp_path)


def test_a_year_is_no_class(tmp_path: Path) -> None:
    place = write_flat(tmp_path / "2012" / "val", SET)
    assert open_dataset(tmp_path).root == place


def test_folders_of_images_named_otherwise_are_no_sets(tmp_path: Path) -> None:
    below(tmp_path, {"cat/a.png": b"", "dog/b.png": b""})
    message = refusal(tmp_path)
    assert "2 (cat, dog) of 2 folders are neither WordNet ids (n01440764) nor class indices (0..999); name" in message


def test_a_folder_next_to_class_folders_is_left_aside_on_demand(tmp_path: Path) -> None:
    write_files(write_folders(tmp_path, SET), {"devkit/readme.txt": b""})
    assert "remove them, or ignore them with --layout wnid-folders" in refusal(tmp_path)
    assert len(open_dataset(tmp_path, layout="wnid-folders")) == len(SET)


def test_one_class_folder_of_a_set_is_a_level_too_low(tmp_path: Path) -> None:
    below(tmp_path / "val", {"n01440764/a.JPEG": b""})
    assert f"this is one class folder: did you mean {tmp_path / 'val'}?" in refusal(tmp_path / "val" / "n01440764")


def test_annotations_in_the_place_of_images_are_told_apart(tmp_path: Path) -> None:
    kaggle(tmp_path)
    message = refusal(tmp_path / "ILSVRC" / "Annotations" / "CLS-LOC" / "val")
    assert f"did you mean {tmp_path}/ILSVRC/Data/CLS-LOC/val?" in message


def test_a_label_file_above_is_pointed_at(tmp_path: Path) -> None:
    below(tmp_path, {"val/a.jpg": b"", "val/b.jpg": b"", "val.txt": b"a.jpg 1\nb.jpg 2\n"})
    assert f"did you mean --labels {tmp_path / 'val.txt'}?" in refusal(tmp_path / "val")
    assert open_dataset(tmp_path).labels.tolist() == [1, 2]


def test_links_that_lead_round_end(tmp_path: Path) -> None:
    write_flat(tmp_path / "a" / "val", SET)
    (tmp_path / "a" / "again").symlink_to(tmp_path, target_is_directory=True)
    assert len(open_dataset(tmp_path)) == len(SET)


def test_a_folder_below_that_may_not_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = flat_val(tmp_path)
    listed = os.scandir

    def forbidding(path: Path) -> object:
        if Path(path) == place:  # by hand, since root may read everything
            raise PermissionError(13, "Permission denied", str(path))
        return listed(path)

    monkeypatch.setattr(os, "scandir", forbidding)
    assert f"{place}: cannot be read (Permission denied); make it readable" in refusal(tmp_path)


def test_of_too_many_folders_none_is_taken_unasked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(surroundings, "_FOLDERS_AT_MOST", 5)
    place = flat_val(tmp_path)
    for number in range(9):
        (tmp_path / f"z{number}").mkdir()
    assert f"more than 5 folders below it; did you mean {place}?" in refusal(tmp_path)


def test_parts_of_one_set_next_to_each_other_are_asked_to_be_joined(tmp_path: Path) -> None:
    write_flat(tmp_path / "folders" / "a", SET[:4])
    write_flat(tmp_path / "folders" / "b", SET[4:])
    assert "or put the images into one folder if these are parts" in refusal(tmp_path / "folders")
    for part in ("val-0.tar", "val-1.tar"):
        write_tar(tmp_path / "archives" / part, {"a.jpg": b"x"})
    assert "2 archives of the validation set" in refusal(tmp_path / "archives")


def test_folders_of_images_within_a_validation_folder_are_its_classes(tmp_path: Path) -> None:
    below(tmp_path, {"val/cat/a.png": b"", "val/dog/b.png": b""})
    assert f"{tmp_path / 'val'}: 2 (cat, dog) of 2 folders are neither WordNet ids" in refusal(tmp_path)


def test_class_folders_next_to_a_validation_folder_point_there(tmp_path: Path) -> None:
    write_folders(tmp_path / "val", SET)
    below(tmp_path, {"n01440764/a.JPEG": b""})
    assert f"did you mean {tmp_path / 'val'}? Else remove them" in refusal(tmp_path)


def test_folders_without_any_image_below_are_said_to_be_so(tmp_path: Path) -> None:
    below(tmp_path, {"devkit/data/readme.txt": b"x"})
    assert "no image in it or below it; give a folder" in refusal(tmp_path)
