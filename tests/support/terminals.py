"""A stream that says it is a terminal, and what is printed on one of so many columns."""

import io
from collections.abc import Callable
from typing import TextIO

import pytest


class Terminal(io.StringIO):
    """What is written to it can be read back."""

    def isatty(self) -> bool:
        return True


def on_a_terminal(printing: Callable[[TextIO], object], columns: int, monkeypatch: pytest.MonkeyPatch) -> str:
    """What ``printing`` writes on a terminal of so many columns, without colours."""
    for name, value in {"COLUMNS": str(columns), "LINES": "50", "TERM": "dumb", "NO_COLOR": "1"}.items():
        monkeypatch.setenv(name, value)
    stream = Terminal()
    printing(stream)
    return stream.getvalue()
