"""The target of an export: refused before, whole afterwards, no other file."""

import shutil
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from alexbench.harness.capabilities import ExportFormat
from alexbench.harness.errors import UsageError
from alexbench.harness.exporting import target as export_target
from alexbench.harness.exporting.target import (
    chosen_target,
    exported_files,
    partial_folder,
    publish,
    refuse_too_little_space,
)

ONE = ExportFormat("one", ".one")
PAIR = ExportFormat("pair", ".xml", beside=(".bin",))
FOLDER = ExportFormat("folder", "", marker="marker.pb")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def make(partial: Path, target: Path, form: ExportFormat, content: str) -> None:
    made = partial / target.name
    if form.marker is not None:
        made.mkdir()
        (made / form.marker).write_text(content)
        return
    for suffix in (*form.beside, form.suffix):
        made.with_suffix(suffix).write_text(content)


def make_and_give_up(target: Path, form: ExportFormat) -> None:
    with partial_folder(target) as partial:
        make(partial, target, form, "new")
        raise KeyboardInterrupt


@pytest.mark.parametrize(("form", "name"), [(ONE, "card.one"), (PAIR, "card.xml"), (FOLDER, "card-folder")])
def test_by_default_it_is_named_after_the_card_and_the_format(form: ExportFormat, name: str) -> None:
    assert chosen_target(None, "card", form, force=False) == Path(name)


@pytest.mark.parametrize("form", [ONE, PAIR, FOLDER])
@pytest.mark.parametrize("replaces", [False, True])
def test_it_is_there_whole_and_nothing_else_is(here: Path, form: ExportFormat, *, replaces: bool) -> None:
    target = chosen_target(None, "card", form, force=replaces)
    if replaces:
        make(here, target, form, "old")
    with partial_folder(target) as partial:
        make(partial, target, form, "new")
        publish(partial, target, form, force=replaces)
    files = exported_files(target, form, called=target)
    assert names(here) == {file.path for file in files}
    assert {Path(file.path).read_text() for file in files} == {"new"}
    assert all(file.bytes == 3 and len(file.sha256) == 64 for file in files)


@pytest.mark.parametrize("form", [ONE, PAIR, FOLDER])
def test_nothing_is_left_when_it_is_given_up(here: Path, form: ExportFormat) -> None:
    target = chosen_target(None, "card", form, force=False)
    with pytest.raises(KeyboardInterrupt):
        make_and_give_up(target, form)
    assert list(here.iterdir()) == []


@pytest.mark.parametrize("form", [ONE, PAIR, FOLDER])
def test_an_older_one_stays_when_it_is_given_up(here: Path, form: ExportFormat) -> None:
    target = chosen_target(None, "card", form, force=True)
    make(here, target, form, "old")
    before = names(here)
    with pytest.raises(KeyboardInterrupt):
        make_and_give_up(target, form)
    assert names(here) == before


def test_a_pair_that_is_half_placed_is_taken_back(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rename = Path.replace

    def replace(path: Path, place: Path) -> Path:
        if path.suffix == ".xml":
            raise KeyboardInterrupt
        return rename(path, place)

    target = chosen_target(None, "card", PAIR, force=False)
    with partial_folder(target) as partial:
        make(partial, target, PAIR, "new")
        monkeypatch.setattr(Path, "replace", replace)
        with pytest.raises(KeyboardInterrupt):
            publish(partial, target, PAIR, force=False)
        assert names(here) == {f"{partial.name}/card.xml"}
    assert list(here.iterdir()) == []


def test_a_folder_comes_back_when_its_successor_cannot_take_its_place(here: Path) -> None:
    target = chosen_target(None, "card", FOLDER, force=True)
    make(here, target, FOLDER, "old")
    with partial_folder(target) as nothing_made, pytest.raises(FileNotFoundError):
        publish(nothing_made, target, FOLDER, force=True)
    assert (target / "marker.pb").read_text() == "old"


@pytest.mark.parametrize("there", ["card.xml", "card.bin"])
def test_what_is_there_is_refused_and_replaced_by_force(here: Path, there: str) -> None:
    (here / there).touch()
    with pytest.raises(UsageError, match=rf"^{there} already exists; .*--out.*--force$"):
        chosen_target(None, "card", PAIR, force=False)
    assert chosen_target(None, "card", PAIR, force=True) == Path("card.xml")


def test_what_came_while_it_was_made_is_not_replaced(here: Path) -> None:
    target = chosen_target(None, "card", ONE, force=False)
    with partial_folder(target) as partial:
        make(partial, target, ONE, "new")
        target.write_text("another's")
        with pytest.raises(UsageError, match="already exists"):
            publish(partial, target, ONE, force=False)
    assert target.read_text() == "another's"


@pytest.mark.parametrize("form", [ONE, FOLDER])
def test_force_removes_no_folder_of_another_kind(here: Path, form: ExportFormat) -> None:
    target = here / f"photos{form.suffix}"
    target.mkdir()
    (target / "photo").touch()
    with pytest.raises(UsageError, match="is a folder with something else in it, which --force does not replace"):
        chosen_target(str(target), "card", form, force=True)


def test_force_makes_no_folder_of_a_file(here: Path) -> None:
    (here / "file").touch()
    with pytest.raises(UsageError, match="file is not a folder"):
        chosen_target("file", "card", FOLDER, force=True)


@pytest.mark.parametrize(
    ("out", "message"),
    [
        ("", "--out is empty"),
        ("card.two", r"--out card\.two: wanted a file name that ends in \.one$"),
        (".", r"--out \.: wanted a file name that ends in \.one, as in card\.one$"),
        ("no/card.one", "--out no/card.one: no such folder: no; make it first"),
        ("file/card.one", "--out file/card.one: no such folder: file; make it first"),
    ],
)
def test_a_place_that_cannot_be_is_said_in_one_line(here: Path, out: str, message: str) -> None:
    (here / "file").touch()
    with pytest.raises(UsageError, match=message) as caught:
        chosen_target(out, "card", ONE, force=False)
    assert "\n" not in str(caught.value)


def test_a_folder_that_cannot_be_written_is_said(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(export_target, "TemporaryDirectory", refuse)
    with pytest.raises(UsageError, match=r"cannot be written: Permission denied$"), partial_folder(here / "card.one"):
        pass


def test_a_disk_too_small_is_said_with_what_is_needed(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Usage(NamedTuple):
        free: int

    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(100 << 20))
    refuse_too_little_space(here / "card.one", 100 << 20)
    with pytest.raises(UsageError, match=r"100 MiB free, the export needs 101; free some, or .*--out$"):
        refuse_too_little_space(here / "card.one", (100 << 20) + 1)
