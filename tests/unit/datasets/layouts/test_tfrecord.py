"""TFRecords: TensorFlow's own are read without it; damage is found and named by its record; nothing is guessed."""

import json
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alexbench.datasets.containers.tf_example import NotAnExampleError, bytes_in, features, int_in
from alexbench.datasets.containers.tfrecord import TFRecordReader, masked_crc
from alexbench.datasets.dataset import Dataset
from alexbench.datasets.fingerprint import plain_word
from alexbench.datasets.layouts import open_dataset
from alexbench.harness.errors import DataError
from tests.unit.datasets.layout_files import Picture, example, pictures, slim, write_files, write_tfrecords

SET = pictures()
BY_NAME = {picture.name: picture for picture in SET}

# As Inception's build_imagenet_data.py writes them. Run apart: TensorFlow takes seconds to import, and its warnings.
WRITE_WITH_TENSORFLOW = """
import json, sys
from pathlib import Path
import tensorflow as tf

def ints(*values): return tf.train.Feature(int64_list=tf.train.Int64List(value=values))
def floats(*values): return tf.train.Feature(float_list=tf.train.FloatList(value=values))
def texts(*values): return tf.train.Feature(bytes_list=tf.train.BytesList(value=values))

root = Path(sys.argv[1])
with tf.io.TFRecordWriter(str(root / "validation-00000-of-00001")) as writer:
    for name, label, wnid in json.loads(sys.argv[2]):
        features = {
            "image/height": ints(30), "image/width": ints(40), "image/channels": ints(3),
            "image/colorspace": texts(b"RGB"), "image/format": texts(b"JPEG"), "image/class/text": texts(b"a, b"),
            "image/object/bbox/xmin": floats(0.1, 0.5), "image/object/bbox/xmax": floats(),
            "image/object/bbox/ymin": floats(), "image/object/bbox/ymax": floats(),
            "image/object/bbox/label": ints(label, label), "image/class/label": ints(label),
            "image/class/synset": texts(wnid.encode()), "image/filename": texts(name.encode()),
            "image/encoded": texts((root / name).read_bytes()),
        }
        writer.write(tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString())
"""


@pytest.fixture(scope="module")
def by_tensorflow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = write_files(tmp_path_factory.mktemp("tensorflow"), {picture.name: picture.data for picture in SET})
    rows = json.dumps([[picture.name, picture.label + 1, picture.wnid] for picture in SET])
    subprocess.run([sys.executable, "-P", "-c", WRITE_WITH_TENSORFLOW, root, rows], check=True, capture_output=True)
    return root / "validation-00000-of-00001"


def read_all(dataset: Dataset) -> dict[str, bytes]:
    reader = TFRecordReader(dataset.root)
    return {sample.name: reader.read(sample) for sample in dataset.samples}


def refusal(path: Path) -> str:
    with pytest.raises(DataError) as refused:
        open_dataset(path)
    message = str(refused.value)
    assert "\n" not in message
    assert str(path) in message
    return message


def write(root: Path, *examples: bytes) -> Path:
    return write_tfrecords(root / "validation-00000-of-00001", examples)


def test_tensorflows_own_records_are_read(by_tensorflow: Path) -> None:
    dataset = open_dataset(by_tensorflow)
    assert {sample.name: sample.label for sample in dataset.samples} == {each.name: each.label for each in SET}
    assert read_all(dataset) == {each.name: each.data for each in SET}
    assert dataset.labels_from == "image/class/label, counted from 1, as image/class/synset shows"


def test_the_checksum_is_crc_32c_rotated_and_offset() -> None:
    # RFC 3720, B.4: 32 bytes of zeros have CRC-32C 8A9136AA; the mask as in tensorflow/core/lib/hash/crc32c.h.
    assert masked_crc(bytes(32)) == ((0x8A9136AA >> 15 | 0x8A9136AA << 17) + 0xA282EAD8) & 0xFFFFFFFF


def test_listing_reads_no_image(by_tensorflow: Path, tmp_path: Path) -> None:
    data = by_tensorflow.read_bytes()
    place = data.index(SET[3].data) + 200
    path = tmp_path / "validation-00000-of-00001"
    path.write_bytes(data[:place] + b"\x00\x00\x00" + data[place + 3 :])
    dataset = open_dataset(path)
    reader = TFRecordReader(dataset.root)
    for sample in dataset.samples:
        if sample.name != SET[3].name:
            assert reader.read(sample) == BY_NAME[sample.name].data
            continue
        with pytest.raises(DataError) as refused:
            reader.read(sample)
        said = f"{path}: the record at byte {sample.at} ({sample.name}), record 3 (from 0): damaged: the data fails its"
        assert str(refused.value).startswith(said)


