"""What a run leaves behind comes back as it was, or is refused by name."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from alexbench.harness.errors import RecordError
from alexbench.harness.records.file_names import RUN_FILE
from alexbench.harness.records.record_files import read_run, to_json
from alexbench.harness.records.run_records import SCHEMA_VERSION, RunRecord
from alexbench.harness.records.speed_records import Group, Probe
from tests.support.records import (
    accuracy,
    ceiling,
    control,
    effective,
    error_row,
    generated,
    missing_row,
    noise,
    ok_row,
    parity,
    performance,
    reasons,
    run_record,
    synthetic_run,
    throughput,
)

FIXTURES = Path(__file__).parents[3] / "fixtures"


def written(folder: Path, change: Callable[[dict[str, Any]], object] = lambda data: None) -> Path:
    """A run's folder whose record ``change`` has been at."""
    data = json.loads(to_json(run_record(ok_row("a"), error_row("b"), missing_row("c"))))
    change(data)
    (folder / RUN_FILE).write_text(json.dumps(data), encoding="utf-8")
    return folder


def refusal(folder: Path) -> str:
    with pytest.raises(RecordError) as refused:
        read_run(folder)
    message = str(refused.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    "record",
    [
        run_record(ok_row("a"), error_row("b"), missing_row("c")),
        run_record(ok_row("a", performance=None, accuracy=None, parity=None), reference=None),
        run_record(ok_row("a", effective=effective("1.0-ünï", settings={"a": "b | c"}))),
        run_record(systems=(), status="running", finished=None, reference=None),
        synthetic_run(),
        run_record(ok_row(accuracy=accuracy(interval=True), parity=parity(effective_bits=7.4, passed=False))),
        run_record(
            ok_row(
                performance=performance(
                    sweep=(throughput(batch_size=1), throughput()),
                    offline=throughput(way="a queue", streams="4"),
                    resident=performance().latency,
                    generated=(
                        generated(valid=False, reasons=reasons("too few"), probes=(Probe(9.5, None, 3, valid=False),)),
                    ),
                    layers_ms={"conv1": 1.5},
                    noise=noise("throttled"),
                )
            ),
            controls=(control(),),
            ceiling=ceiling(),
            invalid=reasons("the machine slept"),
        ),
    ],
    ids=[
        "rows of every kind",
        "nothing measured",
        "strange text",
        "just begun",
        "synthetic",
        "all of accuracy",
        "all of speed",
    ],
)
def test_a_record_comes_back_as_it_was(record: RunRecord, tmp_path: Path) -> None:
    (tmp_path / RUN_FILE).write_text(to_json(record), encoding="utf-8")
    assert read_run(tmp_path) == record
    assert to_json(read_run(tmp_path)) == to_json(record)


def test_its_json_is_readable_and_in_the_order_of_the_fields() -> None:
    text = to_json(run_record())
    assert text.endswith("}\n")
    assert list(json.loads(text))[:3] == ["status", "started", "finished"]
    assert json.loads(text)["schema_version"] == SCHEMA_VERSION


def test_a_number_that_json_does_not_have_is_not_written() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        to_json(run_record(ok_row(load_s=float("nan"))))


def test_a_folder_without_a_record_is_no_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "alone" / "folder"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)  # where there are runs, the message names them
    assert refusal(folder) == f"{folder} is not a run: it has no run.json; alexbench run makes one"
    assert "no such folder" in refusal(tmp_path / "nowhere")


def test_a_path_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert str(tmp_path / "file") in refusal(tmp_path / "file")


def test_a_newer_schema_is_refused_by_name(tmp_path: Path) -> None:
    message = refusal(written(tmp_path, lambda data: data.update(schema_version=SCHEMA_VERSION + 1, new_key=1)))
    assert f"has schema {SCHEMA_VERSION + 1}, newer than the {SCHEMA_VERSION} this alexbench reads" in message
    assert "upgrade alexbench" in message
    assert str(tmp_path / RUN_FILE) in message


def test_a_record_of_schema_1_is_upgraded() -> None:
    record = read_run(FIXTURES / "schema-1")
    assert record.schema_version == SCHEMA_VERSION
    assert [row.name for row in record.systems] == ["onnxruntime", "openvino", "tensorflow", "torch"]
    assert record.data.images == 1000
    assert (record.data.names_digest, record.data.skipped, record.data.part) == ("", (), None)


