"""A folder of runs as series: what is joined, what is not, what counts, what is left out, and its index."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from alexbench.harness.errors import UsageError
from alexbench.harness.history import index as finding
from alexbench.harness.history.collecting import history
from alexbench.harness.history.index import gather, index_of
from alexbench.harness.records.file_names import RUN_FILE
from alexbench.harness.records.record_files import to_json
from alexbench.harness.records.run_records import RunRecord
from tests.support.ranks import with_ranks
from tests.support.records import (
    accuracy,
    artifact,
    data,
    effective,
    error_row,
    model,
    noise,
    ok_row,
    older_run,
    parity,
    performance,
    reasons,
    run_record,
)

START = datetime(2026, 11, 1, tzinfo=UTC)
MS = "latency_p50_ms"
LIMIT_S = 120
STEADY = (10.0, 10.1, 9.9, 10.05, 9.95, 10.0, 10.1, 9.9)


def write(folder: Path, number: int, record: RunRecord) -> Path:
    """The ``number``-th run of a folder, on the ``number``-th day."""
    started = START + timedelta(days=number)
    target = folder / f"{started:%Y%m%dT%H%M%SZ}-torchvision"
    target.mkdir(parents=True)
    (target / RUN_FILE).write_text(
        to_json(replace(record, started=started.isoformat(timespec="seconds"))), encoding="utf-8"
    )
    return target


def timed(p50_ms: float, *failed: str, version: str = "1.0", **changes: Any) -> RunRecord:
    row = ok_row(performance=performance(p50_ms=p50_ms, noise=noise(*failed)), effective=effective(version))
    return replace(run_record(row), **changes)


def test_points_stand_by_time_with_change_and_environment(tmp_path: Path) -> None:
    write(tmp_path, 2, timed(11.0, version="1.1", environment={"python": "3.11.7", "packages": {"numpy": "2.4.7"}}))
    write(tmp_path, 1, timed(10.0))
    (series,) = history(tmp_path, metrics=[MS]).series
    first, second = series.points
    assert (first.value, first.version, first.change, first.news) == (10.0, "1.0", None, ())
    assert (second.low, second.high) == (10.5, 11.5)
    assert second.change == pytest.approx(10.0)
    assert second.news == ("onnxruntime 1.0 -> 1.1", "numpy 2.4.6 -> 2.4.7")


def test_a_change_of_accuracy_is_in_points(tmp_path: Path) -> None:
    for number, correct in enumerate((565, 570)):
        write(tmp_path, number, run_record(ok_row(accuracy=accuracy(correct))))
    (series,) = history(tmp_path, metrics=["top1"]).series
    assert series.points[1].change == pytest.approx(0.5)


def test_a_change_of_level_is_found_and_named_by_what_came_with_it(tmp_path: Path) -> None:
    for number, value in enumerate(STEADY + tuple(1.1 * value for value in STEADY)):
        write(tmp_path, number, timed(value, version="1.0" if number < len(STEADY) else "2.0"))
    (series,) = history(tmp_path, metrics=[MS]).series
    (change,) = series.changes
    assert change.run == series.points[len(STEADY)].run
    assert change.change == pytest.approx(10.0, abs=0.5)
    assert not change.better
    assert change.news == ("onnxruntime 1.0 -> 2.0",)


OTHERS: dict[str, tuple[Callable[[RunRecord], RunRecord], str]] = {
    "machine": (lambda one: replace(one, machine={**one.machine, "cpu": "Xeon"}), "cpu (AMD EPYC / Xeon)"),
    "machine, unseen": (lambda one: replace(one, machine={**one.machine, "flags": ["avx"]}), "what else their records"),
    "card": (lambda one: replace(one, model=model(card="bvlc")), "model (torchvision / bvlc)"),
    "weights": (lambda one: replace(one, model=model(weights_digest="01" * 32)), "weights (abab"),
    "pixels": (lambda one: replace(one, data=data(pixels_digest="01" * 32)), "data (efef"),
    "rigor": (lambda one: replace(one, configuration={**one.configuration, "rigor": "high"}), "rigor (none / high)"),
    "threads": (
        lambda one: with_ranks(
            replace(one, systems=(replace(one.systems[0], effective=effective(threads=("1", "measured"))),))
        ),
        "ran as (cpu, fp32, 2 threads",
    ),
    "artifact": (lambda one: replace(one, systems=(replace(one.systems[0], artifact=artifact()),)), "artifact (none"),
}  # fmt: skip


@pytest.mark.parametrize(("make", "said"), OTHERS.values(), ids=OTHERS)
def test_what_is_not_the_same_is_not_joined_and_said(
    make: Callable[[RunRecord], RunRecord], said: str, tmp_path: Path
) -> None:
    write(tmp_path, 1, timed(10.0))
    write(tmp_path, 2, make(timed(11.0)))
    found = history(tmp_path, metrics=[MS])
    assert [len(series.points) for series in found.series] == [1, 1]
    (line,) = found.separate
    assert line.startswith("onnxruntime: p50 ms: 2 series, not joined: ")
    assert said in line


def test_speeds_of_an_invalid_run_are_marked_and_count_for_no_change(tmp_path: Path) -> None:
    for number, value in enumerate(STEADY):
        write(tmp_path, number, timed(value))
    for number in range(8, 12):
        write(tmp_path, number, timed(20.0, invalid=reasons("the machine slept")))
    write(tmp_path, 12, timed(10.0))
    (speed,) = history(tmp_path, metrics=[MS]).series
    assert {point.marks for point in speed.points[8:12]} == {("INVALID",)}
    assert [point.counts for point in speed.points] == [True] * 8 + [False] * 4 + [True]
    assert speed.points[8].change is None
    assert speed.points[12].change == pytest.approx(100 * (10.0 / 9.9 - 1))
    assert speed.changes == ()
    (right,) = history(tmp_path, metrics=["top1"]).series
    assert all(point.counts for point in right.points)


def test_noisy_speeds_are_marked_and_count(tmp_path: Path) -> None:
    """A change that came with noise is one all the same, where it stays: their intervals hold what the noise cost."""
    for number, value in enumerate(STEADY + tuple(2 * value for value in STEADY)):
        write(tmp_path, number, timed(value, *(["drift"] if number >= len(STEADY) else [])))
    (speed,) = history(tmp_path, metrics=[MS]).series
    assert {point.marks for point in speed.points[len(STEADY) :]} == {("noisy",)}
    assert all(point.counts for point in speed.points)
    assert speed.points[len(STEADY)].change == pytest.approx(100 * (20.0 / 9.9 - 1))
    assert [change.run for change in speed.changes] == [speed.points[len(STEADY)].run]


def test_a_run_without_ranks_is_joined_with_newer_ones_that_ran_alike(tmp_path: Path) -> None:
    for place, threads in enumerate(("2", "1", "2")):
        row = ok_row(effective=effective("1.0", threads=(threads, "measured")))
        run = write(tmp_path, place, run_record(row) if place else older_run(row))
        if not place:
            older = json.loads((run / RUN_FILE).read_text("utf-8")) | {"schema_version": 4}
            older["backends"] = [{key: row[key] for key in row if key != "system"} for row in older.pop("systems")]
            del older["base"]
            (run / RUN_FILE).write_text(json.dumps(older), encoding="utf-8")
    found = history(tmp_path, metrics=[MS])
    assert [len(series.points) for series in found.series] == [2, 1]


def test_accuracies_are_joined_whether_speed_was_measured_or_not(tmp_path: Path) -> None:
    write(tmp_path, 1, timed(10.0))
    write(tmp_path, 2, run_record(ok_row(performance=None, effective=effective("1.0"))))
    (series,) = history(tmp_path, metrics=["top1"]).series
    assert len(series.points) == 2


def test_a_row_that_is_not_the_same_function_counts_for_no_speed(tmp_path: Path) -> None:
    write(tmp_path, 1, run_record(ok_row(parity=parity(passed=False))))
    (series,) = history(tmp_path, metrics=[MS]).series
    assert (series.points[0].marks, series.points[0].counts) == (("parity FAILED",), False)


def test_damaged_and_newer_runs_are_named_and_left_out(tmp_path: Path) -> None:
    write(tmp_path, 1, timed(10.0))
    (write(tmp_path, 2, timed(10.0)) / RUN_FILE).write_text('{"schema_ver', encoding="utf-8")
    path = write(tmp_path, 3, timed(10.0)) / RUN_FILE
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), "schema_version": 99}), encoding="utf-8")
    write(tmp_path, 4, run_record(ok_row(), error_row("openvino", "killed\nby SIGKILL")))
    (tmp_path / "notes.txt").write_text("no run", encoding="utf-8")
    (tmp_path / "empty").mkdir()
    found = history(tmp_path, metrics=[MS])
    assert (found.runs, len(found.series)) == (2, 1)
    damaged, newer, error = found.remarks
    assert "is damaged" in damaged
    assert "newer than" in newer
    assert error.endswith("openvino: killed by SIGKILL")


def test_a_run_without_a_date_and_a_value_that_is_infinite_are_left_out(tmp_path: Path) -> None:
    write(tmp_path, 1, timed(10.0))
    path = write(tmp_path, 2, timed(10.0)) / RUN_FILE
    path.write_text(to_json(timed(10.0, started="yesterday")), encoding="utf-8")
    path = write(tmp_path, 3, timed(77.0)) / RUN_FILE
    path.write_text(path.read_text("utf-8").replace(": 77.0", ": Infinity"), encoding="utf-8")
    found = history(tmp_path, metrics=[MS])
    assert [point.value for point in found.series[0].points] == [10.0]
    dated, infinite = sorted(found.remarks, key=lambda line: "Infinity" in line)
    assert "yesterday" in dated
    assert "Infinity is not a number that a record may have" in infinite


def test_a_metric_that_no_run_has_gives_no_series(tmp_path: Path) -> None:
    write(tmp_path, 1, run_record(ok_row(performance=None)))
    assert history(tmp_path, metrics=[MS]).series == ()


def test_unknown_names_list_the_known(tmp_path: Path) -> None:
    write(tmp_path, 1, timed(10.0))
    with pytest.raises(UsageError, match=r"unknown metric 'fps'; did you mean 'images_per_second'"):
        history(tmp_path, metrics=["fps"])
    with pytest.raises(UsageError, match="unknown backend 'jax'; known: onnxruntime"):
        history(tmp_path, backends=["jax"])


def test_a_folder_without_runs_and_a_run_itself_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no run"):
        gather(tmp_path)
    with pytest.raises(UsageError, match="no such folder"):
        gather(tmp_path / "none")
    with pytest.raises(UsageError, match="is a run"):
        gather(write(tmp_path, 1, timed(10.0)))


def test_the_index_spares_reading_and_follows_every_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folders = [write(tmp_path, number, timed(10.0)) for number in range(3)]
    read: list[str] = []
    original = finding.read_run

    def counting(folder: Path) -> RunRecord:
        read.append(folder.name)
        return original(folder)

    monkeypatch.setattr(finding, "read_run", counting)
    first = gather(tmp_path)
    assert read == [folder.name for folder in folders]
    assert gather(tmp_path).rows == first.rows
    assert len(read) == 3
    (folders[1] / RUN_FILE).write_text(to_json(timed(99.0)), encoding="utf-8")
    (folders[2] / RUN_FILE).unlink()
    write(tmp_path, 7, timed(7.0))
    values = sorted(row[MS] for row in gather(tmp_path, [MS]).rows)
    assert values == [7.0, 10.0, 99.0]
    assert len(read) == 5


def test_from_the_index_nothing_slow_is_imported(tmp_path: Path) -> None:
    for number in range(6):
        write(tmp_path, number, timed(10.0))
    gather(tmp_path)
    script = (
        "import sys; from pathlib import Path; from alexbench.harness.history.collecting import history;"
        "assert history(Path(sys.argv[1])).runs == 6; print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, tmp_path], capture_output=True, text=True, timeout=LIMIT_S, check=True
    )
    assert not {"pandas", "matplotlib"} & set(done.stdout.split())


@pytest.mark.parametrize("content", [b"", b"PAR1 no PAR1", None])
def test_a_damaged_index_is_made_again(content: bytes | None, tmp_path: Path) -> None:
    write(tmp_path, 1, timed(10.0))
    whole = gather(tmp_path)
    path = index_of(tmp_path)
    good = path.read_bytes()
    path.write_bytes(good[: len(good) // 2] if content is None else content)
    assert gather(tmp_path).rows == whole.rows
    assert path.read_bytes() == good
    assert [one for one in tmp_path.iterdir() if one.is_file()] == [], "the runs may lie in a checkout"
    assert [one.name for one in path.parent.iterdir() if ".partial" in one.name] == []


def test_an_index_of_another_version_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, 1, timed(10.0))
    gather(tmp_path)
    before = (index_of(tmp_path)).read_bytes()
    monkeypatch.setattr(finding, "INDEX_VERSION", 99)
    assert gather(tmp_path).runs == 1
    assert (index_of(tmp_path)).read_bytes() != before


def test_without_an_index_it_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, 1, timed(10.0))

    def refused(*_: object, **__: object) -> None:
        raise OSError(30, os.strerror(30))

    monkeypatch.setattr(finding.pq, "write_table", refused)
    assert gather(tmp_path).runs == gather(tmp_path).runs == 1
    assert not (index_of(tmp_path)).exists()


def test_a_run_without_rows_counts_as_a_run(tmp_path: Path) -> None:
    write(tmp_path, 1, replace(run_record(), systems=()))
    write(tmp_path, 2, timed(10.0))
    assert [gather(tmp_path).runs, gather(tmp_path).runs] == [2, 2]
    assert len(gather(tmp_path).rows) == 1
    found = history(tmp_path)
    assert (found.runs, found.without) == (1, 1)


def test_links_that_lead_nowhere_or_to_a_run_that_counts_end_no_history(tmp_path: Path) -> None:
    run = write(tmp_path, 1, timed(10.0))
    (tmp_path / "latest").symlink_to(run.name)
    (tmp_path / "gone").symlink_to("nowhere")
    (tmp_path / "loop").symlink_to("loop")
    found = history(tmp_path)
    assert found.runs == 1
    assert [remark for remark in found.remarks if "loop" in remark] == list(found.remarks)
    assert len(found.remarks) == 1


def test_older_schemas_are_read(tmp_path: Path) -> None:
    fixtures = Path(__file__).parents[3] / "fixtures"
    schemas = list(fixtures.glob("schema-*"))
    for schema in schemas:
        (tmp_path / schema.name).mkdir()
        (tmp_path / schema.name / RUN_FILE).write_bytes((schema / RUN_FILE).read_bytes())
    found = history(tmp_path)
    assert found.runs == len(schemas)
    assert found.series
    assert not found.remarks
