"""Progress on stderr: bars on a terminal, plain lines elsewhere."""

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
_WIDE: Final = 60
"""The least columns with room for the times next to the bar."""
_COUNTS: Final = 11
"""Columns of the counts: 50000/50000."""
_LEAST: Final = 6


def duration_words(seconds: float) -> str:
    """To the second, half a minute or a tenth of an hour."""
    if seconds < 90:
        return f"{max(1, round(seconds)):.0f} s"
    # Half minutes: 92 s said as 2 min would be a third too long before anything else is.
    return f"{round(seconds / 30) / 2:g} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


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
        from rich.table import Column
        from rich.text import Text

        class Counts(progress.MofNCompleteColumn):
            def render(self, task: progress.Task) -> Text:
                return Text() if task.total is None else super().render(task)

        start = time.monotonic()
        wide = self._console.width >= _WIDE
        bar_width = 20 if wide else 10
        times = (progress.TimeElapsedColumn(), progress.TimeRemainingColumn()) if wide else ()
        room = self._console.width - (bar_width + _COUNTS + 4 + 8 * len(times))
        described = Column(no_wrap=True, overflow="ellipsis", max_width=max(_LEAST, room))
        columns = (
            progress.SpinnerColumn(),
            progress.TextColumn("{task.description}", markup=False, table_column=described),
            progress.BarColumn(bar_width=bar_width),
            Counts(),
            *times,
        )
        with progress.Progress(*columns, console=self._console, transient=True) as bar:
            task = bar.add_task(title, total=None)
            yield lambda done, total: bar.update(task, completed=done, total=total)
        self.say(f"{title}: {time.monotonic() - start:.1f} s")