@pytest.mark.parametrize("lost", [1, 3, 4, 20, 2000])
def test_a_file_cut_off_is_refused_with_the_records_index(tmp_path: Path, lost: int) -> None:
    path = write(tmp_path, *map(slim, SET))
    path.write_bytes(path.read_bytes()[:-lost])
    index = len(SET) - 1 if lost < len(slim(SET[-1])) else len(SET) - 2
    assert f"cut off within record {index} (from 0); restore the file" in refusal(path)


def test_a_cut_within_a_records_header_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, *map(slim, SET))
    whole = path.read_bytes()
    last = len(whole) - len(slim(SET[-1])) - 16
    path.write_bytes(whole[: last + 5])
    assert f"cut off within record {len(SET) - 1} (from 0)" in refusal(path)


def test_a_damaged_length_is_refused_with_the_records_index(tmp_path: Path) -> None:
    path = write(tmp_path, *map(slim, SET))
    data = bytearray(path.read_bytes())
    data[len(slim(SET[0])) + 16] ^= 1
    path.write_bytes(data)
    assert "record 1 (from 0) is damaged, or this is not a TFRecord file: its length fails its checksum" in refusal(
        path
    )


def test_empty_and_compressed_files_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path)
    assert "an empty file; restore it" in refusal(path)
    path.write_bytes(b"\x1f\x8b\x08\x00whatever")
    assert "gzip-compressed TFRecords, which cannot be read in place" in refusal(tmp_path)


NO_SYNSET: dict[str, Any] = {"image__class__synset": None}
UNNAMED: dict[str, Any] = {"image__filename": None, **NO_SYNSET}


def labelled(label: int | list[int], **others: Any) -> bytes:
    return slim(SET[0], **{"image__class__label": label, **others})


def test_labels_that_count_from_0_by_their_synsets_are_taken_so_and_it_is_said(tmp_path: Path) -> None:
    dataset = open_dataset(write(tmp_path, *(slim(each, image__class__label=each.label) for each in SET)))
    assert {sample.name: sample.label for sample in dataset.samples} == {each.name: each.label for each in SET}
    assert dataset.labels_from == "image/class/label, counted from 0, as image/class/synset shows"


@pytest.mark.parametrize("base", [0, 1])
def test_without_synsets_the_sets_own_labels_tell_what_they_count_from(tmp_path: Path, base: int) -> None:
    dataset = open_dataset(
        write(tmp_path, *(slim(each, image__class__label=each.label + base, **NO_SYNSET) for each in SET))
    )
    assert {sample.name: sample.label for sample in dataset.samples} == {each.name: each.label for each in SET}
    assert dataset.labels_from == f"image/class/label, counted from {base}, as ILSVRC2012's own labels show"


def test_other_images_without_synsets_count_from_1(tmp_path: Path) -> None:
    dataset = open_dataset(write(tmp_path, labelled(1, **UNNAMED), labelled(1000, **UNNAMED)))
    assert [(sample.name, sample.label) for sample in dataset.samples] == [
        ("validation-00000-of-00001#0", 0),
        ("validation-00000-of-00001#1", 999),
    ]
    assert dataset.labels_from == "image/class/label, counted from 1"
    assert dataset.notes == ()  # label 1000 tells


def test_that_labels_count_from_1_is_said_where_nothing_tells(tmp_path: Path) -> None:
    dataset = open_dataset(write(tmp_path, labelled(1, **UNNAMED), labelled(999, **UNNAMED)))
    assert dataset.labels.tolist() == [0, 998]
    assert dataset.notes == (
        "labels are assumed to count from 1, as Inception and Slim write them; the records do not show it",
    )


def test_a_synset_alone_is_a_label(tmp_path: Path) -> None:
    dataset = open_dataset(write(tmp_path, *(slim(each, image__class__label=None) for each in SET)))
    assert {sample.name: sample.label for sample in dataset.samples} == {each.name: each.label for each in SET}
    assert dataset.labels_from == "image/class/synset"


@pytest.mark.parametrize(
    ("records", "said"),
    [
        (
            [labelled(0, **UNNAMED), labelled(5, **UNNAMED)],
            "0) has label 0: labels may count from 0, or from 1 with 0 as",
        ),
        (
            [labelled(1000, **UNNAMED), labelled(0, **UNNAMED)],
            "record 1 (from 0, validation-00000-of-00001#1) has label 0, the",
        ),
        ([labelled(66), labelled(1001, **UNNAMED)], "#1) has label 1001, outside 1..1000; convert the set again"),
        ([labelled(66), labelled(-1, **UNNAMED)], "#1) has label -1, outside 1..1000"),
        ([labelled(66), labelled(67)], "has label 67 and synset n01751748, whose label is 66 counting from 1"),
        (
            [labelled(66, image__class__synset=b"n00000001")],
            "record 0 (from 0): image/class/synset is 'n00000001', not one",
        ),
        (
            [slim(SET[0]), labelled(1, image__class__label=None, **NO_SYNSET)],
            "record 1 (from 0): neither image/class/label",
        ),
        ([slim(SET[0]), labelled([66, 67])], "record 1 (from 0): image/class/label: several values, where"),
        ([example(jpeg=b"x", label=3)], "no image/encoded among jpeg, label; convert the set again"),
        ([b"no protobuf at all"], "record 0 (from 0): "),
        ([b""], "no image/encoded among none"),
        ([slim(SET[0]), slim(SET[0])], "both are ILSVRC2012_val_00000001.JPEG; keep one of them"),
    ],
)
def test_labels_and_records_that_cannot_be_right_are_refused(tmp_path: Path, records: list[bytes], said: str) -> None:
    assert said in refusal(write(tmp_path, *records))


