"""Worker processes: whatever a runtime does in one, the command gets an answer or a clear error; none stays behind.

The backend in them is tests/support/worker_driver.py's, which misbehaves as told; the worker's own code is the real
one.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import psutil
import pytest
from numpy.typing import NDArray

from alexbench.harness.conformance.cases import Case, preprocessing
from alexbench.harness.conformance.driving import load, predict
from alexbench.harness.contract import Options
from alexbench.harness.errors import UsageError, WorkerError
from alexbench.harness.files import lines
from alexbench.harness.files.lines import Done, Request
from alexbench.harness.judge.top_k import top_k
from alexbench.harness.models.preprocessing import network_input
from alexbench.harness.models.weights import write_weights
from alexbench.harness.worker import client as workers
from alexbench.harness.worker.client import WorkerProcess
from alexbench.harness.worker.protocol.lifecycle import ReadMemory
from alexbench.harness.worker.protocol.loading import OpenPixels
from alexbench.harness.worker.protocol.scoring import Evaluate, Predict, WriteLogits
from alexbench.harness.worker.protocol.timing import TimeCalls
from alexbench.harness.worker.stored_answers import StoredAnswers, read_answers
from tests.support.worker_driver import IN_PREDICT, LAST_WORDS, OUTPUTS, SAID, logits_of, shim

CASE: Final = Case("owt", 8)
LIMIT_S: Final = 30.0
ORPHAN_LIMIT_S: Final = 2.0
Start = Callable[[str], WorkerProcess]


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A weights file that only a backend which checks nothing would take."""
    return write_weights({"nothing": np.zeros(1, np.float32)}, tmp_path)[0]


@pytest.fixture
def start(tmp_path: Path, weights: Path) -> Iterator[Start]:
    """Starts a worker that behaves as told, with a network loaded; none is left after the test."""
    started: list[WorkerProcess] = []

    def one(behaviour: str) -> WorkerProcess:
        worker = WorkerProcess("odd", log=tmp_path / "log", python=shim(behaviour, tmp_path))
        started.append(worker)
        load(worker, "odd", CASE, weights, Options(threads=1))
        return worker

    yield one
    for worker in started:
        worker.kill()


def prepared(count: int) -> NDArray[np.uint8]:
    """Small images (count, 8, 8, 3)."""
    random = np.random.Generator(np.random.PCG64(3))
    return random.integers(0, 256, (count, 8, 8, 3), dtype=np.uint8)


def inputs(count: int) -> NDArray[np.float32]:
    """Network inputs (count, 3, 8, 8)."""
    return network_input(prepared(count), preprocessing(CASE), "NCHW")


def open_pictures(worker: WorkerProcess, folder: Path, count: int, **part: int) -> None:
    """Let the worker map small images, or a part of them."""
    np.save(folder / "pixels.npy", prepared(count))
    worker.ask(OpenPixels(folder / "pixels.npy", preprocessing(CASE), **part))


