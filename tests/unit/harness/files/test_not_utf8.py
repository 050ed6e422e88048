"""Paths that are not UTF-8 are refused before any work, if a library could not open them."""

import errno
import signal
import tempfile
from pathlib import Path

import pytest

from alexbench.harness import cli
from alexbench.harness.capabilities import ExportFormat
from alexbench.harness.errors import RecordError, UsageError
from alexbench.harness.exporting.target import chosen_target
from alexbench.harness.files.cache_folder import cache_folder
from alexbench.harness.files.out_file import check_folder, check_place
from alexbench.harness.files.plain_text import is_utf8
from alexbench.harness.records.record_files import read_run

BAD = "bad-\udcff"


def test_only_lone_surrogates_are_not_utf8() -> None:
    assert is_utf8("a")
    assert is_utf8("données-Ж-😀")
    assert not is_utf8(BAD)


def test_each_place_of_tables_or_exports_refuses_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="not UTF-8"):
        check_folder(tmp_path / BAD)
    with pytest.raises(RecordError, match="not UTF-8"):
        read_run(tmp_path / BAD)
    with pytest.raises(UsageError, match="not UTF-8"):
        chosen_target(str(tmp_path / BAD / "a.one"), "a", ExportFormat("one", ".one"), force=False)
    monkeypatch.setenv("ALEXBENCH_CACHE", str(tmp_path / BAD))
    with pytest.raises(UsageError, match="not UTF-8"):
        cache_folder()


def test_where_runs_may_lie_is_said_and_nothing_is_made(tmp_path: Path) -> None:
    assert check_folder(tmp_path)
    assert not check_folder(tmp_path / "a" / "b")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="is a file, not a folder"):
        check_folder(tmp_path / "file")


def test_a_folder_that_permissions_call_writable_and_the_system_does_not_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_how: object) -> str:
        raise OSError(errno.EROFS, "read-only")

    monkeypatch.setattr(tempfile, "mkdtemp", refuse)
    with pytest.raises(UsageError, match=f"--out {tmp_path}.*name a folder that can be written"):
        check_folder(tmp_path / "runs")
    with pytest.raises(UsageError, match=r"--markdown .*cannot be written"):
        check_place(tmp_path / "a.md", flag="--markdown")
    with pytest.raises(UsageError, match="name a place that can be written"):
        chosen_target(str(tmp_path / "a.one"), "a", ExportFormat("one", ".one"), force=False)


def test_the_second_sign_to_end_does_not_disturb_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    ignored: list[int] = []
    monkeypatch.setattr(signal, "signal", lambda told, how: ignored.append(told) if how == signal.SIG_IGN else None)
    with pytest.raises(KeyboardInterrupt):
        cli._end(signal.SIGTERM, None)
    assert signal.SIGTERM in ignored
