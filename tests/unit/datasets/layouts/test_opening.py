"""The same images are the same set in every layout, which is recognised; ambiguous folders are refused."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from alexbench.datasets.classes import index_by_wnid
from alexbench.datasets.containers.readers import reader_for
from alexbench.datasets.dataset import Dataset
from alexbench.datasets.fingerprint import plain_word
from alexbench.datasets.layouts import open_dataset
from alexbench.datasets.layouts.layout_table import LAYOUT_NAMES
from alexbench.harness.errors import AlexBenchError, DataError, UsageError
from tests.unit.datasets.layout_files import (
    Picture,
    pictures,
    slim,
    tfds,
    write_files,
    write_flat,
    write_folders,
    write_parquet,
    write_tar,
    write_tfrecords,
    write_webdataset,
)

SET = pictures()
NAMED = {picture.name: picture for picture in SET}

Writer = Callable[[Path], Path]


def in_class_folders(picture: Picture) -> str:
    return f"{picture.wnid}/{picture.name}"


def tfrecords(root: Path) -> Path:
    write_tfrecords(root / "validation-00000-of-00002", map(slim, SET[:3]))
    write_tfrecords(root / "validation-00001-of-00002", map(slim, SET[3:]))
    return root


def parquet(root: Path) -> Path:
    # Hugging Face's names have the WordNet id behind the number.
    rows = [(f"{picture.name[:-5]}_{picture.wnid}.JPEG", picture.data, picture.label) for picture in SET]
    write_parquet(root / "validation-00000-of-00002.parquet", rows[:5])
    write_parquet(root / "validation-00001-of-00002.parquet", rows[5:])
    return root


def tfds_records(root: Path) -> Path:
    write_tfrecords(root / "imagenet2012-validation.tfrecord-00000-of-00002", map(tfds, SET[:3]))
    write_tfrecords(root / "imagenet2012-validation.tfrecord-00001-of-00002", map(tfds, SET[3:]))
    return root


def webdataset(root: Path) -> Path:
    samples = [(each.name.removesuffix(".JPEG"), {"cls": b"%d" % each.label, "jpg": each.data}) for each in SET]
    write_webdataset(root / "imagenet-val-000000.tar", samples[:5])
    write_webdataset(root / "imagenet-val-000001.tar", samples[5:])
    return root


WRITERS: dict[str, tuple[str, str, Writer]] = {
    "wnid folders": ("wnid-folders", "folder names", lambda root: write_folders(root, SET)),
    "class-index folders": ("class-index-folders", "folder names", lambda root: write_folders(root, SET, by="label")),
    "flat folder": ("flat-folder", "ILSVRC2012's own list", lambda root: write_flat(root, SET)),
    "flat tar": (
        "tar",
        "ILSVRC2012's own list",
        lambda root: write_tar(root / "val.tar", {picture.name: picture.data for picture in SET}),
    ),
    "tar of class folders": (
        "tar",
        "folder names",
        lambda root: write_tar(root / "val.tar", {f"./val/{in_class_folders(each)}": each.data for each in SET}),
    ),
    "TFRecords": ("tfrecord", "image/class/label, counted from 1, as image/class/synset shows", tfrecords),
    "one TFRecord file": (
        "tfrecord",
        "image/class/label, counted from 1, as image/class/synset shows",
        lambda root: write_tfrecords(root / "val.tfrecord", map(slim, SET)),
    ),
    "TFDS": ("tfds", "feature label", tfds_records),
    "WebDataset": ("webdataset", "KEY.cls", webdataset),
    "one WebDataset shard": (
        "webdataset",
        "KEY.json",
        lambda root: write_webdataset(
            root / "val.tar",
            [
                (
                    f"{place:06d}",
                    {
                        "jpeg": each.data,
                        "json": json.dumps(
                            {"label": each.label, "filename": f"{each.name[:-5]}_{each.wnid}.JPEG"}
                        ).encode(),
                    },
                )
                for place, each in enumerate(SET)
            ],
        ),
    ),
    "Parquet": ("parquet", "column label", parquet),
}


@pytest.mark.parametrize("kind", WRITERS)
def test_the_same_images_are_the_same_set_in_every_layout(tmp_path: Path, kind: str) -> None:
    layout, labels_from, write = WRITERS[kind]
    path = write(tmp_path / "set")
    for dataset in (open_dataset(path), open_dataset(path, layout=layout)):
        assert dataset.layout == layout
        assert dataset.labels_from == labels_from
        assert [(sample.name, sample.label) for sample in dataset.samples] == [
            (picture.name, picture.label) for picture in sorted(SET, key=lambda each: (each.label, each.name))
        ]
        assert dataset.notes == ()
        assert plain_word(dataset) == "Not the full validation set: 8 of its 50,000 images."
        assert dataset.left_out == 0
    check_bytes(dataset)


def check_bytes(dataset: Dataset) -> None:
    reader = reader_for(dataset.container, dataset.root)
    as_they_lie = sorted(dataset.samples, key=lambda sample: (sample.file, sample.at))
    for samples in (as_they_lie, as_they_lie[::-1], as_they_lie):
        for sample in samples:
            assert reader.read(sample) == NAMED[sample.name].data
            assert sample.size in (-1, len(NAMED[sample.name].data))


def test_imagenette_is_ten_of_the_thousand(tmp_path: Path) -> None:
    ten = [
        "n01440764",
        "n02102040",
        "n02979186",
        "n03000684",
        "n03028079",
        "n03394916",
        "n03417042",
        "n03425413",
        "n03445777",
        "n03888257",
    ]
    write_files(tmp_path, {f"{wnid}/{wnid}_{place}.JPEG": b"" for wnid in ten for place in (0, 10)})
    dataset = open_dataset(tmp_path)
    assert dataset.layout == "wnid-folders"
    assert sorted(set(dataset.labels.tolist())) == [index_by_wnid()[wnid] for wnid in ten]
    assert dataset.notes == ()


def test_imagenetv2_is_folders_0_to_999(tmp_path: Path) -> None:
    dataset = open_dataset(write_files(tmp_path, {f"{label}/{label:x}.jpeg": b"" for label in range(1000)}))
    assert dataset.layout == "class-index-folders"
    assert dataset.labels.tolist() == list(range(1000))


def refusal(path: Path, kind: type[AlexBenchError] = DataError, **options: str) -> str:
    with pytest.raises(kind) as refused:
        open_dataset(path, **options)  # type: ignore[arg-type]
    message = str(refused.value)
    assert "\n" not in message
    assert refused.value.exit_code == 2
    return message


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("wnid folders", "flat folder"),
        ("class-index folders", "flat folder"),
        ("wnid folders", "TFRecords"),
        ("flat folder", "Parquet"),
        ("TFRecords", "Parquet"),
    ],
)
def test_what_could_be_two_layouts_is_refused_until_one_is_named(tmp_path: Path, one: str, other: str) -> None:
    for kind in (one, other):
        WRITERS[kind][2](tmp_path)
    layouts = [WRITERS[kind][0] for kind in (one, other)]
    message = refusal(tmp_path)
    assert f"{tmp_path}: could be two layouts, " in message
    assert all(f"--layout {layout}" in message for layout in layouts)
    for layout in layouts:
        dataset = open_dataset(tmp_path, layout=layout)
        assert dataset.layout == layout
        check_bytes(dataset)
        if layout != "flat-folder" and "flat-folder" in layouts:
            assert dataset.left_out >= len(SET)


def test_an_unknown_layout_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    assert refusal(tmp_path, UsageError, layout="zip") == (
        "unknown layout 'zip'; known: class-index-folders, flat-folder, parquet, tar, tfds, tfrecord, webdataset,"
        " wnid-folders"
    )


@pytest.mark.parametrize("kind", WRITERS)
def test_a_layout_that_contradicts_what_lies_there_is_refused(tmp_path: Path, kind: str) -> None:
    layout, _, write = WRITERS[kind]
    path = write(tmp_path / "set")
    for named in set(LAYOUT_NAMES) - {layout, "class-index-folders"}:
        message = refusal(path, UsageError, layout=named)
        assert message.startswith(f"--layout {named}: {path}")


@pytest.mark.parametrize("kind", ["wnid folders", "tar of class folders", "TFRecords", "TFDS", "WebDataset", "Parquet"])
def test_labels_for_a_layout_that_has_its_own_are_refused(tmp_path: Path, kind: str) -> None:
    path = WRITERS[kind][2](tmp_path / "set")
    assert "leave --labels away" in refusal(path, UsageError, labels="val.txt")


@pytest.mark.parametrize(
    ("name", "start", "said"),
    [
        (
            "val.tar",
            b"\x1f\x8b\x08",
            "gzip-compressed, which cannot be read in place; unpack it to a plain file (gunzip)",
        ),
        ("val.tar.bz2", b"BZh9", "unpack it to a plain file (bunzip2)"),
        ("val.txz", b"\xfd7zXZ\x00", "unpack it to a plain file (unxz)"),
        ("val.tar.zst", b"\x28\xb5\x2f\xfd", "unpack it to a plain file (unzstd)"),
        ("val.zip", b"PK\x03\x04", "a zip archive, which cannot be read in place; unzip it"),
        ("a.jpeg", b"\xff\xd8\xff", "an image, not a data set; give the folder"),
        ("val.bin", b"whatever", "neither a tar nor TFRecords nor Parquet; give"),
        ("empty", b"", "neither a tar nor TFRecords nor Parquet; give"),
    ],
)
def test_files_that_cannot_be_read_are_refused_with_the_fix(tmp_path: Path, name: str, start: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(start)
    message = refusal(tmp_path / name)
    assert message.startswith(f"{tmp_path / name}: ")
    assert said in message


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (["n01440764.tar", "n01443537.tar"], "2 archives (n01440764.tar, n01443537.tar), as the training set's are;"),
        (["imagenet.tar"], "did you mean {0}/imagenet.tar?"),
        (["imagenet.zip"], "imagenet.zip), which cannot be read in place; unzip it"),
        (
            ["data.mdb", "lock.mdb"],
            "an LMDB database (data.mdb, lock.mdb), which cannot be read in place; give the images",
        ),
        (
            ["imagenet-validation.arrow"],
            "Arrow files (imagenet-validation.arrow), which cannot be read in place; write",
        ),
    ],
)
def test_folders_of_something_else_are_told_what_to_do(tmp_path: Path, files: list[str], said: str) -> None:
    message = refusal(write_files(tmp_path, dict.fromkeys(files, b"")))
    assert message.startswith(f"{tmp_path}: ")
    assert said.format(tmp_path) in message


def test_a_file_without_a_telling_name_is_known_by_its_first_bytes(tmp_path: Path) -> None:
    for kind in ("flat tar", "one TFRecord file"):
        layout, _, write = WRITERS[kind]
        path = write(tmp_path).rename(tmp_path / "validation")
        assert open_dataset(path).layout == layout


def test_files_of_another_split_are_left_out(tmp_path: Path) -> None:
    tfrecords(tmp_path)
    write_files(tmp_path, {"train-00000-of-01024": b"not looked at", "README.md": b"", "test-00000-of-00002": b""})
    dataset = open_dataset(tmp_path)
    assert len(dataset) == len(SET)
    assert dataset.left_out == 3


def test_splits_without_the_validation_set_are_refused(tmp_path: Path) -> None:
    write_files(tmp_path, {"train-00000-of-01024": b"", "test-00000-of-00002": b""})
    assert "files of several splits (test-00000-of-00002, train-00000-of-01024) and none of the" in refusal(tmp_path)


def test_a_missing_file_of_a_series_makes_a_subset_and_is_said(tmp_path: Path) -> None:
    (tfrecords(tmp_path) / "validation-00000-of-00002").unlink()
    assert open_dataset(tmp_path).notes == ("1 of 2 files is missing (validation-00000-of-00002): a subset",)


def test_two_series_in_a_folder_are_refused(tmp_path: Path) -> None:
    (tfrecords(tmp_path) / "validation-00000-of-00002").rename(tmp_path / "validation-00000-of-00064")
    assert "files of 2 series (validation-*-of-00002, validation-*-of-00064); keep those of one" in refusal(tmp_path)


def test_a_file_that_may_not_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = WRITERS["flat tar"][2](tmp_path)

    def forbidding(self: Path, mode: str) -> object:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "open", forbidding)  # by hand, since root may read everything
    assert f"{path}: cannot be read (Permission denied); make it readable for this user" in refusal(path)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("", "an empty path; give the folder"),
        ("~no-such-user-here/val", "~no-such-user-here/val: no such user's folder"),
    ],
)
def test_paths_that_lead_nowhere_are_refused_in_a_line(tmp_path: Path, path: str, said: str) -> None:
    with pytest.raises(DataError) as refused:
        open_dataset(path)
    assert str(refused.value).startswith(said)
    with pytest.raises(DataError) as refused:
        open_dataset(write_flat(tmp_path, SET), labels=path)
    assert str(refused.value).startswith(said)


def test_names_of_files_that_are_no_utf_8_or_no_line_are_escaped_and_read(tmp_path: Path) -> None:
    names = [b"bad\xff.jpeg", b"two\nlines.jpeg"]
    folder = write_files(tmp_path, {"n01440764/good.jpeg": b"good"}) / "n01440764"
    for name in names:
        Path(os.fsdecode(os.fsencode(folder) + b"/" + name)).write_bytes(name)
    dataset = open_dataset(tmp_path)
    assert [sample.name.encode() for sample in dataset.samples] == [
        rb"n01440764/bad\xff.jpeg",
        rb"n01440764/good.jpeg",
        rb"n01440764/two\nlines.jpeg",
    ]
    reader = reader_for(dataset.container, dataset.root)
    assert [reader.read(sample) for sample in dataset.samples] == [names[0], b"good", names[1]]
    for sample in dataset.samples:
        (dataset.root / sample.file).unlink()
        with pytest.raises(DataError) as refused:
            reader.read(sample)
        assert len(str(refused.value).encode().splitlines()) == 1


def test_strange_names_do_not_break_the_line_of_an_error(tmp_path: Path) -> None:
    write_files(tmp_path, dict.fromkeys(["a\nb/c.jpeg", "d\udcff/e.jpeg"], b""))
    message = refusal(tmp_path)
    assert len(message.encode().splitlines()) == 1
    assert r"2 (a\nb, d\xff) of 2 folders" in message