def until(condition: Callable[[], bool], limit_s: float = LIMIT_S) -> bool:
    """Whether ``condition`` came true in time."""
    end = time.monotonic() + limit_s
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def gone(pid: int) -> bool:
    """Whether a process has ended; a zombie that nobody reaps has."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def is_in_predict(log: Path) -> bool:
    """Whether the busy backend has reported."""
    return log.exists() and IN_PREDICT in log.read_text(encoding="utf-8")


# Asking


def test_logits_come_back_as_they_were(start: Start, tmp_path: Path) -> None:
    found = predict(start("plain"), inputs(2), tmp_path)
    assert found.dtype == np.float32
    assert np.array_equal(found, logits_of(inputs(2)))


def test_every_image_is_evaluated_and_progress_told(start: Start, tmp_path: Path) -> None:
    worker, told = start("plain"), list[tuple[int, int]]()
    open_pictures(worker, tmp_path, 7)
    worker.ask(Evaluate(3, (0, 4), tmp_path / "top"), progress=lambda *one: told.append(one))
    answers, logits = read_answers(tmp_path / "top")
    assert np.allclose(logits, logits_of(inputs(7))[[0, 4]], rtol=0, atol=1e-6)
    classes, scores = top_k(logits_of(inputs(7)), 5)
    assert np.array_equal(answers["classes"], classes)
    assert np.allclose(answers["scores"], scores, rtol=0, atol=1e-6)
    assert told == [(3, 7), (6, 7), (7, 7)]


def test_batches_that_are_kept_are_not_asked_again(start: Start, tmp_path: Path) -> None:
    worker, told = start("plain"), list[tuple[int, int]]()
    open_pictures(worker, tmp_path, 7)
    kept = np.zeros((3, OUTPUTS), np.float32)
    kept[:, 7] = 1
    top = tmp_path / "top"
    StoredAnswers(top, 7, 3, whole=[4], outputs=OUTPUTS).keep(1, kept, seconds=2.0)
    answer = worker.ask(Evaluate(3, (4,), top), progress=lambda *one: told.append(one))
    assert told == [(6, 7), (7, 7)]
    assert answer.images_kept == 3
    assert answer.seconds > 2.0
    answers, logits = read_answers(top)
    expected, _ = top_k(logits_of(inputs(7)), 5)
    assert answers["classes"][3:6, 0].tolist() == [7, 7, 7]
    assert np.array_equal(logits, kept[:1])
    assert np.array_equal(answers["classes"][[0, 1, 2, 6]], expected[[0, 1, 2, 6]])


def test_a_part_of_the_pixels_can_be_opened(start: Start, tmp_path: Path) -> None:
    worker = start("plain")
    open_pictures(worker, tmp_path, 6, first=2, images=3)
    worker.ask(Evaluate(2, (), tmp_path / "top"))
    expected, _ = top_k(logits_of(inputs(6)), 5)
    assert np.array_equal(read_answers(tmp_path / "top")[0]["classes"], expected[2:5])


def test_logits_are_of_the_images_asked_for_in_that_order(start: Start, tmp_path: Path) -> None:
    worker = start("plain")
    open_pictures(worker, tmp_path, 6)
    worker.ask(WriteLogits((5, 0, 3), 2, tmp_path / "logits.npy"))
    found = np.load(tmp_path / "logits.npy")
    assert found.shape == (3, OUTPUTS)
    assert np.allclose(found, logits_of(inputs(6))[[5, 0, 3]], rtol=0, atol=1e-6)


def test_logits_that_are_not_finite_are_not_scored(start: Start, tmp_path: Path) -> None:
    worker = start("not finite")
    open_pictures(worker, tmp_path, 5)
    with pytest.raises(WorkerError, match="logits of image 1 are not finite"):
        worker.ask(Evaluate(2, (), tmp_path / "top.npy"))
    assert not (tmp_path / "top.npy").exists()


@dataclass(frozen=True, slots=True)
class Sing(Request[Done]):
    """What no worker knows."""


def test_an_unknown_request_is_an_error_and_not_the_end(start: Start, tmp_path: Path) -> None:
    worker = start("plain")
    with pytest.raises(WorkerError, match="unknown request 'sing'"):
        worker.ask(Sing())
    assert len(predict(worker, inputs(2), tmp_path)) == 2


def test_a_runtime_that_raises_is_an_error_and_not_the_end(start: Start, tmp_path: Path) -> None:
    worker = start("raises")
    with pytest.raises(WorkerError, match="RuntimeError: kernel refused"):
        predict(worker, inputs(2), tmp_path)
    assert worker.ask(ReadMemory()).memory.peak_rss_mib > 1
    assert "Traceback" in (tmp_path / "log").read_text(encoding="utf-8")


def test_predict_before_load_is_a_clear_error(tmp_path: Path) -> None:
    with WorkerProcess("fresh", log=tmp_path / "log") as worker:
        with pytest.raises(WorkerError, match="load comes first"):
            predict(worker, inputs(2), tmp_path)
        with pytest.raises(WorkerError, match="load and open come first"):
            worker.ask(TimeCalls(1, 0.1))


def test_an_unknown_backend_is_refused_with_the_known_ones(tmp_path: Path, weights: Path) -> None:
    with (
        WorkerProcess("fresh", log=tmp_path / "log") as worker,
        pytest.raises(UsageError, match=r"unknown backend 'abacus'; known: .*reference"),
    ):
        load(worker, "abacus", CASE, weights, Options(threads=1))


def test_an_array_of_objects_is_refused_and_not_unpickled(start: Start, tmp_path: Path) -> None:
    proof = tmp_path / "unpickled"
    np.save(tmp_path / "bomb.npy", np.array([Bomb(str(proof))], dtype=object), allow_pickle=True)
    with pytest.raises(WorkerError, match="allow_pickle=False"):
        start("plain").ask(Predict(tmp_path / "bomb.npy", tmp_path / "out.npy"))
    assert not proof.exists()


class Bomb:
    """Makes a folder when it is unpickled."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (self.path,)


