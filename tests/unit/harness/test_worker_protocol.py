"""The lines between a command and its workers: what is said, what survives it, and that nothing is unpickled."""

import ast
import importlib.metadata
import importlib.util
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from alexbench.harness import errors, protocol
from alexbench.harness.errors import AlexBenchError, WeightsError, WorkerError

LIMIT_S = 60
FAMILY = sorted(
    (kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, AlexBenchError)),
    key=lambda kind: kind.__name__,
)


def test_a_message_is_one_line() -> None:
    stream = io.StringIO()
    protocol.send(stream, {"id": 1, "with": {"text": "two\nlines", "umlaut": "ä"}})
    assert stream.getvalue().count("\n") == 1
    assert protocol.decode(stream.getvalue()) == {"id": 1, "with": {"text": "two\nlines", "umlaut": "ä"}}


def test_a_message_never_holds_what_json_does_not_know() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        protocol.send(io.StringIO(), {"id": 1, "ok": {"ns": float("nan")}})


@pytest.mark.parametrize("line", ["", "hello\n", "[1, 2]\n", '{"id": 1', "3\n"])
def test_a_line_that_is_no_message_is_named(line: str) -> None:
    with pytest.raises(WorkerError, match="protocol is broken") as broken:
        protocol.decode(line)
    assert repr(line) in str(broken.value)


@pytest.mark.parametrize("kind", FAMILY, ids=lambda kind: kind.__name__)
def test_an_error_of_ours_arrives_as_itself(kind: type[AlexBenchError]) -> None:
    sent = json.loads(json.dumps(protocol.error_message(kind("fc6.weight has shape (1,)"))))
    arrived = protocol.error_from(sent)
    assert type(arrived) is kind
    assert str(arrived) == "fc6.weight has shape (1,)"


def test_any_other_error_arrives_as_a_worker_error_of_one_line() -> None:
    arrived = protocol.error_from(protocol.error_message(RuntimeError("kernel\n  refused " + "x" * 5000)))
    assert type(arrived) is WorkerError
    assert str(arrived).startswith("RuntimeError: kernel refused x")
    assert "\n" not in str(arrived)
    assert len(str(arrived)) <= 600


def test_an_error_class_that_only_the_worker_knows_is_a_worker_error() -> None:
    arrived = protocol.error_from({"kind": "NewerError", "message": "what it said"})
    assert type(arrived) is WorkerError
    assert str(arrived) == "what it said"


def _worker() -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "alexbench.harness.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        env={**os.environ, "PYTHONSAFEPATH": "1"},
    )


def test_the_worker_speaks_first_and_says_who_it_is() -> None:
    with _worker() as process:
        out, _ = process.communicate(timeout=LIMIT_S)
    first, *rest = out.splitlines()
    hello = protocol.Hello(**json.loads(first)["hello"])
    assert hello.schema == protocol.PROTOCOL_SCHEMA
    assert hello.version == importlib.metadata.version("alexbench")
    assert hello.python == ".".join(map(str, sys.version_info[:3]))
    assert hello.pid == process.pid
    assert rest == []


def test_the_worker_ends_with_its_requests() -> None:
    with _worker() as process:
        process.communicate(timeout=LIMIT_S)
    assert process.returncode == 0


def _conversation(requests: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], subprocess.Popen[str], str]:
    """The answers to ``requests``, hello first; the ended process, and what it printed to its log."""
    with _worker() as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        for request in requests:
            process.stdin.write(json.dumps(request) + "\n")
        process.stdin.flush()  # left open: at its end a worker leaves at once, whatever was asked
        answers = [json.loads(line) for line in process.stdout]
        log = process.stderr.read()
    return answers, process, log


def test_requests_are_answered_in_turn_and_quit_is_answered_too() -> None:
    answers, process, log = _conversation(
        [{"id": 1, "do": "memory"}, {"id": 2, "do": "nothing known"}, {"id": 3, "do": "quit"}]
    )
    _, memory, unknown, quitted = answers
    assert memory["id"] == 1
    assert memory["ok"]["peak_rss_mib"] > 1
    assert unknown == {"id": 2, "error": {"kind": "WorkerError", "message": "unknown request 'nothing known'"}}
    assert quitted == {"id": 3, "ok": {}}
    assert process.returncode == 0
    assert "unknown request" in log


@pytest.mark.parametrize(
    "module", ["alexbench.harness.protocol", "alexbench.harness.worker", "alexbench.harness.app.workers"]
)
def test_neither_side_of_the_protocol_can_unpickle(module: str) -> None:
    """NumPy imports pickle for itself, so it is our own source that is read; np.load unpickles only when told to."""
    spec = importlib.util.find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    source = Path(spec.origin).read_text(encoding="utf-8")
    imported = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            imported |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add((node.module or "").partition(".")[0])
    assert imported
    assert imported.isdisjoint({"pickle", "cloudpickle", "dill", "marshal", "shelve", "multiprocessing", "concurrent"})
    assert "allow_pickle" not in source


def test_a_worker_imports_no_multiprocessing() -> None:
    script = "import sys, alexbench.harness.worker; print('multiprocessing' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=LIMIT_S, check=True)
    assert ran.stdout.strip() == "False"


def test_an_unfit_weights_file_keeps_its_class_across_the_protocol(tmp_path: Path) -> None:
    (tmp_path / "w.safetensors").write_bytes(b"no safetensors")
    arguments = {
        "backend": "reference",
        "network": "owt",
        "input_size": 224,
        "weights": str(tmp_path / "w.safetensors"),
        "options": {"threads": 1},
    }
    answers, _, _ = _conversation([{"id": 1, "do": "load", "with": arguments}, {"id": 2, "do": "quit"}])
    arrived = protocol.error_from(answers[1]["error"])
    assert type(arrived) is WeightsError
    assert "w.safetensors" in str(arrived)
