"""A tar is read in place; one that is cut off, wherever, is refused with the member's number."""

import io
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alexbench.datasets.containers.readers import reader_for
from alexbench.datasets.dataset import Dataset
from alexbench.datasets.layouts import open_dataset
from alexbench.harness.errors import DataError
from tests.unit.datasets.layout_files import pictures, write_tar

SET = pictures()
FLAT = {picture.name: picture.data for picture in SET}


def refusal(path: Path) -> str:
    with pytest.raises(DataError) as refused:
        open_dataset(path)
    message = str(refused.value)
    assert "\n" not in message
    assert message.startswith(f"{path}: ")
    return message


def read_all(dataset: Dataset) -> dict[str, bytes]:
    reader = reader_for(dataset.container, dataset.root)
    return {sample.name: reader.read(sample) for sample in dataset.samples}


@pytest.mark.parametrize("kind", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_every_format_of_tar_is_read_in_place(tmp_path: Path, kind: int) -> None:
    # A name too long for the header, as GNU and PAX have their own ways for.
    deep = "" if kind == tarfile.USTAR_FORMAT else "a-folder-of-a-long-name/" * 8
    files = {f"{deep}{name}": data for name, data in FLAT.items()}
    dataset = open_dataset(write_tar(tmp_path / "val.tar", files, kind=kind))
    assert read_all(dataset) == FLAT
    assert {path.name for path in tmp_path.iterdir()} == {"val.tar"}


def test_litter_is_ignored_and_other_members_are_counted(tmp_path: Path) -> None:
    litter = {"./._ILSVRC2012_val_00000001.JPEG": b"x", ".DS_Store": b"x", "__MACOSX/a.JPEG": b"x"}
    path = write_tar(tmp_path / "val.tar", {**litter, **FLAT, "readme.txt": b"x"})
    dataset = open_dataset(path)
    assert read_all(dataset) == FLAT
    assert dataset.left_out == 1


def test_folders_have_members_of_their_own_and_do_not_count(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "val.tar", "w") as archive:
        for name in ("val", "val/n01440764"):
            folder = tarfile.TarInfo(name)
            folder.type = tarfile.DIRTYPE
            archive.addfile(folder)
        member = tarfile.TarInfo("val/n01440764/a.JPEG")
        member.size = 3
        archive.addfile(member, io.BytesIO(b"abc"))
    dataset = open_dataset(tmp_path / "val.tar")
    assert read_all(dataset) == {"n01440764/a.JPEG": b"abc"}
    assert dataset.describe() == "1 image, 1 of 1000 classes, tar, labels from folder names"


def test_a_tar_by_a_link_is_read(tmp_path: Path) -> None:
    write_tar(tmp_path / "store" / "ILSVRC2012_img_val.tar", FLAT)
    (tmp_path / "val.tar").symlink_to(tmp_path / "store" / "ILSVRC2012_img_val.tar")
    dataset = open_dataset(tmp_path / "val.tar")
    assert dataset.name == "val.tar"
    assert read_all(dataset) == FLAT


def test_the_training_sets_tar_of_tars_is_refused(tmp_path: Path) -> None:
    message = refusal(write_tar(tmp_path / "train.tar", {"n01440764.tar": b"x", "n01443537.tar": b"x"}))
    assert "a tar of tars (2 (n01440764.tar, n01443537.tar)), as the training set's is; unpack it" in message


def test_a_link_in_the_place_of_an_image_is_refused(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "val.tar", "w") as archive:
        link = tarfile.TarInfo("ILSVRC2012_val_00000001.JPEG")
        link.type, link.linkname = tarfile.SYMTYPE, "elsewhere"
        archive.addfile(link)
    assert "member 1 (ILSVRC2012_val_00000001.JPEG) is a link or a sparse file, not a plain file" in refusal(
        tmp_path / "val.tar"
    )


def test_an_image_twice_in_the_archive_is_refused(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "val.tar", FLAT)
    write_tar(path, {SET[0].name: b"again"}, mode="a")
    assert f": two members named {SET[0].name}; keep one of them" in refusal(path)
    write_tar(tmp_path / "val.tar", {f"{SET[0].name}": b"x", SET[0].name.replace(".JPEG", "_n01751748.JPEG"): b"x"})
    assert f"both are {SET[0].name}; keep one of them" in refusal(path)


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ([SET[0].name, "n01440764/a.JPEG"], "holds flat images (ILSVRC2012_val_00000001.JPEG) and class folders"),
        (["readme.txt"], "no image in it; give an archive of images, such as ILSVRC2012_img_val.tar"),
        (
            ["train/n01440764/a.JPEG", "test/n01440764/b.JPEG"],
            "only the test and training set below it (test, train); give",
        ),
        (["a/n01440764/a.JPEG", "b/n01440764/a.JPEG"], "2 data sets below it (a, b); unpack it and give one of them"),
        (["cat/a.JPEG", "dog/a.JPEG"], "2 (cat, dog) of 2 folders are neither WordNet ids"),
        (["a.JPEG", "b.JPEG"], "2 (a.JPEG, b.JPEG) of 2 images have no label"),
    ],
)
def test_archives_that_are_no_set_are_refused(tmp_path: Path, names: list[str], said: str) -> None:
    assert said in refusal(write_tar(tmp_path / "val.tar", dict.fromkeys(names, b"x")))


