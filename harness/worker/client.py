"""Worker processes, from the command's side: start, ask, and make sure that none is left behind."""

import contextlib
import io
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeVar

import psutil

from alexbench.harness.errors import UsageError, WorkerDiedError, WorkerError
from alexbench.harness.files import lines
from alexbench.harness.files.decoding import DecodeError, decode
from alexbench.harness.files.input_files import expanded
from alexbench.harness.files.lines import Hello, Progress, Reply, Request
from alexbench.harness.files.plain_text import short
from alexbench.harness.worker.forking import AVAILABLE
from alexbench.harness.worker.protocol.lifecycle import Quit, Restart

A = TypeVar("A")

START_LIMIT_S: Final = 60.0
"""Starting Python and our own modules; on a loaded machine it took 3 s."""
SILENCE_LIMIT_S: Final = 600.0
"""No request of ours is silent for ten minutes: one that is hangs. --silence-limit and ALEXBENCH_SILENCE_S
set another."""
WAITING_S: Final = (20.0, 60.0)
"""After so much silence the user is told what is waited for, and how often again."""
LONGEST_SILENCE_S: Final = 86_400.0
QUIT_LIMIT_S: Final = 10.0
_LOG_TAIL: Final = 400


@dataclass(slots=True)
class _Waiting:
    """Who is told of a silent worker, and after how many seconds one is ended; None: as the environment says."""

    say: Callable[[str], None] | None = None
    limit_s: float | None = None
    option: str = ""


_waiting: Final = _Waiting()


@contextlib.contextmanager
def telling(
    say: Callable[[str], None], *, limit_s: float | None = None, option: str = "ALEXBENCH_SILENCE_S"
) -> Iterator[None]:
    """Inside, ``say`` is told which worker is silent and for how long, and one is ended after ``limit_s`` seconds.

    For all workers of this process; ``limit_s`` None: :func:`silence_limit_s`. ``option``: what sets another limit.
    """
    before = _waiting.say, _waiting.limit_s, _waiting.option
    _waiting.say, _waiting.limit_s, _waiting.option = say, limit_s, option
    try:
        yield
    finally:
        _waiting.say, _waiting.limit_s, _waiting.option = before


