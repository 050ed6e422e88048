"""Images of the user's own classes: labels are places in the list, and nothing is labelled by guessing."""

from pathlib import Path

import pytest

from alexbench.datasets.classes import class_list
from alexbench.datasets.dataset import Dataset
from alexbench.datasets.fingerprint import of_validation_set, plain_word
from alexbench.datasets.layouts import open_dataset
from alexbench.datasets.layouts.model_classes import read_model_classes
from alexbench.harness.errors import DataError

NAMES = ("rose", "golden retriever", "daisy")


def listed(tmp_path: Path, *names: str) -> Path:
    file = tmp_path / "classes.txt"
    file.write_text("\n".join(names), encoding="utf-8")
    return file


def lay(root: Path, *paths: str) -> Path:
    for one in paths:
        (root / one).parent.mkdir(parents=True, exist_ok=True)
        (root / one).write_bytes(b"")
    return root


def opened(tmp_path: Path, root: Path, names: tuple[str, ...] = NAMES) -> Dataset:
    return open_dataset(root, classes=read_model_classes(listed(tmp_path, *names)))


def labels(dataset: Dataset) -> dict[str, int]:
    return {one.file: one.label for one in dataset.samples}


@pytest.mark.parametrize("retriever", ["golden retriever", "golden_retriever", "Golden-Retriever"])
def test_a_folder_a_class_is_labelled_by_its_place_in_the_list(tmp_path: Path, retriever: str) -> None:
    root = lay(tmp_path / "set", "rose/a.png", f"{retriever}/b.JPG", "daisy/sub/c.jpeg", "daisy/Thumbs.db",
               "._rose/x.png", "daisy/._c.jpeg", "README.md")  # fmt: skip
    dataset = opened(tmp_path, root)
    assert labels(dataset) == {"rose/a.png": 0, f"{retriever}/b.JPG": 1, "daisy/sub/c.jpeg": 2}
    assert dataset.class_names == NAMES
    assert "3 of 3 classes" in dataset.describe()
    assert of_validation_set(dataset) == "no"
    assert plain_word(dataset) == "Not ImageNet's classes: 3 of your own (rose, golden retriever, daisy)."


@pytest.mark.parametrize(
    ("paths", "place"),
    [
        (("train/rose/a.png", "val/rose/b.png"), "val"),
        (("data/train/rose/a.png", "data/valid/rose/b.png", "data/test/rose/c.png"), "data/valid"),
        (("train/rose/a.png", "test/rose/b.png"), "test"),
        (("flowers/rose/b.png",), "flowers"),
    ],
)
def test_the_part_to_score_is_found_below(tmp_path: Path, paths: tuple[str, ...], place: str) -> None:
    root = lay(tmp_path / "set", *paths)
    dataset = opened(tmp_path, root)
    assert dataset.root == (root / place).resolve()
    assert dataset.notes[0].startswith(f"read from {root / place}")


def test_classes_of_imagenet_are_known_by_id_or_name_in_every_layout(tmp_path: Path) -> None:
    tench, goldfish = class_list()[0].wnid, class_list()[1].wnid
    root = lay(tmp_path / "ids", f"{tench}/a.png", f"{goldfish}/b.png")
    wanted = {f"{tench}/a.png": 1, f"{goldfish}/b.png": 0}
    assert labels(opened(tmp_path, root, ("goldfish", "tench"))) == wanted
    assert labels(opened(tmp_path, root, (goldfish, tench))) == wanted
    assert labels(opened(tmp_path, root, (f"{goldfish} goldfish, Carassius", f"{tench} tench"))) == wanted
    flat = lay(tmp_path / "flat", "ILSVRC2012_val_00000001.JPEG")  # class 65
    assert opened(tmp_path, flat, ("tench", "sea snake")).labels.tolist() == [1]


def test_a_list_of_all_of_imagenet_changes_nothing(tmp_path: Path) -> None:
    names = tuple(one.name for one in class_list())
    root = lay(tmp_path / "set", f"{class_list()[7].wnid}/a.png")
    dataset = opened(tmp_path, root, names)
    assert (dataset.labels.tolist(), dataset.class_names) == ([7], ())
    english = lay(tmp_path / "english", "tench/a.png", "sea_snake/b.png")
    dataset = opened(tmp_path, english, names)
    assert (dataset.labels.tolist(), dataset.class_names) == ([0, 65], ())


def test_numbered_folders_are_outputs_where_they_count_from_zero(tmp_path: Path) -> None:
    assert opened(tmp_path, lay(tmp_path / "set", "0/a.png", "2/b.png")).labels.tolist() == [0, 2]
    with pytest.raises(DataError, match="folders 1 to 3 do not say whether they count from 0 or from 1"):
        opened(tmp_path, lay(tmp_path / "other", "1/a.png", "2/b.png", "3/c.png"))


@pytest.mark.parametrize("text", ["a.png rose\nb c.png golden retriever\n", "file,label\na.png,0\nb c.png,1\n"])
def test_flat_images_take_their_labels_from_a_file_next_to_them(tmp_path: Path, text: str) -> None:
    root = lay(tmp_path / "set", "a.png", "b c.png")
    (root / "val.txt").write_text(text)
    assert labels(opened(tmp_path, root)) == {"a.png": 0, "b c.png": 1}


@pytest.mark.parametrize(
    ("paths", "said"),
    [
        (("rose/a.png", "tulip/b.png"), "1 (tulip) of 2 folders is not among the 3 classes of"),
        (("rose/a.png", "roses/b.png"), "is roses the class rose?"),
        (("tulip/b.png", "lily/a.png"), "2 (lily, tulip) of 2 folders are not among the 3 classes of"),
        (("rose/a.png", "Rose/b.png"), "folders Rose and rose are both rose"),
        (("train/rose/a.png",), "only the training set below it"),
        (("a.png", "b.png"), "2 images without a label"),
        (("rose/notes.txt",), "no image in any of them"),
        (("notes.txt",), "no image in it"),
    ],
)
def test_what_the_list_does_not_name_is_refused_in_a_line(tmp_path: Path, paths: tuple[str, ...], said: str) -> None:
    with pytest.raises(DataError) as caught:
        opened(tmp_path, lay(tmp_path / "set", *paths))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_label_that_is_no_class_is_named_with_its_line(tmp_path: Path) -> None:
    root = lay(tmp_path / "set", "a.png")
    (root / "val.txt").write_text("a.png tulip\n")
    with pytest.raises(DataError, match=r"val\.txt: line 1 has label 'tulip', which is not among the 3 classes"):
        opened(tmp_path, root)
    (root / "val.txt").write_text("b.png rose\n")
    with pytest.raises(DataError, match=r"1 \(a\.png\) of 1 image have no label in val\.txt"):
        opened(tmp_path, root)


def test_images_of_other_classes_of_imagenet_are_refused(tmp_path: Path) -> None:
    flat = lay(tmp_path / "flat", "ILSVRC2012_val_00000001.JPEG")
    with pytest.raises(DataError, match=r"1 of its classes is not among the 2 of .* \(n06596364|n0\d+ sea snake\)"):
        opened(tmp_path, flat, ("tench", "goldfish"))


def test_an_archive_of_own_classes_is_to_be_unpacked(tmp_path: Path) -> None:
    (tmp_path / "set.tar").write_bytes(b"")
    with pytest.raises(DataError, match="unpack it"):
        opened(tmp_path, tmp_path / "set.tar")
    with pytest.raises(DataError, match="no such folder"):
        opened(tmp_path, tmp_path / "gone")
