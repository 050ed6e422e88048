"""The watch over a measurement: what else the machine did between two moments, and whether it stood still.

``read`` before and after, ``between`` the two: time stolen by other virtual machines, time used by processes that are
not ours, throttling by heat, and clocks that went apart because the machine was suspended.
"""

import os
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from alexbench.harness.measure.sysfiles import numbers, text
from alexbench.harness.records.reasons import Reason

SUSPENDED_LIMIT_S: Final = 0.5
"""More than scheduling ever takes between two readings of the same moment."""
CLOCK_JUMP_LIMIT_S: Final = 10.0
"""A time server slews by 0.5 ms a second, and steps by tenths: ten seconds is a machine that was paused."""

_ONE_MOMENT_NS: Final = 1_000_000
_ATTEMPTS: Final = 10

ProcessKey = tuple[int, int]
"""Process id and start time: an id alone may come back as another process."""


@dataclass(frozen=True, slots=True)
class Used:
    """CPU time of one process: ``own_ns``, and ``waited_ns`` of its children that ended and were waited for."""

    own_ns: int
    waited_ns: int


@dataclass(frozen=True, slots=True)
class Reading:
    """One moment. Times in nanoseconds; None where the system does not tell.

    ``busy_ns``, ``stolen_ns``, ``total_ns``: of all cores since the machine started, in ticks of (usually) 10 ms; busy
    is without stolen. ``processes``: ours. ``throttles``: thermal events over all cores, a package's at each core.
    """

    monotonic_ns: int
    boottime_ns: int | None
    wall_ns: int
    busy_ns: int | None
    stolen_ns: int | None
    total_ns: int | None
    processes: Mapping[ProcessKey, Used]
    throttles: int | None


@dataclass(frozen=True, slots=True)
class Disturbance:
    """What happened between two readings.

    ``seconds``: by the monotonic clock, which stands still while the machine is suspended. ``steal``, ``foreign``:
    shares (0 to 1) of all cores' time that the hypervisor gave to others, and that processes which are not ours and
    the kernel's interrupts used. They are good to a tick a core (0.1 over a block of 100 ms), and ``foreign`` is never
    below 0, so the mean of many short ones is too high: add up ``stolen_ns`` and ``foreign_ns`` (which may be negative)
    of many, and divide by all of ``whole_ns``, the cores' time. ``stolen_ns`` also counts what the kernel's ticks do
    not account for: a virtual machine that was paused for 80 ms shows no steal, but 80 ms of no core's time.
    ``throttled``: thermal events.
    ``suspended_s``: how much more the clock that counts suspension grew, 0 where there is none. ``clock_jump_s``: how
    much more the wall clock grew.
    """

    seconds: float
    steal: float | None
    foreign: float | None
    throttled: int | None
    suspended_s: float
    clock_jump_s: float
    whole_ns: int = 0
    stolen_ns: int | None = None
    foreign_ns: int | None = None


def read(pids: Iterable[int] = (), *, cores: Collection[int] | None = None, root: str | Path = "/") -> Reading:
    """A reading now. ``pids``: those of our other processes; those that have ended are left out.

    ``cores``: the numbers of those whose time is counted, None for all: load on other cores does not disturb.
    """
    root = Path(root)
    monotonic, boottime, wall = _clocks()
    busy, stolen, total = _cpu_totals(root, cores)
    return Reading(
        monotonic_ns=monotonic,
        boottime_ns=boottime,
        wall_ns=wall,
        busy_ns=busy,
        stolen_ns=stolen,
        total_ns=total,
        processes=dict(_processes(root, {os.getpid(), *pids})),
        throttles=_throttles(root),
    )


def between(before: Reading, after: Reading, cores: int) -> Disturbance:
    """What happened from ``before`` to ``after``.

    ``cores``: how many the machine has, whose time the kernel's own total should add up to.
    """
    elapsed = after.monotonic_ns - before.monotonic_ns
    steal = foreign = foreign_ns = None
    whole = 0
    busy, stolen, total = (
        _growth(getattr(before, name), getattr(after, name)) for name in ("busy_ns", "stolen_ns", "total_ns")
    )
    if busy is not None and stolen is not None and total is not None:
        # It does where a core went away, or where idle time ran backwards.
        whole = max(total, elapsed * cores, 1)
        steal = min(1.0, stolen / whole)
        foreign_ns = busy - _own_ns(before.processes, after.processes)
        foreign = min(1.0, max(0, foreign_ns) / whole)
    suspended_ns = 0
    if before.boottime_ns is not None and after.boottime_ns is not None:
        suspended_ns = max(0, after.boottime_ns - before.boottime_ns - elapsed)
    return Disturbance(
        seconds=elapsed / 1e9,
        steal=steal,
        foreign=foreign,
        throttled=_growth(before.throttles, after.throttles),
        suspended_s=suspended_ns / 1e9,
        clock_jump_s=(after.wall_ns - before.wall_ns - elapsed) / 1e9,
        whole_ns=whole,
        stolen_ns=None if stolen is None or total is None else stolen + elapsed * cores - total,
        foreign_ns=foreign_ns,
    )


