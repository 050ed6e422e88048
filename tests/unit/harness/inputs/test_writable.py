"""A cache that nothing can be written to is one line with the way out, before anything is made."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import platformdirs
import pytest

from alexbench.harness.errors import UsageError, WorkerError
from alexbench.harness.files.cache_folder import cache_folder
from alexbench.harness.files.input_files import expanded
from alexbench.harness.inputs.gathering import writable
from alexbench.harness.worker import client as workers


def test_a_cache_is_made_and_left_empty(tmp_path: Path) -> None:
    assert writable(tmp_path / "a" / "cache") == tmp_path / "a" / "cache"
    assert list((tmp_path / "a" / "cache").iterdir()) == []


def test_a_cache_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("", encoding="utf-8")
    with pytest.raises(UsageError, match=r"cache .*cache: File exists; name another folder with ALEXBENCH_CACHE"):
        writable(tmp_path / "cache")


@pytest.fixture
def read_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache that nobody may write to, the tests' user root included."""
    cache = tmp_path / "cache"
    cache.mkdir()

    def refused(**_: Any) -> None:
        raise OSError(30, "Read-only file system", f"{cache}/tmpabc")

    monkeypatch.setattr(tempfile, "TemporaryFile", refused)
    return cache


def test_an_empty_cache_that_is_read_only_is_named(read_only: Path) -> None:
    with pytest.raises(UsageError, match=r": Read-only file system; name another folder") as caught:
        writable(read_only)
    assert "tmpabc" not in str(caught.value)


def test_a_read_only_cache_that_is_warm_is_linked_to(read_only: Path) -> None:
    (read_only / "weights").mkdir()
    for name in ("weights/a.safetensors", "weights/a.lock", "inputs.log"):
        (read_only / name).write_text("kept", encoding="utf-8")
    found = writable(read_only)
    assert found == writable(read_only) != read_only
    assert [path.relative_to(found).as_posix() for path in found.rglob("*")] == ["weights", "weights/a.safetensors"]
    assert (found / "weights" / "a.safetensors").read_text(encoding="utf-8") == "kept"
    (found / "inputs.log").write_text("new", encoding="utf-8")
    (found / "weights" / "a.safetensors").unlink()
    assert (read_only / "weights" / "a.safetensors").exists()
    assert (read_only / "inputs.log").read_text(encoding="utf-8") == "kept"


def _unknown(*_: Any, **__: Any) -> str:
    raise RuntimeError("could not determine the home directory")


@pytest.mark.parametrize("answer", [_unknown, lambda *_, **__: "~/.cache/alexbench"], ids=["raises", "a tilde"])
def test_a_user_without_a_home_has_a_cache(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, answer: Callable[..., str]
) -> None:
    monkeypatch.delenv("ALEXBENCH_CACHE", raising=False)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(platformdirs, "user_cache_dir", answer)
    assert cache_folder() == tmp_path / f"alexbench-cache-{os.getuid()}"
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    (tmp_path / "alexbench-cache-12345").mkdir()
    with pytest.raises(UsageError, match=r"another user's; name a folder with ALEXBENCH_CACHE"):
        cache_folder()


def test_a_path_in_an_unknown_home_is_one_that_is_not_there() -> None:
    assert expanded("~no-such-user/w.pth") == Path("~no-such-user/w.pth")


def test_workers_of_a_user_without_a_home_have_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(workers, "expanded", Path)
    started: dict[str, Any] = {}

    def start(*_: Any, **given: Any) -> None:
        started.update(given)
        raise OSError(2, "No such file")

    monkeypatch.setattr(workers.subprocess, "Popen", start)
    with pytest.raises(WorkerError, match="does not start"):
        workers.WorkerProcess("torch", log=tmp_path / "log")
    assert started["env"]["HOME"] == tempfile.gettempdir()
