"""A file is written whole or not at all, and no temporary file remains."""

import os
from pathlib import Path

import pytest

from alexbench.harness.errors import UsageError
from alexbench.harness.files.out_file import write_out
from alexbench.harness.files.whole_file import whole_file, write_whole


def test_a_file_has_its_name_once_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"before")
    with whole_file(path) as partial:
        partial.write_bytes(b"after")
        assert path.read_bytes() == b"before"
    assert path.read_bytes() == b"after"
    assert list(tmp_path.iterdir()) == [path]


def test_where_writing_fails_the_file_is_as_it_was_and_nothing_is_left(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"before")

    def write_half() -> None:
        with whole_file(path) as partial:
            partial.write_bytes(b"half")
            raise OSError(28, "disk full")

    with pytest.raises(OSError, match="full"):
        write_half()
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


def test_files_of_one_folder_are_written_at_once(tmp_path: Path) -> None:
    with whole_file(tmp_path / "a") as first, whole_file(tmp_path / "b") as second:
        first.write_bytes(b"1")
        second.write_bytes(b"2")
    assert [(tmp_path / name).read_bytes() for name in "ab"] == [b"1", b"2"]


def test_a_name_as_long_as_a_name_may_be_is_written(tmp_path: Path) -> None:
    write_whole(tmp_path / ("x" * 255), b"1")
    assert [len(one.name) for one in tmp_path.iterdir()] == [255]


def test_out_goes_through_a_symbolic_link_and_keeps_it(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "target")
    write_out(link, "text")
    assert link.is_symlink()
    assert (tmp_path / "target").read_text(encoding="utf-8") == "text"


def test_out_writes_into_a_pipe_and_does_not_replace_it(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_out(pipe, b"1")
        assert os.read(reader, 10) == b"1"
    finally:
        os.close(reader)
    assert pipe.is_fifo()


def test_out_that_cannot_be_written_is_named_with_its_flag(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"--junit .*nowhere/a.xml: No such file or directory; name a file"):
        write_out(tmp_path / "nowhere" / "a.xml", "", flag="--junit")
    with pytest.raises(UsageError, match="is a folder; name a file"):
        write_out(tmp_path, "")


def test_a_failure_names_the_file_that_was_asked_for_and_not_the_name_it_is_written_under(tmp_path: Path) -> None:
    (tmp_path / "report.md").mkdir()
    with pytest.raises(IsADirectoryError) as into_a_folder:
        write_whole(tmp_path / "report.md", b"")
    with pytest.raises(FileNotFoundError) as nowhere:
        write_whole(tmp_path / "nowhere" / "report.md", b"")
    assert into_a_folder.value.filename == str(tmp_path / "report.md")
    assert nowhere.value.filename == str(tmp_path / "nowhere" / "report.md")
    assert ".partial" not in f"{into_a_folder.value}{nowhere.value}"
