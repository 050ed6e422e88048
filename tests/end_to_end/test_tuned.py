"""`alexbench tune` on one runtime: a search, a gain from fresh processes, and a profile in the cache."""

import json
import tomllib
from pathlib import Path

import pytest

from alexbench.harness.records.record_files import read_run
from tests.end_to_end.conftest import Command, Ground, only_run
from tests.end_to_end.planted_plugins import TRIED, plant


@pytest.mark.nightly
def test_settings_are_searched_proved_and_measured_again(command: Command, ground: Ground, tmp_path: Path) -> None:
    given = ["--weights", ground.weights, "--backend", "onnxruntime", "--threads", "1", "--batch-size", "2"]
    given += ["--budget", "1s", "--out", tmp_path / "runs"]
    ended = command("tune", "torchvision", *given, "--json")
    assert ended.code in (0, 3), ended.err
    found = json.loads(ended.out)
    (tuning,) = found["tunings"]
    kept = tomllib.loads(Path(tuning["file"]).read_text(encoding="utf-8"))
    assert kept["cost_s"] > 0
    assert {one["status"] for one in kept["tried"]} <= {"measured", "left_out"}
    assert all("gain" in one for one in kept["winners"])
    record = read_run(only_run(tmp_path / "runs"))
    tuned = [row for row in record.systems if row.tuning is not None]
    assert tuned
    for row in tuned:
        assert row.status == "ok", row.error
        assert row.effective is not None
        applied = {name: known.value for name, known in row.effective.applied.items()}
        assert applied == dict(row.system.settings)


@pytest.mark.nightly
def test_candidates_that_hang_crash_or_answer_wrongly_are_lines_and_the_search_goes_on(
    command: Command, ground: Ground, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "plugins").mkdir()
    monkeypatch.setenv("PYTHONPATH", str(plant(tmp_path / "plugins", ["tunable"])))
    given = ["--weights", ground.weights, "--backend", "tunable", "--threads", "1", "--batch-size", "2"]
    given += ["--silence-limit", "2s", "--budget", "1s", "--out", tmp_path / "runs"]
    ended = command.apart("tune", "torchvision", *given, "--json")
    assert ended.code in (0, 3), ended.err
    (tuning,) = json.loads(ended.out)["tunings"]
    kept = tomllib.loads(Path(tuning["file"]).read_text(encoding="utf-8"))
    became = {dict(one["settings"]).get("fault", ""): one for one in kept["tried"]}
    assert {name: one["status"] for name, one in became.items()} == {
        **dict.fromkeys(("", "none"), "measured"),
        **dict.fromkeys(("hangs", "hangs_later", "exits", "raises", "not_applied"), "failed"),
        "wrong": "wrong",
    }
    assert {*became} == {"", *TRIED}
    said = {name: one["reason"].get("text", "") for name, one in became.items() if "reason" in one}
    assert "silent for 2 s during load" in said["hangs"]
    assert "silent for 2 s during write_logits" in said["hangs_later"]
    assert "exit code 3" in said["exits"]
    assert "nothing to divide by" in said["raises"]
    assert not any("log:" in text for text in said.values())  # they were scratch files
