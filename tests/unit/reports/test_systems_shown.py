"""Rows that only their systems tell apart, in every format: each once, under a name of its own."""

import csv
import io
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from alexbench.harness.comparison.compare import compare
from alexbench.harness.exporting.run_exports import export
from alexbench.harness.history.collecting import history
from alexbench.harness.records.file_names import PREDICTIONS
from alexbench.harness.records.record_files import read_run
from alexbench.harness.records.run_records import RunRecord
from alexbench.harness.run_tables import read_table
from alexbench.harness.running import folder as run_folder
from alexbench.harness.running.row_pairs import rebased, row_pairs
from alexbench.harness.systems import System, labels
from alexbench.reports.comparison.output import print_comparison
from alexbench.reports.export.flat_table import csv_text, flat
from alexbench.reports.export.junit import junit_xml
from alexbench.reports.history.output import history_csv, print_history
from alexbench.reports.html.page import html
from alexbench.reports.leaderboard.boards import leaderboard
from alexbench.reports.leaderboard.many_runs import many_runs
from alexbench.reports.leaderboard.output import markdown, print_leaderboard
from alexbench.reports.plots.run_plots import draw_leaderboard
from tests.support.records import error_row
from tests.support.systems import FILES, PRECISIONS, SYSTEMS, run_of
from tests.support.terminals import Terminal

