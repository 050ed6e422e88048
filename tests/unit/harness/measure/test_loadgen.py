"""MLPerf LoadGen drives, in short tests: every scenario ends with a parsed result, and a failure ends as one."""

import dataclasses
import json
import math
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from alexbench.harness.errors import UsageError, WorkerError
from alexbench.harness.files.decoding import decode
from alexbench.harness.judge.early_stopping import samples_needed
from alexbench.harness.measure import loadgen
from alexbench.harness.measure.loadgen import LoadSettings, drive, require_loadgen
from alexbench.harness.measure.loadgen_log import LoadGenResult, read_detail, result_of
from alexbench.harness.worker.protocol.timing import RunLoadgen
from alexbench.harness.worker.timing import Timing

SAMPLES = [np.full((1, 2), index, np.float32) for index in range(5)]
WARM_UP_CALLS = 450
"""More than warming up makes of sleeps of 1 ms in 0.4 s."""
SHORT = LoadSettings(min_duration_ms=500, min_query_count=70, expected_latency_ms=1.0)


class Sleeper:
    """A backend of 1 ms that remembers what it was given, and explodes at call number ``explodes``."""

    def __init__(self, explodes: float = math.inf, error: BaseException | None = None) -> None:
        self.given: list[NDArray[np.float32]] = []
        self.threads: set[int] = set()
        self._explodes, self._error = explodes, error or RuntimeError("out of memory")

    def predict(self, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        self.given.append(pixels.copy())
        self.threads.add(threading.get_ident())
        if len(self.given) > self._explodes:
            raise self._error
        time.sleep(0.001)
        return pixels


def test_single_stream_has_latencies_and_a_verdict(tmp_path: Path) -> None:
    result = drive("SingleStream", Sleeper().predict, SAMPLES, SHORT, tmp_path)
    assert (result.scenario, result.samples_per_query, result.samples) == ("SingleStream", 1, result.queries)
    assert result.queries >= 70
    assert result.p50_ms is not None
    assert result.p90_ms is not None
    assert 1 <= result.min_ms <= result.p50_ms <= result.p90_ms <= result.max_ms
    assert result.samples_per_second < 1000
    assert result.valid
    assert result.reasons == ()
    assert "90.0th percentile estimate" in result.early_stopping
    assert result.version.split(".")[0].isdecimal()
    assert (tmp_path / "mlperf_log_summary.txt").read_text(encoding="utf-8").startswith("=====")


def test_server_arrives_at_the_rate_and_counts_from_the_schedule(tmp_path: Path) -> None:
    slow = LoadSettings(min_duration_ms=300, min_query_count=100, target_rate=5000.0, latency_bound_ns=10**9)
    result = drive("Server", Sleeper().predict, SAMPLES, slow, tmp_path)
    # Five times as many as it can take come within 0.3 s: the last ones waited for almost all the others.
    assert result.queries == pytest.approx(1500, rel=0.1)
    assert result.target_rate == 5000
    assert result.samples_per_second < 1000
    assert result.max_ms > 1000
    assert result.p99_ms is not None


def test_a_server_over_its_bound_is_invalid_and_says_why(tmp_path: Path) -> None:
    crowded = LoadSettings(min_duration_ms=300, min_query_count=100, target_rate=2000.0, latency_bound_ns=2_000_000)
    result = drive("Server", Sleeper().predict, SAMPLES, crowded, tmp_path)
    assert not result.valid
    assert "Reduce target QPS to improve latency." in result.reasons
    assert any(reason.startswith("early stopping: Run unsuccessful.") for reason in result.reasons)
    assert result.overlatency_queries is not None
    assert result.overlatency_queries > result.queries / 2


def test_a_longest_duration_ends_an_overloaded_server(tmp_path: Path) -> None:
    endless = LoadSettings(min_duration_ms=60_000, min_query_count=1, max_duration_ms=300, target_rate=2000.0)
    result = drive("Server", Sleeper().predict, SAMPLES, endless, tmp_path)
    assert result.seconds < 5
    assert any("Max test duration reached" in reason for reason in result.reasons)


def test_a_multi_stream_query_is_one_call_of_all_its_samples(tmp_path: Path) -> None:
    sleeper = Sleeper()
    settings = dataclasses.replace(SHORT, samples_per_query=8)
    result = drive("MultiStream", sleeper.predict, SAMPLES, settings, tmp_path)
    assert {pixels.shape for pixels in sleeper.given} == {(8, 2)}
    assert (result.samples_per_query, result.samples) == (8, 8 * result.queries)
    assert result.samples_per_second == pytest.approx(result.samples / result.seconds)
    assert result.p90_ms is not None


def test_offline_comes_in_whole_batches_and_has_no_percentiles(tmp_path: Path) -> None:
    sleeper = Sleeper()
    result = drive("Offline", sleeper.predict, SAMPLES, dataclasses.replace(SHORT, batch_size=4), tmp_path)
    assert {pixels.shape for pixels in sleeper.given} == {(4, 2)}
    assert result.queries == 1
    assert result.samples == math.ceil(1.1 * 0.5 * 4000 / 4) * 4
    assert (result.p50_ms, result.p90_ms, result.p99_ms) == (None, None, None)
    assert result.samples_per_second < 4000


@pytest.mark.parametrize("scenario", ["SingleStream", "Server", "MultiStream", "Offline"])
def test_every_batch_holds_the_samples_that_were_asked_for(
    scenario: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    issue = loadgen._SystemUnderTest.issue

    def remembering(self: Any, query: list[Any]) -> None:
        asked.extend(sample.index for sample in query)
        issue(self, query)

    monkeypatch.setattr(loadgen._SystemUnderTest, "issue", remembering)
    sleeper = Sleeper()
    settings = dataclasses.replace(SHORT, samples_per_query=7, batch_size=3, target_rate=200.0)
    drive(scenario, sleeper.predict, SAMPLES, settings, tmp_path)
    seen = [int(row[0]) for pixels in sleeper.given for row in pixels]
    assert seen[-len(asked) :] == asked
    assert set(asked) == set(range(5))


def test_loadgen_states_the_minimum_that_percentiles_are_withheld_by(tmp_path: Path) -> None:
    result = drive("SingleStream", Sleeper().predict, SAMPLES, SHORT, tmp_path)
    assert result.p99_ms is None
    assert f"at least {samples_needed(90)} queries" in result.early_stopping
    assert f"at least {samples_needed(99)} total queries" in result.early_stopping


def test_inference_stays_on_the_thread_that_loaded_the_backend(tmp_path: Path) -> None:
    sleeper = Sleeper()
    drive("Server", sleeper.predict, SAMPLES, dataclasses.replace(SHORT, target_rate=200.0), tmp_path)
    assert sleeper.threads == {threading.get_ident()}


def test_the_seed_decides_the_arrivals(tmp_path: Path) -> None:
    def queries(seed: int) -> int:
        settings = LoadSettings(min_duration_ms=400, min_query_count=1, target_rate=300.0, seed=seed)
        return drive("Server", lambda pixels: pixels, SAMPLES, settings, tmp_path).queries

    first = queries(1)
    assert queries(1) == first
    assert any(queries(seed) != first for seed in (2, 3, 4))


@pytest.mark.parametrize("scenario", ["SingleStream", "Server", "MultiStream", "Offline"])
@pytest.mark.parametrize("error", [RuntimeError("out of memory"), KeyboardInterrupt()])
def test_what_predict_raises_ends_the_test_and_comes_out(scenario: str, error: BaseException, tmp_path: Path) -> None:
    hour = LoadSettings(min_duration_ms=3_600_000, min_query_count=1, target_rate=200.0, expected_latency_ms=3600.0)
    if scenario == "Offline":
        hour = dataclasses.replace(hour, min_query_count=5000, expected_latency_ms=1e6)
    start = time.monotonic()
    with pytest.raises(type(error)) as raised:
        drive(scenario, Sleeper(WARM_UP_CALLS, error).predict, SAMPLES, hour, tmp_path)
    assert raised.value is error
    assert time.monotonic() - start < 60
    # LoadGen is fit for another test in this process.
    assert drive("SingleStream", Sleeper().predict, SAMPLES, SHORT, tmp_path).valid


def test_a_long_test_says_that_it_is_alive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loadgen, "PROGRESS_S", 0.1)
    said: list[tuple[int, int]] = []
    drive("SingleStream", Sleeper().predict, SAMPLES, SHORT, tmp_path, progress=lambda *done: said.append(done))
    assert said
    assert {total for _, total in said} == {1}


def test_a_result_travels_as_json(tmp_path: Path) -> None:
    result = drive("SingleStream", Sleeper().predict, SAMPLES, SHORT, tmp_path)
    assert decode(LoadGenResult, json.loads(json.dumps(dataclasses.asdict(result), allow_nan=False))) == result


class SleepingWorker(Timing):
    """A worker that holds a Sleeper, and 40 images."""

    def _loaded(self) -> Any:
        return Sleeper(), np.zeros((40, 2, 2, 3), np.uint8)

    def _first_inference(self) -> int:
        return 0

    def _timed_input(self, batch_size: int, number: int = 0) -> NDArray[np.float32]:
        return np.full((batch_size, 2), number, np.float32)


def test_a_worker_answers_with_the_result_and_leaves_the_logs(tmp_path: Path) -> None:
    asked = RunLoadgen("MultiStream", dataclasses.replace(SHORT, samples_per_query=2), tmp_path / "multi")
    assert SleepingWorker(lambda _done, _total: None).run_loadgen(asked).samples_per_query == 2
    assert (tmp_path / "multi" / "mlperf_log_summary.txt").is_file()


def test_an_audit_config_in_the_current_folder_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "audit.config").write_text("*.*.max_query_count = 3\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert drive("SingleStream", Sleeper().predict, SAMPLES, SHORT, tmp_path / "log").queries >= 70


def test_loadgen_that_is_not_installed_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mlperf_loadgen", None)
    with pytest.raises(UsageError) as refused:
        require_loadgen("--scenario Server")
    assert str(refused.value) == "--scenario Server needs MLPerf LoadGen: pip install 'alexbench[mlperf]'"


def test_loadgen_that_does_not_load_says_what_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: str) -> None:
        raise ImportError("GLIBC_2.99 not found")

    monkeypatch.setattr(loadgen.importlib, "import_module", broken)
    with pytest.raises(UsageError, match="does not load here"):
        require_loadgen("--scenario Server")


