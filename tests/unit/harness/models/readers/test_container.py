"""A byte that changed in a zip file is noticed before anything in it is looked at."""

import zipfile
from pathlib import Path

import pytest

from alexbench.harness.errors import WeightsError
from alexbench.harness.models.readers.container import check_zip


def archive(path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as made:
        made.writestr("archive/data.pkl", bytes(range(256)))
        made.writestr("archive/data/0", b"weights" * 1000)
    return path


def test_a_whole_file_is_checked_and_another_kind_is_not(tmp_path: Path) -> None:
    assert check_zip(archive(tmp_path / "a.pth"))
    (tmp_path / "b.pth").write_bytes(b"no zip")
    assert not check_zip(tmp_path / "b.pth")


def test_the_damaged_member_is_named(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.pth")
    content = bytearray(path.read_bytes())
    content[content.index(b"weights") + 3000] ^= 1
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=r"a\.pth is damaged: its member archive/data/0 does not have the CRC-32"):
        check_zip(path)


def test_a_damaged_directory_is_refused_in_one_line(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.pth")
    content = bytearray(path.read_bytes())
    content[content.rindex(b"PK\x01\x02")] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=r"a\.pth is damaged") as refused:
        check_zip(path)
    assert "\n" not in str(refused.value)
