"""Folders as people have them: recognised by themselves, or refused in one line that says what to do."""

import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from alexbench.datasets.dataset import Dataset, Draw, Sample
from alexbench.datasets.folder import open_folder
from alexbench.harness.errors import DataError, UsageError

TENCH, GOLDFISH, TISSUE = "n01440764", "n01443537", "n15075141"


def lay(root: Path, files: Iterable[str]) -> Path:
    """Empty files: opening a folder opens no picture."""
    for file in files:
        path = root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return root


def counted(*counts: int) -> Dataset:
    samples = (Sample(f"{label}/{place:03}.png", label) for label, count in enumerate(counts) for place in range(count))
    return Dataset(name="made", root=Path("made"), layout="class-index-folders", samples=tuple(samples))


def refusal(path: Path) -> str:
    with pytest.raises(DataError) as refused:
        open_folder(path)
    message = str(refused.value)
    assert "\n" not in message
    assert str(path) in message
    return message


def test_wnid_folders_are_recognised_and_ordered_by_class_then_name(tmp_path: Path) -> None:
    lay(tmp_path / "val", [f"{TISSUE}/a.JPEG", f"{TENCH}/b.JPEG", f"{TENCH}/a.JPEG"])
    dataset = open_folder(tmp_path / "val")
    assert dataset.layout == "wnid-folders"
    assert dataset.name == "val"
    assert dataset.samples == (
        Sample(f"{TENCH}/a.JPEG", 0),
        Sample(f"{TENCH}/b.JPEG", 0),
        Sample(f"{TISSUE}/a.JPEG", 999),
    )
    assert dataset.labels.dtype == np.int64
    assert dataset.labels.tolist() == [0, 0, 999]
    assert dataset.class_counts.shape == (1000,)
    assert dataset.class_counts[[0, 1, 999]].tolist() == [2, 0, 1]
    assert dataset.file(dataset.samples[0]) == tmp_path / "val" / TENCH / "a.JPEG"
    assert dataset.describe() == "3 pictures, 2 of 1000 classes, wnid folders"


def test_class_index_folders_are_ordered_as_numbers(tmp_path: Path) -> None:
    dataset = open_folder(lay(tmp_path, ["10/a.png", "9/a.png", "0/a.png"]))
    assert dataset.layout == "class-index-folders"
    assert [sample.label for sample in dataset.samples] == [0, 9, 10]
    assert dataset.describe() == "3 pictures, 3 of 1000 classes, class-index folders"


def test_class_index_folders_may_be_zero_padded(tmp_path: Path) -> None:
    dataset = open_folder(lay(tmp_path, ["007/a.png", "000/a.png", "999/a.png"]))
    assert [(sample.path, sample.label) for sample in dataset.samples] == [
        ("000/a.png", 0),
        ("007/a.png", 7),
        ("999/a.png", 999),
    ]


def test_pictures_are_told_by_their_suffix_in_any_case(tmp_path: Path) -> None:
    names = ["a.jpg", "b.JPEG", "c.Png", "d.bmp", "e.WEBP", "f.jpeg"]
    dataset = open_folder(lay(tmp_path, [f"3/{name}" for name in names]))
    assert [sample.path for sample in dataset.samples] == [f"3/{name}" for name in names]


def test_litter_is_ignored_and_other_files_are_counted(tmp_path: Path) -> None:
    lay(tmp_path, ["0/a.png", "0/.DS_Store", "0/._a.png", "0/Thumbs.db", ".cache/x.png", "__MACOSX/0/a.png"])
    lay(tmp_path, ["0/notes.txt", "0/a.gif", "preview.png", "labels.csv"])
    dataset = open_folder(tmp_path)
    assert [sample.path for sample in dataset.samples] == ["0/a.png"]
    assert dataset.describe().endswith("; 3 other files left out")  # notes.txt, a.gif, preview.png


def test_empty_class_folders_are_allowed_and_said(tmp_path: Path) -> None:
    lay(tmp_path, [f"{TENCH}/a.jpg"])
    (tmp_path / GOLDFISH).mkdir()
    assert (
        open_folder(tmp_path).describe()
        == "1 picture, 1 of 1000 classes, wnid folders; 1 class folder without a picture"
    )


def test_folders_inside_class_folders_belong_to_the_class(tmp_path: Path) -> None:
    dataset = open_folder(lay(tmp_path, ["4/images/a.png", "4/b.png"]))
    assert [sample.path for sample in dataset.samples] == ["4/b.png", "4/images/a.png"]


def test_symbolic_links_are_followed(tmp_path: Path) -> None:
    lay(tmp_path / "store", ["one/a.png", "b.png"])
    (tmp_path / "set" / "6").mkdir(parents=True)
    (tmp_path / "set" / "5").symlink_to(tmp_path / "store" / "one", target_is_directory=True)
    (tmp_path / "set" / "6" / "b.png").symlink_to(tmp_path / "store" / "b.png")
    assert [sample.path for sample in open_folder(tmp_path / "set").samples] == ["5/a.png", "6/b.png"]


def test_a_link_to_nothing_is_named(tmp_path: Path) -> None:
    lay(tmp_path, ["5/a.png"])
    (tmp_path / "5" / "b.png").symlink_to(tmp_path / "gone.png")
    assert "b.png: not a file, or a link to nothing" in refusal(tmp_path)


