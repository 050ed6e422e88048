"""What this process used: memory, and which of its threads were really at work."""

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Final

import psutil

from alexbench.harness.measure.sysfiles import number, text

BUSY_SHARE: Final = 0.2
"""A thread counts as busy when it used at least this share of the busiest thread's CPU time."""


def threadpools() -> ModuleType:
    """threadpoolctl, without the variable that it sets when imported: it would change what runtimes find."""
    had = os.environ.get("KMP_DUPLICATE_LIB_OK")
    import threadpoolctl

    if had is None:
        os.environ.pop("KMP_DUPLICATE_LIB_OK", None)
    module: ModuleType = threadpoolctl
    return module


@dataclass(frozen=True, slots=True)
class Memory:
    """Resident memory of this process in MiB: now, and the most it ever had.

    ``peak_rss_mib`` on Linux: VmHWM. Not getrusage's ru_maxrss, which a child inherits from the parent that started it.
    """

    rss_mib: float
    peak_rss_mib: float


def memory(server: int = 0) -> Memory:
    """What the system says: /proc on Linux, peak working set on Windows, ru_maxrss on macOS (bytes there).

    ``server``: the process that forked this one, 0: none did. A fork maps no page of a file that the child did not
    touch itself, so what the server's import touched is added: a fresh process would have it.
    """
    now = psutil.Process().memory_info()
    peak = float(getattr(now, "peak_wset", 0))
    if sys.platform == "linux":
        for line in Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                peak = int(line.split()[1]) * 1024
    elif sys.platform != "win32":
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    left = _left_to(server) if server else 0
    return Memory((now.rss + left) / 2**20, (peak + left) / 2**20)


def _left_to(server: int) -> int:
    """Bytes of mapped files that are resident in ``server`` and not in this process, which it forked."""
    try:
        mine, its = ({part.path: part.rss for part in psutil.Process(pid).memory_maps()} for pid in (None, server))
    except psutil.Error:  # the server just ended
        return 0
    return sum(max(0, rss - mine.get(path, 0)) for path, rss in its.items() if path.startswith("/"))


def affinity() -> list[int] | None:
    """The cores this process may run on, None where the system does not tell."""
    try:
        return sorted(psutil.Process().cpu_affinity() or [])
    except (AttributeError, psutil.Error):
        return None


def thread_cpu_seconds() -> dict[int, float]:
    """Thread id -> CPU seconds so far, of every thread of this process."""
    tasks = Path("/proc/self/task")
    if not tasks.is_dir():
        return {thread.id: thread.user_time + thread.system_time for thread in psutil.Process().threads()}
    seconds: dict[int, float] = {}
    for task in tasks.iterdir():
        try:
            # Nanoseconds on the CPU; psutil's figures come in clock ticks of 10 ms.
            seconds[int(task.name)] = int((task / "schedstat").read_text(encoding="ascii").split()[0]) / 1e9
        except (OSError, IndexError, ValueError):
            continue  # ended while we looked, or a kernel without schedstat
    if not seconds:
        return {thread.id: thread.user_time + thread.system_time for thread in psutil.Process().threads()}
    return seconds


class BusyThreads:
    """Counts the threads that worked between two moments: proof of a thread count, where a runtime only echoes it."""

    def __init__(self) -> None:
        self._before = thread_cpu_seconds()

    def used(self) -> dict[int, float]:
        """Thread id -> CPU seconds since construction."""
        return {thread: used - self._before.get(thread, 0.0) for thread, used in thread_cpu_seconds().items()}

    def count(self) -> int:
        """The number of busy threads since construction, at least 1."""
        used = self.used()
        most = max(used.values(), default=0.0)
        return max(1, sum(1 for seconds in used.values() if most > 0 and seconds >= BUSY_SHARE * most))


def usable_cores() -> int:
    """Cores this process may use at once: its CPU affinity, and a container's CPU quota where that is less."""
    cores = len(affinity() or []) or psutil.cpu_count() or 1
    quota = cpu_quota()
    return cores if quota is None else max(1, min(cores, int(quota)))


def cpu_quota(root: str | Path = "/") -> float | None:
    """CPUs a second that control groups leave this process, the least of all the groups it is in; None: no limit."""
    quotas = [quota for folder in _cgroups(Path(root)) if (quota := _quota_of(folder)) is not None]
    return min(quotas, default=None)


def available_memory() -> int:
    """Bytes that this process may still use: what the machine has available, or a container's limit leaves."""
    free = psutil.virtual_memory().available
    headroom = memory_headroom()
    return free if headroom is None else min(free, headroom)


def memory_headroom(root: str | Path = "/") -> int | None:
    """Bytes that control groups still let this process use, the least of all the groups it is in; None: no limit."""
    found = [left for folder in _cgroups(Path(root), "memory") if (left := _memory_left(folder)) is not None]
    return min(found, default=None)


def _memory_left(group: Path) -> int | None:
    """Version 2: ``memory.max`` ("max": none) less ``memory.current``; version 1: the same by their older names."""
    for most, used in (("memory.max", "memory.current"), ("memory.limit_in_bytes", "memory.usage_in_bytes")):
        limit, current = number(group / most), number(group / used)
        if limit is not None and current is not None:
            return max(0, limit - current)
    return None


def _cgroups(root: Path, controller: str = "cpu") -> Iterator[Path]:
    """The folders that may limit this process, of version 1 and 2, from the outermost group inwards.

    A container often sees its own group as the outermost one, while the path it is told leads nowhere.
    """
    mounts = {"": root / "sys/fs/cgroup", controller: root / "sys/fs/cgroup" / controller}
    yield from mounts.values()
    for line in (text(root / "proc/self/cgroup") or "").splitlines():
        _, controllers, path = (*line.split(":", 2), "", "")[:3]
        mount = mounts.get(controller if controller in controllers.split(",") else controllers)
        parts = path.strip("/").split("/")
        if mount is not None and ".." not in parts:
            yield from (mount.joinpath(*parts[:depth]) for depth in range(1, len(parts) + 1))


def _quota_of(group: Path) -> float | None:
    """Version 2: ``cpu.max``, quota and period or "max". Version 1: cfs quota (-1: none) over cfs period. All in us."""
    quota, _, period = (text(group / "cpu.max") or "").partition(" ")
    if not quota:
        quota, period = (text(group / f"cpu.cfs_{name}_us") or "" for name in ("quota", "period"))
    try:
        return int(quota) / int(period) if int(quota) > 0 else None
    except (ValueError, ZeroDivisionError):
        return None