def test_a_record_of_schema_2_is_upgraded_and_its_bounds_stay_windows() -> None:
    record = read_run(FIXTURES / "schema-2")
    assert record.schema_version == SCHEMA_VERSION
    assert [row.name for row in record.systems] == ["onnxruntime", "openvino", "tensorflow", "torch"]
    speeds = [row.performance for row in record.systems if row.performance is not None]
    assert len(speeds) == 4
    assert {speed.throughput.bounds for speed in speeds} == {"windows"}
    assert {(speed.noise, speed.sweep, speed.offline) for speed in speeds} == {(None, (), None)}
    assert (record.controls, record.ceiling, record.invalid) == ((), None, ())
    assert record.data.names_digest


def test_a_record_of_schema_3_is_upgraded_and_what_was_not_measured_then_is_none() -> None:
    record = read_run(FIXTURES / "schema-3")
    assert record.schema_version == SCHEMA_VERSION
    assert [row.name for row in record.systems] == ["onnxruntime", "openvino"]
    for row in record.systems:
        assert row.accuracy is not None
        assert row.parity is not None
        assert (row.accuracy.images, row.accuracy.top1_interval, row.accuracy.top5_interval) == (40, None, None)
        assert row.parity.passed
        assert (row.parity.kl, row.parity.top5_overlap, row.parity.effective_bits) == (None, None, None)
        assert (row.parity.computed_as, row.parity.as_claimed, row.parity.unmasked) == (None, None, None)


def test_a_record_of_schema_4_is_upgraded_and_has_groups_and_no_ranks() -> None:
    record = read_run(FIXTURES / "schema-4")
    assert record.schema_version == SCHEMA_VERSION
    assert [row.name for row in record.systems] == ["onnxruntime", "openvino", "tensorflow", "torch"]
    assert {row.rank for row in record.systems} == {None}
    assert {row.group for row in record.systems} == {Group("cpu", "fp32", "2", "1")}
    assert (record.resolutions, record.differences) == ((), ())
    assert record.controls
    assert all(row.performance is not None and row.parity is not None for row in record.systems)


def test_a_record_of_schema_5_has_ranks_and_what_it_can_tell_apart() -> None:
    record = read_run(FIXTURES / "schema-5")
    assert {row.name: row.rank for row in record.systems} == {
        "onnxruntime": 2,
        "openvino": 1,
        "tensorflow": 1,
        "torch": 4,
    }
    assert [one.of for one in record.resolutions] == ["latency", "images/s"]
    assert len(record.differences) == 12
    assert all(one.low < one.ratio < one.high for one in record.differences)


def test_a_record_of_schema_6_has_systems_and_those_that_cannot_run() -> None:
    record = read_run(FIXTURES / "schema-6")
    assert record.base == "openvino bf16 2 threads"
    rows = {row.name: (row.status, row.system.precision, row.system.threads) for row in record.systems}
    assert rows == {
        f"{backend}{'' if precision == 'fp32' else ' bf16'} {threads} thread{'s' * (threads - 1)}": (
            "unsupported" if (backend, precision) == ("onnxruntime", "bf16") else "ok", precision, threads
        )
        for backend in ("openvino", "onnxruntime") for precision in ("fp32", "bf16") for threads in (1, 2)
    }  # fmt: skip
    assert record.pairs[0].base == record.base


def test_an_upgraded_record_is_written_in_the_newest_schema(tmp_path: Path) -> None:
    for older in ("schema-1", "schema-2", "schema-3", "schema-4", "schema-5"):
        record = read_run(FIXTURES / older)
        (tmp_path / RUN_FILE).write_text(to_json(record), encoding="utf-8")
        assert read_run(tmp_path) == record


@pytest.mark.parametrize("version", ["1", None, [], 1.5, True, 0, -1])
def test_a_schema_version_that_is_none_is_damage(tmp_path: Path, version: object) -> None:
    assert "is damaged" in refusal(written(tmp_path, lambda data: data.update(schema_version=version)))


@pytest.mark.parametrize("size", [0, 1, 200, -2])
def test_a_truncated_record_is_damaged(tmp_path: Path, size: int) -> None:
    text = (written(tmp_path) / RUN_FILE).read_text(encoding="utf-8")
    (tmp_path / RUN_FILE).write_text(text[:size], encoding="utf-8")
    assert f"{tmp_path / RUN_FILE} is damaged" in refusal(tmp_path)