# What a runtime prints


def test_whatever_a_runtime_prints_lands_in_the_log_and_not_in_the_protocol(start: Start, tmp_path: Path) -> None:
    worker = start("chatty")
    for _ in range(2):
        assert np.array_equal(predict(worker, inputs(2), tmp_path), logits_of(inputs(2)))
    worker.close()
    log = (tmp_path / "log").read_text(encoding="utf-8").splitlines()
    for said in SAID.values():
        assert log.count(said) == 2, said


# Death


def test_a_killed_worker_is_an_error_that_names_the_signal(start: Start, tmp_path: Path) -> None:
    worker = start("plain")
    os.kill(worker.pid, signal.SIGKILL)
    with pytest.raises(WorkerError, match=r"worker odd was killed by SIGKILL .*memory.* during read_memory.*log"):
        worker.ask(ReadMemory())


def test_a_worker_killed_in_the_midst_of_predict_is_an_error_too(start: Start, tmp_path: Path) -> None:
    worker = start("busy")

    def kill() -> None:
        if until(lambda: is_in_predict(tmp_path / "log")):
            os.kill(worker.pid, signal.SIGSEGV)

    killer = threading.Thread(target=kill)
    killer.start()
    with pytest.raises(WorkerError, match=r"worker odd was killed by SIGSEGV during predict"):
        predict(worker, inputs(2), tmp_path)
    killer.join()


def test_a_worker_that_exits_is_an_error_with_its_code_and_last_words(start: Start, tmp_path: Path) -> None:
    worker = start("exits")
    with pytest.raises(WorkerError, match=f"ended with exit code 7 during predict: {LAST_WORDS}; log: ") as died:
        predict(worker, inputs(2), tmp_path)
    assert str(tmp_path / "log") in str(died.value)
    with pytest.raises(WorkerError, match="exit code 7"):
        worker.ask(ReadMemory())


def test_a_worker_that_does_not_start_says_why(tmp_path: Path) -> None:
    with pytest.raises(WorkerError, match=f"ended with exit code 1 during start: {LAST_WORDS}"):
        WorkerProcess("odd", log=tmp_path / "log", python=shim("does not start", tmp_path))


def test_another_protocol_is_refused_with_the_fix(tmp_path: Path) -> None:
    before = set(psutil.Process().children())
    with pytest.raises(
        WorkerError, match=rf"speaks protocol 99, this command {lines.PROTOCOL_SCHEMA}; install the same alexbench"
    ):
        WorkerProcess("odd", log=tmp_path / "log", python=shim("newer protocol", tmp_path))
    assert set(psutil.Process().children()) <= before


def test_a_program_that_is_no_worker_is_refused_and_ended(tmp_path: Path) -> None:
    before = set(psutil.Process().children())
    with pytest.raises(WorkerError, match="protocol is broken: 'Welcome"):
        WorkerProcess("odd", log=tmp_path / "log", python=shim("no protocol", tmp_path))
    assert set(psutil.Process().children()) <= before