@pytest.mark.parametrize("inside", ["val/n01440764/a.JPEG", "Data/CLS-LOC/val/ILSVRC2012_val_00000293.JPEG"])
def test_of_an_archive_with_a_training_set_the_validation_set_is_read(tmp_path: Path, inside: str) -> None:
    files = {"train/n01440764/n01440764_1.JPEG": b"x", inside: b"y", "LOC_val_solution.csv": b"z"}
    dataset = open_dataset(write_tar(tmp_path / "val.tar", files))
    assert [(sample.name, sample.label) for sample in dataset.samples] == [(inside.partition("val/")[2], 0)]
    assert list(read_all(dataset).values()) == [b"y"]
    folder = f"{inside.partition('val/')[0]}val"
    assert dataset.notes == (f"read from {folder} in the archive, the one validation set in it",)
    assert dataset.left_out == 2


def test_a_tar_cut_exactly_between_two_members_is_noticed(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "val.tar", FLAT)
    with tarfile.open(path) as archive:
        fourth = archive.getmembers()[3].offset
    path.write_bytes(path.read_bytes()[:fourth])
    assert "cut off or damaged at or after member 3 (the end-of-archive block is missing); restore" in refusal(path)


def test_a_tar_with_another_thing_behind_a_member_is_noticed(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "val.tar", FLAT)
    with tarfile.open(path) as archive:
        fourth = archive.getmembers()[3].offset
    data = bytearray(path.read_bytes())
    data[fourth : fourth + 512] = b"x" * 512
    path.write_bytes(data)
    assert "cut off or damaged at or after member 3 (there is no header of a member)" in refusal(path)


def members_of(path: Path) -> list[tarfile.TarInfo]:
    with tarfile.open(path) as archive:
        return archive.getmembers()


@pytest.mark.parametrize("from_member", [0, 4])
@pytest.mark.parametrize("to_member", [5, None])
def test_a_hole_of_zeros_is_no_end(tmp_path: Path, from_member: int, to_member: int | None) -> None:
    # As a download leaves it that had its room set aside: the size is right.
    path = write_tar(tmp_path / "val.tar", {name: data * 500 for name, data in FLAT.items()})
    whole, members = path.read_bytes(), members_of(path)
    first = members[from_member].offset
    last = len(whole) if to_member is None else members[to_member].offset
    path.write_bytes(whole[:first] + bytes(last - first) + whole[last:])
    after = f"after member {from_member}" if from_member else "at its very start"
    assert f"the archive ends {after}, and {len(whole) - first:,} bytes follow its end" in refusal(path)


