"""Fragments of free memory are counted as the kernel lists them, held while asked, and given back."""

import mmap
from pathlib import Path

import psutil
import pytest

from alexbench.harness.measure import ballast
from alexbench.harness.measure.ballast import fragments_bytes, fragments_held
from alexbench.harness.measure.process import memory_headroom

PAGE = mmap.PAGESIZE


@pytest.fixture
def frugal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing need stay free: the files that these tests make up are of a small machine."""
    monkeypatch.setattr(ballast, "LEFT_BYTES", 0)


LISTED = (
    "Node 0, zone      DMA      0      0      0      0      0      0      0      0      1      1      3 \n"
    "Node 0, zone   Normal   7121   3192      0      0      0      0      0      0      0      2   2141 \n"
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/buddyinfo").write_text(LISTED, encoding="ascii")
    return tmp_path


def test_fragments_are_all_free_pieces_but_the_largest(root: Path) -> None:
    assert fragments_bytes(root) == PAGE * (256 + 512 + 7121 + 2 * 3192 + 2 * 512)


@pytest.mark.parametrize("text", [None, "", "Node 0, zone DMA x\n", "nonsense\n"])
def test_where_they_are_not_listed_nothing_is_held(text: str | None, tmp_path: Path) -> None:
    if text is not None:
        (tmp_path / "proc").mkdir()
        (tmp_path / "proc/buddyinfo").write_text(text, encoding="ascii")
    with fragments_held(tmp_path) as held:
        assert held == 0


def test_what_is_held_is_resident_and_given_back(root: Path) -> None:
    process = psutil.Process()
    before = process.memory_info().rss
    with fragments_held(root) as held:
        assert held == fragments_bytes(root)
        assert process.memory_info().rss - before >= 0.9 * held
    assert process.memory_info().rss - before < 0.5 * held


@pytest.mark.usefixtures("frugal")
def test_never_more_than_half_of_what_is_free(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Little:
        available = 20 * PAGE

    monkeypatch.setattr(ballast.psutil, "virtual_memory", Little)
    with fragments_held(root) as held:
        assert held == 10 * PAGE


@pytest.mark.usefixtures("frugal")
@pytest.mark.parametrize(
    ("group", "most", "used"),
    [
        ("sys/fs/cgroup", "memory.max", "memory.current"),
        ("sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes"),
    ],
    ids=["version 2", "version 1"],
)
def test_a_containers_limit_is_kept(root: Path, group: str, most: str, used: str) -> None:
    (root / group).mkdir(parents=True)
    (root / group / most).write_text(f"{100 * PAGE}\n", encoding="ascii")
    (root / group / used).write_text(f"{40 * PAGE}\n", encoding="ascii")
    with fragments_held(root) as held:
        assert held == 30 * PAGE


def test_a_group_without_a_limit_is_none(root: Path) -> None:
    (root / "sys/fs/cgroup").mkdir(parents=True)
    (root / "sys/fs/cgroup/memory.max").write_text("max\n", encoding="ascii")
    (root / "sys/fs/cgroup/memory.current").write_text("4096\n", encoding="ascii")
    assert memory_headroom(root) is None


def test_enough_stays_free_for_the_runtimes_that_load_meanwhile(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Small:
        available = ballast.LEFT_BYTES + 3 * PAGE

    monkeypatch.setattr(ballast.psutil, "virtual_memory", Small)
    with fragments_held(root) as held:
        assert held == 3 * PAGE
    monkeypatch.setattr(Small, "available", ballast.LEFT_BYTES - PAGE)
    with fragments_held(root) as held:
        assert held == 0
