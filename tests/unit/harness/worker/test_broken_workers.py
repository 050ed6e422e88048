"""Whatever a worker says that is not of the protocol is an error of its row, in one line."""

import json
import shlex
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from alexbench.harness.errors import WorkerError
from alexbench.harness.files import lines
from alexbench.harness.worker.client import WorkerProcess
from alexbench.harness.worker.protocol.lifecycle import ReadMemory

GREETING = {"hello": asdict(lines.Hello(lines.PROTOCOL_SCHEMA, "0", "3.13", pid=0))}
HELLO = f"print({json.dumps(GREETING)!r}, flush=True)"
LINES = {
    "not JSON": "hello",
    "a list": "[1]",
    "brackets within brackets": "[" * 100_000,
    "a number of 5,000 digits": '{"id": ' + "9" * 5000 + "}",
    "no answer": '{"id": 1}',
    "an answer that is none": '{"id": 1, "ok": []}',
    "an error that is none": '{"id": 1, "error": 3}',
    "progress that is none": '{"progress": 1}',
    "progress of one number": '{"progress": [1]}',
    "another's answer": '{"id": 2, "ok": {}}',
    "an answer without a field": '{"id": 1, "ok": {"rss_mib": 1.5}}',
    "an answer with a field of another kind": '{"id": 1, "ok": {"memory": {"rss_mib": "1", "peak_rss_mib": 2}}}',
    "a key that no line has": '{"id": 1, "okay": {}}',
}


def interpreter(folder: Path, code: str) -> str:
    """A program that greets as a worker does and, asked anything, runs ``code``."""
    script = folder / "worker.py"
    script.write_text(f"import os, sys\n{HELLO}\nsys.stdin.readline()\n{code}\n", encoding="utf-8")
    path = folder / "python"
    path.write_text(f"#!/bin/sh\nexec {shlex.quote(sys.executable)} {shlex.quote(str(script))}\n", encoding="utf-8")
    path.chmod(0o755)
    return str(path)


def error_of(folder: Path, code: str) -> str:
    odd = interpreter(folder, code)
    with pytest.raises(WorkerError) as raised, WorkerProcess("odd", log=folder / "log", python=odd) as worker:
        worker.ask(ReadMemory(), progress=lambda _done, _total: None)
    return str(raised.value)


@pytest.mark.skipif(sys.platform == "win32", reason="a shell script stands for the interpreter")
@pytest.mark.parametrize("line", LINES.values(), ids=LINES)
def test_a_line_that_is_no_message_is_an_error_of_the_row(tmp_path: Path, line: str) -> None:
    (tmp_path / "line").write_text(f"{line}\n", encoding="utf-8")
    said = error_of(tmp_path, f"print(open({str(tmp_path / 'line')!r}).read(), end='', flush=True)")
    assert len(said.splitlines()) == 1
    assert len(said) < 400


@pytest.mark.skipif(sys.platform == "win32", reason="a shell script stands for the interpreter")
@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("os._exit(7)", "exit code 7"),
        ("os.kill(os.getpid(), 11)", "SIGSEGV"),
        ("os.kill(os.getpid(), 9)", "SIGKILL"),
        ("sys.stderr.write('y' * 1_000_000 + '\\nthe end\\n'); sys.stderr.flush(); os._exit(3)", "exit code 3"),
        ("sys.stdout.buffer.write(b'\\xff\\n'); sys.stdout.flush()", "ended with exit code 0"),
    ],
)
def test_a_worker_that_ends_or_babbles_says_how_in_one_line(tmp_path: Path, code: str, said: str) -> None:
    found = error_of(tmp_path, code)
    assert said in found
    assert len(found.splitlines()) == 1


def test_a_line_without_end_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if sys.platform == "win32":
        pytest.skip("a shell script stands for the interpreter")
    monkeypatch.setattr(lines, "LONGEST", 1000)
    assert "protocol is broken" in error_of(tmp_path, "print('x' * 100_000, flush=True)")
