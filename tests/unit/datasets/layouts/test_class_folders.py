"""Class folders as people have them: recognised by themselves, or refused in one line that says what to do."""

import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from alexbench.datasets.dataset import Sample
from alexbench.datasets.fingerprint import plain_word
from alexbench.datasets.layouts import open_dataset
from alexbench.harness.errors import DataError

TENCH, GOLDFISH, TISSUE = "n01440764", "n01443537", "n15075141"


def lay(root: Path, files: Iterable[str]) -> Path:
    """Empty files: opening a folder opens no image."""
    for file in files:
        path = root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return root


def refusal(path: Path) -> str:
    with pytest.raises(DataError) as refused:
        open_dataset(path)
    message = str(refused.value)
    assert "\n" not in message
    assert str(path) in message
    return message


def test_wnid_folders_are_recognised_and_ordered_by_class_then_name(tmp_path: Path) -> None:
    lay(tmp_path / "val", [f"{TISSUE}/a.JPEG", f"{TENCH}/b.JPEG", f"{TENCH}/a.JPEG"])
    dataset = open_dataset(tmp_path / "val")
    assert dataset.layout == "wnid-folders"
    assert dataset.name == "val"
    assert dataset.samples == (
        Sample(f"{TENCH}/a.JPEG", 0, f"{TENCH}/a.JPEG", size=0),
        Sample(f"{TENCH}/b.JPEG", 0, f"{TENCH}/b.JPEG", size=0),
        Sample(f"{TISSUE}/a.JPEG", 999, f"{TISSUE}/a.JPEG", size=0),
    )
    assert dataset.labels.dtype == np.int64
    assert dataset.labels.tolist() == [0, 0, 999]
    assert dataset.class_counts.shape == (1000,)
    assert dataset.class_counts[[0, 1, 999]].tolist() == [2, 0, 1]
    assert dataset.where(dataset.samples[0]) == str(tmp_path / "val" / TENCH / "a.JPEG")
    assert dataset.notes == ()
    assert dataset.describe() == "3 images, 2 of 1000 classes, wnid folders, labels from folder names"


def test_class_index_folders_are_ordered_as_numbers(tmp_path: Path) -> None:
    dataset = open_dataset(lay(tmp_path, ["10/a.png", "9/a.png", "0/a.png"]))
    assert dataset.layout == "class-index-folders"
    assert [sample.label for sample in dataset.samples] == [0, 9, 10]
    assert dataset.describe() == "3 images, 3 of 1000 classes, class-index folders, labels from folder names"


def test_class_index_folders_may_be_zero_padded(tmp_path: Path) -> None:
    dataset = open_dataset(lay(tmp_path, ["007/a.png", "000/a.png", "999/a.png"]))
    assert [(sample.file, sample.label) for sample in dataset.samples] == [
        ("000/a.png", 0),
        ("007/a.png", 7),
        ("999/a.png", 999),
    ]


def test_images_are_told_by_their_suffix_in_any_case(tmp_path: Path) -> None:
    names = ["a.jpg", "b.JPEG", "c.Png", "d.bmp", "e.WEBP", "f.jpeg"]
    dataset = open_dataset(lay(tmp_path, [f"3/{name}" for name in names]))
    assert [sample.file for sample in dataset.samples] == [f"3/{name}" for name in names]


def test_litter_is_ignored_and_other_files_are_counted(tmp_path: Path) -> None:
    lay(tmp_path, ["0/a.png", "0/.DS_Store", "0/._a.png", "0/Thumbs.db", ".cache/x.png", "__MACOSX/0/a.png"])
    lay(tmp_path, ["0/notes.txt", "0/a.gif", "preview.png", "labels.csv"])
    dataset = open_dataset(tmp_path)
    assert [sample.file for sample in dataset.samples] == ["0/a.png"]
    assert dataset.describe().endswith("; 3 other files left out")  # notes.txt, a.gif, preview.png


def test_empty_class_folders_are_allowed_and_said(tmp_path: Path) -> None:
    lay(tmp_path, [f"{TENCH}/a.jpg"])
    (tmp_path / GOLDFISH).mkdir()
    assert open_dataset(tmp_path).empty_classes == 1
    assert open_dataset(tmp_path).describe().endswith("; 1 class folder without an image")


def test_folders_inside_class_folders_belong_to_the_class(tmp_path: Path) -> None:
    dataset = open_dataset(lay(tmp_path, ["4/images/a.png", "4/b.png"]))
    assert [sample.file for sample in dataset.samples] == ["4/b.png", "4/images/a.png"]


def test_symbolic_links_are_followed(tmp_path: Path) -> None:
    lay(tmp_path / "store", ["one/a.png", "b.png"])
    (tmp_path / "set" / "6").mkdir(parents=True)
    (tmp_path / "set" / "5").symlink_to(tmp_path / "store" / "one", target_is_directory=True)
    (tmp_path / "set" / "6" / "b.png").symlink_to(tmp_path / "store" / "b.png")
    assert [sample.file for sample in open_dataset(tmp_path / "set").samples] == ["5/a.png", "6/b.png"]


