"""Worker processes, from the command's side: start, ask, and make sure that none is left behind."""

import contextlib
import io
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from alexbench.harness import protocol
from alexbench.harness.errors import WorkerError

Progress = Callable[[int, int], None]

START_LIMIT_S: Final = 60.0
"""Starting Python and our own modules; on a loaded machine it took 3 s."""
SILENCE_LIMIT_S: Final = 600.0
"""No request of ours is silent for ten minutes: one that is hangs."""
QUIT_LIMIT_S: Final = 10.0
_LOG_TAIL: Final = 400


class WorkerProcess:
    """One worker. A context manager: however the block is left, the process is gone afterwards.

    ``python`` may be another environment's interpreter. ``log`` receives all that the worker and its runtime print.
    ``writable``: the only folder that it may write to, without a network, as for a program of the user's; None: it is
    not confined. ``confined`` says what the system refuses it.
    """

    def __init__(self, name: str, *, log: Path, python: str = sys.executable, writable: Path | None = None) -> None:
        self.name = name
        self._log = log
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._id = 0
        # PYTHONSAFEPATH: from the repository's root, a library that tries `import datasets` would find ours.
        # PYTHONUTF8: whatever the locale, paths are read as this command reads them.
        environment = {**os.environ, "PYTHONSAFEPATH": "1", "PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1"}
        confined = [] if writable is None else [str(writable.absolute())]
        if writable is not None:
            environment["TMPDIR"] = confined[0]
        with log.open("ab") as errors:
            try:
                self._process = subprocess.Popen(
                    [python, "-m", "alexbench.harness.worker", *confined],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    env=environment,
                )
            except OSError as error:
                raise WorkerError(f"worker {name}: interpreter {python} does not start: {error.strerror}") from error
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._requests = io.TextIOWrapper(self._process.stdin, encoding="utf-8", write_through=True)
        self._answers = io.TextIOWrapper(self._process.stdout, encoding="utf-8")
        threading.Thread(target=self._read, name=f"answers of {name}", daemon=True).start()
        try:
            self._check_hello()
        except BaseException:
            self.kill()
            raise

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def ask(
        self, do: str, *, progress: Progress | None = None, limit_s: float | None = None, **arguments: Any
    ) -> dict[str, Any]:
        """Send a request and wait for its answer; a worker silent for longer than ``limit_s`` is ended.

        None: SILENCE_LIMIT_S.

        Raises:
            AlexBenchError: what the worker raised, as its own class.
            WorkerError: the worker died, was silent too long or broke the protocol.
        """
        if self._requests.closed:
            raise WorkerError(f"worker {self.name} was ended and takes no more requests; log: {self._log}")
        self._id += 1
        try:
            protocol.send(self._requests, {"id": self._id, "do": do, "with": arguments})
        except OSError:
            raise WorkerError(self._death(do)) from None
        while True:
            message = self._next(SILENCE_LIMIT_S if limit_s is None else limit_s, do)
            if "progress" in message:
                if progress is not None:
                    progress(*message["progress"])
            elif message.get("id") != self._id:
                raise WorkerError(f"worker {self.name} answered {message.get('id')!r} to request {self._id}")
            elif "error" in message:
                raise protocol.error_from(message["error"])
            elif "ok" not in message:
                raise protocol.broken(str(message), "is no answer")
            else:
                answer: dict[str, Any] = message["ok"]
                return answer

    def close(self) -> None:
        """Let the worker release its runtime and end; kill it if it does not."""
        if self._process.poll() is None:
            with contextlib.suppress(OSError):
                self._id += 1
                protocol.send(self._requests, {"id": self._id, "do": "quit"})
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(QUIT_LIMIT_S)
        self.kill()

    def kill(self) -> None:
        """End the process now, if it still runs, and reap it."""
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

    def _check_hello(self) -> None:
        hello = self._next(START_LIMIT_S, "start").get("hello")
        if not isinstance(hello, dict):
            hello = {}
        if hello.get("schema") != protocol.PROTOCOL_SCHEMA:
            raise WorkerError(
                f"worker {self.name} speaks protocol {hello.get('schema')!r}, this command {protocol.PROTOCOL_SCHEMA}; "
                f"install the same alexbench in both environments"
            )
        self.confined = str(hello.get("confined", ""))

    def _next(self, limit_s: float, doing: str) -> dict[str, Any]:
        try:
            line = self._lines.get(timeout=limit_s)
        except queue.Empty:
            self.kill()
            raise WorkerError(
                f"worker {self.name} was silent for {limit_s:.0f} s during {doing} and was ended; log: {self._log}"
            ) from None
        if line is None:
            raise WorkerError(self._death(doing))
        return protocol.decode(line)

    def _read(self) -> None:
        with contextlib.suppress(ValueError, OSError), self._answers:
            while line := self._answers.readline(protocol.LONGEST):
                self._lines.put(line)
        self._lines.put(None)

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
        return f"worker {self.name} {how} during {doing}{last}; log: {self._log}"


def _end_of(log: Path) -> str:
    """The last characters of a log, however long it is."""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - _LOG_TAIL))
        return file.read(_LOG_TAIL).decode("utf-8", "replace")
