"""What a process used: memory that only grows, threads that were really at work, cores it may use."""

import hashlib
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from alexbench.harness.measure import process
from alexbench.harness.measure.process import BusyThreads, memory, usable_cores

LIMIT_S = 60
# Longer than any patience of a crowded machine, each in a process of its own.
ALLOCATE = """
from alexbench.harness.measure.process import memory
before = memory().peak_rss_mib
block = bytearray(b"x" * (128 * 2**20))
during = memory().peak_rss_mib
del block
print(before, during, memory().peak_rss_mib)
"""
INHERIT = """
import subprocess, sys
block = bytearray(b"x" * (256 * 2**20))
child = "from alexbench.harness.measure.process import memory; print(memory().peak_rss_mib)"
print(subprocess.run([sys.executable, "-c", child], capture_output=True, text=True, check=True).stdout)
"""
CONFINE = """
import os
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
from alexbench.harness.measure.process import usable_cores
print(usable_cores())
"""


def in_a_process(script: str) -> str:
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=LIMIT_S, check=True)
    return done.stdout


def test_peak_memory_grows_with_an_allocation_and_stays() -> None:
    before, during, after = map(float, in_a_process(ALLOCATE).split())
    assert during - before >= 120
    assert after >= during


def test_peak_memory_is_no_less_than_what_is_resident() -> None:
    resident = psutil.Process().memory_info().rss / 2**20
    assert memory().peak_rss_mib >= resident - 1


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is inherited on Linux")
def test_a_child_does_not_inherit_its_parents_peak() -> None:
    assert float(in_a_process(INHERIT)) < 200


def hash_for(cpu_seconds: float, started: threading.Barrier) -> None:
    """Keep one core busy: hashlib gives the interpreter's lock back while it works."""
    data = bytes(2**20)
    started.wait(LIMIT_S)
    while time.thread_time() < cpu_seconds:
        hashlib.sha256(data).digest()


@pytest.mark.parametrize("count", [1, 2, 3])
def test_busy_threads_are_counted_and_idle_ones_are_not(count: int) -> None:
    started, ended, idle = threading.Barrier(count + 1), threading.Barrier(count + 1), threading.Event()

    def work() -> None:
        hash_for(0.5, started)
        ended.wait(LIMIT_S)
        idle.wait(LIMIT_S)  # a thread that has ended can no longer be counted

    threads = [threading.Thread(target=work) for _ in range(count)]
    threads += [threading.Thread(target=idle.wait, args=(LIMIT_S,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    busy = BusyThreads()
    started.wait(LIMIT_S)
    ended.wait(LIMIT_S)
    counted, used = busy.count(), busy.used()
    idle.set()
    for thread in threads:
        thread.join(LIMIT_S)
    assert counted == count
    assert sum(seconds >= 0.4 for seconds in used.values()) == count


def test_work_done_before_does_not_count() -> None:
    alone = threading.Barrier(1)
    hash_for(time.thread_time() + 0.3, alone)
    busy = BusyThreads()
    assert max(busy.used().values()) < 0.2
    assert busy.count() >= 1  # never none: someone asked


def test_usable_cores_are_those_of_the_affinity() -> None:
    assert 1 <= usable_cores() <= (psutil.cpu_count() or 1)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="an affinity cannot be set here")
def test_usable_cores_follow_the_affinity() -> None:
    assert in_a_process(CONFINE).strip() == "1"


@pytest.mark.parametrize(
    ("written", "quota"),
    [("max 100000", None), ("200000 100000", 2.0), ("50000 100000", 0.5), ("nonsense", None), ("", None)],
)
def test_a_containers_quota_is_read(written: str, quota: float | None, tmp_path: Path) -> None:
    group = tmp_path / "sys/fs/cgroup"
    group.mkdir(parents=True)
    (group / "cpu.max").write_text(written + "\n", encoding="ascii")
    assert process.cpu_quota(tmp_path) == quota


@pytest.mark.parametrize(
    ("written", "quota"), [("-1", None), ("200000", 2.0), ("50000", 0.5), ("0", None), ("nonsense", None)]
)
def test_the_quota_of_the_first_version_is_read(written: str, quota: float | None, tmp_path: Path) -> None:
    group = tmp_path / "sys/fs/cgroup/cpu"
    group.mkdir(parents=True)
    (group / "cpu.cfs_quota_us").write_text(written + "\n", encoding="ascii")
    (group / "cpu.cfs_period_us").write_text("100000\n", encoding="ascii")
    assert process.cpu_quota(tmp_path) == quota


@pytest.mark.parametrize(
    ("said", "folder"),
    [
        ("0::/system.slice/job", "system.slice"),
        ("4:cpu,cpuacct:/batch/job", "cpu/batch"),
        ("4:cpu:/batch", "cpu/batch"),
    ],
)
def test_the_least_quota_of_the_groups_around_a_process_counts(said: str, folder: str, tmp_path: Path) -> None:
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text(f"9:pids:/elsewhere\n{said}\n", encoding="ascii")
    group = tmp_path / "sys/fs/cgroup" / folder
    group.mkdir(parents=True)
    (group / "cpu.max").write_text("300000 100000\n", encoding="ascii")
    assert process.cpu_quota(tmp_path) == 3.0
    (group.parent / "cpu.max").write_text("150000 100000\n", encoding="ascii")
    assert process.cpu_quota(tmp_path) == 1.5


def test_a_process_in_no_group_we_can_see_has_no_quota(tmp_path: Path) -> None:
    assert process.cpu_quota(tmp_path) is None
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text("0::/../../outside\nnonsense\n", encoding="ascii")
    assert process.cpu_quota(tmp_path) is None


class EightCores:
    def cpu_affinity(self) -> list[int]:
        return list(range(8))


@pytest.mark.parametrize(("quota", "cores"), [(None, 8), (2.0, 2), (2.9, 2), (0.5, 1), (64.0, 8)])
def test_a_quota_lowers_the_cores_and_never_below_one(
    quota: float | None, cores: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "cpu_quota", lambda: quota)
    monkeypatch.setattr(process.psutil, "Process", EightCores)
    assert usable_cores() == cores