def test_one_header_of_zeros_is_no_end(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "val.tar", FLAT)
    whole = path.read_bytes()
    for number, member in enumerate(members_of(path)[1:], start=1):
        path.write_bytes(whole[: member.offset] + bytes(512) + whole[member.offset + 512 :])
        assert f"the archive ends after member {number}, and " in refusal(path)


def test_two_archives_joined_byte_by_byte_are_not_the_first(tmp_path: Path) -> None:
    first, second = (write_tar(tmp_path / f"{half}.tar", dict(list(FLAT.items())[half::2])) for half in (0, 1))
    joined = tmp_path / "val.tar"
    joined.write_bytes(first.read_bytes() + second.read_bytes())
    message = refusal(joined)
    assert "the archive ends after member 4, and " in message
    assert message.endswith("download it again, or join archives with tar --concatenate")


@pytest.mark.parametrize(("zeros", "whole"), [(1 << 20, True), ((1 << 20) + 1, False)])
def test_an_archive_may_be_filled_up_to_a_record_and_not_more(tmp_path: Path, zeros: int, whole: bool) -> None:
    path = write_tar(tmp_path / "val.tar", FLAT)
    last = members_of(path)[-1]
    end = last.offset_data + -(-last.size // 512) * 512
    path.write_bytes(path.read_bytes()[:end] + bytes(zeros))
    if whole:
        assert read_all(open_dataset(path)) == FLAT
    else:
        assert f"ends after member {len(FLAT)}, and 1,048,577 bytes follow its end" in refusal(path)


def test_members_outside_of_the_archive_are_refused(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "val.tar", {f"../../{name}": data for name, data in FLAT.items()})
    assert "of 8 files in it, by their paths, lie outside of it (..); pack it again" in refusal(path)


def test_names_that_are_no_utf_8_or_no_line_are_escaped_and_read(tmp_path: Path) -> None:
    names = ["bad\udcff.jpeg", "two\nlines.jpeg"]
    path = write_tar(tmp_path / "val.tar", {f"n01440764/{name}": name.encode("utf-8", "replace") for name in names})
    dataset = open_dataset(path)
    assert [sample.name for sample in dataset.samples] == ["n01440764/bad\\xff.jpeg", "n01440764/two\\nlines.jpeg"]
    assert sorted(read_all(dataset).values()) == [b"bad?.jpeg", b"two\nlines.jpeg"]


def test_every_cut_within_the_members_is_noticed(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "val.tar", FLAT)
    whole = path.read_bytes()
    with tarfile.open(path) as archive:
        archive.getmembers()
        end = archive.offset  # the first block behind the last member's
    for size in range(0, end + 512, 100):
        path.write_bytes(whole[:size])
        assert "; restore the archive" in refusal(path)
    path.write_bytes(whole[: end + 512])
    assert read_all(open_dataset(path)) == FLAT


def test_an_archive_that_changed_since_it_was_listed_is_named(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "val.tar", FLAT)
    dataset = open_dataset(path)
    path.write_bytes(path.read_bytes()[:700])
    with pytest.raises(DataError, match=r"val.tar: ILSVRC2012_val_\d+.JPEG: the archive ends within it"):
        read_all(dataset)


@given(place=st.integers(0, 4 * 1024 - 1), bit=st.integers(0, 7))
def test_no_damage_of_headers_raises_anything_else(
    tmp_path_factory: pytest.TempPathFactory, place: int, bit: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "damaged.tar"
    write_tar(path, {f"n01440764/{number}.JPEG": b"abc" for number in range(4)})
    data = bytearray(path.read_bytes())
    data[place] ^= 1 << bit
    path.write_bytes(data)
    try:
        read_all(open_dataset(path))
    except DataError as error:
        assert str(path) in str(error)  # noqa: PT017 - a flipped bit of an image's is for the decoder to find
