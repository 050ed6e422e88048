"""All output of the command goes through here, so that no file's raw content reaches a terminal."""

import codecs
import io
import os
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from typing import TYPE_CHECKING, Any, TextIO, cast

from alexbench.harness.files.plain_text import printable

if TYPE_CHECKING:
    from rich.console import Console


class CleanStream:
    """A stream of text that writes what is printable of it. Bytes, for pipes, go to its ``buffer`` as they are."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def write(self, text: str) -> int:
        """Write what is printable; the length of all of it."""
        self.stream.write(printable(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write each."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)

    def __iter__(self) -> Iterator[str]:
        return iter(self.stream)


def clean_streams() -> None:
    """From now on, all that this process prints is printable, and nothing ends in an encoding error."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None or isinstance(stream, CleanStream):
            continue
        if isinstance(stream, io.TextIOWrapper):
            is_ascii = codecs.lookup(stream.encoding).name == "ascii"  # click would go round it
            stream.reconfigure(encoding="utf-8" if is_ascii else None, errors="backslashreplace")
        setattr(sys, name, CleanStream(stream))


def nobody_reads() -> None:
    """Nothing reads standard output any more: what is still written there goes nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _raw(stream: TextIO | None) -> TextIO | None:
    """A console's colours are its own: it cleans what it is given, and writes to the stream itself."""
    return cast("TextIO", stream.stream) if isinstance(stream, CleanStream) else stream


def console(stream: TextIO | None = None, *, stderr: bool = False, **options: Any) -> "Console":
    """A rich console whose text is printable; markup and emoji codes in it mean nothing."""
    target = stream or (sys.stderr if stderr else sys.stdout)
    given = {"highlight": False, "markup": False, "emoji": False, **options}
    made: Console = _console_class()(file=_raw(target), **given)
    return made


@cache
def _console_class() -> Any:
    """Rich is imported here, so that the command's help is printed without it."""
    from rich.console import Console
    from rich.segment import Segment

    class CleanConsole(Console):
        """Cleans every piece of text that is rendered; rich's own control codes are none of those."""

        def render(self, renderable: Any, options: Any = None) -> Any:
            for piece in super().render(renderable, options):
                if piece.control or piece.text.isprintable() or piece.text == "\n":
                    yield piece
                else:
                    yield Segment(printable(piece.text), piece.style)

        def on_broken_pipe(self) -> None:
            """The reader may close the pipe before the end (``| head``); that is not an error."""
            nobody_reads()

    return CleanConsole
