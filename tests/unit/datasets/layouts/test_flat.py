"""Flat images get their labels by name, from one known place, or are refused."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from alexbench.datasets.classes import packaged_labels
from alexbench.datasets.dataset import VALIDATION_COUNT
from alexbench.datasets.fingerprint import plain_word
from alexbench.datasets.layouts import open_dataset
from alexbench.datasets.layouts.assembling import Labelled, assemble
from alexbench.datasets.layouts.devkit import index_by_id
from alexbench.datasets.layouts.labels import packaged_source, read_labels
from alexbench.datasets.layouts.listing import Entry
from alexbench.harness.errors import DataError
from tests.unit.datasets.layout_files import (
    WNIDS,
    Picture,
    pictures,
    write_devkit,
    write_files,
    write_flat,
    write_tar,
)

# Labels of the test's own: no packaged label can be taken for them.
SET = [replace(picture, label=(picture.label + 7) % 1000) for picture in pictures()]
GROUND_TRUTH = "ILSVRC2012_validation_ground_truth.txt"


def val_txt(path: Path) -> Path:
    path.write_text("".join(f"{picture.name} {picture.label}\n" for picture in SET), encoding="ascii")
    return path


def val_txt_of_wnids(path: Path) -> Path:
    path.write_text("".join(f"val/{picture.name}\t{picture.wnid}\r\n" for picture in SET), encoding="ascii")
    return path


def kaggle(path: Path) -> Path:
    rows = (f"{picture.name[:-5]},{picture.wnid} 1 2 3 4 {picture.wnid} 5 6 7 8 \n" for picture in reversed(SET))
    path = path.with_name("LOC_val_solution.csv")
    path.write_text("ImageId,PredictionString\n" + "".join(rows), encoding="ascii")
    return path


def devkit(path: Path) -> Path:
    return write_devkit(path.with_name("devkit"), SET) / GROUND_TRUTH


def devkit_squeezed(path: Path) -> Path:
    return write_devkit(path.with_name("devkit"), SET, squeezed=True) / GROUND_TRUTH


def devkit_folder(path: Path) -> Path:
    return write_devkit(path.with_name("ILSVRC2012_devkit_t12") / "data", SET).parent


def wnid_lines(path: Path) -> Path:
    own = list(packaged_labels())
    for picture in SET:
        own[picture.number - 1] = picture.label
    path.write_text("".join(f"{WNIDS[label]}\n" for label in own), encoding="ascii")
    return path


def list_of_windows(path: Path) -> Path:
    lines = "".join(f"val\\{picture.name} {picture.label}\r\n" for picture in SET)
    path.write_bytes(b"\xef\xbb\xbf" + lines.encode("ascii"))
    return path


def table(path: Path) -> Path:
    lines = (f'"{picture.name}",{picture.label},"tench, Tinca"\n' for picture in SET)
    path.write_text("filename,label,name\n" + "".join(lines), encoding="ascii")
    return path.rename(path.with_suffix(".csv"))


def table_of_wnids(path: Path) -> Path:
    path.write_text("".join(f"{picture.wnid};{picture.name}\n" for picture in SET), encoding="ascii")
    return path.rename(path.with_suffix(".csv"))


WRITERS = [
    val_txt,
    val_txt_of_wnids,
    list_of_windows,
    table,
    table_of_wnids,
    kaggle,
    devkit,
    devkit_squeezed,
    devkit_folder,
    wnid_lines,
]


@pytest.mark.parametrize("container", ["folder", "tar"])
@pytest.mark.parametrize("write", WRITERS)
def test_labels_come_from_the_users_file(tmp_path: Path, write: Callable[[Path], Path], container: str) -> None:
    if container == "folder":
        path = write_flat(tmp_path / "set", SET)
    else:
        path = write_tar(tmp_path / "val.tar", {picture.name: picture.data for picture in SET})
    dataset = open_dataset(path, labels=write(tmp_path / "labels.txt"))
    assert {sample.name: sample.label for sample in dataset.samples} == {picture.name: picture.label for picture in SET}
    said = {"devkit": f"{GROUND_TRUTH} and meta.mat", "kaggle": "LOC_val_solution.csv", "table": "labels.csv"}
    assert dataset.labels_from == said.get(write.__name__.partition("_")[0], "labels.txt")
    own = packaged_labels()
    assert plain_word(dataset) == (
        f"Not ImageNet's validation labels: those from {dataset.labels_from} differ from ILSVRC2012's own on 8 of 8"
        f" images (ILSVRC2012_val_00000001: {own[0] + 7} here, {own[0]} there)."
    )


def test_a_label_file_in_the_folder_is_found(tmp_path: Path) -> None:
    for number, (place, write) in enumerate([("val.txt", val_txt), ("LOC_val_solution.csv", kaggle)]):
        root = write_flat(tmp_path / str(number), SET)
        write(root / place)
        dataset = open_dataset(root)
        assert dataset.labels_from == place
        assert dataset.left_out == 0
        assert [sample.label for sample in dataset.samples] == sorted(picture.label for picture in SET)


@pytest.mark.parametrize("place", [".", "data", "ILSVRC2012_devkit_t12/data"])
def test_a_devkit_in_the_folder_is_found(tmp_path: Path, place: str) -> None:
    write_devkit(write_flat(tmp_path, SET) / place, SET)
    dataset = open_dataset(tmp_path)
    assert dataset.labels_from == f"{GROUND_TRUTH} and meta.mat"
    assert [sample.label for sample in dataset.samples] == sorted(picture.label for picture in SET)
    assert dataset.notes == ()  # nothing of the devkit's folder


def test_two_label_files_in_the_folder_are_refused_until_one_is_named(tmp_path: Path) -> None:
    val_txt(write_flat(tmp_path, SET) / "val.txt")
    kaggle(tmp_path / "val.csv")
    with pytest.raises(
        DataError, match=r"labels could come from val.txt, LOC_val_solution.csv; name one with --labels"
    ):
        open_dataset(tmp_path)
    assert open_dataset(tmp_path, labels=tmp_path / "val.txt").labels_from == "val.txt"


def test_the_packaged_labels_are_each_class_fifty_times() -> None:
    labels = packaged_labels()
    assert len(labels) == VALIDATION_COUNT
    assert {labels.count(label) for label in range(0, 1000, 37)} == {50}
    assert len(packaged_source().by_name) == VALIDATION_COUNT


def test_labels_go_by_the_number_in_the_name_so_one_missing_image_shifts_nothing(tmp_path: Path) -> None:
    names = [f"ILSVRC2012_val_{number:08d}.JPEG" for number in range(1, 101) if number != 47]
    dataset = open_dataset(write_files(tmp_path, dict.fromkeys(names, b"")))
    own = packaged_labels()
    assert len(dataset) == 99
    assert all(sample.label == own[int(sample.name[15:23]) - 1] for sample in dataset.samples)


def test_49999_images_are_a_subset_and_50000_are_not() -> None:
    labelled = Labelled(labels_from="ILSVRC2012's own list")
    for number, label in enumerate(packaged_labels(), start=1):
        path = f"ILSVRC2012_val_{number:08d}.JPEG"
        labelled.pictures.append((Entry(path, path, 0, 0), label))
    whole = assemble(labelled, name="val", root=Path(), layout="flat-folder", container="files")
    assert len(whole) == 50_000
    assert plain_word(whole).startswith("The full validation set")
    del labelled.pictures[4710]
    part = assemble(labelled, name="val", root=Path(), layout="flat-folder", container="files")
    word = "Not the full validation set: 49,999 of its 50,000 images (ILSVRC2012_val_00004711 missing)."
    assert plain_word(part) == word


def test_other_images_are_matched_by_base_name(tmp_path: Path) -> None:
    write_files(
        tmp_path, {"cat.png": b"", "dog one.jpg": b"", "val.txt": b"pets/cat.png 281\ndog one.jpg 153\neel.jpg 390\n"}
    )
    dataset = open_dataset(tmp_path)
    assert [(sample.name, sample.label) for sample in dataset.samples] == [("dog one.jpg", 153), ("cat.png", 281)]
    assert dataset.notes == ("val.txt has labels for 1 image more",)


def refusal(path: Path, labels: Path | None = None) -> str:
    with pytest.raises(DataError) as refused:
        open_dataset(path, labels=labels)
    message = str(refused.value)
    assert "\n" not in message
    return message


def test_images_without_a_label_in_the_users_file_are_refused(tmp_path: Path) -> None:
    root, labels = write_flat(tmp_path / "set", SET), tmp_path / "val.txt"
    labels.write_text("\n".join(f"{picture.name} 0" for picture in SET[2:]), encoding="ascii")
    message = refusal(root, labels)
    assert (
        "2 (ILSVRC2012_val_00000001.JPEG, ILSVRC2012_val_00000002.JPEG) of 8 images have no label in val.txt" in message
    )


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["a.png", "b.png"], "2 (a.png, b.png) of 2 images have no label; give their labels with --labels FILE"),
        (
            ["ILSVRC2012_val_00000001.JPEG", "ILSVRC2012_val_00050001.JPEG"],
            "1 (ILSVRC2012_val_00050001.JPEG) of 2 images has a number outside 1..50000, the validation set's; take",
        ),
        (
            ["ILSVRC2012_val_00000000.JPEG"],
            "1 (ILSVRC2012_val_00000000.JPEG) of 1 image has a number outside 1..50000",
        ),
        (["a.png"], "1 (a.png) of 1 image has no label; give"),
        (
            ["ILSVRC2012_val_00000001.JPEG", "a.png"],
            "1 (a.png) of 2 images is not named as the validation set's",
        ),
        (["ILSVRC2012_test_00000001.JPEG"], "of the test set, whose labels are not public; give the validation set"),
    ],
)
def test_images_without_any_label_are_refused(tmp_path: Path, names: list[str], said: str) -> None:
    assert said in refusal(write_files(tmp_path, dict.fromkeys(names, b"")))


def test_two_files_of_one_number_are_refused(tmp_path: Path) -> None:
    root = write_files(
        tmp_path, dict.fromkeys(["ILSVRC2012_val_00000001.JPEG", "ILSVRC2012_val_00000001 (1).JPEG"], b"")
    )
    assert "both are ILSVRC2012_val_00000001.JPEG; keep one of them" in refusal(root)


def test_folders_next_to_flat_images_are_reported(tmp_path: Path) -> None:
    write_files(write_flat(tmp_path, pictures()), {"bounding_boxes/a.xml": b"", "notes.txt": b""})
    dataset = open_dataset(tmp_path)
    assert dataset.notes[0] == "1 folder not looked into: bounding_boxes"
    assert dataset.left_out == 1


MANY_NUMBERS = "".join(f"{place % 1000}\n" for place in range(VALIDATION_COUNT)).encode()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "an empty label file; restore it"),
        (b"\xff\xfe\x00", "not a text file; give a val.txt"),
        (b"a.png 0\nb.png 1000\n", "line 2 has label 1000, outside 0..999; correct or restore"),
        (
            b"a.png 1\nb.png 1000\n",
            "line 2 has label 1000, outside 0..999; 1..1000 are ILSVRC2012_ID, the devkit's order, or class indices",
        ),
        (b"a.png -1\n", "line 1 has label -1, outside 0..999"),
        (b"a.png 0\nILSVRC2012_val_00000001.JPEG 65 500 375\n", "line 2 holds more than a name and a label ('ILSVRC"),
        (b"a.png 6_5\n", "line 1 has label '6_5'; labels are class indices"),
        ("a.png \u0666\u0665\n".encode(), "line 1 has label '\u0666\u0665'; labels are class indices"),
        (b"a.png +5\n", "line 1 has label '+5'; labels are class indices"),
        (b"a.png " + b"9" * 5000, "line 1 has label '9999"),
        (
            b"a.png,65\n",
            "line 1 has no blank in it ('a.png,65'); expected lines of a name, a blank and a class index",
        ),
        (b"a.png, 65\n", "line 1 separates with a comma ('a.png, 65'); expected lines of a name, a blank"),
        (b"65\n", "1 line of one label each, and the validation set has 50,000"),
        (b"a.png cat\n", "line 1 has label 'cat'; labels are class indices 0..999 or WordNet ids"),
        (b"a.png n00000001\n", "line 1 has n00000001, which is not among the 1000 classes"),
        (b"a.png 0\nb.png\n", "line 2 is not a name and a label ('b.png')"),
        (b"x/a.png 0\ny/a.png 0\n", "line 2 labels a.png a second time; keep one line per image"),
        (b"1\n2\n", "2 lines of one label each, and the validation set has 50,000"),
        (MANY_NUMBERS, "a number a line, which may be ILSVRC2012_ID or a class index; give the devkit's"),
        (
            b"ImageId,PredictionString\na,cat 1 2 3 4\n",
            "line 2 does not hold a name and one WordNet id ('a,cat 1 2 3 4')",
        ),
        (b"ImageId,PredictionString\na,n01440764 1 2 3 4 n01443537 1 2 3 4\n", "line 2 does not hold a name and one"),
    ],
)
def test_a_label_file_that_cannot_be_understood_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    labels = write_files(tmp_path, {"val.txt": content}) / "val.txt"
    with pytest.raises(DataError) as refused:
        read_labels(labels)
    assert str(refused.value).startswith(f"{labels}: ")
    assert said in str(refused.value)


def test_a_missing_label_file_is_refused(tmp_path: Path) -> None:
    root = write_flat(tmp_path / "set", SET)
    assert f"{tmp_path / 'nowhere.txt'}: no such file; give a val.txt" in refusal(root, tmp_path / "nowhere.txt")
    assert f"{tmp_path}: no val.txt" in refusal(root, tmp_path)


def test_ground_truth_without_meta_mat_is_refused(tmp_path: Path) -> None:
    labels = devkit(tmp_path / "labels")
    labels.with_name("meta.mat").unlink()
    message = refusal(write_flat(tmp_path / "set", SET), labels)
    assert f"{labels.with_name('meta.mat')}: no such file, and the ground truth needs it" in message


def test_a_damaged_meta_mat_is_refused_whatever_the_damage(tmp_path: Path) -> None:
    meta = devkit(tmp_path / "labels").with_name("meta.mat")
    good = index_by_id(meta)
    whole = meta.read_bytes()
    for cut in (0, 1, 127, 128, 136, 200, len(whole) // 2, len(whole) - 100):
        meta.write_bytes(whole[:cut])
        with pytest.raises(DataError, match=r"meta\.mat: not the devkit's meta\.mat"):
            index_by_id(meta)
    for place in range(0, len(whole), 101):
        meta.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        try:
            assert index_by_id(meta) == good  # the header's text is of no consequence
        except DataError as error:
            assert str(error).startswith(f"{meta}: ")  # noqa: PT017


def test_a_ground_truth_of_another_order_is_compared_with_the_classes(tmp_path: Path) -> None:
    labels = devkit(tmp_path / "labels")
    lines = labels.read_text(encoding="ascii").splitlines()
    lines[6] = "1001"
    labels.write_text("\n".join(lines), encoding="ascii")
    assert "line 7 has '1001', which is not among ILSVRC2012_ID 1..1000" in refusal(
        write_flat(tmp_path / "set", SET), labels
    )


def test_an_image_of_a_label_source_is_an_image(tmp_path: Path) -> None:
    picture = Picture(1, b"", 65)
    assert packaged_source().label_of(f"anywhere/{picture.name}") == picture.label
    assert packaged_source().label_of("anywhere/else.JPEG") is None
