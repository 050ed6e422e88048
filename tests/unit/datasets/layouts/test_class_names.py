"""What a source says its labels mean is what they mean, or the set is refused: never another class in silence."""

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from alexbench.datasets.classes import ImageNetClass, class_list
from alexbench.datasets.layouts import open_dataset
from alexbench.datasets.layouts.class_lists import stated_in
from alexbench.datasets.layouts.class_names import UnknownClassesError, class_indices
from alexbench.harness.errors import DataError
from tests.unit.datasets.layout_files import (
    jpeg,
    pictures,
    slim,
    write_files,
    write_parquet,
    write_tar,
    write_tfrecords,
)

CLASSES = class_list()
SHUFFLED = list(range(1000))
random.Random(1).shuffle(SHUFFLED)
ALPHABET = sorted(range(1000), key=str)  # as ImageFolder sorts folders 0, 1, 10, 100, ...
PICTURE = jpeg(1)


def spelled(one: ImageNetClass) -> str:
    """A class's own words; the two cranes are told apart by nobody."""
    return ", ".join(one.labels) + (" (machine)" if one.index == 517 else "")


SPELLINGS: list[Callable[[ImageNetClass], str]] = [
    lambda one: one.wnid,
    lambda one: f"{one.wnid} {one.name}",
    lambda one: str(one.index),
    lambda one: f"{one.index:03d}",
]


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("order", [SHUFFLED, ALPHABET, list(range(1000))])
def test_names_that_say_which_class_are_followed_in_any_order(
    spelling: Callable[[ImageNetClass], str], order: list[int]
) -> None:
    assert class_indices([spelling(CLASSES[index]) for index in order]) == order


@pytest.mark.parametrize(
    "spelling",
    [
        lambda one: one.name,
        lambda one: ", ".join(one.labels),
        lambda one: one.name.replace(" ", "_").upper(),
        lambda one: f"{one.name} (a kind of it)" if one.index % 20 == 0 else one.name,
    ],
)
def test_english_names_in_the_usual_order_are_class_indices(spelling: Callable[[ImageNetClass], str]) -> None:
    assert class_indices([spelling(one) for one in CLASSES]) == list(range(1000))


def test_english_names_in_another_order_are_followed_or_refused() -> None:
    renamed = [spelled(one).replace("crane (machine)", "n03126707") for one in CLASSES]
    with pytest.raises(UnknownClassesError, match="not among the 1000"):  # one by its id, and no other
        class_indices([renamed[index] for index in SHUFFLED])
    with pytest.raises(UnknownClassesError, match="crane"):
        class_indices([", ".join(CLASSES[index].labels) for index in SHUFFLED])
    swapped = [one.name for one in CLASSES]
    swapped[3], swapped[8] = swapped[8], swapped[3]
    with pytest.raises(UnknownClassesError):
        class_indices(swapped)


@pytest.mark.parametrize(
    "names",
    [
        [str(index) for index in range(1, 1001)],
        ["0"] * 1000,
        [str(index) for index in range(10)],
        ["airplane", "automobile", "bird"],
        [*(one.wnid for one in CLASSES[:999]), CLASSES[0].wnid],
        ["9" * 5000] * 1000,
        [f"class {index}" for index in range(1000)],
    ],
)
def test_names_that_prove_nothing_are_refused(names: list[str]) -> None:
    with pytest.raises(UnknownClassesError):
        class_indices(names)


def with_metadata(path: Path, schema_metadata: dict[str, Any] | None, field_metadata: dict[str, Any] | None) -> Path:
    """Three rows with labels 0, 2 and 999, the first pixel of each being the label's."""
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    label = pa.field("label", pa.int64(), metadata=field_metadata)
    rows = [{"bytes": PICTURE, "path": f"{index}.jpg"} for index in range(3)]
    table = pa.table([pa.array(rows, kind), pa.array([0, 2, 999])], schema=pa.schema([("image", kind), label]))
    pq.write_table(table.replace_schema_metadata(schema_metadata), path)
    return path


NUMBERED = [str(index) for index in ALPHABET]
WNIDS = [CLASSES[index].wnid for index in ALPHABET]
MEANT = [ALPHABET[0], ALPHABET[2], ALPHABET[999]]


