"""Plugins with a fault each: named with what was expected and found, and nobody else's row suffers."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from alexbench.harness.records.record_files import read_run
from tests.end_to_end.conftest import Command, Ground, only_run
from tests.end_to_end.planted_plugins import EVERY, plant

SAID = {
    "wide": "predict() returned",
    "flat": "predict() returned",
    "double": "predict() returned",
    "none": "predict() returned",
    "pair": "predict() returned",
    "nan": "NaN",
    "short": "predict() returned",
    "reused": "return a copy",
    "raises": "predict() raised ZeroDivisionError: nothing to divide by",
    "exits": "ended with exit code 3",
    "deep": "predict() raised RecursionError",
    "exits_in_load": "load() raised SystemExit: licence expired",
    "unloadable": "load() raised ValueError: no such kernel",
}
"""Faults that show while a run goes on: plugin -> the text of its row's error, without its name."""
LISTED = {
    "unimportable": "import raised ModuleNotFoundError",
    "exits_at_import": "import raised SystemExit: 4",
    "no_backend": "expected a subclass of Backend",
    "unprobeable": "probe() raised OSError: no licence",
    "nameless": "name is None, wanted 'nameless'",
    "misnamed": "name is 'another', wanted 'misnamed'",
    "incomplete": "does not implement close",
}
"""Faults that show before: plugin -> what is listed as its problem."""
HARMLESS = ("talks", "prints", "threaded", "unclosable")
"""Faults that cost nobody anything: their rows are scored."""


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = plant(tmp_path_factory.mktemp("plugins"), [one for one in EVERY if one != "hangs"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(folder))
        yield folder


def test_a_listing_names_what_is_wrong_with_each_and_its_json_stays_json(command: Command, planted: Path) -> None:
    ended = command.apart("backends", "--json")
    assert ended.code == 0, ended.err
    entries = {entry["backend"]: entry for entry in json.loads(ended.out)}
    for name, said in LISTED.items():
        assert not entries[name]["available"]
        assert said in entries[name]["problem"]
        assert name in entries[name]["problem"]
    assert entries["talks"]["available"]
    assert entries["onnxruntime"]["available"]


def test_what_is_called_like_a_built_in_is_ignored_and_said(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(plant(tmp_path, ["wide"], called="onnxruntime")))
    ended = command.apart("backends", "--json")
    assert ended.code == 0
    assert {entry["backend"]: entry for entry in json.loads(ended.out)}["onnxruntime"]["layout"] == "NCHW"
    assert "planted_wide:Plugin is ignored" in ended.err
    assert "rename the entry point" in ended.err


def test_commands_that_use_none_of_them_go_on(command: Command, ground: Ground, planted: Path, tmp_path: Path) -> None:
    for arguments in (("models",), ("datasets", str(ground.pictures)), ("history", str(tmp_path))):
        ended = command.apart(*arguments)
        assert ended.code in (0, 2)
        assert "planted" not in ended.out


def test_each_fault_is_a_row_that_names_it_and_the_others_complete(
    command: Command, ground: Ground, planted: Path, tmp_path: Path
) -> None:
    assert {*SAID, *LISTED, *HARMLESS, "hangs"} == {*EVERY}
    named = [flag for name in ("onnxruntime", *SAID, *LISTED, *HARMLESS) for flag in ("--backend", name)]
    given = ("--data", ground.pictures, "--weights", ground.weights, "--only", "accuracy", "--out", tmp_path)
    ended = command.apart("run", *named, *given, "--threads", "1")
    assert ended.code == 1, ended.err
    assert "Traceback" not in ended.err
    assert list(tmp_path.iterdir()), ended.err
    folder = only_run(tmp_path)
    rows = {row.name: row for row in read_run(folder).systems}
    for name, said in {**SAID, **LISTED}.items():
        assert rows[name].status == "error", name
        assert said in (rows[name].error or ""), rows[name].error
        assert name in (rows[name].error or "")
    assert rows["onnxruntime"].accuracy is not None
    assert rows["onnxruntime"].accuracy.top1_correct == ground.top1
    assert all(rows[name].accuracy is not None for name in HARMLESS)
    assert command("report", folder).code == 0
    again = command.apart("run", "--resume", folder)
    assert again.code == 1
    assert "Traceback" not in again.err


def test_a_plugin_that_hangs_is_named_and_ended(
    command: Command, ground: Ground, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "plugins").mkdir()
    monkeypatch.setenv("PYTHONPATH", str(plant(tmp_path / "plugins", ["hangs"])))
    monkeypatch.setenv("ALEXBENCH_SILENCE_S", "8")
    given = ("--data", ground.pictures, "--weights", ground.weights, "--only", "accuracy", "--out", tmp_path / "runs")
    ended = command.apart("run", "--backend", "onnxruntime", "--backend", "hangs", *given)
    assert ended.code == 1, ended.err
    rows = {row.name: row for row in read_run(only_run(tmp_path / "runs")).systems}
    assert "worker hangs was silent for 8 s during load and was ended" in (rows["hangs"].error or "")
    assert rows["onnxruntime"].accuracy is not None


def test_a_bound_that_is_none_is_refused(
    command: Command, ground: Ground, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALEXBENCH_SILENCE_S", "soon")
    given = ("--data", ground.pictures, "--weights", ground.weights, "--only", "accuracy", "--out", tmp_path)
    ended = command("run", "--backend", "onnxruntime", *given)
    assert ended.code == 2
    assert ended.last_line.startswith("alexbench: ALEXBENCH_SILENCE_S 'soon': give seconds")