@pytest.mark.parametrize("content", [b"[]", b"3", b'"text"', b"null", b"{}", b"\xff\xfe\x00", b"\x00" * 100])
def test_what_is_no_record_is_damaged(tmp_path: Path, content: bytes) -> None:
    (tmp_path / RUN_FILE).write_bytes(content)
    assert f"{tmp_path / RUN_FILE} is damaged" in refusal(tmp_path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda data: data["systems"][0]["accuracy"].update(images="1000"), "systems[0].accuracy.images = '1000'"),
        (lambda data: data["systems"][0]["accuracy"].update(images=10.5), "systems[0].accuracy.images = 10.5"),
        (lambda data: data["systems"][0]["parity"].update(passed=1), "systems[0].parity.passed = 1"),
        (lambda data: data["systems"][0].update(status="fine"), "systems[0].status = 'fine', wanted ok, error"),
        (lambda data: data["systems"][0].update(accuracy=[]), "systems[0].accuracy = [], wanted a table with images"),
        (lambda data: data["systems"][0]["effective"].update(device=["cpu"]), "device has 1 values, wanted 2"),
        (lambda data: data["systems"][0]["effective"].update(settings={"a": 1}), "effective.settings.a = 1"),
        (lambda data: data["systems"].append(3), "systems[3] = 3, wanted a table with name"),
        (lambda data: data.update(systems={}), "systems = {}, wanted a list"),
        (
            lambda data: data["systems"][0]["system"].update(threads=0),
            "systems[0].system.threads = 0, wanted 1 or more",
        ),
        (lambda data: data.update(base="z"), "base = 'z' is not one of its rows"),
        (lambda data: data["model"].update(macs=True), "model.macs = True"),
        (lambda data: data["model"].pop("macs"), "key 'model.macs' is missing"),
        (lambda data: data["model"].update(mac=1), "unknown key 'model.mac'"),
        (lambda data: data.update(surprise=1), "unknown key 'surprise'; known: status"),
        (lambda data: data.update(status="done"), "status = 'done', wanted running, complete, interrupted or failed"),
        (lambda data: data.pop("model"), "key 'model' is missing"),
        (lambda data: data.update(notes=[1]), "notes[0] = 1"),
    ],
)
def test_what_is_wrong_is_named_by_its_path(
    tmp_path: Path, change: Callable[[dict[str, Any]], object], said: str
) -> None:
    message = refusal(written(tmp_path, change))
    assert said in message
    assert str(tmp_path / RUN_FILE) in message


def test_a_whole_number_serves_as_a_fraction(tmp_path: Path) -> None:
    record = read_run(written(tmp_path, lambda data: data["systems"][0].update(load_s=2)))
    assert record.systems[0].load_s == 2.0
    assert isinstance(record.systems[0].load_s, float)


def test_percentages_follow_from_counts() -> None:
    record = run_record()
    accuracy = record.systems[0].accuracy
    assert accuracy is not None
    assert accuracy.top1 == pytest.approx(56.5)
    assert accuracy.top5 == pytest.approx(79.1)
    assert record.model.gflops == pytest.approx(1.42837696)


def test_a_record_cannot_be_changed() -> None:
    record = run_record()
    with pytest.raises(AttributeError):
        record.status = "failed"  # type: ignore[misc]
    assert replace(record, status="failed") != record


@pytest.mark.parametrize(
    ("part", "key", "value", "said"),
    [
        ("configuration", "batch_size", "x", "configuration.batch_size = 'x', wanted a whole number"),
        ("configuration", "rigor", 5, "configuration.rigor = 5, wanted a string"),
        ("machine", "memory_mib", "8", "machine.memory_mib = '8', wanted a number"),
        ("environment", "packages", ["numpy"], "environment.packages = ['numpy'], wanted a table"),
        ("environment", "git", 5, "environment.git = 5, wanted a table or a string"),
        ("environment", "backends", {"torch": {"packages": "all"}}, "environment.backends.torch.packages = 'all'"),
        ("environment", "backends", {"torch": 5}, "environment.backends.torch = 5, wanted a table"),
    ],
)
def test_what_is_free_in_form_is_still_of_its_kind(
    tmp_path: Path, part: str, key: str, value: object, said: str
) -> None:
    data = json.loads(to_json(run_record()))
    data[part][key] = value
    (tmp_path / "run.json").write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(RecordError) as error:
        read_run(tmp_path)
    assert f"run.json is damaged: {said}" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["[" * 100_000, '{"schema_version": NaN}', "null", "[]", "{}"])
def test_what_is_no_record_is_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "run.json").write_text(text, encoding="utf-8")
    with pytest.raises(RecordError, match=r"run\.json is damaged: ") as error:
        read_run(tmp_path)
    assert "\n" not in str(error.value)


def test_a_path_that_is_not_a_run_names_the_newest_runs_near_it(tmp_path: Path) -> None:
    for day in range(1, 6):
        folder = tmp_path / f"2026010{day}T000000Z-torchvision"
        folder.mkdir()
        (folder / "run.json").touch()
    for wrong in (tmp_path, tmp_path / "gone"):
        said = refusal(wrong)
        assert f"runs there: {tmp_path / '20260105T000000Z-torchvision'}, " in said
        assert said.endswith("20260103T000000Z-torchvision and 2 older")
