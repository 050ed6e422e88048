"""`alexbench tune` on one runtime: a search, a gain from fresh processes, and a profile in the cache."""

import json
import tomllib
from pathlib import Path

import pytest

from alexbench.harness.records.record_files import read_run
from tests.end_to_end.conftest import Command, Ground, only_run


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
