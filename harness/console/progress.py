"""Telling the user what is going on: bars on a terminal, plain lines elsewhere. On standard error, always."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, Protocol, TextIO

from alexbench.harness.console.streams import console
from alexbench.harness.files.plain_text import printable

Advance = Callable[[int, int], None]
"""Called with (done, total)."""

PLAIN_EVERY_S: Final = 15.0


class Display(Protocol):
    """Where progress goes."""

    def say(self, line: str) -> None:
        """One line that stays."""
        ...

    @contextmanager
    def step(self, title: str) -> Iterator[Advance]:
        """A piece of work that takes a while."""
        ...


def display_for(stream: TextIO | None = None) -> Display:
    """A live display where ``stream``, or standard error, is a terminal; plain lines where it is a file or a pipe."""
    return LiveDisplay() if (stream or sys.stderr).isatty() else PlainDisplay(stream)


class PlainDisplay:
    """A line at the start and the end of each step, and one every PLAIN_EVERY_S between."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr

    def say(self, line: str) -> None:
        """Print the line."""
        print(printable(line), file=self._stream, flush=True)

    @contextmanager
    def step(self, title: str) -> Iterator[Advance]:
        """Announce, report now and then, and say how long it took; a step that fails ends without a word."""
        start = last = time.monotonic()

        def advance(done: int, total: int) -> None:
            nonlocal last
            now = time.monotonic()
            if now - last >= PLAIN_EVERY_S and done < total:
                last = now
                self.say(f"  {title}: {done}/{total}")

        self.say(f"{title} ...")
        yield advance
        self.say(f"{title}: {time.monotonic() - start:.1f} s")


class LiveDisplay:
    """A progress bar with counts and remaining time, which leaves one line behind."""

    def __init__(self) -> None:
        self._console = console(stderr=True)

    def say(self, line: str) -> None:
        """Print the line above the bar."""
        self._console.print(line)

    @contextmanager
    def step(self, title: str) -> Iterator[Advance]:
        """A bar until the step ends, then a line that says how long it took."""
        from rich import progress

        start = time.monotonic()
        columns = (
            progress.SpinnerColumn(),
            progress.TextColumn("{task.description}", markup=False),
            progress.BarColumn(bar_width=30),
            progress.MofNCompleteColumn(),
            progress.TimeElapsedColumn(),
            progress.TimeRemainingColumn(),
        )
        with progress.Progress(*columns, console=self._console, transient=True) as bar:
            task = bar.add_task(title, total=None)
            yield lambda done, total: bar.update(task, completed=done, total=total)
        self.say(f"{title}: {time.monotonic() - start:.1f} s")