def test_an_unknown_scenario_is_refused_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="'Burst'; known: MultiStream, Offline, Server, SingleStream"):
        drive("Burst", Sleeper().predict, SAMPLES, SHORT, tmp_path)


def line(key: str, value: object, *, is_error: bool = False) -> str:
    return ":::MLLOG " + json.dumps({"key": key, "value": value, "metadata": {"is_error": is_error}})


@pytest.fixture
def server_log(tmp_path: Path) -> Callable[[int], Path]:
    """Writes a detail log of so many queries."""

    def write(queries: int) -> Path:
        values: dict[str, object] = {
            "loadgen_version": "6.0.17 @ d6147c7eb7",
            "effective_scenario": "Server",
            "effective_samples_per_query": 1,
            "result_query_count": queries,
            "result_validity": "INVALID",
            "early_stopping_met": True,
            "early_stopping_result": " * Run successful.",
            "result_overlatency_query_count": 4,
            "result_invalid_reason": "Reduce target QPS to improve latency. ",
            "result_completed_samples_per_sec": 48.5,
            **{f"result_{which}_latency_ns": 9_000_000 for which in ("min", "mean", "max")},
            **{f"result_{percentile}.00_percentile_latency_ns": percentile * 10**6 for percentile in (50, 90, 95, 99)},
        }
        log = tmp_path / "mlperf_log_detail.txt"
        lines = [line(key, value) for key, value in values.items()]
        lines += [
            "what is not marked is left out",
            line("error_runtime", "Too many outstanding queries.", is_error=True),
        ]
        log.write_text("\n".join(lines), encoding="utf-8")
        return log

    return write