def suspended(disturbance: Disturbance) -> Reason | None:
    """Why nothing that was measured in between can be believed; None where time simply passed."""
    if disturbance.suspended_s > SUSPENDED_LIMIT_S:
        return Reason("suspended", measured=disturbance.suspended_s)
    if abs(disturbance.clock_jump_s) > CLOCK_JUMP_LIMIT_S:
        return Reason("clock_jump", measured=disturbance.clock_jump_s)
    return None


def _growth(before: int | None, after: int | None) -> int | None:
    """A counter that falls (a core was taken away) did not grow."""
    return None if before is None or after is None else max(0, after - before)


def _own_ns(before: Mapping[ProcessKey, Used], after: Mapping[ProcessKey, Used]) -> int:
    """CPU time of our processes in between.

    One that ended is in no later reading, but once waited for, all its time is in that of its parent: what it had used
    before is then taken off again. One that is new counts from its start.
    """
    nothing = Used(0, 0)
    gone = sum(used.own_ns + used.waited_ns for key, used in before.items() if key not in after)
    own = sum(used.own_ns - before.get(key, nothing).own_ns for key, used in after.items())
    waited = sum(used.waited_ns - before.get(key, nothing).waited_ns for key, used in after.items())
    return own + max(0, waited - gone)


def _clocks() -> tuple[int, int | None, int]:
    """Monotonic, boot time and wall clock of one moment: taken again if something came in between."""
    attempts = _ATTEMPTS
    while True:
        monotonic = time.monotonic_ns()
        boottime = time.clock_gettime_ns(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else None
        wall = time.time_ns()
        attempts -= 1
        if time.monotonic_ns() - monotonic < _ONE_MOMENT_NS or not attempts:
            return monotonic, boottime, wall


def _cpu_totals(root: Path, cores: Collection[int] | None) -> tuple[int, int, int] | tuple[None, None, None]:
    """Busy, stolen and all time of ``cores`` (None: all), from /proc/stat (proc_stat(5)).

    Its columns: user, nice, system, idle, iowait, irq, softirq, steal. A guest's time, further on, is in user already.
    """
    wanted = {"cpu"} if cores is None else {f"cpu{core}" for core in cores}
    lines = [line.split() for line in (text(root / "proc/stat") or "").splitlines()]
    found = [line for line in lines if line and line[0] in wanted and len(line) >= 9]
    if len(found) < len(wanted):
        return None, None, None
    tick = _tick_ns()
    user, nice, system, idle, iowait, irq, softirq, steal = (
        sum(int(line[column]) for line in found) * tick for column in range(1, 9)
    )
    busy = user + nice + system + irq + softirq
    return busy, steal, busy + steal + idle + iowait


def _processes(root: Path, pids: Iterable[int]) -> Iterator[tuple[ProcessKey, Used]]:
    """From /proc/PID/stat (proc_pid_stat(5)): utime, stime, cutime, cstime are columns 14 to 17, starttime is 22."""
    for pid in pids:
        # The second column is the program's name in brackets, which may itself hold spaces and brackets.
        columns = (text(root / "proc" / str(pid) / "stat") or "").rpartition(")")[2].split()
        if len(columns) >= 20:
            user, system, waited_user, waited_system = (int(ticks) * _tick_ns() for ticks in columns[11:15])
            yield (pid, int(columns[19])), Used(user + system, waited_user + waited_system)


def _tick_ns() -> int:
    return 1_000_000_000 // os.sysconf("SC_CLK_TCK")


def _throttles(root: Path) -> int | None:
    counts = numbers(root.glob("sys/devices/system/cpu/cpu[0-9]*/thermal_throttle/*_throttle_count"))
    return sum(counts) if counts else None
