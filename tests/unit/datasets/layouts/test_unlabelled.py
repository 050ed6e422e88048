"""Images without labels: any folder of images, and a list of paths."""

from pathlib import Path

import pytest

from alexbench.datasets.layouts.unlabelled import open_unlabelled
from alexbench.harness.errors import DataError


def make(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(name.encode())
    return root


@pytest.mark.parametrize(
    "names",
    [("a.jpg", "b.png"), ("cats/a.jpg", "dogs/b.JPEG"), ("a.jpg", "more/deep/b.webp", "notes.txt")],
    ids=["flat", "other folders", "mixed"],
)
def test_all_images_of_a_folder_are_taken(names: tuple[str, ...], tmp_path: Path) -> None:
    found = open_unlabelled(make(tmp_path / "train", *names))
    assert found is not None
    assert sorted(one.file for one in found.samples) == [name for name in names if not name.endswith("txt")]
    assert found.describe().startswith("2 images without labels")


@pytest.mark.parametrize(
    "names", [("n01440764/a.jpg", "n01443537/b.jpg"), ("train/7/a.jpg",), ("images.tar",), ("notes.txt",)]
)
def test_what_has_labels_or_no_image_is_read_as_all_data(names: tuple[str, ...], tmp_path: Path) -> None:
    assert open_unlabelled(make(tmp_path / "train", *names)) is None


def test_one_class_folder_is_refused(tmp_path: Path) -> None:
    make(tmp_path, "n01440764/a.jpg")
    with pytest.raises(DataError, match=r"one class folder.* did you mean .*" + tmp_path.name):
        open_unlabelled(tmp_path / "n01440764")


@pytest.mark.parametrize(
    ("text", "labelled"),
    [
        ("a b.jpg\nsub/c.jpg 7\n", False),
        ("{root}/a b.jpg\n\n{root}/sub/c.jpg\n{root}/sub/c.jpg\n", False),
        ("n01440764/x.jpg\nn01443537/x.jpg 1\n", True),
    ],
    ids=["relative, a blank in a name, a label", "absolute, one twice", "class folders"],
)
def test_a_list_names_images_by_their_paths(text: str, labelled: bool, tmp_path: Path) -> None:
    root = make(tmp_path / "data", "a b.jpg", "sub/c.jpg", "n01440764/x.jpg", "n01443537/x.jpg")
    path = root / "list.txt"
    path.write_text(text.format(root=root), encoding="utf-8")
    found = open_unlabelled(path)
    assert found is not None
    assert len(found) == 2
    assert all((found.root / one.file).is_file() for one in found.samples)
    assert ([one.label for one in found.samples] == [0, 1]) is labelled
    assert bool(found.labels_from) is labelled


def test_a_listed_image_that_is_not_there_is_named(tmp_path: Path) -> None:
    path = make(tmp_path, "a.jpg") / "list.txt"
    path.write_text("a.jpg\nb.jpg\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"1 \(b.jpg\) of its 2 images is not there"):
        open_unlabelled(path)


@pytest.mark.parametrize("content", [b"some words\n", b"a.jpg\nwords\n"])
def test_a_text_that_is_not_a_list_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "file.txt").write_bytes(content)
    with pytest.raises(DataError, match="not a list of images"):
        open_unlabelled(tmp_path / "file.txt")


@pytest.mark.parametrize("content", [b"", b"\xff\xd8\xff", b"text\0in an archive"])
def test_another_file_is_read_as_all_data(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(content)
    assert open_unlabelled(tmp_path / "file") is None
    assert open_unlabelled(tmp_path / "nothing") is None
