"""Timing as a person asks for it: scenarios, another interpreter, and machines and workers that misbehave."""

import re
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from alexbench.harness.files.cache_folder import cache_folder
from alexbench.harness.records.record_files import read_run
from tests.end_to_end.conftest import Command, Ended, Started, only_run
from tests.end_to_end.test_disturbed import worker_of

SPEED = ["--only", "performance", "--limit", "8", "--batch-size", "4", "--threads", "1", "--budget", "5s"]
ONE = ["--backend", "onnxruntime"]
QUERIES = 70
SUSPENDED = """
import alexbench.harness.measure.watch as watch
real, asked = watch._clocks, []
def clocks():
    asked.append(1)
    monotonic, boottime, wall = real()
    away = 30_000_000_000 if len(asked) > 60 else 0
    return monotonic, monotonic + away if boottime is None else boottime + away, wall + away
watch._clocks = clocks
"""
IMPATIENT = """
import alexbench.harness.running.timing.timers as timers
import alexbench.harness.worker.client as workers
timers.BLOCK_LIMIT_S, workers.SILENCE_LIMIT_S = 2.0, 10.0
"""


@pytest.fixture(scope="module")
def timing(command: Command) -> Command:
    """The command on the synthetic set, which ``bench`` made, if it did."""
    return replace(command, cache=cache_folder())


@pytest.fixture(scope="module")
def loaded(timing: Command, tmp_path_factory: pytest.TempPathFactory) -> tuple[Ended, Path]:
    """Offline in the runtime's own way, and Server by LoadGen, on an interpreter that was named.

    p99 needs 662 queries, of half a minute; here are fewer.
    """
    out = tmp_path_factory.mktemp("loaded")
    asked = ["--scenario", "Offline", "--scenario", "Server", "--python", f"onnxruntime={sys.executable}"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("alexbench.harness.running.timing.loads.samples_needed", lambda percentile: QUERIES)
        ended = timing("run", *SPEED, *ONE, *asked, "--out", out)
    assert ended.code in (0, 3), ended.err
    return ended, only_run(out)


def test_an_estimate_is_said_before_the_run_begins(loaded: tuple[Ended, Path]) -> None:
    lines = loaded[0].err.splitlines()
    (said,) = [number for number, line in enumerate(lines) if line.startswith("about ")]
    assert ": loading " in lines[said]
    assert "LoadGen" in lines[said]
    assert said < next(number for number, line in enumerate(lines) if line.startswith("loading onnxruntime"))


def test_offline_stands_next_to_the_plain_loop_and_says_how(loaded: tuple[Ended, Path]) -> None:
    (entry,) = read_run(loaded[1]).systems
    assert entry.performance is not None
    offline, loop = entry.performance.offline, entry.performance.throughput
    assert offline is not None
    assert (loop.way, loop.batch_size) == ("loop", 4)
    assert offline.way != "loop"
    assert offline.batch_size == 4
    timings = pd.read_parquet(loaded[1] / "timings.parquet")
    assert set(timings.loc[timings["scenario"] == "Offline", "way"]) == {"loop", "streams"}


def test_server_ran_its_queries_and_left_loadgens_logs(loaded: tuple[Ended, Path]) -> None:
    (entry,) = read_run(loaded[1]).systems
    assert entry.performance is not None
    (server,) = entry.performance.generated
    assert server.scenario == "Server"
    assert server.queries >= QUERIES
    assert server.p50_ms is not None
    assert server.p50_ms > 0
    assert (loaded[1] / "loadgen" / "onnxruntime-Server-0" / "mlperf_log_detail.txt").exists()
    assert "MLPerf LoadGen" in (loaded[1] / "report.md").read_text(encoding="utf-8")


def test_the_named_interpreter_is_in_the_record_with_what_it_has(loaded: tuple[Ended, Path]) -> None:
    record = read_run(loaded[1])
    assert record.systems[0].python == sys.executable
    found = record.environment["backends"]["onnxruntime"]
    assert found["interpreter"] == sys.executable
    assert "numpy" in found["packages"]


@pytest.mark.nightly
def test_a_machine_that_is_suspended_is_invalid_and_nobody_is_ranked(timing: Command, tmp_path: Path) -> None:
    ended = replace(timing, before=SUSPENDED)("run", *SPEED, *ONE, "--out", tmp_path)
    assert ended.code == 3, ended.err
    record = read_run(only_run(tmp_path))
    (invalid,) = record.invalid
    assert (invalid.code, round(invalid.measured)) == ("suspended", 30)
    assert record.status == "complete"
    assert pd.read_csv(only_run(tmp_path) / "leaderboard.csv")["rank"].isna().all()
    assert "Not ranked: the machine was suspended for 30.0 s" in ended.out


@pytest.mark.alone
@pytest.mark.nightly
@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_a_worker_that_hangs_is_ended_and_a_row_in_error(timing: Command, tmp_path: Path) -> None:
    two = [*ONE, "--backend", "openvino"]
    with replace(timing, before=IMPATIENT).started("run", *SPEED, *two, "--out", tmp_path) as started:
        started.until("replicate 1")
        time.sleep(2)
        _stop(started, "openvino")
        ended = started.end()
    assert ended.code == 1
    fine, hung = read_run(only_run(tmp_path)).systems
    assert (fine.status, hung.status) == ("ok", "error")
    assert fine.performance is not None
    assert hung.error is not None
    assert re.search(r"worker openvino was silent for \d+ s during \w+ and was ended", hung.error)


@pytest.mark.alone
@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_what_was_timed_before_ctrl_c_stays_and_nothing_is_concluded_from_it(timing: Command, tmp_path: Path) -> None:
    with timing.started("run", *SPEED, *ONE, "--rigor", "standard", "--out", tmp_path) as started:
        started.until("replicate 1")
        time.sleep(8)  # a replicate of this level takes 17 s, and loading 1 s where nobody else works
        started.process.send_signal(signal.SIGINT)
        ended = started.end()
    assert ended.code == 130
    folder = only_run(tmp_path)
    timings = pd.read_parquet(folder / "timings.parquet")
    assert {"onnxruntime", "onnxruntime A/A", "anchor"} == set(timings["backend"])
    assert not timings["settled"].any()
    assert read_run(folder).systems[0].performance is None


def _stop(started: Started, backend: str) -> None:
    worker_of(started, backend).send_signal(signal.SIGSTOP)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["--scenario", "Server", "--latency-bound", "0.01"], "--latency-bound 0.01: one inference of onnxruntime"),
        (["--threads", "4096"], "--threads 4096: this process may use"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(asked: list[str], said: str, timing: Command, tmp_path: Path) -> None:
    given = [] if "--threads" in asked else SPEED
    ended = timing("run", *given, *ONE, *asked, "--out", tmp_path / "runs")
    assert ended.code == 2
    assert ended.last_line.startswith(f"alexbench: {said}")
    assert not list((tmp_path / "runs").glob("*"))