@pytest.mark.parametrize("key", ["classes", "class_names", "names", "labels", "label_names"])
@pytest.mark.parametrize("names", [NUMBERED, WNIDS])
def test_names_under_any_usual_key_of_a_parquet_file_are_followed(tmp_path: Path, key: str, names: list[str]) -> None:
    for place, (schema, field) in enumerate(
        [({key: json.dumps(names)}, None), (None, {key: json.dumps(names)}), ({"info": json.dumps({key: names})}, None)]
    ):
        path = with_metadata(tmp_path / f"validation-{place}.parquet", schema, field)
        assert {sample.name: sample.label for sample in open_dataset(path).samples} == {
            f"{row}.jpg": label for row, label in enumerate(MEANT)
        }


@pytest.mark.parametrize(
    "metadata",
    [
        {"id2label": json.dumps(dict(enumerate(NUMBERED)))},
        {"class_to_idx": json.dumps({name: place for place, name in enumerate(WNIDS)})},
        {"classes": "\n".join(WNIDS)},
        {"classes": ",".join(WNIDS)},
        {"huggingface": json.dumps({"info": {"features": {"label": {"names": dict(enumerate(NUMBERED))}}}})},
    ],
)
def test_tables_and_plain_lists_of_names_too(tmp_path: Path, metadata: dict[str, Any]) -> None:
    dataset = open_dataset(with_metadata(tmp_path / "validation.parquet", metadata, None))
    assert sorted(dataset.labels.tolist()) == sorted(MEANT)
    assert dataset.labels_from == "column label, by the classes in its metadata"


def test_names_of_another_feature_are_not_the_labels(tmp_path: Path) -> None:
    other = {"info": {"features": {"label": {"_type": "Value"}, "split": {"names": ["train", "val"]}}}}
    dataset = open_dataset(with_metadata(tmp_path / "validation.parquet", {"huggingface": json.dumps(other)}, None))
    assert dataset.labels.tolist() == [0, 2, 999]


def test_two_sources_that_do_not_agree_are_refused(tmp_path: Path) -> None:
    path = with_metadata(tmp_path / "validation.parquet", {"classes": json.dumps(NUMBERED)}, None)
    (tmp_path / "classes.txt").write_text("\n".join(one.wnid for one in CLASSES))
    with pytest.raises(DataError, match="not those of"):
        open_dataset(path)


def test_files_of_one_set_that_mean_different_things_are_refused(tmp_path: Path) -> None:
    rows: list[Any] = [("a.jpg", PICTURE, 3)]
    write_parquet(tmp_path / "validation-00000-of-00002.parquet", rows, names=WNIDS)
    write_parquet(tmp_path / "validation-00001-of-00002.parquet", [("b.jpg", PICTURE, 3)])
    with pytest.raises(DataError, match=r"00001-of-00002\.parquet: its labels mean other classes"):
        open_dataset(tmp_path)


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())])
def test_labels_that_are_wordnet_ids(tmp_path: Path, kind: pa.DataType) -> None:
    image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    rows = pa.array([{"bytes": PICTURE, "path": f"{index}.jpg"} for index in range(2)], image)
    path = tmp_path / "validation.parquet"
    pq.write_table(pa.table({"image": rows, "label": pa.array(["n02012849", "n03126707"]).cast(kind)}), path)
    assert open_dataset(path).labels.tolist() == [134, 517]


@pytest.mark.parametrize("column", ["label_name", "class", "wnid", "synset_text", "text"])
def test_a_column_of_names_is_compared_with_the_label(tmp_path: Path, column: str) -> None:
    image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    rows = pa.array([{"bytes": PICTURE, "path": f"{index}.jpg"} for index in range(2)], image)
    path = tmp_path / "validation.parquet"

    def written(words: list[str | None]) -> Path:
        pq.write_table(pa.table({"image": rows, "label": [7, 8], column: words}), path)
        return path

    for fine in (["cock", "hen"], ["n01514668", None], [CLASSES[7].wnid, "n01514859 hen"]):
        assert open_dataset(written(fine)).labels.tolist() == [7, 8]
    assert "names no class" in open_dataset(written(["a farm", "another"])).notes[0]
    for wrong in (["hen", "cock"], ["cock", "goldfish"], [None, CLASSES[0].wnid]):
        with pytest.raises(DataError, match=rf"by its label and of class \d+ by its {column}"):
            open_dataset(written(wrong))


