"""The lines between a command and its workers: their content, what survives them, and that nothing is unpickled."""

import ast
import importlib.metadata
import importlib.util
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from alexbench.harness import errors
from alexbench.harness import worker_process as worker
from alexbench.harness.contract import Artifact, ArtifactFacts, Effective, Known, Options
from alexbench.harness.errors import AlexBenchError, UsageError, WeightsError, WorkerError
from alexbench.harness.files import lines
from alexbench.harness.files.decoding import decode
from alexbench.harness.files.lines import Asked, Reply, Request
from alexbench.harness.measure.clock import Timed
from alexbench.harness.measure.environment import environment
from alexbench.harness.measure.loadgen import LoadSettings
from alexbench.harness.measure.process import Memory
from alexbench.harness.models.card import load_card
from alexbench.harness.models.preprocessing import Normalisation
from alexbench.harness.systems import InputConvention
from alexbench.harness.worker.client import WorkerProcess
from alexbench.harness.worker.protocol import lifecycle as process
from alexbench.harness.worker.protocol import loading, making, ranges, scoring, timing, training_speed
from alexbench.harness.worker.protocol.lifecycle import ReadEnvironment
from alexbench.harness.worker.protocol.timing import WarmUp

LIMIT_S = 60
FAMILY = sorted(
    (kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, AlexBenchError)),
    key=lambda kind: kind.__name__,
)


def test_a_message_is_one_line() -> None:
    stream, asked = io.StringIO(), ReadEnvironment(("two\nlines", "ä"))
    lines.send_request(stream, 1, asked)
    assert stream.getvalue().count("\n") == 1
    read = lines.read(Asked, stream.getvalue())
    assert read == Asked(1, "read_environment", {"distributions": ["two\nlines", "ä"]})
    assert lines.request_of(read, {"read_environment": ReadEnvironment}) == asked


def test_a_message_never_holds_what_json_does_not_know() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        lines.send(io.StringIO(), {"id": 1, "ok": WarmUp(1, float("nan"))})


@pytest.mark.parametrize("line", ["", "hello\n", "[1, 2]\n", '{"id": 1', "3\n"])
def test_a_line_that_is_no_message_is_named(line: str) -> None:
    with pytest.raises(WorkerError, match="protocol is broken") as broken:
        lines.read(Reply, line)
    assert repr(line) in str(broken.value)


@pytest.mark.parametrize("kind", FAMILY, ids=lambda kind: kind.__name__)
def test_an_error_of_ours_arrives_as_itself(kind: type[AlexBenchError]) -> None:
    arrived = lines.error_from(lines.failure(kind("fc6.weight has shape (1,)")))
    assert type(arrived) is kind
    assert str(arrived) == "fc6.weight has shape (1,)"


def test_any_other_error_arrives_as_a_worker_error_of_one_line() -> None:
    arrived = lines.error_from(lines.failure(RuntimeError("kernel\n  refused " + "x" * 5000)))
    assert type(arrived) is WorkerError
    assert str(arrived).startswith("RuntimeError: kernel refused x")
    assert "\n" not in str(arrived)
    assert len(str(arrived)) <= 600


def test_an_error_class_that_only_the_worker_knows_is_a_worker_error() -> None:
    arrived = lines.error_from(lines.Failure("NewerError", "what it said"))
    assert type(arrived) is WorkerError
    assert str(arrived) == "what it said"


def _worker() -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "alexbench.harness.worker_process"],
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
    hello = decode(lines.Hello, json.loads(first)["hello"])
    assert hello.schema == lines.PROTOCOL_SCHEMA
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
        [{"id": 1, "do": "read_memory"}, {"id": 2, "do": "nothing known"}, {"id": 3, "do": "quit"}]
    )
    _, memory, unknown, quitted = answers
    assert memory["id"] == 1
    assert memory["ok"]["memory"]["peak_rss_mib"] > 1
    assert unknown == {"id": 2, "error": {"kind": "WorkerError", "message": "unknown request 'nothing known'"}}
    assert quitted == {"id": 3, "ok": {}}
    assert process.returncode == 0
    assert "unknown request" in log