def test_a_link_that_leads_round_is_named(tmp_path: Path) -> None:
    lay(tmp_path, ["5/a.png"])
    (tmp_path / "5" / "again").symlink_to(tmp_path / "5", target_is_directory=True)
    assert "a link to a folder above itself" in refusal(tmp_path)


def test_a_missing_path_is_refused(tmp_path: Path) -> None:
    assert "no such folder" in refusal(tmp_path / "nowhere")


def test_a_file_is_refused(tmp_path: Path) -> None:
    assert "a file, not a folder" in refusal(lay(tmp_path, ["val.tar"]) / "val.tar")


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    assert "no picture in it" in refusal(tmp_path)


def test_class_folders_without_any_picture_are_refused(tmp_path: Path) -> None:
    assert "1 class folder and no picture in any of them" in refusal(lay(tmp_path, ["0/readme.txt"]))


def test_a_flat_folder_is_refused_with_the_mend(tmp_path: Path) -> None:
    message = refusal(lay(tmp_path, ["ILSVRC2012_val_00000001.JPEG", "ILSVRC2012_val_00000002.JPEG"]))
    assert "a flat folder of 2 pictures, which is not supported yet; put them in class folders" in message


def test_strange_folder_names_are_counted_and_the_first_named(tmp_path: Path) -> None:
    message = refusal(lay(tmp_path, ["cat/a.png", "dog/a.png", "eel/a.png", "fox/a.png", "0/a.png"]))
    assert "4 (cat, dog, eel, ...) of 5 folders are neither WordNet ids (n01440764) nor class indices" in message


def test_a_path_one_level_too_high_is_guessed(tmp_path: Path) -> None:
    message = refusal(lay(tmp_path, [f"val/{TENCH}/a.JPEG", "devkit/readme.txt"]))
    assert f"did you mean {tmp_path / 'val'}?" in message


def test_a_wnid_that_is_not_of_the_1000_is_named(tmp_path: Path) -> None:
    message = refusal(lay(tmp_path, [f"{TENCH}/a.jpg", "n00000001/a.jpg"]))
    assert "1 (n00000001) of 2 WordNet ids are not among the 1000 classes of ILSVRC2012" in message


def test_both_kinds_at_once_are_refused(tmp_path: Path) -> None:
    assert "keep one kind" in refusal(lay(tmp_path, [f"{TENCH}/a.jpg", "0/a.jpg"]))


def test_class_indices_counted_from_1_are_noticed(tmp_path: Path) -> None:
    message = refusal(lay(tmp_path, ["1/a.jpg", "1000/a.jpg"]))
    assert "1 (1000) of 2 class indices are outside 0..999; they seem to count from 1" in message


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


def test_a_subset_takes_floor_or_ceil_of_each_class_share() -> None:
    whole = counted(50, 10, 1, 0, 39)
    for seed in range(20):
        for limit in (1, 7, 33, 99):
            part = whole.subset(limit, seed=seed)
            shares = limit * whole.class_counts / len(whole)
            assert len(part) == limit
            assert np.all(part.class_counts >= np.floor(shares))
            assert np.all(part.class_counts <= np.ceil(shares))


def test_a_subset_of_imagenets_shape_is_even() -> None:
    whole = counted(*[50] * 1000)
    assert set(whole.subset(3000, seed=0).class_counts.tolist()) == {3}
    counts = whole.subset(100, seed=0).class_counts
    assert sorted(set(counts.tolist())) == [0, 1]


def test_a_subset_keeps_the_order_and_says_how_it_was_drawn() -> None:
    whole = counted(30, 30)
    part = whole.subset(10, seed=7)
    places = [whole.samples.index(sample) for sample in part.samples]
    assert places == sorted(set(places))
    assert part.draws == (Draw(limit=10, of=60, seed=7),)
    assert part.describe() == "10 pictures, 2 of 1000 classes, class-index folders, drawn from 60 with seed 7"


def test_the_same_seed_draws_the_same_pictures_for_ever() -> None:
    part = counted(5, 5, 5).subset(6, seed=3)
    # Frozen: a seed in an old record must go on meaning the pictures it meant.
    assert [sample.path for sample in part.samples] == [
        "0/001.png",
        "0/004.png",
        "1/001.png",
        "1/004.png",
        "2/001.png",
        "2/003.png",
    ]
    assert counted(5, 5, 5).subset(6, seed=4).samples != part.samples


def test_every_picture_has_the_same_chance_also_in_uneven_classes() -> None:
    whole = counted(9, 3, 1)
    drawn = np.zeros(1000, dtype=np.int64)
    for seed in range(2000):
        drawn += whole.subset(5, seed=seed).class_counts
    shares = drawn[:3] / 2000 / np.array([9, 3, 1])
    assert np.abs(shares - 5 / 13).max() < 0.04  # 3.7 standard errors of the class with one picture


def test_a_limit_above_the_size_gives_the_set_itself() -> None:
    whole = counted(2, 2)
    assert whole.subset(4, seed=0) is whole
    assert whole.subset(100, seed=0) is whole


@pytest.mark.parametrize(("limit", "seed"), [(0, 0), (-1, 0), (1, -1)])
def test_a_senseless_limit_or_seed_is_refused(limit: int, seed: int) -> None:
    with pytest.raises(UsageError, match="give"):
        counted(2, 2).subset(limit, seed=seed)