@pytest.mark.parametrize(
    ("queries", "p90_ms", "p95_ms", "p99_ms"),
    [(63, None, None, None), (64, 90, None, None), (130, 90, 95, None), (661, 90, 95, None), (662, 90, 95, 99)],
)
def test_a_percentile_is_there_only_from_its_minimum_on(
    queries: int,
    p90_ms: float | None,
    p95_ms: float | None,
    p99_ms: float | None,
    server_log: Callable[[int], Path],
) -> None:
    result = result_of(read_detail(server_log(queries)), seconds=13.0, target_rate=50.0, seed=3)
    assert (result.p50_ms, result.p90_ms, result.p95_ms, result.p99_ms) == (50, p90_ms, p95_ms, p99_ms)


def test_the_reasons_are_loadgens_with_the_errors_of_its_log(server_log: Callable[[int], Path]) -> None:
    result = result_of(read_detail(server_log(700)), seconds=13.0, target_rate=50.0, seed=3)
    assert result.reasons == ("Reduce target QPS to improve latency.", "Too many outstanding queries.")
    assert (result.samples_per_second, result.overlatency_queries, result.seed) == (48.5, 4, 3)


def test_a_rate_that_is_no_number_is_taken_from_samples_and_seconds(server_log: Callable[[int], Path]) -> None:
    log = server_log(650)
    log.write_text(log.read_text(encoding="utf-8").replace("48.5", "-nan"), encoding="utf-8")
    assert result_of(read_detail(log), seconds=13.0, target_rate=50.0, seed=3).samples_per_second == 50


def test_a_log_without_a_result_is_an_error_that_names_it(tmp_path: Path) -> None:
    log = tmp_path / "mlperf_log_detail.txt"
    with pytest.raises(WorkerError, match="MLPerf LoadGen left no mlperf_log_detail"):
        read_detail(log)
    log.write_text(line("loadgen_version", "6.0.17"), encoding="utf-8")
    with pytest.raises(WorkerError, match="has no result"):
        read_detail(log)