@pytest.mark.parametrize(
    "module", ["alexbench.harness.files.lines", "alexbench.harness.worker_process", "alexbench.harness.worker.client"]
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


def test_a_worker_imports_neither_multiprocessing_nor_what_would_count_as_a_runtimes_memory() -> None:
    script = (
        "import sys, alexbench.harness.worker_process; print({'multiprocessing', 'pandas', 'scipy'} & set(sys.modules))"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=LIMIT_S, check=True)
    assert ran.stdout.strip() == "set()"


def test_an_unfit_weights_file_keeps_its_class_across_the_protocol(tmp_path: Path) -> None:
    (tmp_path / "w.safetensors").write_bytes(b"no safetensors")
    asked = loading.Load("reference", "owt", 224, tmp_path / "w.safetensors", Options(threads=1))
    with WorkerProcess("plain", log=tmp_path / "log") as found, pytest.raises(WeightsError, match=r"w\.safetensors"):
        found.ask(asked)


# What can be asked, and what answers


MODULES = (loading, making, process, ranges, scoring, timing, training_speed)
REQUESTS = [
    kind
    for module in MODULES
    for kind in vars(module).values()
    if isinstance(kind, type) and issubclass(kind, Request) and kind is not Request
]


def test_every_request_but_those_that_end_the_process_is_carried_out_with_the_answer_that_it_names() -> None:
    assert set(worker.HANDLERS) == {*REQUESTS} - {process.Quit, process.Restart}
    for kind, handler in worker.HANDLERS.items():
        hints = get_type_hints(handler)
        assert hints.pop("return") is lines.answer_of(kind), kind
        assert list(hints.values())[-1] is kind


def test_no_two_requests_have_one_name_on_the_lines() -> None:
    assert len({lines.name_of(kind) for kind in REQUESTS}) == len(REQUESTS)
    assert lines.name_of(loading.LoadArtifact) == "load_artifact"


@pytest.mark.parametrize("kind", [*REQUESTS, *map(lines.answer_of, REQUESTS)], ids=lambda kind: kind.__name__)
def test_requests_and_answers_are_frozen_and_slotted_and_of_kinds_that_travel(kind: type[Any]) -> None:
    assert kind.__dataclass_params__.frozen
    assert kind.__dictoffset__ == 0
    assert "Any" not in str(get_type_hints(kind))


FACTS = ArtifactFacts(
    format="ONNX",
    input_name="data",
    output_name="prob",
    layout="NHWC",
    dtype="uint8",
    batch=None,
    outputs=1000,
    scores="probabilities",
    scores_in_graph=None,
    normalisation=Normalisation((0.5, 1.5, 2.0), (-1.0, 0.0, 1.0), reverses_channels=True),
    precision="int8",
    clips=(-1.0, 2.5),
)
STATED = InputConvention("0..255", "BGR")
SENT: list[Request[object]] = [
    loading.LoadArtifact(
        "torch", Artifact(Path("mödel.pt2"), (3, 8, 8), 1000, trusted=True, convention=STATED), FACTS, Options(2)
    ),
    loading.OpenPixels(Path("pixels\udcff.npy"), load_card("bvlc").preprocessing, first=3),
    making.ComputeVariants("owt", 224, Path("w"), Path("in"), Path("out"), made=((), (1,), (1, 2))),
    making.ExportNetwork("torch", "onnx", None, "owt", 224, Path("w"), Path("out"), notes={"card": "a\nb"}),
    timing.RunLoadgen("Server", LoadSettings(1000, 64, target_rate=70.5), Path("logs")),
]
ANSWERED: list[tuple[Request[object], object]] = [
    (timing.TimeCalls(1, 0.1), Timed([1, 2, 2**62], 3)),
    (timing.ProfileLayers(1, 3), timing.Profiled(None)),
    (timing.TimeResident(1, 0.1), timing.Resident(Timed([5], 6))),
    (process.ReadMemory(), process.MemoryUse(Memory(1.5, 2.0), (0, 3))),
    (process.ReadEnvironment(()), environment(())),
    (making.ConvertWeights(Path("w.pth"), "owt", 224, Path("cache")), making.Converted(Path("d"), "d", "", "")),
    (
        loading.Load("odd", "owt", 8, Path("w"), Options(1)),
        loading.Loaded(0.5, Effective("odd", "1", *[Known("1", "requested")] * 5, settings={"a": "b"})),
    ),
]


@pytest.mark.parametrize("request_", SENT, ids=lambda one: lines.name_of(type(one)))
def test_a_request_arrives_as_it_was_sent(request_: Request[object]) -> None:
    stream, name = io.StringIO(), lines.name_of(type(request_))
    lines.send_request(stream, 7, request_)
    assert lines.request_of(lines.read(Asked, stream.getvalue()), {name: type(request_)}) == request_


@pytest.mark.parametrize(("request_", "answer"), ANSWERED, ids=lambda one: type(one).__name__)
def test_an_answer_arrives_as_it_was_given(request_: Request[object], answer: object) -> None:
    stream = io.StringIO()
    lines.send(stream, {"id": 7, "ok": answer})
    assert lines.answer_to(request_, lines.read(Reply, stream.getvalue()).ok) == answer


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            {"batchsize": 1, "seconds": 1.0},
            "request unknown key 'time_calls.batchsize'; did you mean 'batch_size'? Known: batch_size, seconds",
        ),
        ({"batch_size": 1}, "request key 'time_calls.seconds' is missing"),
        ({"batch_size": "1", "seconds": 1}, "request time_calls.batch_size = '1', wanted a whole number"),
    ],
)
def test_a_request_of_other_fields_is_named_with_the_field(arguments: dict[str, object], said: str) -> None:
    with pytest.raises(WorkerError) as refused:
        lines.request_of(Asked(1, "time_calls", arguments), {"time_calls": timing.TimeCalls})
    assert str(refused.value) == said


def test_a_value_that_makes_no_sense_keeps_its_error(tmp_path: Path) -> None:
    asked = Asked(1, "check_options", {"backend": "torch", "options": {"threads": 0}})
    with pytest.raises(UsageError, match="0 threads: give 1 or more"):
        lines.request_of(asked, {"check_options": loading.CheckOptions})
