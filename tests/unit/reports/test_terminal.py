"""The leaderboard on a terminal, and where there is none."""

import io
import re

import pytest

from alexbench.harness.records.run_records import SystemRecord
from alexbench.reports import terminal
from alexbench.reports.leaderboard.output import print_leaderboard
from tests.support.records import effective, error_row, missing_row, ok_row, performance, run_record, synthetic_run
from tests.support.terminals import Terminal


def printed(stream: io.StringIO, *rows: SystemRecord) -> str:
    print_leaderboard(run_record(*rows), stream)
    return stream.getvalue()


def test_a_pipe_gets_plain_text() -> None:
    text = printed(io.StringIO(), ok_row("a"), error_row("b"), missing_row("c"))
    assert "\x1b" not in text
    assert "reference (float64)" in text
    assert "[1] worker openvino was killed by SIGKILL" in text


@pytest.mark.parametrize("stream", [io.StringIO, Terminal])
def test_what_is_in_a_file_moves_no_cursor(stream: type[io.StringIO]) -> None:
    text = printed(stream(), error_row("a", error="\x1b]0;title\x07\x1b[2Jgone\x00"))
    assert "]0;titlegone" in text
    assert not {"\x07", "\x00", "\x1b]", "\x1b[2J"} & {
        text[place : place + n] for n in (1, 2, 4) for place in range(len(text))
    }


def test_in_a_pipe_a_line_is_a_line() -> None:
    long = "x" * 500
    text = printed(io.StringIO(), ok_row("a"), error_row("b", long))
    assert any(
        line.startswith("AlexNet (torchvision), 1,000 images;") and "cores)" in line for line in text.splitlines()
    )
    assert long in text  # a message is not broken where a page would end


def test_in_a_pipe_a_row_is_a_line_and_nothing_is_cut_off() -> None:
    versions = {
        "onnxruntime": "1.31.1",
        "openvino": "2026.4.1-22982-e213a147257-releases/2026/4",  # as it calls itself
        "tensorflow": "2.21.0",
        "torch": "2.13.0+cu130",
    }
    rows = [
        ok_row(name, effective=effective(version), performance=performance(1234.5, p50_ms=123.45))
        for name, version in versions.items()
    ]
    text = printed(io.StringIO(), *rows)
    assert "…" not in text
    for name in versions:
        line = next(line for line in text.splitlines() if re.match(rf"\s*\S+ +{name} \d", line))
        assert line.rstrip().endswith("ok")


def on_columns(monkeypatch: pytest.MonkeyPatch, columns: int, *rows: SystemRecord) -> list[str]:
    """The lines from the leaderboard on, of a terminal so wide, without colours."""
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    lines = re.sub(r"\x1b\[[0-9;]*m", "", printed(Terminal(), *rows)).splitlines()
    return lines[lines.index("Leaderboard") :]


def test_a_narrow_terminal_breaks_lines_between_words_and_cuts_nothing_off(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [ok_row(name, performance=performance(1234.5, p50_ms=123.45)) for name in ("onnxruntime", "torch")]
    lines = on_columns(monkeypatch, 80, *rows)
    assert max(map(len, lines)) <= 80
    words = " ".join(lines).split()
    assert {"123.45", "1234.5", "onnxruntime", "torch", "reference"} <= set(words)


def test_where_words_do_not_fit_either_they_are_folded_and_not_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = on_columns(monkeypatch, 60, ok_row("onnxruntime", performance=performance(1234.5, p50_ms=123.45)))
    assert max(map(len, lines)) <= 60
    text = " ".join(lines)
    assert "(1232.5-1236.5)" not in text
    assert "…" not in text


def test_colons_in_a_message_are_no_image() -> None:
    assert "failed :warning: here" in printed(io.StringIO(), error_row("b", "b failed :warning: here"))


def test_no_color_is_obeyed_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    text = printed(Terminal(), ok_row("a"))
    assert not any(f"\x1b[{colour}" in text for colour in (*range(30, 38), *range(90, 98)))


def test_synthetic_is_said_on_the_terminal_too() -> None:
    stream = io.StringIO()
    print_leaderboard(synthetic_run(), stream)
    assert "Synthetic data: accuracy says nothing about ImageNet." in stream.getvalue()


def test_square_brackets_are_shown_and_not_taken_for_markup() -> None:
    text = printed(io.StringIO(), ok_row("a"), missing_row("torch"), ok_row("[red]b[/red]"))
    assert "pip install 'alexbench[torch]'" in text
    assert "[red]b[/red]" in text
    assert "[red]b[/red]" in text


def test_on_a_terminal_a_long_fact_is_indented(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    stream = Terminal()
    terminal.Terminal(stream).facts([("data", "word " * 12)])
    lines = stream.getvalue().splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("    data  word")
    assert lines[1].startswith(" " * 10 + "word")
