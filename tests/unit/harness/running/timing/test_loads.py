"""Load generation as a run asks for it: settings of each scenario, and the highest load under a bound."""

from pathlib import Path
from typing import Any

import pytest

from alexbench.harness.config import RunConfig
from alexbench.harness.console.progress import PlainDisplay
from alexbench.harness.errors import UsageError
from alexbench.harness.files.lines import Request
from alexbench.harness.measure.clock import Timed
from alexbench.harness.measure.loadgen import LoadSettings
from alexbench.harness.measure.loadgen_log import LoadGenResult
from alexbench.harness.measure.rounds import Block, Measured, Task
from alexbench.harness.resolving import resolve
from alexbench.harness.running.row import Row
from alexbench.harness.running.timing.loads import check_loads, generate, require
from alexbench.harness.systems import System
from alexbench.harness.worker.protocol.timing import RunLoadgen, TimeCalls, WarmedUp, WarmUp

MS = 1_000_000


class Queue:
    """A worker whose server takes 10 ms a query, so that p99 shoots up when arrivals come near 100/s."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, LoadSettings]] = []

    def ask(self, request: Request[object]) -> object:
        match request:
            case WarmUp():
                return WarmedUp(3)
            case TimeCalls():
                return Timed([10 * MS] * 5, 0)
            case RunLoadgen(scenario, settings):
                self.asked.append((scenario, settings))
                return self._result(scenario, settings)
        raise AssertionError(request)

    def _result(self, scenario: str, settings: LoadSettings) -> LoadGenResult:
        load = (settings.target_rate or 50) / 100
        p99 = 10 * settings.samples_per_query * (1 + 2 * load / max(1e-3, 1 - load)) if load < 1 else 1e5
        return LoadGenResult(
            scenario=scenario, queries=662, samples=662, samples_per_query=settings.samples_per_query,
            seconds=10.0, samples_per_second=66.2, min_ms=9.0, mean_ms=11.0, p50_ms=10.0, p90_ms=p99 / 2,
            p95_ms=p99 / 1.5, p99_ms=p99, max_ms=2 * p99, valid=True, reasons=(), early_stopping="",
            overlatency_queries=0, target_rate=settings.target_rate, seed=settings.seed, version="6.0",
        )  # fmt: skip

    def kill(self) -> None:
        """Nothing to end."""


def row() -> Row:
    blocks = [Block(Task("a", "SingleStream", 1), 0, n, Measured((10 * MS,) * 5, 1)) for n in range(4)]
    blocks += [Block(Task("a", "Offline", 32), 0, n, Measured((160 * MS,) * 3, 32)) for n in range(3)]
    return Row("a", System("a", 1), worker=Queue(), blocks=blocks)  # type: ignore[arg-type]


def driven(config: RunConfig, folder: Path) -> tuple[Row, Queue]:
    one = row()
    with (folder / "said").open("w") as stream:
        generate([one], config, folder, PlainDisplay(stream))
    assert one.error is None
    queue: Any = one.worker
    return one, queue


def test_without_a_scenario_of_loadgen_nothing_is_asked(tmp_path: Path) -> None:
    one, queue = driven(resolve({"scenarios": ("Offline",)}), tmp_path)
    assert (one.generated, queue.asked) == ([], [])


def test_server_is_loaded_at_seven_tenths_until_p99_has_its_queries(tmp_path: Path) -> None:
    one, queue = driven(resolve({"scenarios": ("Server",)}), tmp_path)
    ((scenario, settings),) = queue.asked
    assert scenario == "Server"
    assert settings.target_rate == pytest.approx(70)
    assert settings.min_query_count == 662
    (found,) = one.generated
    assert (found.target_rate, found.bound_ms, found.highest, found.loadgen) == (pytest.approx(70), None, None, "6.0")


def test_the_highest_rate_under_a_bound_is_searched(tmp_path: Path) -> None:
    one, queue = driven(resolve({"scenarios": ("Server",), "latency_bound": 50.0}), tmp_path)
    (found,) = one.generated
    # p99 = 10 (1 + 2 r / (1 - r)) is 50 ms at r = 2/3: 66.7 queries/s.
    assert found.highest == pytest.approx(66.7, rel=0.06)
    assert found.highest <= 66.7
    assert len(found.probes) == len(queue.asked) - 1
    assert len({settings.seed for _, settings in queue.asked}) == len(queue.asked)  # arrivals of their own


def test_multistream_searches_samples_a_query(tmp_path: Path) -> None:
    one, queue = driven(resolve({"scenarios": ("MultiStream",), "latency_bound": 200.0}), tmp_path)
    (found,) = one.generated
    assert (queue.asked[0][1].samples_per_query, found.samples_per_query) == (8, 8)
    assert found.highest == 6  # 30 ms a sample at this load


def test_mlperf_asks_for_ten_minutes_and_offlines_samples(tmp_path: Path) -> None:
    _, queue = driven(resolve({"rigor": "mlperf"}), tmp_path)
    asked = dict(queue.asked)
    assert set(asked) == {"SingleStream", "Offline"}
    assert all(settings.min_duration_ms == 600_000 for settings in asked.values())
    assert all(settings.max_duration_ms == 0 for settings in asked.values())
    assert asked["Offline"].min_query_count == 24_576
    assert asked["SingleStream"].expected_latency_ms == pytest.approx(10)


def test_a_bound_below_one_inference_is_refused_before_anything_is_measured() -> None:
    config = resolve({"scenarios": ("Server",), "latency_bound": 5.0})
    with pytest.raises(UsageError, match=r"--latency-bound 5: one inference of a takes 10 ms here; give more"):
        check_loads([row()], config)
    check_loads([row()], resolve({"scenarios": ("Server",), "latency_bound": 11.0}))


def test_loadgen_that_is_not_there_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "mlperf_loadgen", None)
    with pytest.raises(UsageError, match=r"--scenario Server needs MLPerf LoadGen: pip install 'alexbench\[mlperf\]'"):
        require(resolve({"scenarios": ("Server",)}))
    with pytest.raises(UsageError, match=r"--rigor mlperf needs MLPerf LoadGen"):
        require(resolve({"rigor": "mlperf"}))
    require(resolve({"scenarios": ("Offline",)}))
