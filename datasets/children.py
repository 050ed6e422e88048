"""Child processes that decode images: plain ``python -m MODULE`` processes, not multiprocessing's.

A spawned child of multiprocessing would import the parent's ``__main__`` again, with every runtime that a user's script
imports, and would outlive a killed parent. Ours import NumPy and the decoders only, and end when their standard input
closes. They exchange JSON lines; pixels go through memory that both map.
"""

import contextlib
import signal
import subprocess
import sys
from collections.abc import Sequence
from typing import TypeVar

from alexbench.harness.errors import DataError
from alexbench.harness.files.lines import read, send

T = TypeVar("T")


class ChildKilledError(DataError):
    """A child was killed. ``by``: the signal, in words."""

    def __init__(self, by: str) -> None:
        super().__init__(f"a process that decodes images was killed by {by}")
        self.by = by


class Child:
    """A child process, seen from the parent. One thread at a time may use it. It answers messages in their order."""

    def __init__(self, module: str, *, descriptors: Sequence[int] = ()) -> None:
        self._process = subprocess.Popen(
            # Without -P, a library's `import datasets` would find our folder when started in the repository's root.
            [sys.executable, "-P", "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="ascii",  # JSON escapes the bytes in a file's name that are not text
            pass_fds=descriptors,
            # A Ctrl-C at the terminal reaches only the parent, which then ends its children.
            start_new_session=True,
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )

    def send(self, message: object) -> None:
        """Send a message, a dataclass. A child that ended is noticed by :meth:`receive`."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            send(self._process.stdin, message)

    def receive(self, kind: type[T]) -> T:
        """Wait for the next answer.

        Raises:
            ChildKilledError: the child was killed.
        """
        assert self._process.stdout is not None
        try:
            line = self._process.stdout.readline()
        except OSError:
            line = ""
        if not line.endswith("\n"):
            status = self._process.wait()
            if status >= 0:  # its traceback is on stderr
                raise RuntimeError(f"a process that decodes images failed with exit status {status}")
            raise ChildKilledError(_name_of(-status))
        return read(kind, line)

    def end(self) -> None:
        """End the process at any point."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()


def _name_of(number: int) -> str:
    name = signal.Signals(number).name if number in set(signal.Signals) else f"signal {number}"
    return f"{name} (the kernel does this when memory runs out)" if name == "SIGKILL" else name
