"""A cache that nothing can be written to is one line with the way out, before anything is made."""

import tempfile
from pathlib import Path
from typing import Any

import pytest

from alexbench.harness.app.material import writable
from alexbench.harness.errors import UsageError


def test_a_cache_is_made_and_left_empty(tmp_path: Path) -> None:
    assert writable(tmp_path / "a" / "cache") == tmp_path / "a" / "cache"
    assert list((tmp_path / "a" / "cache").iterdir()) == []


def test_a_cache_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("", encoding="utf-8")
    with pytest.raises(UsageError, match=r"cache .*cache: File exists; name another folder with ALEXBENCH_CACHE"):
        writable(tmp_path / "cache")


def test_a_cache_that_is_there_and_read_only_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(**_: Any) -> None:
        raise OSError(30, "Read-only file system", f"{tmp_path}/tmpabc")

    monkeypatch.setattr(tempfile, "TemporaryFile", refused)
    with pytest.raises(UsageError, match=r": Read-only file system; name another folder") as caught:
        writable(tmp_path)
    assert "tmpabc" not in str(caught.value)
