"""A worker that imports its runtime once and forks for every restart: what it promises, and that none stays behind.

The backend is tests/support/worker_driver.py's; tests/conformance/test_forks.py does the same with every runtime.
"""

import json
import os
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import psutil
import pytest

from alexbench.harness import worker_process as worker
from alexbench.harness.conformance.driving import load, predict
from alexbench.harness.contract import Options
from alexbench.harness.errors import WorkerError
from alexbench.harness.files import lines
from alexbench.harness.measure.process import memory
from alexbench.harness.models.weights import write_weights
from alexbench.harness.worker import client as workers
from alexbench.harness.worker import forking
from alexbench.harness.worker.client import WorkerProcess
from alexbench.harness.worker.protocol.lifecycle import ReadMemory, Restart
from alexbench.harness.worker.protocol.loading import Load
from alexbench.harness.worker.protocol.scoring import Predict
from tests.support.worker_driver import IMPORTED, LAST_WORDS, Odd, logits_of, shim
from tests.unit.harness.worker.test_client import (
    CASE,
    ORPHAN_LIMIT_S,
    gone,
    inputs,
    is_in_predict,
    until,
)

pytestmark = pytest.mark.skipif(not forking.AVAILABLE, reason="only on Linux does a child end with its server")
Start = Callable[[str], WorkerProcess]


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A weights file that only a backend which checks nothing would take."""
    return write_weights({"nothing": np.zeros(1, np.float32)}, tmp_path)[0]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a worker that forks and whose backend behaves as told; none is left after the test."""
    started: list[WorkerProcess] = []

    def one(behaviour: str) -> WorkerProcess:
        python = shim(behaviour, tmp_path, forwards=True)
        found = WorkerProcess("odd", log=tmp_path / "log", python=python, forks=True, preload="odd")
        started.append(found)
        return found

    yield one
    for each in started:
        each.kill()


@pytest.fixture
def loaded(start: Start, weights: Path) -> Start:
    """The same, with a network loaded."""

    def one(behaviour: str) -> WorkerProcess:
        found = start(behaviour)
        load(found, "odd", CASE, weights, Options(threads=1))
        return found

    return one


def all_gone(pids: set[int], limit_s: float = ORPHAN_LIMIT_S) -> bool:
    """Whether all of them end in time."""
    return until(lambda: all(map(gone, pids)), limit_s)


# Restarting


def test_every_restart_is_another_process_and_the_runtime_is_imported_once(
    loaded: Start, weights: Path, tmp_path: Path
) -> None:
    found, seen = loaded("plain"), set[int]()
    for _ in range(3):
        assert np.array_equal(predict(found, inputs(2), tmp_path), logits_of(inputs(2)))
        seen.add(found.pid)
        found.restart()
        with pytest.raises(WorkerError, match="load comes first"):
            predict(found, inputs(2), tmp_path)
        load(found, "odd", CASE, weights, Options(threads=1))
    assert len({*seen, found.pid}) == 4
    assert all(map(gone, seen))
    assert (tmp_path / "log").read_text(encoding="utf-8").count(IMPORTED) == 1


def test_its_processes_are_the_server_and_the_child_that_serves(start: Start) -> None:
    found = start("plain")
    assert found.pids == {found.pid, psutil.Process(found.pid).ppid()}
    assert len(found.pids) == 2


def test_a_worker_that_was_asked_nothing_is_kept(start: Start) -> None:
    found = start("plain")
    before = found.pid
    found.restart()
    assert found.pid == before


@pytest.mark.parametrize(("forks", "forwards"), [(False, True), (True, False)], ids=["unwanted", "unable"])
def test_without_a_fork_a_restart_is_a_new_interpreter(tmp_path: Path, forks: bool, forwards: bool) -> None:
    python = shim("plain", tmp_path, forwards=forwards)
    with WorkerProcess("odd", log=tmp_path / "log", python=python, forks=forks, preload="odd") as found:
        before = found.pids
        assert before == {found.pid}
        found.ask(ReadMemory())
        found.restart()
        assert all(map(gone, before))
        assert found.ask(ReadMemory()).memory.rss_mib > 1
        assert found.pids.isdisjoint(before)


@pytest.mark.parametrize("forks", [False, True])
def test_a_worker_that_died_is_started_anew(tmp_path: Path, forks: bool) -> None:
    python = shim("plain", tmp_path, forwards=True)
    with WorkerProcess("odd", log=tmp_path / "log", python=python, forks=forks) as found:
        os.kill(found.pid, signal.SIGKILL)
        with pytest.raises(WorkerError, match="SIGKILL"):
            found.ask(ReadMemory())
        found.restart()
        assert found.ask(ReadMemory()).memory.rss_mib > 1


