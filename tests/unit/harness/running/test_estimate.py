"""The line before a run: of what its time is made, and what makes it longer."""

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from alexbench.harness.errors import UsageError
from alexbench.harness.models.card import load_card
from alexbench.harness.resolving import resolve
from alexbench.harness.running import estimate as estimating
from alexbench.harness.running.estimate import Estimate, MachineNow, check_memory, machine_now, memory_mib
from alexbench.harness.running.row import Row
from alexbench.harness.systems import System
from tests.support.records import model

UNITS = {"s": 1, "min": 60, "h": 3600}
CARD = load_card("torchvision")
RATE = 100.0
"""GFLOP/s a core."""


@pytest.fixture(autouse=True)
def rate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(estimating, "machine_now", lambda: MachineNow(RATE, 1.0))


def estimate(
    *, rows: int = 4, missing: int = 0, pictures: int = 1000, weights: str | None = "w", **flags: Any
) -> Estimate:
    path = None if weights is None else Path(__file__)
    run_inputs = SimpleNamespace(labels=range(pictures), model=model(), weights=path, card=CARD)
    there = [Row(f"{number}", System("a", 1)) for number in range(rows)] + [
        Row(f"m{number}", System("m", 1), missing=True) for number in range(missing)
    ]
    return Estimate(resolve({"threads": 1, **flags}), there, run_inputs)  # type: ignore[arg-type]


def said(**changes: Any) -> str:
    return estimate(**changes).words()


def seconds(line: str, part: str) -> float:
    """The seconds of ``part``, which come after it."""
    found = re.search(rf"{part} (?:at most )?([\d.]+) (s|min|h)", line)
    assert found is not None, line
    return float(found[1]) * UNITS[found[2]]


def test_the_whole_is_the_sum_of_its_parts_and_timing_is_at_most_the_budget() -> None:
    line = said(rigor="standard")
    parts = [seconds(line, part) for part in ("loading", "accuracy", "timing")]
    assert seconds(line, "about") == pytest.approx(sum(parts), abs=40)
    assert parts[2] == 300
    assert "at most" in line


def test_a_budget_is_the_time_that_timing_takes_but_for_what_every_run_takes() -> None:
    assert seconds(said(budget="10m"), "timing") == 600
    least = seconds(said(budget="1s"), "timing")
    assert 10 < least < 120, "three replicates"
    assert seconds(said(budget="1s", rows=1), "timing") < least


def test_accuracy_grows_with_backends_and_images_and_falls_with_threads() -> None:
    one = seconds(said(rows=1, pictures=5000, weights=None, only="accuracy"), "accuracy")
    assert one == pytest.approx(5000 * model().gflops / RATE, rel=0.05)
    assert seconds(said(rows=2, pictures=5000, weights=None, only="accuracy"), "accuracy") > one
    assert seconds(said(rows=1, pictures=500, weights=None, only="accuracy"), "accuracy") < one / 5
    reference = seconds(said(rows=1, pictures=100, only="accuracy"), "accuracy")
    assert reference > seconds(said(rows=1, pictures=100, weights=None, only="accuracy"), "accuracy")


@pytest.mark.parametrize("given", ["92s", "100s", "2.6m", "7m", "50m", "80m", "3.3h", "80s"])
def test_rounding_is_a_fifth_at_most(given: str) -> None:
    config = resolve({"budget": given})
    assert seconds(said(budget=given, only="performance", rows=1), "timing") == pytest.approx(
        config.timing_s(0), rel=0.2
    )


def test_what_is_not_asked_for_is_no_part() -> None:
    assert "timing" not in said(only="accuracy")
    assert "accuracy" not in said(only="performance")
    assert "LoadGen" not in said()
    assert seconds(said(scenarios=("Server",), latency_bound=40.0), "LoadGen") > seconds(
        said(scenarios=("Server",)), "LoadGen"
    )


def test_a_runtime_that_is_missing_takes_no_time() -> None:
    assert said(rows=2, missing=2) == said(rows=2)


def test_the_rate_is_measured() -> None:
    machine = machine_now()
    assert 0 < machine.gflops_a_core < 10_000
    assert machine.slowness >= 1


def test_other_work_on_the_machine_makes_loading_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    quiet = seconds(said(), "loading")
    monkeypatch.setattr(estimating, "machine_now", lambda: MachineNow(RATE, 12.0))  # four workers start in parallel
    assert seconds(said(), "loading") == pytest.approx(3 * quiet, rel=0.1)


def test_what_is_left_follows_what_loading_and_accuracy_really_took() -> None:
    as_planned, slow = estimate(budget="1s"), estimate(budget="1s")
    usual = seconds(as_planned.loaded(as_planned.loading_s), "about")
    assert seconds(slow.loaded(4 * slow.loading_s), "about") > usual
    before = slow.timing_s
    slow.answered(10 * slow.accuracy_s)
    assert slow.timing_s > 2 * before


def test_more_systems_than_fit_into_memory_are_refused_with_what_they_would_take(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config = resolve({"threads": 1, "only": "accuracy"})
    rows = [Row(f"{number}", System("torch", 1)) for number in range(8)]
    run_inputs: Any = SimpleNamespace(weights=None, labels=range(100), card=CARD)
    need = memory_mib(config, rows, run_inputs)
    assert need > memory_mib(config, rows[:4], run_inputs) > 0
    assert memory_mib(resolve({"threads": 1}), rows, run_inputs) > need, "the A/A duplicate"
    for free, fits in ((need, True), (need - 1, False)):
        monkeypatch.setattr(estimating, "available_memory", lambda free=free: free * 2**20)
        if fits:
            check_memory(config, rows, run_inputs, "about 3 min")
            continue
        with pytest.raises(UsageError) as refused:
            check_memory(config, rows, run_inputs, "about 3 min")
        for part in ("8 systems do not fit into memory", f"{free:,} MiB are free", "about 3 min", "name fewer"):
            assert part in str(refused.value)


def test_images_of_a_large_batch_take_memory_in_every_process() -> None:
    rows = [Row(f"{number}", System("torch", 1)) for number in range(2)]
    run_inputs: Any = SimpleNamespace(weights=None, labels=range(500), card=CARD)
    usual, large = (memory_mib(resolve({"threads": 1, "batch_size": size}), rows, run_inputs) for size in (32, 1032))
    image = 4 * (3 * 224 * 224 + 64 * 55 * 55) / 2**20  # the first convolution
    assert large - usual >= 3 * 1000 * image - 1, "two systems and the A/A duplicate"
    accuracy = resolve({"threads": 1, "batch_size": 4096, "only": "accuracy"})
    assert memory_mib(accuracy, rows, run_inputs) < large, "no more images than there are"


@pytest.mark.parametrize(
    ("batch_size", "count", "fix"),
    [
        (64, 1, "a smaller --batch-size"),
        (64, 2, "or name fewer"),
        (32, 2, "; name fewer"),
        (32, 1, "close other programs"),
    ],
)
def test_what_does_not_fit_is_told_a_fix_that_fits(
    monkeypatch: pytest.MonkeyPatch, batch_size: int, count: int, fix: str
) -> None:
    monkeypatch.setattr(estimating, "available_memory", lambda: 0)
    rows = [Row(f"{number}", System("torch", 1)) for number in range(count)]
    run_inputs: Any = SimpleNamespace(weights=None, labels=range(500), card=CARD)
    with pytest.raises(UsageError, match=fix):
        check_memory(resolve({"threads": 1, "batch_size": batch_size}), rows, run_inputs, "")