@pytest.mark.parametrize("column", ["caption", "folder", "id", "english"])
def test_a_wordnet_id_in_any_column_of_text_is_compared_with_the_label(tmp_path: Path, column: str) -> None:
    image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    rows = pa.array([{"bytes": PICTURE, "path": "0.jpg"}], image)
    path = tmp_path / "validation.parquet"
    pq.write_table(pa.table({"image": rows, "label": [7], column: [f"train/{CLASSES[7].wnid}/0"]}), path)
    assert open_dataset(path).labels.tolist() == [7]
    pq.write_table(pa.table({"image": rows, "label": [7], column: [f"train/{CLASSES[8].wnid}/0"]}), path)
    with pytest.raises(DataError, match=rf"of class 7 by its label and of class 8 by its {column}"):
        open_dataset(path)


@pytest.mark.parametrize("name", ["ILSVRC2012_val_00000001_{}.JPEG", "{}/a0.JPEG", "val/{}_17.JPEG"])
def test_a_wordnet_id_in_the_path_of_an_image_is_compared_with_the_label(tmp_path: Path, name: str) -> None:
    image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    path = tmp_path / "validation.parquet"
    for index in (7, 8):
        rows = pa.array([{"bytes": PICTURE, "path": name.format(CLASSES[index].wnid)}], image)
        pq.write_table(pa.table({"image": rows, "label": [7]}), path)
        if index == 7:
            assert open_dataset(path).labels.tolist() == [7]
        else:
            with pytest.raises(DataError, match="of class 7 by its label and of class 8 by its image's path"):
                open_dataset(path)


LISTS = {
    "classes.txt": "\n".join(WNIDS),
    "labels.txt": "\n".join(f"{place}: {CLASSES[index].wnid} words" for place, index in enumerate(ALPHABET)),
    "synset_words.txt": "\n".join(f"{CLASSES[index].wnid} {CLASSES[index].name}" for index in ALPHABET),
    "LOC_synset_mapping.txt": "\n".join(f"{CLASSES[index].wnid} {spelled(CLASSES[index])}" for index in ALPHABET),
    "class_to_idx.json": json.dumps({wnid: place for place, wnid in enumerate(WNIDS)}),
    "imagenet_class_index.json": json.dumps(
        {str(place): [CLASSES[index].wnid, CLASSES[index].name] for place, index in enumerate(ALPHABET)}
    ),
    "dataset_info.json": json.dumps({"features": {"label": {"names": NUMBERED}}}),
    "dataset_infos.json": json.dumps({"default": {"features": {"label": {"names": NUMBERED}}}}),
    "classes.csv": "\n".join(["index,wnid,name", *(f"{p},{CLASSES[i].wnid},x" for p, i in enumerate(ALPHABET))]),
    "imagenet1000_clsidx_to_labels.txt": "{"
    + ",\n ".join(f"{place}: '{CLASSES[index].wnid}'" for place, index in enumerate(ALPHABET))
    + "}",
    "README.md": "---\ndataset_info:\n  features:\n  - name: label\n    dtype:\n      class_label:\n        names:\n"
    + "".join(f"          '{place}': {name}\n" for place, name in enumerate(NUMBERED))
    + "---\n",
}


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize("above", [False, True])
def test_a_class_list_next_to_folders_of_numbers_says_what_they_mean(tmp_path: Path, name: str, above: bool) -> None:
    root = tmp_path / "val"
    write_files(root, {f"{label}/{label}.jpg": PICTURE for label in (0, 2, 999)})
    (tmp_path / name if above else root / name).write_text(LISTS[name], encoding="utf-8")
    dataset = open_dataset(root)
    assert {sample.name: sample.label for sample in dataset.samples} == {
        f"{label}/{label}.jpg": ALPHABET[label] for label in (0, 2, 999)
    }
    assert dataset.labels_from == f"folder names, by the classes in {name}"


