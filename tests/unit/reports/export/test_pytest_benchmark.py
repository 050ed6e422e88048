"""pytest-benchmark's JSON: what its own `compare` reads, and what github-action-benchmark takes from it."""

import json
import shutil
import subprocess
import sysconfig
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from alexbench.harness.errors import RecordError
from alexbench.harness.records.run_records import RunRecord
from alexbench.reports.export.pytest_benchmark import pytest_benchmark_json
from tests.support.records import noise, ok_row, performance, reasons, run_record

LIMIT_S = 120
RECORD = run_record(
    ok_row("onnxruntime"),
    ok_row("torch", performance=performance(noise=noise("drift")), accuracy=None),
    invalid=reasons("the A/A control failed"),
)


def tables(*backends: str, blocks: int = 4, calls: int = 5) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Timings and blocks: a round to settle and ``blocks`` settled ones; ms of latency, 100 ms of 32 images."""
    stream = np.random.default_rng(1)
    singles, wholes = [], []
    for backend in backends:
        for scenario, batch, way, ms in (
            ("SingleStream", 1, "loop", 10.0),
            ("Offline", 32, "loop", 100.0),
            ("Offline", 32, "streams", 80.0),
            ("Anchor", 0, "ceiling", 5.0),
        ):
            for number in range(blocks + 1):
                key = {"backend": backend, "scenario": scenario, "batch": batch, "way": way, "process": 0}
                key |= {"round": number, "settled": number > 0}
                ns = (ms * 1e6 * (1 + 0.01 * stream.standard_normal(calls))).astype(np.int64) * (1 if number else 100)
                singles.append(pd.DataFrame({**key, "ns": ns}))
                wholes.append({**key, "images": max(batch, 1), "calls": calls})
    return pd.concat(singles, ignore_index=True), pd.DataFrame(wholes)


def made(record: RunRecord = RECORD, *backends: str) -> dict[str, Any]:
    names = backends or ("onnxruntime", "torch", "anchor", "onnxruntime again")
    content: dict[str, Any] = json.loads(pytest_benchmark_json(record, *tables(*names)))
    return content


def test_settled_blocks_of_the_runs_rows_are_rounds() -> None:
    benchmarks = {one["name"]: one for one in made()["benchmarks"]}
    assert len(benchmarks) == 6
    latency = benchmarks["latency[onnxruntime-1-cpu-fp32-2]"]["stats"]
    assert latency["rounds"] == len(latency["data"]) == 4
    assert latency["mean"] == pytest.approx(0.010, rel=0.02)
    assert latency["ops"] == pytest.approx(1 / latency["mean"])
    assert latency["iterations"] == 5
    images = benchmarks["image[torch-32-cpu-fp32-2]"]["stats"]
    assert images["ops"] == pytest.approx(320, rel=0.02)
    assert benchmarks["image_streams[torch-32-cpu-fp32-2]"]["stats"]["ops"] == pytest.approx(400, rel=0.02)


def test_what_github_action_benchmark_reads_is_there() -> None:
    content = made()
    assert {"machine_info", "commit_info", "benchmarks", "datetime", "version"} == set(content)
    for one in content["benchmarks"]:
        assert one["fullname"].startswith("alexbench/torchvision::")
        assert all(isinstance(one["stats"][name], int | float) for name in ("mean", "ops", "stddev", "rounds"))
    assert len({one["fullname"] for one in content["benchmarks"]}) == len(content["benchmarks"])


def test_what_qualifies_a_number_goes_with_it() -> None:
    notes = {one["params"]["system"]: one["extra_info"] for one in made()["benchmarks"]}
    assert notes["torch"]["noise"] == ["no steady state: latency drifted by 10.8 % (limit 5 %)"]
    assert notes["onnxruntime"]["noise"] is None
    assert notes["torch"]["invalid"] == ["the A/A control failed"]
    assert notes["torch"]["top1"] is None


def test_ranks_and_what_the_run_can_tell_apart_are_in_its_extra_info() -> None:
    record = run_record(ok_row("onnxruntime"), ok_row("torch", performance=performance(70)))
    notes = {one["params"]["system"]: one["extra_info"] for one in made(record)["benchmarks"]}
    assert (notes["onnxruntime"]["rank"], notes["torch"]["rank"]) == (1, 2)
    wanted = {one.of: pytest.approx(100 * (one.ratio - 1)) for one in record.resolutions}
    assert notes["torch"]["resolution_percent"] == wanted
    assert {one["extra_info"]["rank"] for one in made()["benchmarks"]} == {None}  # an INVALID run ranks nobody


def test_a_name_is_the_same_in_another_run() -> None:
    later = replace(RECORD, started="2027-01-01T00:00:00+00:00", alexbench_version="9.9")
    assert [one["fullname"] for one in made(later)["benchmarks"]] == [one["fullname"] for one in made()["benchmarks"]]


def test_one_block_has_no_deviation() -> None:
    content = json.loads(pytest_benchmark_json(RECORD, *tables("torch", blocks=1, calls=1)))
    stats = content["benchmarks"][0]["stats"]
    assert (stats["rounds"], stats["stddev"], stats["iqr"]) == (1, 0.0, 0.0)


def test_timings_of_nobody_or_of_an_older_version_are_refused() -> None:
    timings, blocks = tables("someone else")
    with pytest.raises(RecordError, match="no settled timing"):
        pytest_benchmark_json(RECORD, timings, blocks)
    with pytest.raises(RecordError, match=r"timings\.parquet has no column settled"):
        pytest_benchmark_json(RECORD, timings.drop(columns="settled"), blocks)


def test_pytest_benchmark_compares_two_of_them(tmp_path: Path) -> None:
    script = shutil.which("pytest-benchmark", path=sysconfig.get_path("scripts"))
    assert script is not None, "pytest-benchmark is not installed"
    paths = []
    for name in ("one", "two"):
        path = tmp_path / f"{name}.json"
        path.write_text(pytest_benchmark_json(RECORD, *tables("onnxruntime", "torch")), encoding="utf-8")
        paths.append(str(path))
    command = [
        script,
        "compare",
        *paths,
        "--sort=name",
        "--columns=min,mean,median,stddev,ops,rounds,iterations,outliers",
    ]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=LIMIT_S, check=False)
    assert done.returncode == 0, done.stderr
    assert "Failed to load" not in done.stdout + done.stderr
    assert done.stdout.count("latency[onnxruntime-1-cpu-fp32-2]") == 2
