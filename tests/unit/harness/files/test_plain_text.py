"""Text from anybody's file: nothing in it commands a terminal, a spreadsheet, a parser of JSON or a reader's eye."""

import io
import json
import math
import sys
from typing import Any

import pytest

from alexbench.harness.console.streams import CleanStream, clean_streams, console
from alexbench.harness.files.plain_text import cell, json_text, one_line, printable, strict_json

HOSTILE = (
    "\x1b[2J",
    "\x1b]0;title\x07",
    "\x1b]8;;http://example.org\x1b\\",
    "\x9b31m",
    "\r",
    "\x00",
    "\x7f",
    "\u202e",
    "\u2066",
    "\u200f",
    "\ufeff",
    "\U000e0041",
    "\ud800",
    "\udcff",
)


@pytest.mark.parametrize("hostile", HOSTILE, ids=ascii)
def test_what_is_printed_has_no_command_in_it_and_can_be_encoded(hostile: str) -> None:
    said = printable(f"a{hostile}b")
    assert said.startswith("a")
    assert said.endswith("b")
    assert said.isprintable()
    assert said.encode()


@pytest.mark.parametrize("text", ["plain", "Ünïcode 🐍 漢字", "a\tb\nc", "torch@2.13.0", "x -> y", "a\u200bb"])
def test_ordinary_text_is_left_as_it_is(text: str) -> None:
    assert printable(text) == text


def test_one_line_is_one_line() -> None:
    assert one_line("a\nb\u2028c\r\nd") == "a b c d"


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t=", "\r=", "  =", "\n=", "\uff1d", "\x1b[0m="], ids=ascii)
def test_no_cell_of_text_is_a_formula(start: str) -> None:
    assert cell(f'{start}HYPERLINK("http://example.org")').startswith("'")


def test_an_ordinary_cell_is_left_as_it_is() -> None:
    assert cell("onnxruntime@head, 2 = 1 + 1") == "onnxruntime@head, 2 = 1 + 1"


@pytest.mark.parametrize("hostile", HOSTILE, ids=ascii)
def test_json_loses_nothing_and_is_harmless_where_it_is_printed(hostile: str) -> None:
    text = json_text({"name": f"a{hostile}b"})
    assert printable(text) == text
    assert json.loads(text) == {"name": f"a{hostile}b"}


def test_json_has_null_where_a_number_is_not_finite() -> None:
    found = {"a": [math.nan, {"b": math.inf}], "c": 1.5}
    assert json.loads(json_text(found)) == {"a": [None, {"b": None}], "c": 1.5}
    with pytest.raises(ValueError, match="JSON"):
        strict_json(found)


class _Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("hostile", HOSTILE, ids=ascii)
@pytest.mark.parametrize("kind", [io.StringIO, _Terminal])
def test_a_stream_and_a_console_write_what_is_printable(kind: type[io.StringIO], hostile: str) -> None:
    plain, rich = kind(), kind()
    CleanStream(plain).write(f"a{hostile}b\n")
    shown: Any = CleanStream(rich)
    console(shown, force_terminal=False, width=200).print(f"a{hostile}b [bold]c[/bold]")
    for text in (plain.getvalue(), rich.getvalue()):
        assert text.rstrip("\n").isprintable()
        assert text.encode()
    assert "[bold]c[/bold]" in rich.getvalue()


def test_a_console_keeps_its_own_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    terminal: Any = CleanStream(_Terminal())
    console(terminal, width=80, color_system="standard").print("\x1b[2Jnot gone", style="bold")
    assert terminal.getvalue() == "\x1b[1mnot gone\x1b[0m\n"


def test_both_streams_are_cleaned_once(monkeypatch: pytest.MonkeyPatch) -> None:
    streams = [io.TextIOWrapper(io.BytesIO(), encoding="ascii") for _ in range(2)]
    monkeypatch.setattr(sys, "stdout", streams[0])
    monkeypatch.setattr(sys, "stderr", streams[1])
    clean_streams()
    clean_streams()
    for stream, raw in zip((sys.stdout, sys.stderr), streams, strict=True):
        assert isinstance(stream, CleanStream)
        assert stream.stream is raw
        print("é\x1b[2J\udcff", file=stream, flush=True)
        raw.seek(0)
        assert raw.buffer.read() == "é\\udcff\n".encode()