def test_labels_other_than_the_sets_own_are_said(tmp_path: Path) -> None:
    odd = Picture(SET[0].number, SET[0].data, 7)
    dataset = open_dataset(write(tmp_path, *map(slim, [odd, *SET[1:]])))
    assert plain_word(dataset).endswith("on 1 of 8 images (ILSVRC2012_val_00000001: 7 here, 65 there).")


def test_integers_are_read_packed_and_not_and_signed() -> None:
    feature = bytes([0x1A, 2, 0x08, 42])  # Feature{3: Int64List{1: 42, not packed}}
    assert int_in(feature, (0, len(feature))) == 42
    data = example(a=-3, b=[7, 8], c=b"text", d=[0.5])
    found = features(data, 0, len(data))
    assert [int_in(data, found[key]) for key in (b"a", b"c", b"d")] == [-3, None, None]
    with pytest.raises(NotAnExampleError, match="several values"):
        int_in(data, found[b"b"])
    twice = bytes([0x1A, 4, 0x08, 42, 0x08, 43])
    with pytest.raises(NotAnExampleError, match="several values"):
        int_in(twice, (0, len(twice)))
    span = bytes_in(data, found[b"c"])
    assert span is not None
    assert data[slice(*span)] == b"text"
    assert bytes_in(data, found[b"a"]) is None


def test_a_file_that_changed_since_it_was_listed_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, *map(slim, SET))
    dataset = open_dataset(path)
    last = max(dataset.samples, key=lambda sample: sample.at)
    path.write_bytes(path.read_bytes()[: last.at + 500])
    with pytest.raises(DataError, match="cut off within the record; restore the file"):
        TFRecordReader(dataset.root).read(last)
    path.write_bytes(path.read_bytes()[: last.at + 5])
    with pytest.raises(DataError, match="no record at this place: the file was cut off, damaged or changed"):
        TFRecordReader(dataset.root).read(last)
    path.unlink()
    with pytest.raises(DataError, match="cannot be read"):
        TFRecordReader(dataset.root).read(last)


SMALL = [
    Picture(picture.number, b"\xff\xd8" + bytes([picture.number % 251]) * 20, picture.label) for picture in SET[:3]
]
FILE = b"".join(
    struct.pack("<QI", len(data), masked_crc(struct.pack("<Q", len(data)))) + data + struct.pack("<I", masked_crc(data))
    for data in map(slim, SMALL)
)


def read_damaged(path: Path, data: bytes) -> dict[str, bytes]:
    path.write_bytes(data)
    try:
        return read_all(open_dataset(path))
    except DataError as error:
        assert str(path) in str(error)  # noqa: PT017
        raise


@given(place=st.integers(0, len(FILE) - 1), bit=st.integers(0, 7))
def test_a_flipped_bit_is_refused_when_listing_or_when_reading(
    tmp_path_factory: pytest.TempPathFactory, place: int, bit: int
) -> None:
    data = bytearray(FILE)
    data[place] ^= 1 << bit
    with pytest.raises(DataError):
        read_damaged(tmp_path_factory.getbasetemp() / "flipped.tfrecord", data)


def test_any_truncation_is_refused_unless_it_is_between_records(tmp_path: Path) -> None:
    path, ends = tmp_path / "cut.tfrecord", {}
    for picture in SMALL:
        ends[(max(ends) if ends else 0) + len(slim(picture)) + 16] = picture
    assert max(ends) == len(FILE)
    for size in range(len(FILE)):
        if size in ends:  # the format has no end mark: the set is then a subset, and the notes report it
            assert read_damaged(path, FILE[:size]).items() <= {each.name: each.data for each in SMALL}.items()
            continue
        with pytest.raises(DataError):
            read_damaged(path, FILE[:size])


@given(st.binary(max_size=80))
def test_no_bytes_make_the_walker_raise_anything_else(data: bytes) -> None:
    try:
        for feature in features(data, 0, len(data)).values():
            bytes_in(data, feature)
            int_in(data, feature)
    except NotAnExampleError:
        pass
