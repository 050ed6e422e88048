"""TensorFlow Datasets' records: read without it, with the classes that they state, of the validation split alone."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from alexbench.datasets.classes import class_list
from alexbench.datasets.containers.readers import reader_for
from alexbench.datasets.layouts import open_dataset
from alexbench.harness.errors import DataError
from tests.unit.datasets.layout_files import WNIDS, example, jpeg, pictures, slim, tfds, write_files, write_tfrecords

SET = pictures()
FILE = "imagenet2012-validation.tfrecord-00000-of-00001"

# As tfds.core.ExampleSerializer writes them. Run apart: TensorFlow takes seconds to import, and its warnings.
WRITE_WITH_TENSORFLOW = """
import json, sys
from pathlib import Path
import tensorflow as tf

root = Path(sys.argv[1])
with tf.io.TFRecordWriter(str(root / sys.argv[2])) as writer:
    for name, label in json.loads(sys.argv[3]):
        features = {
            "image": tf.train.Feature(bytes_list=tf.train.BytesList(value=[(root / name).read_bytes()])),
            "label": tf.train.Feature(int64_list=tf.train.Int64List(value=[label])),
            "file_name": tf.train.Feature(bytes_list=tf.train.BytesList(value=[name.encode()])),
        }
        writer.write(tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString())
