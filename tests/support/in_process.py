"""The command in this process: what it prints and how it ends, without the second or two that a process takes to start.

For what is refused before anything starts, and for what only reads files. That a process of its own ends alike is shown
by tests/end_to_end, which starts one for everything else.
"""

import contextlib
import io
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from alexbench.harness.cli import main


@dataclass(frozen=True, slots=True)
class Ended:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def last_line(self) -> str:
        """The last line on standard error."""
        return self.err.strip().splitlines()[-1] if self.err.strip() else ""


def alexbench(*arguments: str | Path, folder: Path, cache: Path) -> Ended:
    """Run the command to its end, from ``folder``."""
    out, err = _stream(), _stream()
    with (
        pytest.MonkeyPatch.context() as patch,
        contextlib.chdir(folder),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        _signals(),
    ):
        patch.setattr(sys, "argv", ["alexbench", *map(str, arguments)])
        patch.setenv("ALEXBENCH_CACHE", str(cache))
        patch.delenv("GITHUB_STEP_SUMMARY", raising=False)
        code = _code()
    return Ended(code, _text(out), _text(err))


def _code() -> int:
    try:
        main()
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


def _stream() -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="", write_through=True)


def _text(stream: io.TextIOWrapper) -> str:
    stream.flush()
    assert isinstance(stream.buffer, io.BytesIO)
    return stream.buffer.getvalue().decode("utf-8")


@contextlib.contextmanager
def _signals() -> Iterator[None]:
    """The command has handlers of its own."""
    names = [name for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {name: signal.getsignal(getattr(signal, name)) for name in names}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(getattr(signal, name), handler)
