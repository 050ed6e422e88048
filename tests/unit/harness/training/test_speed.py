"""Training is timed in rounds: runtimes take turns, each replicate is a fresh process, one that fails is left out."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from alexbench.harness.errors import RecordError
from alexbench.harness.measure.rounds import Measured, Plan
from alexbench.harness.records.training_speed_records import TRAINING_SPEED, read_training_speed
from alexbench.harness.training.speed import Way, measure
from tests.support.training_speeds import row, speed

SECOND = 1_000_000_000


class Trains:
    """Trains 32 images in so many seconds a step."""

    def __init__(self, log: list[str], name: str, seconds: float, *, fails: bool = False) -> None:
        self._log, self._name, self._seconds, self._fails = log, name, seconds, fails
        log.append(f"open {name}")

    def block(self, way: Way) -> Measured:
        self._log.append(f"{self._name} {way}")
        if self._fails:
            raise RuntimeError("it broke")
        slower = 2 if way == "data" else 1
        return Measured((int(self._seconds * slower * SECOND),) * 3, 32)

    def close(self) -> None:
        self._log.append(f"close {self._name}")


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alexbench.harness.measure.rounds.PAUSE_S", 0.0)


def test_runtimes_take_turns_in_fresh_processes() -> None:
    log: list[str] = []
    opened = {name: lambda name=name: Trains(log, name, 2.0) for name in ("one", "two")}
    timings = measure(opened, batch=32, seed=1, plan=Plan(rounds=2, discarded=1), replicates=3)
    rate = timings.rate("one", "memory", 32)
    assert rate is not None
    assert rate.images_per_second == 16.0
    assert (rate.windows, rate.processes) == (6, 3)
    end_to_end = timings.rate("two", "data", 32)
    assert end_to_end is not None
    assert end_to_end.images_per_second == 8.0
    assert log.count("open one") == log.count("close one") == 3
    blocks = [line for line in log if line.startswith(("one", "two"))]
    assert len(blocks) == 3 * 3 * 4
    assert blocks[:4] != blocks[4:8] or blocks[4:8] != blocks[8:12]  # each round in an order of its own


def test_one_that_fails_is_left_out_and_the_others_go_on() -> None:
    log: list[str] = []

    def cannot_start() -> Trains:
        raise RuntimeError("not installed")

    opened = {
        "good": lambda: Trains(log, "good", 1.0),
        "bad": lambda: Trains(log, "bad", 1.0, fails=True),
        "absent": cannot_start,
    }
    timings = measure(opened, batch=32, seed=1, plan=Plan(rounds=1, discarded=0), replicates=2)
    assert timings.failed == {"bad": "it broke", "absent": "not installed"}
    assert timings.rate("bad", "memory", 32) is None
    assert timings.rate("good", "memory", 32) is not None
    assert log.count("open bad") == log.count("close bad") == 1


def test_a_benchmark_is_read_as_it_was_written(tmp_path: Path) -> None:
    made = speed(row("torch", 14.5))
    (tmp_path / TRAINING_SPEED).write_text(json.dumps(asdict(made)))
    assert read_training_speed(tmp_path) == made


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read: No such file"),
        ("{", "is damaged: not JSON"),
        ('{"schema_version": 99}', "has schema 99, newer than"),
        ('{"schema_version": 1}', "is damaged: "),
    ],
)
def test_what_is_not_a_benchmark_is_one_line(tmp_path: Path, content: str | None, said: str) -> None:
    if content is not None:
        (tmp_path / TRAINING_SPEED).write_text(content)
    with pytest.raises(RecordError) as refused:
        read_training_speed(tmp_path)
    assert said in str(refused.value)
    assert str(tmp_path) in str(refused.value)