"""


def refusal(path: Path) -> str:
    with pytest.raises(DataError) as refused:
        open_dataset(path)
    message = str(refused.value)
    assert "\n" not in message
    assert "restore" not in message
    return message


def unnamed(label: int | None, **others: Any) -> bytes:
    return tfds(SET[0], label=label, file_name=None, **others)


def test_records_that_tensorflow_wrote_are_read(tmp_path: Path) -> None:
    write_files(tmp_path, {one.name: one.data for one in SET})
    rows = json.dumps([[one.name, one.label] for one in SET])
    command = [sys.executable, "-P", "-c", WRITE_WITH_TENSORFLOW, str(tmp_path), FILE, rows]
    subprocess.run(command, check=True, capture_output=True)
    dataset = open_dataset(tmp_path / FILE)
    reader = reader_for(dataset.container, dataset.root)
    assert {one.name: one.label for one in dataset.samples} == {one.name: one.label for one in SET}
    assert {one.name: reader.read(one) for one in dataset.samples} == {one.name: one.data for one in SET}
    assert dataset.layout == "tfds"


@pytest.mark.parametrize("name", ["imagenet2012-train.tfrecord-00000-of-01024", "imagenet2012-train.tfrecord"])
def test_training_shards_are_refused_by_their_split(tmp_path: Path, name: str) -> None:
    path = write_tfrecords(tmp_path / name, [tfds(SET[0], file_name=b"n01440764_10026.JPEG")])
    for given in (path, tmp_path):
        assert f"the training split ({name}), on which no accuracy is measured; give the files of the" in refusal(given)
    # People also call the one split of a set that; its images are the validation set's.
    assert len(open_dataset(write_tfrecords(path, map(tfds, SET)))) == len(SET)


def test_a_test_split_has_no_labels(tmp_path: Path) -> None:
    path = write_tfrecords(tmp_path / "imagenet2012-test.tfrecord-00000-of-00001", [tfds(SET[0], label=-1)])
    assert "has label -1, as TFDS's test split has it, which has no labels; give the validation split" in refusal(path)


def test_the_training_shards_next_to_those_of_validation_are_left_out(tmp_path: Path) -> None:
    write_tfrecords(tmp_path / FILE, map(tfds, SET))
    write_files(tmp_path, {"imagenet2012-train.tfrecord-00000-of-01024": b"not looked at", "features.json": b"{}"})
    dataset = open_dataset(tmp_path)
    assert len(dataset) == len(SET)
    assert dataset.left_out == 2


def test_tfds_own_list_of_classes_says_what_labels_mean(tmp_path: Path) -> None:
    path = write_tfrecords(tmp_path / "imagenette-validation.tfrecord-00000-of-00001", [unnamed(0), unnamed(2)])
    assert "nothing defines their labels; put the data set's label.labels.txt" in refusal(path)
    ten = ["n01440764", "n02102040", "n02979186"]
    (tmp_path / "label.labels.txt").write_text("\n".join(ten))
    dataset = open_dataset(tmp_path)
    assert [(one.name, one.label) for one in dataset.samples] == [
        (f"{path.name}#0", WNIDS.index(ten[0])),
        (f"{path.name}#1", WNIDS.index(ten[2])),
    ]
    assert dataset.labels_from == "feature label, by the classes in label.labels.txt"


def test_records_of_imagenet2012_without_names_are_class_indices(tmp_path: Path) -> None:
    path = write_tfrecords(tmp_path / FILE, [unnamed(0), unnamed(999)])
    assert open_dataset(path).labels.tolist() == [0, 999]


def test_base_names_that_repeat_are_told_apart_as_in_class_folders(tmp_path: Path) -> None:
    rows = [(label, b"sketch_0.JPEG") for label in (0, 1)]
    examples = [tfds(SET[0], image=jpeg(label), label=label, file_name=name) for label, name in rows]
    dataset = open_dataset(write_tfrecords(tmp_path / FILE, examples))
    assert [one.name for one in dataset.samples] == [f"{WNIDS[label]}/sketch_0.JPEG" for label in (0, 1)]
    assert dataset.notes == ()


@pytest.mark.parametrize(
    ("record", "said"),
    [
        (tfds(SET[0], label=None), "TFDS's record without label, among file_name, image; give a data set with image"),
        (unnamed(1000), "has label 1000, outside 0..999"),
        (tfds(SET[0], label=b"tench"), "its label is not an integer"),
        (example(image=b"x", original_label=3, real_label=[1, 2]), "without label, among image, original_label"),
        (example(other=b"x"), "no image/encoded among other; convert the set again, or give its images"),
    ],
)
def test_records_without_what_is_wanted_are_refused_by_name(tmp_path: Path, record: bytes, said: str) -> None:
    assert said in refusal(write_tfrecords(tmp_path / FILE, [record]))


def test_a_set_of_both_kinds_of_records_is_refused(tmp_path: Path) -> None:
    path = write_tfrecords(tmp_path / FILE, [tfds(SET[0]), slim(SET[1])])
    assert "record 1 (from 0): TFDS's record without image and label" in refusal(path)


def test_damage_is_found_and_named_by_the_record(tmp_path: Path) -> None:
    path = write_tfrecords(tmp_path / FILE, map(tfds, SET))
    data = path.read_bytes()
    place = data.index(SET[3].data) + 200
    path.write_bytes(data[:place] + b"\x00\x00\x00" + data[place + 3 :])
    dataset = open_dataset(path)
    reader = reader_for(dataset.container, dataset.root)
    (sample,) = [one for one in dataset.samples if one.name == SET[3].name]
    with pytest.raises(DataError, match=r"record 3 \(from 0\): damaged: the data fails its checksum"):
        reader.read(sample)
    path.write_bytes(data[:-20])
    with pytest.raises(DataError, match=r"cut off within record 7 \(from 0\); restore the file"):
        open_dataset(path)


def test_other_formats_of_tfds_are_called_by_their_names(tmp_path: Path) -> None:
    write_files(tmp_path, {"imagenet2012-validation.array_record-00000-of-00064": b"\0" * 600})
    assert "ArrayRecord files" in refusal(tmp_path)
    assert "ArrayRecord files" in refusal(next(tmp_path.iterdir()))


def test_a_training_set_of_other_records_is_known_by_its_images_too(tmp_path: Path) -> None:
    training = [slim(one, image__filename=f"{one.wnid}_{one.number}.JPEG".encode()) for one in SET]
    path = write_tfrecords(tmp_path / "train-00000-of-00001", training)
    assert "the training split (train-00000-of-00001)" in refusal(path)
    # People also call the one split of a set that; its images are the validation set's.
    assert len(open_dataset(write_tfrecords(path, map(slim, SET)))) == len(SET)


def test_class_names_are_those_of_the_list() -> None:
    assert [one.wnid for one in class_list()] == WNIDS == sorted(WNIDS)
