"""Progress where there is no terminal: plain lines, few of them, on standard error."""

import io
import re
import sys

import pytest

from alexbench.harness.console import progress
from alexbench.harness.console.progress import PLAIN_EVERY_S, LiveDisplay, PlainDisplay, display_for
from tests.support.terminals import Terminal


class HandWound:
    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def wound(monkeypatch: pytest.MonkeyPatch) -> HandWound:
    hand = HandWound()
    monkeypatch.setattr(progress, "time", hand)
    return hand


def test_a_pipe_gets_plain_lines() -> None:
    assert isinstance(display_for(io.StringIO()), PlainDisplay)


def test_a_step_says_its_start_its_end_and_now_and_then_how_far(wound: HandWound) -> None:
    stream = io.StringIO()
    with PlainDisplay(stream).step("work [1]") as advance:
        for done in range(1, 11):
            wound.now += PLAIN_EVERY_S / 2
            advance(done, 10)
    assert stream.getvalue().splitlines() == [
        "work [1] ...",
        "  work [1]: 2/10",
        "  work [1]: 4/10",
        "  work [1]: 6/10",
        "  work [1]: 8/10",
        f"work [1]: {5 * PLAIN_EVERY_S:.1f} s",
    ]


def test_a_step_that_fails_ends_without_a_word(wound: HandWound) -> None:
    stream = io.StringIO()
    with pytest.raises(RuntimeError), PlainDisplay(stream).step("work"):
        raise RuntimeError("no")
    assert stream.getvalue() == "work ...\n"


@pytest.mark.parametrize("columns", [40, 80, 120])
def test_a_bar_fits_its_terminal_whatever_the_title(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"COLUMNS": str(columns), "LINES": "50", "TERM": "xterm", "NO_COLOR": "1"}.items():
        monkeypatch.setenv(name, value)
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    with LiveDisplay().step("onnxruntime@a-long-label int8 tuned: accuracy on 50000 images") as advance:
        advance(25_000, 50_000)
    frames = re.split(r"\x1b\[[0-9;?]*[A-Za-z]|\r|\n", stream.getvalue())
    drawn = [frame for frame in frames if "25000/50000" in frame]
    assert drawn
    assert all(len(frame.rstrip()) <= columns for frame in drawn)
    assert all("━" in frame or "╸" in frame for frame in drawn)