def test_a_worker_that_cannot_fork_refuses_a_restart_and_serves_on(tmp_path: Path) -> None:
    with WorkerProcess("plain", log=tmp_path / "log") as found:
        with pytest.raises(WorkerError, match="unknown request 'restart'"):
            found.ask(Restart())
        assert found.ask(ReadMemory()).memory.rss_mib > 1


def test_what_is_sent_behind_a_restart_is_for_the_next_child() -> None:
    """Whatever was sent at once: no child reads a byte beyond its own last line."""
    asked = ["read_memory", "restart", "read_memory", "restart", "restart", "read_memory", "quit"]
    sent = b"".join(json.dumps({"id": n, "do": do}).encode() + b"\n" for n, do in enumerate(asked))
    with subprocess.Popen(
        [sys.executable, "-m", "alexbench.harness.worker_process", "--fork"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONSAFEPATH": "1"},
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(sent)
        process.stdin.flush()
        answers = [json.loads(line) for line in process.stdout]
    hellos = [answer["hello"] for answer in answers if "hello" in answer]
    assert [answer["id"] for answer in answers if "id" in answer] == [0, 2, 5, 6]
    assert [hello["server"] for hello in hellos] == [process.pid] * 4
    assert len({hello["pid"] for hello in hellos}) == 4
    assert process.returncode == 0


def test_a_forked_child_is_confined_as_any_other(tmp_path: Path) -> None:
    plain, forked = (
        WorkerProcess("confined", log=tmp_path / "log", writable=tmp_path, forks=forks) for forks in (False, True)
    )
    with plain, forked:
        assert forked.confined == plain.confined != ""
        forked.ask(ReadMemory())
        forked.restart()
        assert forked.confined == plain.confined


# Load time and memory


def test_the_import_is_in_the_time_of_the_first_load(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "backend_class", lambda name: Odd)
    one = worker.Worker(lambda _done, _total: None, imported=forking.Imported("odd", 3600.0))
    first, second = (one.load(Load("odd", "owt", 8, weights, Options(threads=1))).load_s for _ in range(2))
    assert first >= 3600.0 > second


def test_memory_of_a_child_includes_what_only_its_server_touched(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """A child that maps less of some file than its server did would, started afresh, have the rest too."""

    class Map:
        def __init__(self, path: str, rss: int) -> None:
            self.path, self.rss = path, rss

    server = psutil.Process(start("plain").pid).ppid()
    maps = {
        server: [Map("/lib/a.so", 9 << 20), Map("/lib/b.so", 1 << 20), Map("[heap]", 1 << 30)],
        os.getpid(): [Map("/lib/a.so", 2 << 20), Map("/lib/b.so", 4 << 20)],
    }
    monkeypatch.setattr(psutil.Process, "memory_maps", lambda self: maps[self.pid])
    monkeypatch.setattr("alexbench.harness.measure.process.Path", lambda _: tuple)
    monkeypatch.setattr(psutil.Process, "memory_info", lambda self: type("Info", (), {"rss": 5 << 20}))
    monkeypatch.setattr(sys, "platform", "win32")
    assert memory().rss_mib == 5
    assert memory(server).rss_mib == 12


# An import that goes wrong


def test_an_import_that_fails_is_reported_by_every_load(start: Start, weights: Path, tmp_path: Path) -> None:
    """Even where a second import would do: what was half imported is not to be measured."""
    found = start("import fails")
    for _ in range(2):
        with pytest.raises(WorkerError, match=f"ImportError: {LAST_WORDS}"):
            load(found, "odd", CASE, weights, Options(threads=1))
        found.restart()
    assert "Traceback" in (tmp_path / "log").read_text(encoding="utf-8")


def test_an_import_that_ends_the_process_reports_it(start: Start) -> None:
    with pytest.raises(WorkerError, match=f"ended with exit code 7 during start: {LAST_WORDS}"):
        start("import exits")


def test_an_import_that_hangs_is_ended(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    before = set(psutil.Process().children())
    monkeypatch.setattr(workers, "SILENCE_LIMIT_S", 2.0)
    with pytest.raises(WorkerError, match="silent for 2 s during start"):
        start("import hangs")
    assert set(psutil.Process().children()) <= before


# Death, and none is left behind


@pytest.mark.parametrize("whose", ["server", "child"])
@pytest.mark.parametrize("by", [signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM])
def test_a_killed_process_is_an_error_that_names_the_signal(start: Start, whose: str, by: signal.Signals) -> None:
    found = start("plain")
    pids = found.pids
    os.kill(found.pid if whose == "child" else psutil.Process(found.pid).ppid(), by)
    with pytest.raises(WorkerError, match=rf"worker odd was killed by {by.name} .*during read_memory"):
        found.ask(ReadMemory())
    assert all_gone(pids)


def test_an_exit_code_is_passed_on_with_the_last_words(loaded: Start, tmp_path: Path) -> None:
    with pytest.raises(WorkerError, match=f"ended with exit code 7 during predict: {LAST_WORDS}; log: "):
        predict(loaded("exits"), inputs(2), tmp_path)


def test_a_silent_child_is_ended_with_its_server(loaded: Start, tmp_path: Path, monkeypatch: Any) -> None:
    found = loaded("busy")
    pids = found.pids
    monkeypatch.setattr(workers, "SILENCE_LIMIT_S", 0.5)
    with pytest.raises(WorkerError, match=r"silent for .* during predict and was ended"):
        predict(found, inputs(2), tmp_path)
    assert all(map(gone, pids))


def test_a_closed_worker_leaves_neither(start: Start) -> None:
    found = start("plain")
    pids = found.pids
    found.close()
    assert all(map(gone, pids))


def test_a_server_killed_in_the_midst_takes_its_busy_child_along(loaded: Start, tmp_path: Path) -> None:
    found = loaded("busy")
    pids, server = found.pids, psutil.Process(found.pid).parent()
    assert server is not None
    np.save(tmp_path / "in.npy", inputs(1))
    lines.send_request(found._requests, 9, Predict(tmp_path / "in.npy", tmp_path / "out.npy"))
    assert until(lambda: is_in_predict(tmp_path / "log"))
    server.kill()
    assert all_gone(pids)
    found.kill()


def test_ctrl_c_is_the_commands_alone(start: Start) -> None:
    found = start("plain")
    for pid in found.pids:
        os.kill(pid, signal.SIGINT)
    assert found.ask(ReadMemory()).memory.rss_mib > 1
    found.restart()
    os.kill(found.pid, signal.SIGINT)
    assert found.ask(ReadMemory()).memory.rss_mib > 1


_PARENT: Final = """
import sys
from pathlib import Path
from alexbench.harness.worker.client import WorkerProcess
from alexbench.harness.contract import Options
from alexbench.harness.worker.protocol.loading import Load
from alexbench.harness.worker.protocol.scoring import Predict
log, python, busy, weights, inputs, out = sys.argv[1:]
load = Load("odd", "owt", 8, Path(weights), Options(threads=1))
worker = WorkerProcess("odd", log=Path(log), python=python, forks=True, preload="odd")
worker.ask(load)
worker.restart()
worker.ask(load)
print("ready", flush=True)
if busy == "busy":
    worker.ask(Predict(Path(inputs), Path(out)))
sys.stdin.read()
"""


@pytest.mark.parametrize("behaviour", ["plain", "busy", "import hangs"])
def test_all_end_with_the_command(tmp_path: Path, weights: Path, behaviour: str) -> None:
    """Even killed outright: while idle, while the runtime computes, and while it is imported."""
    log = tmp_path / "log"
    np.save(tmp_path / "in.npy", inputs(1))
    python = shim(behaviour, tmp_path, forwards=True)
    files = [weights, tmp_path / "in.npy", tmp_path / "out.npy"]
    with subprocess.Popen(
        [sys.executable, "-c", _PARENT, *map(str, [log, python, behaviour, *files])],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as parent:
        assert parent.stdout is not None
        if behaviour == "import hangs":
            assert until(lambda: log.exists() and IMPORTED in log.read_text(encoding="utf-8"))
        else:
            assert parent.stdout.readline() == "ready\n"
            assert behaviour != "busy" or until(lambda: is_in_predict(log))
        pids = {process.pid for process in psutil.Process(parent.pid).children(recursive=True)}
        assert len(pids) == (1 if behaviour == "import hangs" else 2)
        parent.kill()
        parent.wait()
        try:
            assert all_gone(pids)
        finally:
            for pid in pids:
                if not gone(pid):
                    os.kill(pid, signal.SIGKILL)


# Python's warning


@pytest.mark.parametrize(
    ("said", "passes"),
    [
        ("This process (pid=7) is multi-threaded, use of fork() may lead to deadlocks in the child.", True),
        ("something else", False),
    ],
)
def test_only_the_warning_about_threads_is_not_raised(monkeypatch: pytest.MonkeyPatch, said: str, passes: bool) -> None:
    def fork() -> int:
        warnings.warn(said, DeprecationWarning, stacklevel=2)
        return 7

    monkeypatch.setattr(os, "fork", fork)
    if passes:
        assert forking._fork() == 7
    else:
        with pytest.raises(DeprecationWarning, match=said):
            forking._fork()
