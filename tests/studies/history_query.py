"""How long a history of 1,000 runs takes, and who should answer it: the figures of docs/decisions/0015-history.md.

    PYTHONPATH=. python tests/studies/history_query.py [RUNS]

DuckDB is asked too where it is installed (pip install --target FOLDER duckdb, and FOLDER in PYTHONPATH).
"""

import importlib.util
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from alexbench.harness.history.collecting import history
from alexbench.harness.history.index import gather, index_of
from alexbench.harness.records.file_names import RUN_FILE
from alexbench.harness.records.record_files import to_json
from tests.support.records import accuracy, effective, noise, ok_row, performance, run_record, throughput

BACKENDS = ("onnxruntime", "openvino", "tensorflow", "torch")
TIMES = 5


def make(folder: Path, runs: int) -> None:
    """Folders of runs two hours apart: four rows with a sweep, 1.5 % of noise, one backend 8 % slower from half on."""
    stream = np.random.default_rng(20261121)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    for number in range(runs):
        rows = []
        for place, name in enumerate(BACKENDS):
            slower = 1.08 if name == "openvino" and number >= runs // 2 else 1.0
            factor = slower * (1 + 0.015 * float(stream.standard_normal()))
            speed = performance(
                140.0 / factor, p50_ms=(7 + place) * factor, noise=noise(*["drift"] * (number % 20 == 0))
            )
            speed = replace(speed, sweep=tuple(throughput(140.0, batch_size=size) for size in (1, 8, 16, 32)))
            version = f"1.{number * 4 // runs}.0"
            rows.append(ok_row(name, effective=effective(version), performance=speed, accuracy=accuracy(interval=True)))
        at = start + timedelta(hours=2 * number)
        record = run_record(*rows, started=at.isoformat(timespec="seconds"))
        target = folder / f"{at:%Y%m%dT%H%M%SZ}-torchvision"
        target.mkdir()
        (target / RUN_FILE).write_text(to_json(record), encoding="utf-8")


def took(title: str, work: Callable[[], object], times: int = TIMES) -> None:
    """The shortest of several times, and the CPU time of it: others may be at work on this machine."""
    best = (float("inf"), float("inf"))
    for _ in range(times):
        wall, cpu = time.perf_counter(), sum(os.times()[:2]) + sum(os.times()[2:4])
        work()
        best = min(best, (time.perf_counter() - wall, sum(os.times()[:2]) + sum(os.times()[2:4]) - cpu))
    print(f"| {title} | {best[0]:.2f} | {best[1]:.2f} |", flush=True)


def with_pandas(index: Path) -> pd.DataFrame:
    frame = pd.read_parquet(index, columns=["started", "backend", "machine", "weights_digest", "latency_p50_ms"])
    return frame[frame["latency_p50_ms"].notna()].sort_values("started")


def with_duckdb(index: Path) -> pd.DataFrame:
    import duckdb

    query = "select started, backend, machine, weights_digest, latency_p50_ms from read_parquet(?)"
    return duckdb.execute(f"{query} where latency_p50_ms is not null order by started", [str(index)]).df()


def json_with_duckdb(folder: Path) -> pd.DataFrame:
    import duckdb

    query = "select started, unnest(backends, max_depth := 2) from read_json(?, maximum_object_size = 99999999)"
    return duckdb.execute(query, [f"{folder}/*/{RUN_FILE}"]).df()


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make(folder, runs)
        index = index_of(folder)
        size = sum(path.stat().st_size for path in folder.glob(f"*/{RUN_FILE}"))
        print(f"{runs} runs, {4 * runs} rows, {size / 1e6:.1f} MB of JSON\n\n| | s | CPU s |\n|---|---:|---:|")
        took(
            "no index: every run.json read, the index written",
            lambda: (index.unlink(missing_ok=True), gather(folder)),
            1,
        )
        print(f"(index: {index.stat().st_size / 1e6:.2f} MB)")
        took("with the index: all rows", lambda: gather(folder))
        took("with the index: series and change points of three metrics", lambda: history(folder))
        took("one metric of the index, pandas", lambda: with_pandas(index))
        if importlib.util.find_spec("duckdb"):
            took("one metric of the index, DuckDB", lambda: with_duckdb(index))
            took("DuckDB on the run.json files themselves, no index", lambda: json_with_duckdb(folder), 1)
            took("import duckdb", lambda: subprocess.run([sys.executable, "-c", "import duckdb"], check=True))
        command = [sys.executable, "-m", "alexbench.harness", "history", str(folder)]
        took("the command, start to end", lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL))
        changed = next(folder.iterdir())
        os.utime(changed if changed.is_file() else changed / RUN_FILE)
        took("the command, one run changed", lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL), 1)
    print(f"\n{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB at most")


if __name__ == "__main__":
    main()