def test_a_link_to_nothing_is_named(tmp_path: Path) -> None:
    lay(tmp_path, ["5/a.png"])
    (tmp_path / "5" / "b.png").symlink_to(tmp_path / "gone.png")
    assert "b.png: not a file, or a link to nothing" in refusal(tmp_path)


def test_a_link_that_leads_round_is_named(tmp_path: Path) -> None:
    lay(tmp_path, ["5/a.png"])
    (tmp_path / "5" / "again").symlink_to(tmp_path / "5", target_is_directory=True)
    assert "a link to a folder above itself" in refusal(tmp_path)


def test_a_missing_path_is_refused(tmp_path: Path) -> None:
    assert "no such folder or file; give the folder" in refusal(tmp_path / "nowhere")


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    assert "no image in it" in refusal(tmp_path)


def test_class_folders_without_any_image_are_refused(tmp_path: Path) -> None:
    assert "1 class folder and no image in any of them" in refusal(lay(tmp_path, ["0/readme.txt"]))


def test_strange_folder_names_are_counted_and_the_first_named(tmp_path: Path) -> None:
    message = refusal(lay(tmp_path, ["cat/a.png", "dog/a.png", "eel/a.png", "fox/a.png", "0/a.png"]))
    assert "4 (cat, dog, eel, ...) of 5 folders are neither WordNet ids (n01440764) nor class indices" in message


def test_a_wnid_that_is_not_of_the_1000_is_named(tmp_path: Path) -> None:
    message = refusal(lay(tmp_path, [f"{TENCH}/a.jpg", "n00000001/a.jpg"]))
    assert "1 (n00000001) of 2 WordNet ids is not among the 1000 classes of ILSVRC2012" in message


def test_both_kinds_at_once_are_refused(tmp_path: Path) -> None:
    assert "keep one kind" in refusal(lay(tmp_path, [f"{TENCH}/a.jpg", "0/a.jpg"]))


def test_numbers_from_1_to_1000_may_mean_two_things_and_are_refused(tmp_path: Path) -> None:
    message = refusal(lay(tmp_path, ["1/a.jpg", "1000/a.jpg"]))
    assert "1 (1000) of 2 class indices is outside 0..999; 1..1000 are ILSVRC2012_ID, the devkit's order, or" in message


def test_two_folders_of_one_class_are_refused(tmp_path: Path) -> None:
    assert "folders 007 and 7 are both class 7" in refusal(lay(tmp_path, ["7/a.jpg", "007/b.jpg"]))


def test_a_folder_that_may_not_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lay(tmp_path, ["0/a.jpg", "1/a.jpg"])
    listed = os.scandir

    def forbidding(path: Path) -> object:
        if Path(path).name == "1":  # by hand, since root may read everything
            raise PermissionError(13, "Permission denied", str(path))
        return listed(path)

    monkeypatch.setattr(os, "scandir", forbidding)
    assert f"{tmp_path / '1'}: cannot be read (Permission denied); make it readable" in refusal(tmp_path)


def test_only_the_named_kind_is_taken(tmp_path: Path) -> None:
    lay(tmp_path, [f"{TENCH}/a.jpg", "5/a.jpg", "cat/a.jpg"])
    by_wnid = open_dataset(tmp_path, layout="wnid-folders")
    assert [sample.file for sample in by_wnid.samples] == [f"{TENCH}/a.jpg"]
    assert by_wnid.notes == ("2 folders not looked into: 5, cat",)
    by_index = open_dataset(tmp_path, layout="class-index-folders")
    assert [(sample.file, sample.label) for sample in by_index.samples] == [("5/a.jpg", 5)]


def test_validation_images_have_their_name_alone_and_so_does_their_order(tmp_path: Path) -> None:
    first, second = "ILSVRC2012_val_00000293.JPEG", "ILSVRC2012_val_00002138.JPEG"
    dataset = open_dataset(lay(tmp_path, [f"{TENCH}/a/{second}", f"{TENCH}/b/{first}"]))
    assert [(sample.name, sample.file) for sample in dataset.samples] == [
        (first, f"{TENCH}/b/{first}"),
        (second, f"{TENCH}/a/{second}"),
    ]


def test_one_validation_image_in_two_class_folders_is_refused(tmp_path: Path) -> None:
    name = "ILSVRC2012_val_00000293.JPEG"
    message = refusal(lay(tmp_path, [f"{TENCH}/{name}", f"{GOLDFISH}/{name}"]))
    assert f"{TENCH}/{name} and " in message
    assert f"{GOLDFISH}/{name}: both are {name}; keep one of them" in message


def test_folders_that_disagree_with_the_sets_own_labels_are_said(tmp_path: Path) -> None:
    # What comes of folders made by ILSVRC2012_ID instead of the sorted WordNet ids: 293 is a tench, 1 is class 65.
    lay(tmp_path, [f"{GOLDFISH}/ILSVRC2012_val_00000293.JPEG", "n01751748/ILSVRC2012_val_00000001.JPEG"])
    assert plain_word(open_dataset(tmp_path)) == (
        "Not ImageNet's validation labels: those from folder names differ from ILSVRC2012's own on 1 of 2 images"
        " (ILSVRC2012_val_00000293: 1 here, 0 there)."
    )
