"""Profiles: readable TOML that is read back as it was, and known to be of another machine, version or model."""

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from alexbench.harness.records.reasons import Reason
from alexbench.harness.records.speed_records import Gain
from alexbench.harness.records.tuning_records import Winner
from alexbench.harness.tuning.profile_files import (
    machine_digest,
    profile_path,
    read_profile,
    toml_text,
    what_changed,
    write_profile,
)
from tests.support.tunings import MADE_FOR, TRIED, tuning


def test_a_profile_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    winners = (
        Winner("latency", (("a.b", 'x "quoted" \\ é'),), Gain(1.1, 1.01, 1.2, apart=True)),
        Winner("images/s", ()),
    )
    made = replace(tuning(), winners=winners)
    path = profile_path(tmp_path, MADE_FOR)
    write_profile(path, replace(made, rows=("a key",)))
    assert read_profile(path) == made
    assert tomllib.loads(toml_text(made))["made_for"]["backend"] == "openvino"


@pytest.mark.parametrize("content", [b"", b"[[", b"\xff", b'made = "x"\n', b"tried = 3\n"])
def test_what_is_no_profile_is_none(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "p.toml"
    assert read_profile(path) is None
    path.write_bytes(content)
    assert read_profile(path) is None


@pytest.mark.parametrize(
    "change", [{"threads": 1}, {"batch_size": 8}, {"precision": "int8"}, {"model": "ab"}, {"card": "bvlc"}]
)
def test_what_was_searched_otherwise_is_another_file(change: dict[str, Any], tmp_path: Path) -> None:
    assert profile_path(tmp_path, replace(MADE_FOR, **change)) != profile_path(tmp_path, MADE_FOR)


@pytest.mark.parametrize("change", [{"machine": "other"}, {"version": "openvino 2027.1"}])
def test_another_machine_or_version_is_found_in_the_file(change: dict[str, Any], tmp_path: Path) -> None:
    other = replace(MADE_FOR, **change)
    assert profile_path(tmp_path, other) == profile_path(tmp_path, MADE_FOR)
    assert what_changed(MADE_FOR, other) == [*change]


def test_a_machine_is_the_same_after_a_reboot() -> None:
    machine = {"cpu": "x", "memory_mib": 24105, "os": "Linux 6.8.0-45-generic"}
    assert machine_digest(machine) == machine_digest(machine | {"memory_mib": 24101, "os": "Linux 6.8.1"})
    assert machine_digest(machine) != machine_digest(machine | {"cpu": "y"})


def test_a_reason_is_in_the_file_with_what_it_says() -> None:
    text = toml_text(tuning())
    assert 'reason = {code = "needs", text = "a C++ compiler"}' in text
    assert TRIED[-1].reason == Reason("needs", text="a C++ compiler")