NAMES = labels(SYSTEMS)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All the systems, and one that could not run."""
    folder = run_of(tmp_path_factory.mktemp("systems") / "run", SYSTEMS, environment={"packages": {}})
    record = read_run(folder)
    unsupported = replace(
        error_row("torch@head bf16", "no bf16 on this CPU"),
        status="unsupported",
        system=System("torch", 2, "bf16", environment="head"),
    )
    predictions = read_table(folder / PREDICTIONS)
    assert predictions is not None
    pairs = row_pairs(predictions, record.data, record.systems)
    run_folder.write_record(folder, replace(record, systems=(*record.systems, unsupported), pairs=pairs))
    return folder


@pytest.fixture
def record(run: Path) -> RunRecord:
    return read_run(run)


def test_every_row_has_a_line_of_its_own_in_every_table(record: RunRecord) -> None:
    text = markdown(record)
    for name in (*NAMES, "torch@head bf16"):
        shown = re.compile(rf"\| {re.escape(name)}[ (|]")
        assert shown.search(text), name
    assert "| not supported |" in text
    assert "no bf16 on this CPU" in text


def test_on_80_columns_a_row_is_a_line_and_no_names_are_alike(
    record: RunRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    stream = Terminal()
    print_leaderboard(record, stream)
    text = re.sub(r"\x1b\[[0-9;]*m", "", stream.getvalue())
    lines = [line for line in text.splitlines() if re.match(r"\s*(\d+(-\d+)?|-)  [a-z]", line)]
    shown = {re.split(r"\s{2,}", line.strip())[1] for line in lines}
    assert len(shown) == len(record.systems) + 1  # the reference
    assert max(map(len, text.splitlines())) <= 80


def test_a_file_has_a_line_a_system_with_its_key(record: RunRecord) -> None:
    rows = list(csv.DictReader(io.StringIO(csv_text(flat(record)))))
    assert {row["system"] for row in rows} == {*NAMES, "torch@head bf16"}
    by_name = {row["system"]: row for row in rows}
    for name, system in zip(NAMES, SYSTEMS, strict=True):
        row = by_name[name]
        found = row["backend"], row["environment_label"], row["precision_asked"], row["threads_asked"], row["key"]
        assert found == (system.backend, system.environment or "", system.precision, str(system.threads), system.key)
    assert len({row["key"] for row in rows}) == len(rows)


def test_the_page_has_every_row_in_its_table_and_figures(run: Path, record: RunRecord) -> None:
    page = html(run, record)
    payload = json.loads(page.split('<script type="application/json" id="data">')[1].split("</script>")[0])
    assert {row["system"] for row in csv.DictReader(io.StringIO(payload["csv"]["leaderboard"]))} >= {*NAMES}
    shown = page.split('<table id="data-latency">')[1].split("</table>")[0]
    assert {*re.findall(r"<tr><td>(.*?)</td>", shown)} == {*NAMES}
    assert '<th scope="col">system</th>' in shown
    ids = re.findall(r' id="([^"]*)"', page.partition("<script")[0])
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[a-z][a-z0-9-]*", one) for one in ids)


def test_the_tests_and_benchmarks_of_others_are_named_by_system(run: Path, record: RunRecord) -> None:
    cases = ET.fromstring(junit_xml(record)).iter("testcase")
    assert {case.get("name"): case.find("skipped") is not None for case in cases} == {
        **dict.fromkeys(NAMES, False),
        "torch@head bf16": True,
    }
    names = [one["fullname"] for one in json.loads(export(run, "pytest-benchmark"))["benchmarks"]]
    assert len(set(names)) == len(names) == 2 * len(NAMES)


def test_a_row_is_compared_with_the_base_and_with_its_own_fp32(run: Path, record: RunRecord) -> None:
    table = leaderboard(record)
    names = [name.partition(" (")[0] for name in table.columns[table.headings.index("system")]]
    cells = dict(zip(names, table.columns[table.headings.index("vs own fp32")], strict=True))
    filled = {name for name, cell in cells.items() if cell != "-"}
    assert filled == {"openvino bf16 1 thread", "openvino bf16 2 threads"}
    assert cells["openvino bf16 1 thread"].startswith("0.8"), "10 ms in fp32, 12 in bf16"
    assert "speed-up and top-1 diff (points): relative to torch@base. In brackets: 95 % intervals." in table.caption
    other = rebased(run, record, "openvino 1 thread")
    assert any("relative to openvino 1 thread." in line for line in leaderboard(other).caption)


def test_a_comparison_of_all_names_each_once(run: Path) -> None:
    report = compare([str(run)], base="openvino 2 threads").report
    assert [one.other.name for one in report.pairs] == [name for name in NAMES if name != "openvino 2 threads"]
    stream = io.StringIO()
    print_comparison(report, flips=1, stream=stream)
    for name in NAMES:
        assert name in stream.getvalue()


def test_histories_join_a_system_whatever_it_was_called(tmp_path: Path) -> None:
    run_of(tmp_path / "1", (System("openvino", 2),), started="2026-11-01T00:00:00+00:00")
    run_of(tmp_path / "2", PRECISIONS, started="2026-11-02T00:00:00+00:00")
    found = history(tmp_path, metrics=["latency_p50_ms"])
    assert {one.system: len(one.points) for one in found.series} == {
        "openvino 1 thread": 1,
        "openvino 2 threads": 2,
        "openvino bf16 1 thread": 1,
        "openvino bf16 2 threads": 1,
    }
    assert found.separate == ()
    lines = list(csv.DictReader(io.StringIO(history_csv(found))))
    assert {row["system_key"] for row in lines} == {one.key for one in PRECISIONS}
    stream = io.StringIO()
    print_history(found, details=True, stream=stream)
    assert "openvino bf16 2 threads: p50 ms" in stream.getvalue()
    assert len(history(tmp_path, metrics=["top1"], backends=["openvino"]).series) == 4
    assert len(history(tmp_path, metrics=["top1"], backends=["openvino 1 thread"]).series) == 1


def test_files_of_one_name_are_two_series_and_two_rows(tmp_path: Path) -> None:
    run_of(tmp_path / "1", FILES, started="2026-11-01T00:00:00+00:00")
    found = history(tmp_path, metrics=["top1"])
    assert [one.system for one in found.series] == list(labels(FILES))


def test_one_page_of_many_runs_and_the_images_hold_them(run: Path, record: RunRecord, tmp_path: Path) -> None:
    again = tmp_path / "again"
    shutil.copytree(run, again)
    text = many_runs([record, replace(read_run(again), started="2026-11-30T00:00:00+00:00")])
    assert text.count("openvino bf16 1 thread (1.2.3)") == 2
    drawn = draw_leaderboard(record)
    assert drawn is not None
    ET.fromstring(drawn.svg)
