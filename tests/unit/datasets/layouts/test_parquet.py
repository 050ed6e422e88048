"""Hugging Face's Parquet: columns checked, classes by their names where these say more, a few images at a time."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from alexbench.datasets.classes import index_by_wnid
from alexbench.datasets.containers.parquet import ParquetReader
from alexbench.datasets.dataset import Sample
from alexbench.datasets.layouts import open_dataset
from alexbench.harness.errors import DataError
from tests.unit.datasets.layout_files import jpeg, pictures, write_parquet

SET = pictures()
ROWS: list[tuple[str | None, bytes | None, int | None]] = [(each.name, each.data, each.label) for each in SET]


def refusal(path: Path) -> str:
    with pytest.raises(DataError) as refused:
        open_dataset(path)
    message = str(refused.value)
    assert "\n" not in message
    assert message.startswith(f"{path}: ")
    return message


@pytest.mark.parametrize("rows_a_group", [1, 100, 333])
def test_images_are_read_in_any_order_whatever_the_row_groups(tmp_path: Path, rows_a_group: int) -> None:
    data = [jpeg(seed) for seed in range(7)]
    rows = [(f"{number}.jpg", data[number % 7], number) for number in range(333)]
    path = write_parquet(tmp_path / "validation.parquet", rows, row_group_size=rows_a_group)
    assert pq.ParquetFile(path).num_row_groups == -(-333 // rows_a_group)
    dataset = open_dataset(path)
    assert [(sample.name, sample.label, sample.at) for sample in dataset.samples] == [
        (f"{number}.jpg", number, number) for number in range(333)
    ]
    reader = ParquetReader(dataset.root)
    forward = list(dataset.samples)
    for samples in (forward, forward[::50], forward[120:90:-1], [forward[5], forward[300], forward[4], forward[4]]):
        assert all(reader.read(sample) == data[sample.at % 7] for sample in samples)


def test_no_more_than_a_few_images_are_in_memory(tmp_path: Path) -> None:
    # One row group of 200 MB in pages of 16 rows; pyarrow counts its own bytes.
    path = tmp_path / "validation.parquet"
    rows = [(f"{number}.jpg", bytes([number % 256]) * 500_000, 0) for number in range(400)]
    write_parquet(path, rows, write_batch_size=16)
    assert pq.ParquetFile(path).num_row_groups == 1
    dataset = open_dataset(path)
    reader = ParquetReader(dataset.root)
    before, most = pa.total_allocated_bytes(), 0
    for sample in sorted(dataset.samples, key=lambda sample: sample.at):
        assert reader.read(sample) == bytes([sample.at % 256]) * 500_000
        most = max(most, pa.total_allocated_bytes() - before)
    assert most < 40e6


def test_a_row_without_a_path_is_called_by_its_place(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "validation.parquet", [(None, data, label) for _, data, label in ROWS[:2]])
    dataset = open_dataset(path)
    assert {sample.name for sample in dataset.samples} == {"validation.parquet#0", "validation.parquet#1"}


def test_classes_named_by_wordnet_id_are_taken_by_these(tmp_path: Path) -> None:
    wnids = ["n01440764", "n02102040", "n02979186"]
    rows: list[Any] = [(f"{label}.jpg", b"x", label) for label in range(3)]
    dataset = open_dataset(write_parquet(tmp_path / "validation.parquet", rows, names=wnids))
    assert dataset.labels.tolist() == [index_by_wnid()[wnid] for wnid in wnids]
    assert dataset.labels_from == "column label, by the classes in its metadata"


def test_classes_of_another_set_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "validation.parquet"
    names = ["tench", "English springer", "cassette player", "chain saw"]
    assert "labels are of 4 classes (tench, English springer, cassette player, ...), not of the 1000" in refusal(
        write_parquet(path, ROWS, names=names)
    )
    assert "its metadata names class n00000001" in refusal(write_parquet(path, ROWS, names=["n00000001"]))


@pytest.mark.parametrize(
    ("label", "said"),
    [
        (-1, "row 1 (from 0) has label -1, as in a test split, which has no labels; give the validation split"),
        (1000, "row 1 (from 0) has label 1000, outside 0..999; restore the file or convert the set again"),
        (None, "row 1 (from 0) has no label (null); remove the row, or give the validation split"),
    ],
)
def test_labels_outside_the_classes_are_refused(tmp_path: Path, label: int | None, said: str) -> None:
    assert said in refusal(write_parquet(tmp_path / "test.parquet", [ROWS[0], ("a.jpg", b"x", label)]))


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (
            {"img": ["x"], "text": ["y"]},
            "no column image and label among img, text; expected image (struct of bytes and",
        ),
        ({"image": ["x"], "label": [1]}, "column image is string; expected image (struct"),
        ({"image": [{"path": "x"}], "label": [1]}, "column image is struct<path: string>; expected"),
        ({"image": [{"bytes": b"x", "path": "x"}], "label": ["cat"]}, "label 'cat', which holds no WordNet id"),
    ],
)
def test_other_columns_are_named(tmp_path: Path, table: dict[str, list[object]], said: str) -> None:
    path = tmp_path / "validation.parquet"
    pq.write_table(pa.table(table), path)
    assert said in refusal(path)


def test_two_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "validation.parquet"
    image = pa.array([{"bytes": b"x", "path": "x"}])
    pq.write_table(pa.table([image, pa.array([1]), pa.array([2])], names=["image", "label", "label"]), path)
    assert "2 columns are called label; keep one of them" in refusal(path)
    fields = [pa.field("bytes", pa.binary()), pa.field("path", pa.string()), pa.field("path", pa.string())]
    doubled = pa.StructArray.from_arrays([pa.array([b"x"]), pa.array(["x"]), pa.array(["y"])], fields=fields)
    pq.write_table(pa.table([doubled, pa.array([1])], names=["image", "label"]), path)
    assert "two fields of one name" in refusal(path)


def test_a_file_without_rows_is_no_set(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "validation.parquet", [])
    assert refusal(path) == f"{path}: no image in it; give a set with one or more"
    with pytest.raises(DataError, match="no image in it"):
        open_dataset(tmp_path)


def test_two_rows_of_one_name_are_refused(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "validation.parquet", [ROWS[0], ROWS[0]])
    message = refusal(path)
    assert f"row 0 ({SET[0].name}) and {path}: row 1 ({SET[0].name}): both are {SET[0].name}" in message


def test_a_file_cut_off_is_refused(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "validation.parquet", ROWS)
    whole = path.read_bytes()
    for size in (0, 4, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        assert "not a whole Parquet file, or damaged (" in refusal(path)


def test_damage_is_found_when_the_image_is_read(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "validation.parquet", ROWS, compression="none", write_page_checksum=True)
    whole = path.read_bytes()
    place = whole.index(SET[2].data) + 100
    path.write_bytes(whole[:place] + b"\x00\x00\x00" + whole[place + 3 :])
    dataset = open_dataset(path)
    with pytest.raises(DataError, match="not a whole Parquet file, or damaged"):
        ParquetReader(dataset.root).read(next(sample for sample in dataset.samples if sample.at == 2))


def test_a_row_without_bytes_or_beyond_the_end_is_named(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "validation.parquet", [(SET[0].name, None, SET[0].label)])
    (sample,) = open_dataset(path).samples
    reader = ParquetReader(tmp_path)
    with pytest.raises(DataError, match=r"row 0 \(ILSVRC2012_val_00000001.JPEG\): no bytes in the row"):
        reader.read(sample)
    with pytest.raises(DataError, match="ends before row 7; the file has changed"):
        reader.read(Sample("a", 0, path.name, 7))
    path.unlink()
    with pytest.raises(DataError, match="no such file; restore it"):
        ParquetReader(tmp_path).read(sample)


def test_base_names_that_repeat_are_called_as_in_class_folders(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "validation.parquet", [("0.jpg", b"a", 0), ("0.jpg", b"b", 1), ROWS[0]])
    dataset = open_dataset(path)
    names = {"n01440764/0.jpg": 0, "n01443537/0.jpg": 1, SET[0].name: SET[0].label}
    assert {sample.name: sample.label for sample in dataset.samples} == names
    assert dataset.notes == ()


def test_a_base_name_twice_in_a_class_is_told_apart_and_noted(tmp_path: Path) -> None:
    write_parquet(tmp_path / "validation-00000-of-00002.parquet", [("0.jpg", b"a", 0), ("0.jpg", b"b", 0)])
    write_parquet(tmp_path / "validation-00001-of-00002.parquet", [("0.jpg", b"c", 0)])
    dataset = open_dataset(tmp_path)
    assert len({sample.name for sample in dataset.samples}) == 3
    assert dataset.notes == ("3 images share their name with another of their class; their place tells them apart",)


def test_two_copies_of_a_file_are_refused(tmp_path: Path) -> None:
    for name in ("validation.parquet", "validation (1).parquet"):
        write_parquet(tmp_path / name, [("0.jpg", b"a", 0), ("1.jpg", b"b", 1)])
    with pytest.raises(DataError, match=r"both are n01440764/0.jpg; keep one of them"):
        open_dataset(tmp_path)


def test_a_file_by_a_link_into_a_store_keeps_its_name(tmp_path: Path) -> None:
    rows = [(None, data, label) for _, data, label in ROWS]
    blob = write_parquet(tmp_path / "blobs" / "0f3a", rows)
    path = tmp_path / "snapshot" / "validation-00000-of-00001.parquet"
    path.parent.mkdir()
    path.symlink_to(blob)
    dataset = open_dataset(path)
    assert dataset.samples[0].name.startswith(f"{path.name}#")
    assert dataset.source == path
    assert ParquetReader(dataset.root).read(dataset.samples[0])