def test_a_class_list_in_a_tar_next_to_label_files_and_parquet(tmp_path: Path) -> None:
    tar = write_tar(tmp_path / "one" / "val.tar", {"2/a.jpg": PICTURE, "classes.txt": LISTS["classes.txt"].encode()})
    assert open_dataset(tar).labels.tolist() == [ALPHABET[2]]
    flat = write_files(tmp_path / "two", {"a.jpg": PICTURE, "val.txt": b"a.jpg 2\n"})
    assert open_dataset(flat).labels.tolist() == [2]
    (flat / "synsets.txt").write_text(LISTS["classes.txt"])
    assert open_dataset(flat).labels.tolist() == [ALPHABET[2]]
    (flat / "val.txt").write_text("a.jpg n01440764\n")
    assert open_dataset(flat).labels.tolist() == [0]
    (tmp_path / "three" / "data").mkdir(parents=True)
    rows = with_metadata(tmp_path / "three" / "data" / "validation.parquet", None, None)
    (tmp_path / "three" / "dataset_infos.json").write_text(LISTS["dataset_infos.json"])
    assert sorted(open_dataset(rows).labels.tolist()) == sorted(MEANT)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("classes.txt", "cat\ndog\n", "labels are of 2 classes"),
        ("classes.json", '{"0": ', "cannot be read"),
        (
            "labels.txt",
            "\n".join(f"{place} {wnid}" for place, wnid in enumerate(WNIDS, 1)),
            "folder 0 is not a class in .*labels.txt",
        ),
        ("classes.json", "[" * 100_000, "cannot be read"),
    ],
)
def test_a_class_list_that_means_nothing_is_refused(tmp_path: Path, name: str, text: str, said: str) -> None:
    root = write_files(tmp_path / "val", {"0/a.jpg": PICTURE})
    (root / name).write_text(text)
    with pytest.raises(DataError, match=said):
        open_dataset(root)
    (root / name).rename(tmp_path / name)  # above, it may be of anything
    assert open_dataset(root).labels.tolist() == [0]


def test_a_label_file_is_not_its_own_class_list(tmp_path: Path) -> None:
    flat = write_files(tmp_path / "val", {"one.jpg": PICTURE, "labels.txt": b"one.jpg 2\ntwo 3\n"})
    assert open_dataset(flat, labels=flat / "labels.txt").labels.tolist() == [2]


def test_what_only_looks_like_a_class_list_is_none() -> None:
    assert stated_in("labels.txt", b"ILSVRC2012_val_00000001.JPEG 65\n") == []
    assert stated_in("labels.txt", b"490\n" * 50_000) == []
    assert stated_in("README.md", b"# Pictures\n\n0: nothing\n") == []


WORDS = {"image__class__synset": None, "image__filename": None}


def test_words_in_records_say_what_labels_count_from_and_are_compared_with_them(tmp_path: Path) -> None:
    set_ = pictures()

    def opened(base: int, words: Callable[[int], str], **others: Any) -> list[int]:
        records = [
            slim(one, **WORDS, image__class__label=one.label + base, image__class__text=words(one.label).encode())
            for one in set_
        ]
        path = write_tfrecords(tmp_path / "validation-00000-of-00001", records)
        return sorted(open_dataset(path).labels.tolist())

    right = sorted(one.label for one in set_)
    assert opened(1, lambda label: spelled(CLASSES[label])) == right
    assert opened(0, lambda label: CLASSES[label].name) == right
    with pytest.raises(DataError, match="convert the set again"):
        opened(1, lambda label: CLASSES[(label * 7 + 3) % 1000].name)


def test_a_class_list_next_to_records_is_compared_with_them(tmp_path: Path) -> None:
    path = write_tfrecords(tmp_path / "validation-00000-of-00001", [slim(one) for one in pictures()])
    (tmp_path / "labels.txt").write_text("\n".join(["background", *(one.wnid for one in CLASSES)]))
    assert len(open_dataset(path)) == 8
    (tmp_path / "labels.txt").write_text(LISTS["classes.txt"])
    with pytest.raises(DataError, match="convert the set again, or remove the list"):
        open_dataset(path)
