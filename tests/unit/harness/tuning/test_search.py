"""A search on a simulated clock: who wins, what becomes of candidates that fail, and what it does not claim."""

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from alexbench.harness.capabilities import Candidate
from alexbench.harness.console.progress import PlainDisplay
from alexbench.harness.records.tuning_records import Settings, Tuning
from alexbench.harness.resolving import resolve
from alexbench.harness.running.row import Row
from alexbench.harness.systems import System
from alexbench.harness.tuning import candidates
from alexbench.harness.tuning.search import DefaultFailedError, Searching, search
from alexbench.harness.worker.protocol.scoring import WriteLogits
from alexbench.harness.worker.protocol.timing import TimeCalls, WarmUp
from tests.support.simulated import Simulated, simulated_workers
from tests.support.tunings import MADE_FOR

PLAIN = System("openvino", 2)
INPUTS: Any = SimpleNamespace(labels=np.zeros(64, np.int64))
CANDIDATES = [Candidate((("ENABLE_CPU_PINNING", value),)) for value in ("YES", "NO")] + [
    Candidate((("PERFORMANCE_HINT", value),)) for value in ("LATENCY", "THROUGHPUT")
]
NAMES = ["pinned", "free", "latency", "throughput"]


def found(
    workers: Mapping[str, Mapping[str, Any]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> tuple[Tuning, dict[str, str]]:
    """A search among four candidates of these names, and what became of each. Without a word: as fast as shipped."""
    monkeypatch.setattr(candidates, "backend_class", lambda _: Taking)
    names: dict[Settings, str] = {(): "shipped"} | {
        one.settings: name for one, name in zip(CANDIDATES, NAMES, strict=True)
    }
    random = np.random.Generator(np.random.PCG64(2))

    def made(row: Row) -> Simulated:
        return Simulated(random, **{"seconds": 0.02, **workers.get(names[row.system.settings], {})})

    given = Searching(resolve({"backends": ("openvino",), "threads": (2,)}), INPUTS, PlainDisplay())
    with simulated_workers(monkeypatch, made):
        tuning = search(PLAIN, MADE_FOR, given, tmp_path)
    return tuning, {names[one.settings]: one.status for one in tuning.tried}


class Taking:
    """A backend with these candidates."""

    settings = ()
    candidates = tuple(CANDIDATES)


def test_the_fastest_wins_by_both_measures(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    tuning, status = found({"throughput": {"seconds": 0.015}}, monkeypatch, tmp_path)
    assert {one.settings for one in tuning.winners} == {(("PERFORMANCE_HINT", "THROUGHPUT"),)}
    assert all(one.gain is None for one in tuning.winners)  # a search claims none
    assert set(status.values()) == {"measured"}
    stages = {one.settings: one.stages for one in tuning.tried}
    assert stages[()] == 2
    assert sorted(stages.values()) == [1, 1, 2, 2, 2]
    assert all(one.p50_ms is not None and one.p50_ms.low < one.p50_ms.value for one in tuning.tried)


def test_where_nothing_is_faster_the_winner_is_what_ships(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    tuning, _ = found({key: {"seconds": 0.04} for key in NAMES}, monkeypatch, tmp_path)
    assert {one.settings for one in tuning.winners} == {()}


@pytest.mark.parametrize("fails", [WarmUp, TimeCalls, WriteLogits])
def test_a_candidate_that_crashes_is_a_line_and_the_search_goes_on(
    fails: type, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    workers = {"pinned": {"seconds": 0.001, "fails": fails}, "free": {"seconds": 0.015}}
    tuning, status = found(workers, monkeypatch, tmp_path)
    assert status["pinned"] == "failed"
    assert {one.settings for one in tuning.winners} == {(("ENABLE_CPU_PINNING", "NO"),)}
    reason = next(one.reason for one in tuning.tried if one.status == "failed")
    assert reason is not None
    assert "SIGKILL" in reason.text


def test_a_candidate_with_other_scores_is_dropped_however_fast(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    tuning, status = found({"pinned": {"seconds": 0.001, "wrong": True}}, monkeypatch, tmp_path)
    assert status["pinned"] == "wrong"
    assert all(one.settings != (("ENABLE_CPU_PINNING", "YES"),) for one in tuning.winners)


def test_without_the_runtime_as_shipped_there_is_nothing_to_compare(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(DefaultFailedError, match="SIGKILL"):
        found({"shipped": {"fails": WarmUp}}, monkeypatch, tmp_path)


def test_what_does_not_fit_into_memory_is_left_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("alexbench.harness.tuning.search.available_memory", lambda: -1)
    tuning, status = found({}, monkeypatch, tmp_path)
    assert status == {"shipped": "measured"} | dict.fromkeys(NAMES, "left_out")
    assert {one.reason.code for one in tuning.tried if one.reason is not None} == {"no_memory"}
