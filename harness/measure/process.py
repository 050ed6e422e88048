"""What this process used: memory, and which of its threads were really at work."""

import sys
from pathlib import Path
from typing import Final

import psutil

BUSY_SHARE: Final = 0.2
"""A thread counts as busy when it used at least this share of the busiest thread's CPU time."""


def peak_rss_mib() -> float:
    """The most resident memory this process ever had, in MiB.

    Linux: VmHWM. Not getrusage's ru_maxrss, which a child inherits from the parent that started it. Elsewhere what
    the system offers: peak working set on Windows, ru_maxrss on macOS (bytes there).
    """
    if sys.platform == "linux":
        for line in Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    if sys.platform == "win32":
        return float(psutil.Process().memory_info().peak_wset) / 2**20
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


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
    try:
        affinity = len(psutil.Process().cpu_affinity() or [])
    except (AttributeError, psutil.Error):
        affinity = 0
    cores = affinity or psutil.cpu_count() or 1
    quota = _cgroup_quota()
    return cores if quota is None else max(1, min(cores, int(quota)))


def _cgroup_quota() -> float | None:
    """CPUs a second that cgroup v2 allows this container, None without a limit."""
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="ascii").split()
        return None if quota == "max" else int(quota) / int(period)
    except (OSError, ValueError):
        return None
