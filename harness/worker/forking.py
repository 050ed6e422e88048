"""Import a runtime once, then fork: every serving process is a child of one that imported and did nothing else.

The server imports the backend's runtime, forks a child, and waits. The child serves; when it is asked to make way for
the next one, the server forks again. However else a child ends, the server ends in the same way. Linux only: the child
asks the kernel to be killed with its server.
"""

import ctypes
import gc
import mmap
import os
import select
import signal
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Final, NoReturn

from alexbench.backends.registry import backend_class
from alexbench.harness.capabilities import Preloads
from alexbench.harness.errors import WorkerError

AVAILABLE: Final = sys.platform == "linux" and hasattr(os, "fork")
_PR_SET_PDEATHSIG: Final = 1
_LOOK_MS: Final = 50


class Child:
    """What a serving child knows of its server. ``server``: the server's process id."""

    def __init__(self, server: int, makes_way: mmap.mmap) -> None:
        self.server = server
        self._makes_way = makes_way

    def make_way(self) -> NoReturn:
        """End now, and let the server fork the next child. Nothing is released: the kernel does that."""
        self._makes_way[0] = 1
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


@dataclass(frozen=True, slots=True)
class Imported:
    """What the server imported before it forked. ``error``: what the import raised, for a load to raise again.

    A second import of what was half imported may fail for another reason, or not at all.
    """

    backend: str
    seconds: float
    error: Exception | None = None


def preload(backend: str, parent: int) -> Imported:
    """Import the runtime of ``backend``, where it can be imported alone.

    ``parent``: the descriptor that requests come from; when its other end is closed, this process ends.
    """
    start, error = time.perf_counter(), None
    with _ending_with(parent):
        try:
            found = backend_class(backend)
            start = time.perf_counter()  # the adapter's own import is in no load time
            if issubclass(found, Preloads):
                found.preload()
        except (Exception, SystemExit) as raised:  # a runtime's import may raise anything, or exit
            exits = WorkerError(f"{backend}: importing it ends the process ({raised})")
            error = raised if isinstance(raised, Exception) else exits
    return Imported(backend, time.perf_counter() - start, error)


def fork_children() -> Child:
    """Fork a child, and another one whenever a child makes way. Returns in every child, and never in the server."""
    gc.collect()
    gc.freeze()  # else a child's first collection writes to, and so copies, every page of imported objects
    server, makes_way = os.getpid(), mmap.mmap(-1, 1)
    while True:
        makes_way[0] = 0
        pid = _fork()
        if pid == 0:
            _end_with(server)
            return Child(server, makes_way)
        _, status = os.waitpid(pid, 0)
        if status != 0 or not makes_way[0]:
            _end_as(status)


def _fork() -> int:
    """``os.fork``. Python 3.12 warns where other threads run: imported runtimes leave some, which only wait."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r".*multi-threaded.*fork", category=DeprecationWarning)
        return os.fork()


def _end_with(server: int) -> None:
    """From now on the kernel kills this process when ``server`` ends (prctl(2)); it may have ended already."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != server:
        os._exit(0)


def _end_as(status: int) -> NoReturn:
    """End as a child with this wait status did: by the same signal, or with the same exit code."""
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # the child's core is the one to look at
        with suppress(OSError):  # SIGKILL has no handler
            signal.signal(-code, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [-code])
        os.kill(os.getpid(), -code)
    os._exit(code if code >= 0 else 128 - code)


@contextmanager
def _ending_with(parent: int) -> Iterator[None]:
    """Inside, this process ends when the other end of the pipe ``parent`` is closed; nothing is read from it."""
    done = threading.Event()

    def watch() -> None:
        pipe = select.poll()
        pipe.register(parent, 0)  # a hang-up is reported unasked
        while not done.is_set():
            if pipe.poll(_LOOK_MS):
                os._exit(0)

    watcher = threading.Thread(target=watch, name="parent", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()  # no thread of ours is to be forked