def test_a_silent_worker_is_ended(start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    worker, told = start("busy"), list[str]()
    monkeypatch.setattr(workers, "WAITING_S", (0.1, 60.0))
    with workers.telling(told.append, limit_s=0.5), pytest.raises(WorkerError, match=r"silent for .* during predict"):
        predict(worker, inputs(2), tmp_path)
    assert (gone(worker.pid), len(told), ": predict, silent for 0 s" in told[0]) == (True, 1, True), told


# None is left behind


def test_a_closed_worker_is_gone(start: Start) -> None:
    worker = start("plain")
    worker.close()
    assert gone(worker.pid)
    worker.close()


def test_a_closed_worker_takes_no_more_requests(start: Start) -> None:
    worker = start("plain")
    worker.close()
    with pytest.raises(WorkerError, match="worker odd"):
        worker.ask(ReadMemory())


def test_a_worker_that_does_not_quit_is_killed(start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    worker = start("busy")
    monkeypatch.setattr(workers, "SILENCE_LIMIT_S", 0.5)
    monkeypatch.setattr(workers, "QUIT_LIMIT_S", 0.5)
    monkeypatch.setattr(worker, "kill", lambda: None)  # so that the silence does not end it
    with pytest.raises(WorkerError, match="silent"):
        predict(worker, inputs(2), tmp_path)
    monkeypatch.undo()
    monkeypatch.setattr(workers, "QUIT_LIMIT_S", 0.5)
    assert not gone(worker.pid)
    worker.close()
    assert gone(worker.pid)


class Interrupted(BaseException):
    """As KeyboardInterrupt is: no Exception."""


@pytest.mark.parametrize("kind", [ValueError, Interrupted])
def test_leaving_by_an_exception_leaves_no_process(tmp_path: Path, kind: type[BaseException]) -> None:
    worker = WorkerProcess("odd", log=tmp_path / "log", python=shim("plain", tmp_path))
    with pytest.raises(kind), worker:  # noqa: PT012 - that it was alive is the point
        assert not gone(worker.pid)
        raise kind
    assert gone(worker.pid)


def test_leaving_as_usual_leaves_no_process(tmp_path: Path) -> None:
    with WorkerProcess("odd", log=tmp_path / "log", python=shim("plain", tmp_path)) as worker:
        assert not gone(worker.pid)
    assert gone(worker.pid)


def test_ctrl_c_is_the_commands_alone(start: Start, tmp_path: Path) -> None:
    """The terminal sends it to the whole group; only the command decides what it means."""
    worker = start("plain")
    os.kill(worker.pid, signal.SIGINT)
    assert len(predict(worker, inputs(2), tmp_path)) == 2


_PARENT: Final = """
import sys
from pathlib import Path
from alexbench.harness.worker.stored_answers import StoredAnswers, read_answers
from alexbench.harness.worker.client import WorkerProcess
from alexbench.harness.contract import Options
from alexbench.harness.worker.protocol.loading import Load
from alexbench.harness.worker.protocol.scoring import Predict
log, python, weights, inputs, out = sys.argv[1:]
worker = WorkerProcess("odd", log=Path(log), python=python)
worker.ask(Load("odd", "owt", 8, Path(weights), Options(threads=1)))
print(worker.pid, flush=True)
if inputs:
    worker.ask(Predict(Path(inputs), Path(out)))
sys.stdin.read()
"""


@pytest.mark.parametrize("busy", [False, True], ids=["idle", "in predict"])
def test_a_worker_ends_with_its_parent(tmp_path: Path, weights: Path, busy: bool) -> None:
    """Even killed outright, and even while the runtime computes."""
    log = tmp_path / "log"
    np.save(tmp_path / "in.npy", inputs(1))
    arguments = [log, shim("busy", tmp_path), weights, tmp_path / "in.npy" if busy else "", tmp_path / "out.npy"]
    with subprocess.Popen(
        [sys.executable, "-c", _PARENT, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        try:
            assert not busy or until(lambda: is_in_predict(log))
            assert not gone(pid)
            parent.kill()
            parent.wait()
            assert until(lambda: gone(pid), ORPHAN_LIMIT_S)
        finally:
            if not gone(pid):
                os.kill(pid, signal.SIGKILL)