class WorkerProcess:
    """One worker. A context manager: however the block is left, the process is gone afterwards.

    ``python`` may be another environment's interpreter. ``log`` receives all that the worker and its runtime print.
    ``writable``: the only folder that it may write to, without a network, as for a program of the user's; None: it is
    not confined. ``confined`` says what the system refuses it. ``forks``: the process only forks the one that serves,
    so that :meth:`restart` is cheap; ``preload`` names the backend whose runtime is imported before. What a runtime
    keeps on a GPU survives no fork: only for the CPU. Where the system cannot fork, both change nothing.
    """

    def __init__(
        self,
        name: str,
        *,
        log: Path,
        python: str = sys.executable,
        writable: Path | None = None,
        forks: bool = False,
        preload: str | None = None,
    ) -> None:
        self.name = name
        self._log = log
        self._python, self._writable = python, writable
        self._options: list[str] = []
        if writable is not None:
            self._options += ["--confine", str(writable.absolute())]
        if forks and AVAILABLE:
            self._options += ["--fork"] if preload is None else ["--fork", "--preload", preload]
        self._start()

    def _start(self) -> None:
        """A new process of the interpreter, whose hello was checked."""
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._id, self._fresh = 0, True
        self._server: psutil.Process | None = None
        self._serving: psutil.Process | None = None
        # PYTHONSAFEPATH: from the repository's root, a library that tries `import datasets` would find ours.
        # PYTHONUTF8: whatever the locale, paths are read as this command reads them.
        environment = {**os.environ, "PYTHONSAFEPATH": "1", "PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1"}
        if expanded("~") == Path("~"):  # no HOME, and a user that the system does not know: OpenVINO imports with one
            environment["HOME"] = tempfile.gettempdir()
        if self._writable is not None:
            environment["TMPDIR"] = str(self._writable.absolute())
        with self._log.open("ab") as errors:
            try:
                self._process = subprocess.Popen(
                    [self._python, "-m", "alexbench.harness.worker_process", *self._options],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    env=environment,
                )
            except OSError as error:
                raise WorkerError(
                    f"worker {self.name}: interpreter {self._python} does not start: {error.strerror}"
                ) from error
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._requests = io.TextIOWrapper(self._process.stdin, encoding="utf-8", write_through=True)
        answers = io.TextIOWrapper(self._process.stdout, encoding="utf-8")
        threading.Thread(target=_read, args=(answers, self._lines), name=f"answers of {self.name}", daemon=True).start()
        # A runtime may be imported before the hello, which a load without the fork would have done.
        self._expect_hello("start", silence_limit_s() if "--preload" in self._options else START_LIMIT_S)

    @property
    def pid(self) -> int:
        """The id of the process that serves."""
        return self._process.pid if self._serving is None else self._serving.pid

    @property
    def pids(self) -> set[int]:
        """The ids of all processes that are this worker's: the one that serves, and the one that forked it."""
        forked = {process.pid for process in (self._server, self._serving) if process is not None}
        return {self._process.pid, *forked}

    def restart(self) -> None:
        """Replace the process that serves by a fresh one with nothing loaded; one that was asked nothing is kept.

        By a fork, where the worker forks: its runtime is then imported already. Else by a new interpreter.

        Raises:
            WorkerError: it does not start; no process is left then.
        """
        if self._fresh and self._process.poll() is None:
            return
        if self._server is None or self._process.poll() is not None:
            self.close()
            self._start()
            return
        self._id, self._fresh = self._id + 1, True
        doing = lines.name_of(Restart)
        try:
            lines.send_request(self._requests, self._id, Restart())
        except OSError:
            raise WorkerError(self._death(doing), log=self._log) from None
        self._expect_hello(doing, START_LIMIT_S)

    def ask(self, request: Request[A], *, progress: Progress | None = None, limit_s: float | None = None) -> A:
        """Send a request and wait for its answer; a worker silent for longer than ``limit_s`` is ended.

        None: :func:`silence_limit_s`.

        Raises:
            AlexBenchError: what the worker raised, as its own class.
            WorkerError: the worker died, was silent too long or broke the protocol.
        """
        if self._requests.closed:
            raise WorkerError(f"worker {self.name} was ended and takes no more requests", log=self._log)
        self._id, self._fresh = self._id + 1, False
        doing = lines.name_of(type(request))
        try:
            lines.send_request(self._requests, self._id, request)
        except OSError:
            raise WorkerError(self._death(doing), log=self._log) from None
        while True:
            reply = self._next(silence_limit_s() if limit_s is None else limit_s, doing)
            if reply.progress is not None:
                if progress is not None:
                    progress(*reply.progress)
            elif reply.id != self._id:
                raise WorkerError(f"worker {self.name} answered {reply.id!r} to request {self._id}")
            elif reply.error is not None:
                raise lines.error_from(reply.error)
            else:
                return lines.answer_to(request, reply.ok)

    def close(self) -> None:
        """Let the worker release its runtime and end; kill it if it does not."""
        if self._process.poll() is None:
            with contextlib.suppress(OSError):
                self._id += 1
                lines.send_request(self._requests, self._id, Quit())
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(QUIT_LIMIT_S)
        self.kill()

    def kill(self) -> None:
        """End the process now, if it still runs, and reap it; the serving child of a fork server first."""
        self._end_child()
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        with contextlib.suppress(OSError):
            self._requests.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.kill()

    def _end_child(self) -> None:
        """The serving child is gone afterwards: reaped by its server, which then ends as its child did."""
        if self._serving is None:
            return
        with contextlib.suppress(psutil.Error, subprocess.TimeoutExpired):
            self._serving.kill()  # never another process that was given its id: psutil compares when they were made
            self._process.wait(QUIT_LIMIT_S)
        end = time.monotonic() + QUIT_LIMIT_S
        while not _ended(self._serving) and time.monotonic() < end:
            time.sleep(0.005)

    def _expect_hello(self, doing: str, limit_s: float) -> None:
        """Read and check the hello.

        Raises:
            WorkerError: there is none, or of another protocol; the process is gone then.
        """
        try:
            self._check_hello(self._next(limit_s, doing).hello or {})
        except BaseException:
            self.kill()
            raise

    def _check_hello(self, said: Mapping[str, object]) -> None:
        schema = said.get("schema")  # before all else: what another schema's hello holds nobody here knows
        if schema != lines.PROTOCOL_SCHEMA:
            raise WorkerError(
                f"worker {self.name} speaks protocol {schema!r}, this command {lines.PROTOCOL_SCHEMA}; "
                f"install the same alexbench in both environments"
            )
        try:
            hello = decode(Hello, said)
        except DecodeError as error:
            raise WorkerError(f"the hello of worker {self.name} is not valid: {error}") from error
        self.confined = hello.confined
        self._server, self._serving = self._forked(hello.server, hello.pid)

    def _forked(self, server: int, serving: int) -> tuple[psutil.Process | None, psutil.Process | None]:
        """The fork server and its child, as the hello names them; only those that this worker's process started."""
        if not server:
            return None, None
        try:
            child = psutil.Process(serving)
            above = {process.pid: process for process in child.parents()}
        except (psutil.Error, ValueError):
            return None, None
        return (above[server], child) if {server, self._process.pid} <= above.keys() else (None, None)

    def _next(self, limit_s: float, doing: str) -> Reply:
        try:
            line = self._line(limit_s, doing)
        except queue.Empty:
            self.kill()
            silent = f"worker {self.name} was silent for {limit_s:.0f} s during {doing} and was ended"
            raise WorkerError(silent, log=self._log) from None
        if line is None:
            raise WorkerDiedError(self._death(doing), log=self._log)
        return lines.read(Reply, line)

    def _line(self, limit_s: float, doing: str) -> str | None:
        """The next line, None at the end; queue.Empty after ``limit_s``. Who waits long is told for what."""
        start = time.monotonic()
        first, every = WAITING_S
        told = first
        while True:
            silent = time.monotonic() - start
            try:
                return self._lines.get(timeout=max(0.0, min(limit_s, told) - silent))
            except queue.Empty:
                silent = time.monotonic() - start
                if silent >= limit_s:
                    raise
            if _waiting.say is not None:
                left = f"it is ended at {limit_s:.0f} s ({_waiting.option})"
                _waiting.say(f"  waiting for {self.name}: {doing}, silent for {silent:.0f} s; {left}")
            told += every

    def _death(self, doing: str) -> str:
        """What became of a worker that stopped answering, in one line."""
        end = time.monotonic() + QUIT_LIMIT_S
        while self._process.poll() is None and time.monotonic() < end:
            time.sleep(0.02)
        code = self._process.poll()
        if code is None:
            how = "closed its end of the protocol"
        elif code < 0:
            name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
            hint = " (the kernel does this when memory runs out)" if name == "SIGKILL" else ""
            how = f"was killed by {name}{hint}"
        else:
            how = f"ended with exit code {code}"
        tail = _end_of(self._log).strip().splitlines()
        last = f": {tail[-1].strip()}" if tail and code is not None and code > 0 else ""
        return f"worker {self.name} {how} during {doing}{last}"


def silence_limit_s() -> float:
    """For how many seconds a worker may be silent.

    Raises:
        UsageError: ALEXBENCH_SILENCE_S is not a number of seconds.
    """
    if _waiting.limit_s is not None:
        return _waiting.limit_s
    given = os.environ.get("ALEXBENCH_SILENCE_S")
    if not given:
        return SILENCE_LIMIT_S
    try:
        seconds = float(given)
    except ValueError:
        seconds = 0.0
    if not 1 <= seconds <= LONGEST_SILENCE_S:
        raise UsageError(f"ALEXBENCH_SILENCE_S {short(given)}: give seconds, 1 to {LONGEST_SILENCE_S:g}")
    return seconds


def _read(answers: io.TextIOWrapper, found: "queue.Queue[str | None]") -> None:
    """Every line into ``found``, and None at their end."""
    with contextlib.suppress(ValueError, OSError), answers:
        while line := answers.readline(lines.LONGEST):
            found.put(line)
    found.put(None)


def _ended(process: psutil.Process) -> bool:
    """Whether a process that is not ours to reap has ended."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def _end_of(log: Path) -> str:
    """The last characters of a log, however long it is."""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - _LOG_TAIL))
        return file.read(_LOG_TAIL).decode("utf-8", "replace")
