"""The watch: shares, throttling and lost time between two readings of made-up /proc and /sys trees."""

import itertools
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from alexbench.harness.measure import watch
from alexbench.harness.measure.watch import Disturbance, Reading, Used, between, read, suspended
from alexbench.harness.records.reasons import Reason

pytestmark = pytest.mark.skipif(not hasattr(os, "sysconf"), reason="ticks are counted where there is sysconf")

TICK_NS = 10_000_000
SECOND_NS = 1_000_000_000
OURS, WORKER = os.getpid(), 4_000_001
QUIET = Disturbance(seconds=1.0, steal=0.0, foreign=0.0, throttled=None, suspended_s=0.0, clock_jump_s=0.0)


class Tree:
    """/proc and /sys as a kernel with ticks of 10 ms would write them."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def stat(self, **ticks: int) -> None:
        names = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal", "guest", "guest_nice")
        line = " ".join(str(ticks.get(name, 0)) for name in names)
        self.say("proc/stat", f"cpu  {line}\ncpu0 {line}\nintr 5\n")

    def process(self, pid: int, *, user: int = 0, system: int = 0, waited: int = 0, start: int = 77) -> None:
        columns = (
            f"{pid} (a (tricky) na me) S 1 1 1 0 -1 4194560 9 0 0 0 {user} {system} {waited} 0 20 0 4 0 {start} 1 1"
        )
        self.say(f"proc/{pid}/stat", columns)

    def end(self, pid: int) -> None:
        (self.root / f"proc/{pid}/stat").unlink()

    def say(self, path: str, content: object) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(f"{content}\n", encoding="utf-8")

    def read(self, *pids: int, at_s: float = 0.0) -> Reading:
        """A reading whose clocks all say ``at_s``."""
        now = int(at_s * SECOND_NS)
        return replace(read(pids, root=self.root), monotonic_ns=now, boottime_ns=now, wall_ns=now)


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tree:
    monkeypatch.setattr(watch, "_tick_ns", lambda: TICK_NS)
    return Tree(tmp_path)


def test_a_reading_takes_the_first_line_of_stat_and_counts_no_guest_twice(tree: Tree) -> None:
    tree.stat(user=10, nice=1, system=5, idle=70, iowait=4, irq=2, softirq=3, steal=5, guest=9, guest_nice=1)
    now = tree.read()
    assert now.busy_ns == 21 * TICK_NS
    assert now.stolen_ns == 5 * TICK_NS
    assert now.total_ns == 100 * TICK_NS


def test_our_processes_are_this_one_and_those_named_that_still_run(tree: Tree) -> None:
    tree.process(OURS, user=30, system=12, waited=400)
    tree.process(WORKER, user=100, start=90)
    now = tree.read(WORKER, 4_000_002)
    assert now.processes == {
        (OURS, 77): Used(42 * TICK_NS, 400 * TICK_NS),
        (WORKER, 90): Used(100 * TICK_NS, 0),
    }


def test_steal_and_foreign_are_shares_of_all_cores_time(tree: Tree) -> None:
    tree.process(OURS)
    tree.process(WORKER)
    tree.stat(user=1000, idle=5000, steal=100)
    before = tree.read(WORKER)
    tree.process(OURS, user=2)
    tree.process(WORKER, user=120, system=8)
    tree.stat(user=1150, idle=5230, steal=120)
    found = between(before, tree.read(WORKER, at_s=2.0), 2)
    assert (found.seconds, found.steal, found.foreign, found.throttled) == (2.0, 0.05, 0.05, None)
    assert (found.suspended_s, found.clock_jump_s) == (0.0, 0.0)
    assert (found.whole_ns, found.stolen_ns, found.foreign_ns) == (4_000_000_000, 200_000_000, 200_000_000)


def test_a_core_that_went_away_in_between_makes_no_share_larger(tree: Tree) -> None:
    tree.stat(user=1000, idle=5000)
    before = tree.read()
    tree.stat(user=1040, idle=4000)
    found = between(before, tree.read(at_s=2.0), 2)
    assert (found.steal, found.foreign) == (0.0, 0.1)


def test_our_own_work_is_never_less_than_nothing_to_others(tree: Tree) -> None:
    tree.process(OURS)
    tree.stat(user=1000, idle=1000)
    before = tree.read()
    tree.process(OURS, user=11)
    tree.stat(user=1010, idle=1010)
    assert between(before, tree.read(at_s=0.1), 2).foreign == 0.0


def test_an_interval_shorter_than_a_tick_has_no_shares_to_speak_of(tree: Tree) -> None:
    tree.stat(user=5, idle=5)
    now = tree.read()
    found = between(now, now, 2)
    assert (found.seconds, found.steal, found.foreign, found.stolen_ns, found.foreign_ns) == (0.0, 0.0, 0.0, 0, 0)


def test_a_pause_that_shows_as_no_steal_is_counted_as_one(tree: Tree) -> None:
    tree.stat(user=1000, idle=1000)
    before = tree.read()
    tree.stat(user=1012, idle=1000)  # 12 ticks in a stretch of 10 on each of two cores
    found = between(before, tree.read(at_s=0.1), 2)
    assert (found.steal, found.stolen_ns) == (0.0, 80_000_000)


def test_what_a_short_block_cannot_tell_can_be_added_up(tree: Tree) -> None:
    tree.process(OURS)
    tree.stat(user=1000, idle=1000)
    before = tree.read()
    tree.process(OURS, user=11)  # a tick of ours that the machine's own count shows later
    tree.stat(user=1010, idle=1010)
    assert between(before, tree.read(at_s=0.1), 2).foreign_ns == -10_000_000


@pytest.mark.parametrize(
    ("waited", "foreign"),
    [
        (150, 0.5),  # waited for: its 100 ticks of before and 50 since are now in ours
        (0, 0.75),  # not yet: what it used since is unknown
    ],
)
def test_a_process_of_ours_that_ends_in_between_is_ours_to_its_end(waited: int, foreign: float, tree: Tree) -> None:
    tree.process(OURS, user=10)
    tree.process(WORKER, user=100)
    tree.stat(user=1000)
    before = tree.read(WORKER)
    tree.end(WORKER)
    tree.process(OURS, user=60, waited=waited)
    tree.stat(user=1200)
    assert between(before, tree.read(WORKER, at_s=1.0), 2).foreign == foreign


def test_a_process_that_got_an_ended_ones_number_is_another(tree: Tree) -> None:
    tree.process(OURS)
    tree.process(WORKER, user=500, start=90)
    tree.stat(user=1000)
    before = tree.read(WORKER)
    tree.process(WORKER, user=30, start=2000)
    tree.stat(user=1100)
    assert between(before, tree.read(WORKER, at_s=0.5), 2).foreign == 0.7


def test_throttling_is_the_growth_of_all_cores_counters(tree: Tree) -> None:
    heat = "sys/devices/system/cpu/cpu{}/thermal_throttle/{}_throttle_count"
    for core in (0, 1):
        tree.say(heat.format(core, "core"), core)
        tree.say(heat.format(core, "package"), 7)
    before = tree.read()
    assert before.throttles == 15
    tree.say(heat.format(1, "core"), 4)
    after = tree.read(at_s=1.0)
    assert between(before, after, 2).throttled == 3
    assert between(after, before, 2).throttled == 0


def test_where_the_kernel_tells_nothing_nothing_is_claimed(tree: Tree) -> None:
    before, after = tree.read(), tree.read(at_s=3.0)
    assert between(before, after, 2) == Disturbance(
        seconds=3.0, steal=None, foreign=None, throttled=None, suspended_s=0.0, clock_jump_s=0.0
    )


@pytest.mark.parametrize("line", ["cpu  1 2 3", "intr 1 2 3 4 5 6 7 8", ""])
def test_a_stat_without_the_columns_tells_nothing(line: str, tree: Tree) -> None:
    tree.say("proc/stat", line)
    assert tree.read().busy_ns is None


def moved(monotonic_s: float, boottime_s: float | None, wall_s: float) -> Disturbance:
    """What is found when the clocks move on by so much."""
    start = Reading(5, None if boottime_s is None else 9, 1_700_000_000 * SECOND_NS, None, None, None, {}, None)
    boottime = None if boottime_s is None else 9 + int(boottime_s * SECOND_NS)
    end = replace(
        start,
        monotonic_ns=5 + int(monotonic_s * SECOND_NS),
        boottime_ns=boottime,
        wall_ns=start.wall_ns + int(wall_s * SECOND_NS),
    )
    return between(start, end, 2)


def test_a_suspended_machine_is_told_by_the_clock_that_counts_it() -> None:
    found = moved(35.0, 635.25, 635.25)
    assert (found.seconds, found.suspended_s, found.clock_jump_s) == (35.0, 600.25, 600.25)
    assert suspended(found) == Reason("suspended", measured=600.25)


@pytest.mark.parametrize("wall", [47.0, 23.0])
def test_a_wall_clock_that_jumps_is_told_either_way(wall: float) -> None:
    found = moved(35.0, 35.0, wall)
    assert found.suspended_s == 0.0
    assert suspended(found) == Reason("clock_jump", measured=wall - 35)


def test_without_a_clock_that_counts_suspension_the_wall_clock_still_tells() -> None:
    assert moved(35.0, None, 36.0) == replace(QUIET, seconds=35.0, steal=None, foreign=None, clock_jump_s=1.0)
    assert suspended(moved(35.0, None, 95.0)) is not None


@pytest.mark.parametrize(("boottime", "wall"), [(35.0, 35.0), (35.4, 35.4), (35.0, 44.9), (35.0, 25.1), (34.0, 35.0)])
def test_clocks_that_stay_together_are_no_suspension(boottime: float, wall: float) -> None:
    assert suspended(moved(35.0, boottime, wall)) is None


def test_clocks_are_read_again_when_something_came_in_between(monkeypatch: pytest.MonkeyPatch) -> None:
    monotonic = iter([0, SECOND_NS, 3 * SECOND_NS, 3 * SECOND_NS + 50])
    monkeypatch.setattr(
        watch, "time", SimpleNamespace(monotonic_ns=lambda: next(monotonic), time_ns=lambda: 7 * SECOND_NS)
    )
    assert watch._clocks() == (3 * SECOND_NS, None, 7 * SECOND_NS)


def test_a_machine_too_busy_for_one_moment_is_read_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    late = itertools.count(0, SECOND_NS)
    monkeypatch.setattr(watch, "time", SimpleNamespace(monotonic_ns=lambda: next(late), time_ns=lambda: 7))
    assert watch._clocks() == (2 * (watch._ATTEMPTS - 1) * SECOND_NS, None, 7)


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_this_machine_is_read_with_a_process_of_ours() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        before = read([child.pid])
        after = read([child.pid])
        child.communicate(b"\n")
    assert {pid for pid, _ in before.processes} == {os.getpid(), child.pid}
    found = between(before, after, os.cpu_count() or 1)
    assert found.seconds > 0
    assert found.steal is not None
    assert found.foreign is not None
    assert 0 <= found.steal <= 1
    assert 0 <= found.foreign <= 1
    assert suspended(found) is None
    assert child.pid not in {pid for pid, _ in read([child.pid]).processes}
